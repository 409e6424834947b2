// links: extension/customer/normal_fold.c extension/customer/normal_words.c extension/customer/normal_text.c extension/customer/normal_person.c extension/customer/normal_script.c extension/customer/normal_nickname.c extension/customer/normal_nickname_english.c extension/customer/normal_nickname_other.c extension/customer/normal_address.c extension/customer/normal_date.c extension/customer/normal_key.c extension/customer/normal_phonetic.c extension/customer/email_syntax.c extension/customer/phone_syntax.c extension/customer/phone_plan.c
/* Words, addresses and dates as matching compares them: real-looking ones of several countries, and hostile ones. normal_key.c has keys. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cases.h"
#include "customer/normal_words.h"

static char shown[8 * NORMAL_MAX_TEXT];

static char *
show_words(const NormalWords *words, char *out)
{
    *out = '\0';
    for (int i = 0; i < words->count; i++)
        out += snprintf(out, NORMAL_MAX_TEXT, "%s%.*s", i > 0 ? " " : "", (int) words->word[i].length,
                        words->word[i].text);
    return shown;
}

static const char *
fold(const char *text)
{
    shown[normal_fold(text, strlen(text), shown)] = '\0';
    return shown;
}

static const char *
company(const char *text)
{
    NormalWords words;

    normal_company(text, strlen(text), &words);
    return show_words(&words, shown);
}

static const char *
address(const char *text)
{
    NormalAddress found;
    int used;

    normal_address(text, strlen(text), &found);
    used = snprintf(shown, 100, "%.*s %c ", found.number_length, found.number,
                    found.direction != 0 ? found.direction : '-');
    show_words(&found.street, shown + used);
    return shown;
}

static const char *
date(const char *text)
{
    shown[8] = '\0';
    return normal_date(text, strlen(text), shown) ? shown : "none";
}

static void
test_fold(void **state)
{
    static const Case cases[] = {
        {"", ""},
        {" - ", ""},
        {"Ångström-O'Neil & Co.", "angstrom oneil co"},
        {"Łódź  Müller\tStraße", "lodz muller strasse"},
        {"ＡＢＣ ﬁn １２", "abc fin 12"},     /* wide letters, a ligature */
        {"İstanbul Iğdır", "istanbul igdir"}, /* dots and no dots of Turkish */
        {"Ørsted Æther Œuvre þórr Đặng", "orsted aether oeuvre thorr dang"},
        {"ИВАН Ёлкин", "иван елкин"},
        {"ΟΔΥΣΣΕΎΣ", "οδυσσευσ"}, /* the s at the end is one more s */
        {"O’Neil O‘Neil O`Neil O´Neil Oʼneil", "oneil oneil oneil oneil oneil"},
        {"E\xCC\x81lise \xC3\x89lise", "elise elise"}, /* composed and not */
        {"٣٤ ३४", "34 34"},
        {"東京 カナ", "東京 カナ"},
        {"김", "\u1100\u1175\u11B7"}, /* by its three letters, so that another vowel is one edit */
        {"मराठी", "मराठी"},           /* its vowels are marks, and no accents */
        {"מֹשֶׁה", "משה"},               /* these are points that few write */
        {"a\xC2\xAD"
         "b\xE2\x80\x8B"
         "c",
         "abc"},                 /* a soft hyphen, a blank of no width */
        {"M\xFCller", "muller"}, /* Latin-1 */
        {"\xFF\xFE", "yth"},
        {"\xED\xA0\x80", "i"}, /* half of a pair: an accented i, two that are no letters */
        {"x²", "x2"},
        {"½", "1 2"},
        {"100% _sure_", "100 sure"},
        {"علی كريمي", "علي كريمي"}, /* the letter of a Persian keyboard */
        {"علي کریمی", "علي كريمي"},
        {"محـمد", "محمد"}, /* drawn out by a line */
        {"أحمد", "احمد"},
        {"مدرسة", "مدرسه"},
    };

    (void) state;
    EACH(cases, fold);
}

static void
test_company(void **state)
{
    static const Case cases[] = {
        {"", ""},
        {"Acme Inc.", "acme"},
        {"ACME, INCORPORATED", "acme"},
        {"The Coca-Cola Company", "coca cola"},
        {"I.B.M. Corp.", "ibm"},
        {"I B M", "ibm"},
        {"Müller & Söhne GmbH & Co. KG", "muller sohne"},
        {"Deutsche Bank AG", "deutsche bank"},
        {"Fiat S.p.A.", "fiat"},
        {"Fiat SpA", "fiat"},
        {"Kowalski Sp. z o.o.", "kowalski"},
        {"IKEA A/S", "ikea"},
        {"Nokia Oyj", "nokia"},
        {"Volvo AB", "volvo"},
        {"Philips N.V.", "philips"},
        {"Jansen B.V.", "jansen"},
        {"Banco Santander, S.A.", "banco santander"},
        {"Sony Pty. Ltd.", "sony"},
        {"A & B Plumbing LLC", "ab plumbing"}, /* AB is no legal form where it stands first */
        {"SA", "sa"},
        {"Inc", "inc"},
        {"ООО Ромашка", "ромашка"},
        {"Trinity II", "trinity ii"},
        {"Metropolitan Family Svcs", "metropolitan family service"},
        {"Univ. of Chicago Dept. of Med.", "university chicago department medical"},
        {"3M", "3m"},
        {"New York New York", "new york"},
        {"株式会社山田商事", "山田商事"},
        {"山田商事株式会社", "山田商事"},
        {"(株)山田商事", "山田商事"},
        {"東京電力 株式会社", "東京電力"},
        {"株式会社", "株式会社"},
        {"华为技术有限公司", "华为技术"},
        {"ПАО «Газпром»", "газпром"},
        {"Acme Inc. d/b/a Acme Tools", "acme tools"},
    };

    (void) state;
    EACH(cases, company);
}

static void
test_address(void **state)
{
    static const Case cases[] = {
        {"", " - "},
        {"27 Washington, Oak Park, IL 60302", "27 - washington"},
        {"27 Washington Oak Park IL 60302", "27 - washington oak park"}, /* nobody can tell the town */
        {"27 Washington Blvd Oak Park IL 60302", "27 - washington"},
        {"221 E. 51st St. ", "221 e 51st"},
        {"221 East Fifty-First Street", "221 e fifty 1st"},
        {"245 W. 51St. St.", "245 w 51st"},
        {"13231 S.Burley", "13231 s burley"},
        {"2345 W. North Ave", "2345 w north"},
        {"8128 S. Dr. Martin Luther King Jr. Drive", "8128 s martin luther king"},
        {"3001 West 59th Street 1st Floor", "3001 w 59th"},
        {"123 First Avenue Northeast", "123 n 1st"},
        {"1500 N Lake Shore Dr E", "1500 n lake shore"},
        {"177 pridhamstreet", "177 - pridham"},
        {"7 wallaby place delmar", "7 - wallaby"},
        {"Hauptstr. 12 a", "12 - haupt"},
        {"Hauptstraße 12, 10115 Berlin", "12 - haupt"},
        {"Hauptstr. 12 10115 Berlin", "12 - haupt"},
        {"Straße des 17. Juni 135", "135 - 17 juni"},
        {"Keizersgracht 12-3, 1015 CJ Amsterdam", "12 - keizersgracht"},
        {"12 rue de la Paix", "12 - paix"},
        {"12bis, rue de la Paix, 75002 Paris", "12 - paix"},
        {"Calle Mayor 5, 3º B", "5 - mayor"},
        {"C/ Mayor, 5", "5 - mayor"},
        {"Via Roma 12", "12 - roma"},
        {"Av. Paulista, 1578 - Bela Vista", "1578 - paulista"},
        {"ul. Marszałkowska 10/12", "10 - marszalkowska"},
        {"ул. Ленина, 5", "5 - ленина"},
        {"Storgatan 5", "5 - storgatan"},
        {"12-14 High Street", "12 - high"},
        {"12–14 High Street", "12 - high"},
        {"12a High Street", "12 - high"},
        {"12 1/2 Main St", "12 - main"},
        {"3/12 High St", "12 - high"},
        {"Flat 3, 12 High St", "12 - high"},
        {"Flat 3 12 High St", "12 - high"},
        {"100 Main St #5", "100 - main"},
        {"100 Main St, Suite 200", "100 - main"},
        {"Apt 4B, 100 Main St", "100 - main"},
        {"Rose Cottage, 12 High Street", "12 - high"},
        {"Rose Cottage, High Street", " - rose cottage high"},
        {"10 Downing Street, London SW1A 2AA", "10 - downing"},
        {"12 St Marys Road", "12 - saint marys"},
        {"12 Saint Mary's Rd", "12 - saint marys"},
        {"5 The Avenue", "5 - the avenue"},
        {"1234 State Route 9", "1234 - state 9"},
        {"PO Box 123", "123 - pobox"},
        {"P.O. Box 123, Springfield", "123 - pobox"},
        {"Postfach 123", "123 - pobox"},
        {"Broadway", " - broadway"},
        {"100", "100 - "},
        {"1234567890123 Main", " - 1234567890123 main"},
        {"10117 Berlin, Unter den Linden 77", "77 - unter linden"}, /* postcode and town first */
        {"75001 Paris, 12 rue de Rivoli", "12 - rivoli"},
        {"12345 Broadway, New York 10005", "12345 - broadway"},
        {"12345 Oak, Apt 5", "12345 - oak"},
        {"Flat 2/1, 12 Main Street", "12 - main"},
        {"c/o Smith, 12 High Street", "12 - high"},
        {"Attn: Ann Lee, 12 High Street", "12 - high"},
        {"ul. Nowy Świat 6/12 m. 5", "6 - nowy swiat"},
        {"Avda. de la Constitución s/n", " - constitucion"},
        {"1600 Pennsylvania Avenue NW, Washington, DC 20500", "1600 n pennsylvania"},
        {"Am Markt 5-7", "5 - markt"},
        {"Schloss-Str. 1", "1 - schloss"},
        {"Schloßstraße 1", "1 - schloss"},
        {"No. 12, High Street", "12 - high"},
        {"123 N. Main St. Apt. 4", "123 n main"},
    };

    (void) state;
    EACH(cases, address);
}

static void
test_date(void **state)
{
    static const Case cases[] = {
        {"1971-12-24", "19711224"},
        {"19711224", "19711224"},
        {"24121971", "19711224"},
        {"1971-12-24 00:00:00", "19711224"},
        {"1971-12-24T10:30:00Z", "19711224"},
        {"24.12.1971", "19711224"},
        {"24.12.71", "19711224"},
        {"24/12/71", "19711224"},
        {"12/24/1971", "19711224"},
        {"12-24-1971", "19711224"}, /* there is no month 24, whatever the separator */
        {"12.24.1971", "19711224"},
        {"24.71.1971", "19717124"}, /* a typing error, and no swap */
        {"3/4/1971", "19710403"},
        {"Dec 24, 1971", "19711224"},
        {"24 December 1971", "19711224"},
        {"24. Dezember 1971", "19711224"},
        {"24 décembre 1971", "19711224"},
        {"24 de diciembre de 1971", "19711224"},
        {"24dec1971", "19711224"},
        {"Dec 1971", "19711200"},
        {"1971", "19710000"},
        {"1971-12", "19711200"},
        {"12/1971", "19711200"},
        {"1971-01-01", "19710000"}, /* what systems write where they know the year */
        {"1971-00-00", "19710000"},
        {"1971-71-24", "19717124"}, /* a typing error */
        {"1.2.15", "20150201"},
        {"1.2.30", "19300201"},
        {"", "none"},
        {"unknown", "none"},
        {"24.12.", "none"},
        {"0000-00-00", "none"},
        {"9999-12-31", "none"},
        {"711224", "none"},
        {"1971年12月24日", "19711224"},
        {"１９７１－１２－２４", "19711224"}, /* wide digits, and Arabic ones */
        {"١٩٧١-١٢-٢٤", "19711224"},
        {"24 декабря 1971", "19711224"},
        {"24 Aralık 1971", "19711224"},
        {"24. joulukuuta 1971", "19711224"},
        {"24 prosince 1971", "19711224"},
        {"24 Šubat 1971", "19710224"}, /* an accent too many does not matter */
        {"24 Xyz 1971", "19710000"},   /* not the 24th month */
        {"01.01.1971", "19710000"},
        {"1.1.71", "19710000"},
        {"Wed, 24 Dec 1971", "19711224"},
        {"1971-12-24 10:00:00+02", "19711224"},
        {"31-Dec-99", "19991231"},
        {"99999999999999999999", "none"},
    };

    (void) state;
    EACH(cases, date);
}

/* A text of exactly its size, so that a byte read behind it is found. */
static void
read_all(const char *data, size_t length)
{
    char *text = malloc(length + (length == 0));
    NormalWords words;
    NormalAddress found;
    uint16_t groups[4];
    char out[3 * NORMAL_MAX_TEXT], again[3 * NORMAL_MAX_TEXT];
    int a, b, n, m;

    assert_non_null(text);
    memcpy(text, data, length);
    n = normal_fold(text, length, out);
    assert_in_range(n, 0, 3 * NORMAL_MAX_TEXT);
    assert_true(n == 0 || (out[0] != ' ' && out[n - 1] != ' '));
    if (n <= NORMAL_MAX_TEXT) { /* what is folded stays as it is */
        m = normal_fold(out, (size_t) n, again);
        if (n != m || memcmp(out, again, (size_t) n) != 0)
            fail_msg("folded again \"%.*s\" is \"%.*s\"", n, out, m, again);
    }
    normal_person(text, length, text, length, text, length, &words);
    assert_in_range(words.count, 0, NORMAL_MAX_WORDS);
    normal_person(NULL, 0, NULL, 0, text, length, &words);
    for (int i = 0; i < words.count; i++) {
        normal_nicknames(words.word[i].text, words.word[i].length, groups, 4);
        assert_in_range(normal_phonetic(words.word[i].text, words.word[i].length, out), 0, NORMAL_MAX_CODE);
    }
    normal_company(text, length, &words);
    normal_text(text, length, &words);
    normal_address(text, length, &found);
    assert_in_range(found.number_length, 0, (int) sizeof found.number);
    normal_date(text, length, out);
    assert_in_range(normal_signs(text, length, out, 12), 0, length < 12 ? length : 12);
    n = normal_postcode(text, length, out, 12, &a, &b);
    assert_true(n >= 0 && n <= 12 && a <= n && b <= a);
    assert_in_range(normal_id(text, length, out, 12), 0, 12);
    assert_in_range(normal_phone(text, length, "US", 2, out, 12), 0, 12);
    n = normal_email(text, length, out, 100, &a);
    assert_true(n == 0 || (a > 0 && a < n));
    assert_in_range(normal_website(text, length, out, 12), 0, 12);
    normal_nicknames(text, length, groups, 4);
    normal_phonetic(text, length, out);
    free(text);
}

static void
test_long_values(void **state)
{
    static const char *const units[] = {"a", "a ",  "Ab-", "12 ", "é", "ﷺ", "김", "\xFF", "\xF0\x9F\x98\x80",
                                        ".", "St ", "van "};
    static char text[10000];

    (void) state;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        for (size_t length = 1000; length <= sizeof text; length += length < 1040 ? 1 : 4480) {
            for (size_t at = 0; at < length; at++)
                text[at] = units[i][at % strlen(units[i])];
            read_all(text, length);
        }
}

/* Bytes at random, words of the tables at random, and both. */
static void
test_random_values(void **state)
{
    static const char *const words[] = {
        "St", "12",    "Flat ", "#",    "/",     ",",    " - ", "north", "Dr.",  "van",  "de",          "O'",
        "mc", "1st",   "i.b.",  "GmbH", "60302", "IL",   "PO",  "Box",   "\xC3", "é",    "–",           "2nd",
        "fl", "a",     "Hwy",   "12a",  "bis",   "@",    ".",   "+",     "(0)",  "www.", "://",         "x",
        "sp", "z o o", "Ж",     "y",    "Jr",    "1971", "Dec", "71",    "-",    "&",    "\xED\xA0\x80"};
    char text[400];
    const char *seed = getenv("NORMAL_SEED"); /* for longer runs */
    const char *more = getenv("NORMAL_ROUNDS");
    long rounds = more != NULL ? strtol(more, NULL, 10) : 20000;

    (void) state;
    srand(seed != NULL ? (unsigned) strtol(seed, NULL, 10) : 7);
    for (long round = 0; round < rounds; round++) {
        size_t length = 0;

        for (int parts = rand() % 16; parts > 0 && length + 20 < sizeof text; parts--) {
            const char *word = words[(size_t) rand() % (sizeof words / sizeof words[0])];

            if (round % 3 == 0)
                text[length++] = (char) rand();
            else {
                memcpy(text + length, word, strlen(word));
                length += strlen(word);
            }
            if (round % 3 == 1 && rand() % 2 == 0)
                text[length++] = rand() % 8 == 0 ? (char) rand() : ' ';
        }
        read_all(text, length);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fold), cmocka_unit_test(test_company),     cmocka_unit_test(test_address),
        cmocka_unit_test(test_date), cmocka_unit_test(test_long_values), cmocka_unit_test(test_random_values),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
