// links: extension/customer/normal_fold.c extension/customer/normal_words.c extension/customer/normal_person.c extension/customer/normal_script.c extension/customer/normal_nickname.c extension/customer/normal_nickname_english.c extension/customer/normal_nickname_other.c
/* Names of persons as matching compares them, and names that go for each other. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cases.h"
#include "customer/normal_nickname.h"

static char shown[8 * NORMAL_MAX_TEXT];

/* Words with a blank between them; "g:" given, "f:" family, "." behind an initial. */
static char *
show_words(const NormalWords *words, char *out)
{
    *out = '\0';
    for (int i = 0; i < words->count; i++) {
        const NormalWord *word = &words->word[i];

        out += snprintf(out, 100, "%s%s%.*s%s", i > 0 ? " " : "",
                        word->role == NORMAL_GIVEN    ? "g:"
                        : word->role == NORMAL_FAMILY ? "f:"
                                                      : "",
                        (int) word->length, word->text, word->initial ? "." : "");
    }
    return shown;
}

static const char *
fold(const char *text)
{
    shown[normal_fold(text, strlen(text), shown)] = '\0';
    return shown;
}

static const char *
person(const char *text)
{
    NormalWords words;

    normal_person(NULL, 0, NULL, 0, text, strlen(text), &words);
    return show_words(&words, shown);
}

/* "given|family" */
static const char *
parts(const char *text)
{
    const char *bar = strchr(text, '|');
    NormalWords words;

    normal_person(text, (size_t) (bar - text), bar + 1, strlen(bar + 1), NULL, 0, &words);
    return show_words(&words, shown);
}

static void
test_person(void **state)
{
    static const Case cases[] = {
        {"", ""},
        {"Ann Lee", "g:ann f:lee"},
        {"Lee, Ann", "g:ann f:lee"},
        {"LEE Ann", "g:ann f:lee"},
        {"ANN LEE", "g:ann f:lee"},
        {"DE LA CRUZ Maria", "g:maria f:cruz"},
        {"Cher", "cher"},
        {"Ann Ann", "g:ann"},
        {"J.R. Smith", "g:j. r. f:smith"},
        {"John D. Smith", "g:john d. f:smith"},
        {"Dr. Anna van der Berg-Schmidt, PhD", "g:anna berg f:schmidt"},
        {"Prof. Dr. med. Hans-Peter von der Leyen", "g:hans peter f:leyen"},
        {"Phil Collins", "g:phil f:collins"},
        {"Frau Müller", "muller"},
        {"Mr", ""},
        {"John Smith Jr.", "g:john f:smith"},
        {"Smith, John, Jr.", "g:john f:smith"},
        {"Smith Jr., John", "g:john f:smith"},
        {"John Smith, MD", "g:john f:smith"},
        {"Junior Silva", "g:junior f:silva"},
        {"Sir Arthur Conan Doyle", "g:arthur conan f:doyle"},
        {"Major Smith", "g:major f:smith"}, /* of two words both are names */
        {"rt. hon. Sir John Smith, 1st Baronet", "g:john f:smith"},
        {"William Thomson, 1st Baron Kelvin", "g:william f:thomson kelvin"},
        {"María José García López", "g:maria jose garcia f:lopez"},
        {"José Ortega y Gasset", "g:jose ortega f:gasset"},
        {"Juan de la Cruz", "g:juan f:cruz"},
        {"Leonardo da Vinci", "g:leonardo f:vinci"},
        {"João dos Santos", "g:joao f:santos"},
        {"Charles de Gaulle", "g:charles f:gaulle"},
        {"Osama bin Laden", "g:osama f:laden"},
        {"محمد بن سلمان", "g:محمد f:سلمان"},
        {"Al Gore", "g:al f:gore"},
        {"Ben Johnson", "g:ben f:johnson"},
        {"Jean-Luc Picard", "g:jean luc f:picard"},
        {"Иван Петров", "g:иван f:петров"},
        /* Chinese, Japanese and Korean names begin with the family's, and have a blank or none */
        {"김민수", "f:\u1100\u1175\u11B7 g:\u1106\u1175\u11AB\u1109\u116E"},
        {"김 민수", "f:\u1100\u1175\u11B7 g:\u1106\u1175\u11AB\u1109\u116E"},
        {"王小明", "f:王 g:小明"},
        {"王 明", "f:王 g:明"},
        {"王明", "f:王 g:明"},
        {"山田太郎", "f:山田 g:太郎"},
        {"山田　太郎", "f:山田 g:太郎"},
        {"ﾀﾅｶ ﾊﾅｺ", "f:タナカ g:ハナコ"},
        {"山", "山"},
        {"山田太郎左衛門", "山田太郎左衛門"},
        {"Wang 小明", "g:wang f:小明"},
        /* capitals of any alphabet */
        {"MÜLLER Hans", "g:hans f:muller"},
        {"GARCÍA LÓPEZ María José", "g:maria g:jose f:garcia f:lopez"},
        {"ИВАНОВ Иван", "g:иван f:иванов"},
        {"JR Smith", "g:jr f:smith"},
        /* particles before the name, behind it, and with dots */
        {"Berg, Jan van der", "g:jan f:berg"},
        {"Dijk, Jan van", "g:jan f:dijk"},
        {"Goethe, Johann Wolfgang von", "g:johann g:wolfgang f:goethe"},
        {"Nguyen, Thi Le", "g:thi g:le f:nguyen"},
        {"Jan v.d. Berg", "g:jan f:berg"},
        {"Jan v/d Berg", "g:jan f:berg"},
        {"Jan van 't Hoff", "g:jan f:hoff"},
        {"John V. Smith", "g:john v. f:smith"},
        {"John T. Smith", "g:john t. f:smith"},
        /* German ranks and degrees */
        {"Otto Graf Lambsdorff", "g:otto f:lambsdorff"},
        {"Steffi Graf", "g:steffi f:graf"},
        {"Graf Lambsdorff", "g:graf f:lambsdorff"}, /* of two words both are names */
        {"Prinz Ernst August von Hannover", "g:ernst august f:hannover"},
        {"Karl-Theodor Freiherr von und zu Guttenberg", "g:karl theodor f:guttenberg"},
        {"Frau Prof. Dr. h. c. mult. Angela Merkel", "g:angela f:merkel"},
        {"Dr. H. Smith", "g:h. f:smith"},
        {"Dr. C. Smith", "g:c. f:smith"},
        {"Herr Dipl.-Ing. (FH) Meier", "meier"},
        /* degrees with dots; single letters behind one word are initials */
        {"Ing. Petr Novák, Ph.D.", "g:petr f:novak"},
        {"John Smith M.D.", "g:john f:smith"},
        {"John Smith, M.D., Ph.D.", "g:john f:smith"},
        {"Smith, J. D.", "g:j. g:d. f:smith"},
        {"Smith, J. R. R.", "g:j. g:r. f:smith"},
        {"John M. D. Smith", "g:john m. d. f:smith"},
        {"Mary Smith née Jones", "g:mary smith f:jones"},
        {"Mary Smith (geb. Jones)", "g:mary smith f:jones"},
        {"Ronald Mac Donald", "g:ronald f:macdonald"},
        {"Mac Miller", "g:mac f:miller"},
        {"Sra. Dña. María Pérez", "g:maria f:perez"},
        {"Hr. Jensen", "jensen"},
        {"İPEK IŞIK", "g:ipek f:isik"},
        {"Zoe\u0301 Lee", "g:zoe f:lee"},
        {"Ｊｏｈｎ Ｓｍｉｔｈ", "g:john f:smith"},
        {"Li Wei", "g:li f:wei"},
        {"McDonald, Ronald", "g:ronald f:mcdonald"},
        {"Mc Donald, Ronald", "g:ronald f:mcdonald"},
        {"John Smith 3rd", "g:john f:smith"},
        {"Van", "van"},
    };
    static const Case given_and_family[] = {
        {"Ann|Lee", "g:ann f:lee"},
        {"|", ""},
        {"|Lee", "f:lee"},
        {"Ann|", "g:ann"},
        {"Jan|v.d. Berg", "g:jan f:berg"},
        {"Jan|van 't Hoff", "g:jan f:hoff"},
        {"Sean|O'Neil", "g:sean f:oneil"},
        {"Sean|O Neil", "g:sean f:oneil"},
        {"Van|Le", "g:van f:le"},
        {"Ann|King", "g:ann f:king"},
        {"Abd|al-Rahman", "g:abd f:rahman"},
        {"María|García López", "g:maria f:garcia f:lopez"},
        {"Maria|Maria", "g:maria"},
        {"Dr|Who", "f:who"},
        {"J|Smith", "g:j. f:smith"},
        {"太郎|山田", "g:太郎 f:山田"},
        {"明|王", "g:明 f:王"},
        {"Jan|Berg, van der", "g:jan f:berg"},
        {"Karl|Freiherr von Stein", "g:karl f:stein"},
        {"Hans|Graf", "g:hans f:graf"},
        {"Ronald|Mac Donald", "g:ronald f:macdonald"},
        {"Thanh Van|Nguyen", "g:thanh g:van f:nguyen"},
        {"Ж|Иванов", "g:ж. f:иванов"},
    };

    (void) state;
    EACH(cases, person);
    EACH(given_and_family, parts);
}

static void
test_all_parts_of_a_name_are_one_set(void **state)
{
    NormalWords words;

    (void) state;
    normal_person("Ann", 3, "Lee", 3, "Ann Mary Lee", 12, &words);
    assert_string_equal(show_words(&words, shown), "g:ann f:lee mary");
    normal_person(NULL, 0, NULL, 0, NULL, 0, &words);
    assert_int_equal(words.count, 0);
}

static bool
go_for_each_other(const char *a, const char *b)
{
    uint16_t x[32], y[32];
    int n = normal_nicknames(a, strlen(a), x, 32), m = normal_nicknames(b, strlen(b), y, 32);

    for (int i = 0; i < n; i++)
        for (int k = 0; k < m; k++)
            if (x[i] == y[k])
                return true;
    return false;
}

static void
test_nicknames(void **state)
{
    uint16_t groups[2];

    (void) state;
    assert_true(go_for_each_other("robert", "bob"));
    assert_true(go_for_each_other("bert", "robert"));
    assert_true(go_for_each_other("bert", "albert"));
    assert_false(go_for_each_other("robert", "albert"));
    assert_true(go_for_each_other("elizabeth", "betty"));
    assert_true(go_for_each_other("hendrik", "henk"));
    assert_true(go_for_each_other("francisco", "paco"));
    assert_true(go_for_each_other("francisco", "fco"));
    assert_true(go_for_each_other("giuseppe", "beppe"));
    assert_true(go_for_each_other("joao", "joaozinho"));
    assert_true(go_for_each_other("malgorzata", "gosia"));
    assert_true(go_for_each_other("aleksandr", "sasha"));
    assert_true(go_for_each_other("александр", "саша"));
    assert_true(go_for_each_other("дмитрии", "дима")); /* as it is folded */
    assert_false(go_for_each_other("john", "mary"));
    assert_int_equal(normal_nicknames("", 0, groups, 2), 0);
    assert_int_equal(normal_nicknames("zzz", 3, groups, 2), 0);
    assert_int_equal(normal_nicknames("bert", 4, groups, 2), 2); /* it has more */
    assert_int_equal(normal_nicknames("bert", 4, groups, 0), 0);
}

/* Every word of the table is folded, or nobody would find it; none stands twice in its group. */
static void
check_groups(const NormalEntry *entries, int count)
{
    for (int i = 0; i < count; i++) {
        NormalPiece word[64];
        int words = normal_split(entries[i].words, (int) strlen(entries[i].words), word, 64);

        if (strcmp(fold(entries[i].words), entries[i].words) != 0)
            fail_msg("%s is not folded", entries[i].words);
        if (words < 2 || words == 64)
            fail_msg("%s: %d words", entries[i].words, words);
        for (int k = 0; k < words; k++)
            for (int l = 0; l < k; l++)
                if (word[k].length == word[l].length &&
                    memcmp(word[k].text, word[l].text, (size_t) word[k].length) == 0)
                    fail_msg("%s: %.*s stands there twice", entries[i].words, word[k].length, word[k].text);
    }
}

static void
test_groups_of_names(void **state)
{
    (void) state;
    check_groups(normal_names_english, normal_names_english_count);
    check_groups(normal_names_other, normal_names_other_count);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_person),
        cmocka_unit_test(test_all_parts_of_a_name_are_one_set),
        cmocka_unit_test(test_nicknames),
        cmocka_unit_test(test_groups_of_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
