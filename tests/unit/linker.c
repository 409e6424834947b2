// links: linker
/* The linker on made-up people: what it finds, what it must not do, and that chance and order do not matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "customer/link_model.h"
#include "customer/linker.h"

#define MAX 4000

typedef struct Person {
    char given[32];
    char family[32];
    char date[16];
    char city[32];
    char postcode[16];
    char email[96];
    char phone[16];
    int entity;
    LinkKind kind;
} Person;

static Person people[MAX];
static int count;
static uint64_t state_of_chance;

static unsigned
chance(unsigned below)
{
    state_of_chance = state_of_chance * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned) (state_of_chance >> 33) % below;
}

/* A pronounceable word, usual ones more often. */
static void
word(char *out, int kind, unsigned number)
{
    static const char *const syllable[] = {"ba",  "ke",  "lo",  "mi",  "nu",  "ra",  "se",
                                           "to",  "va",  "zi",  "dor", "fen", "gal", "hus",
                                           "jon", "pet", "win", "tan", "mar", "lis"};

    snprintf(out, 32, "%s%s%s", syllable[(number * 7 + (unsigned) kind) % 20], syllable[number / 3 % 20],
             syllable[number / 29 % 20]);
}

static unsigned
usual(unsigned below)
{
    unsigned a = chance(below);
    unsigned b = chance(below);

    return a < b ? a : b;
}

static void
misspell(char *text)
{
    size_t length = strlen(text);

    if (length > 4)
        text[1 + chance((unsigned) length - 2)] = (char) ('a' + chance(26));
}

static Person
somebody(int entity)
{
    Person person = {.entity = entity, .kind = LINK_PERSON};
    unsigned place = usual(200);

    word(person.given, 1, usual(300));
    word(person.family, 2, usual(2000));
    word(person.city, 3, place / 4);
    snprintf(person.date, sizeof(person.date), "%u-%02u-%02u", 1930 + chance(75), 1 + chance(12),
             2 + chance(26));
    snprintf(person.postcode, sizeof(person.postcode), "%05u", 10000 + place * 37);
    snprintf(person.email, sizeof(person.email), "%s.%s%u@example.org", person.given, person.family,
             chance(90));
    snprintf(person.phone, sizeof(person.phone), "+3120%07u", chance(9000000) + 1000000);
    return person;
}

static Person
again(Person person)
{
    if (chance(3) == 0)
        misspell(person.family);
    if (chance(4) == 0)
        misspell(person.given);
    if (chance(4) == 0)
        person.email[0] = '\0';
    if (chance(3) == 0)
        person.phone[0] = '\0';
    if (chance(8) == 0)
        person.date[0] = '\0';
    if (chance(10) == 0)
        snprintf(person.postcode, sizeof(person.postcode), "%05u", 10000 + chance(90000));
    return person;
}

/* So many entities, of which every fifth has a second record, and households of which two live together. */
static void
make_people(int entities, uint64_t seed)
{
    state_of_chance = seed;
    count = 0;
    for (int entity = 0; entity < entities; entity++) {
        Person person = somebody(entity);

        if (entity % 7 == 3) { /* somebody's wife or husband */
            const Person *other = &people[count - 1];

            memcpy(person.family, other->family, sizeof(person.family));
            memcpy(person.city, other->city, sizeof(person.city));
            memcpy(person.postcode, other->postcode, sizeof(person.postcode));
            memcpy(person.phone, other->phone, sizeof(person.phone));
        }
        people[count++] = person;
        if (entity % 5 == 0)
            people[count++] = again(person);
    }
}

static LinkText
text(const char *value)
{
    return value[0] == '\0' ? (LinkText){NULL, 0} : (LinkText){value, strlen(value)};
}

static LinkInput
input_of(int i)
{
    const Person *person = &people[i];
    LinkInput input = {.name = (uint64_t) i, .kind = person->kind};

    input.field[LINK_GIVEN_NAME] = text(person->given);
    input.field[LINK_FAMILY_NAME] = text(person->family);
    input.field[LINK_BIRTH_DATE] = text(person->date);
    input.field[LINK_CITY] = text(person->city);
    input.field[LINK_POSTCODE] = text(person->postcode);
    input.field[LINK_EMAIL] = text(person->email);
    input.field[LINK_PHONE] = text(person->phone);
    return input;
}

static Linker *
fresh(int threads, const LinkModel *model)
{
    LinkerOptions options = {.memory = (size_t) 256 << 20, .threads = threads, .model = model};
    Linker *linker;

    assert_int_equal(linker_create(&options, &linker), LINK_OK);
    return linker;
}

static void
add_person(Linker *linker, int i)
{
    LinkInput input = input_of(i);

    assert_int_equal(linker_add(linker, &input), LINK_OK);
}

static Linker *
linked(int threads)
{
    Linker *linker = fresh(threads, NULL);

    for (int i = 0; i < count; i++)
        add_person(linker, i);
    assert_int_equal(linker_run(linker), LINK_OK);
    return linker;
}

static void
score(const uint32_t *label, double *precision, double *recall)
{
    double found = 0;
    double truth = 0;
    double right = 0;

    for (int i = 0; i < count; i++)
        for (int k = i + 1; k < count; k++) {
            bool together = label[i] == label[k];
            bool same = people[i].entity == people[k].entity;

            found += together;
            truth += same;
            right += together && same;
        }
    *precision = found == 0 ? 1 : right / found;
    *recall = right / truth;
}

static void
test_finds_people_and_leaves_households_apart(void **state)
{
    Linker *linker;
    const LinkReport *report;
    double precision;
    double recall;

    (void) state;
    make_people(1200, 1);
    linker = linked(1);
    report = linker_report(linker);
    score(linker_clusters(linker), &precision, &recall);
    assert_true(precision > 0.97);
    assert_true(recall > 0.95);
    assert_int_equal(report->records, count);
    assert_true(report->sure);
    assert_true(report->posterior_sum > 0.67 * (double) report->cluster_pairs);
    assert_true(report->posterior_sum < 1.5 * (double) report->cluster_pairs);
    assert_true(report->clusters < (uint64_t) count);
    linker_free(linker);
}

/* The same clusters, whatever the order of the records and the number of threads. */
static void
test_order_and_threads_do_not_matter(void **state)
{
    Linker *one;
    Linker *other;
    int place[MAX];

    (void) state;
    make_people(700, 2);
    one = linked(1);
    other = fresh(3, NULL);
    for (int i = 0; i < count; i++)
        place[i] = i;
    for (int i = count - 1; i > 0; i--) {
        int k = (int) chance((unsigned) i + 1);
        int kept = place[i];

        place[i] = place[k];
        place[k] = kept;
    }
    for (int i = 0; i < count; i++)
        add_person(other, place[i]);
    assert_int_equal(linker_run(other), LINK_OK);
    assert_true(linker_report(one)->posterior_sum == linker_report(other)->posterior_sum);
    assert_true(linker_report(one)->threshold == linker_report(other)->threshold);
    assert_int_equal(linker_report(one)->candidates, linker_report(other)->candidates);
    for (int i = 0; i < count; i++)
        for (int k = i + 1; k < count && k < i + 200; k++)
            assert_int_equal(linker_clusters(one)[place[i]] == linker_clusters(one)[place[k]],
                             linker_clusters(other)[i] == linker_clusters(other)[k]);
    linker_free(one);
    linker_free(other);
}

static void
test_labels_are_the_smallest_number(void **state)
{
    Linker *linker;

    (void) state;
    make_people(500, 3);
    linker = linked(1);
    for (int i = 0; i < count; i++) {
        uint32_t label = linker_clusters(linker)[i];

        assert_true(label <= (uint32_t) i);
        assert_int_equal(linker_clusters(linker)[label], label);
    }
    linker_free(linker);
}

static void
test_verdicts_are_kept(void **state)
{
    Linker *linker = fresh(1, NULL);
    int pair = -1;

    (void) state;
    make_people(600, 4);
    for (int i = 0; i < count; i++)
        add_person(linker, i);
    for (int i = 0; i + 1 < count && pair < 0; i++)
        if (people[i].entity == people[i + 1].entity)
            pair = i;
    assert_true(pair >= 0);
    assert_int_equal(linker_decide(linker, (uint32_t) pair, (uint32_t) pair + 1, LINK_DIFFERENT), LINK_OK);
    assert_int_equal(linker_decide(linker, 10, 500, LINK_SAME), LINK_OK);
    assert_int_equal(linker_run(linker), LINK_OK);
    assert_int_not_equal(linker_clusters(linker)[pair], linker_clusters(linker)[pair + 1]);
    assert_int_equal(linker_clusters(linker)[10], linker_clusters(linker)[500]);
    linker_free(linker);
}

static void
test_persons_and_organisations_stay_apart(void **state)
{
    Linker *linker;

    (void) state;
    make_people(600, 5);
    people[count] = people[7];
    people[count].kind = LINK_ORGANISATION;
    people[count + 1] = people[9];
    count += 2;
    linker = linked(1);
    assert_int_not_equal(linker_clusters(linker)[7], linker_clusters(linker)[count - 2]);
    assert_int_equal(linker_clusters(linker)[9], linker_clusters(linker)[count - 1]);
    linker_free(linker);
}

static bool
copy_parameter(void *context, const LinkParameter *row)
{
    return link_model_add_parameter(context, row);
}

static bool
copy_frequency(void *context, const LinkFrequency *row)
{
    return link_model_add_frequency(context, row);
}

static LinkModel *
copy_of(const LinkModel *model)
{
    LinkModel *copy = link_model_create(link_model_numbers(model));

    assert_non_null(copy);
    assert_true(link_model_each_parameter(model, copy_parameter, copy));
    assert_true(link_model_each_frequency(model, copy_frequency, copy));
    return copy;
}

static double
explained(Linker *linker, uint32_t a, uint32_t b)
{
    LinkEvidence evidence[LINK_ATTRIBUTES];
    double prior;
    double weight;
    double sum;
    int found = linker_explain(linker, a, b, evidence, &prior, &weight);

    sum = prior;
    for (int i = 0; i < found; i++) {
        sum += evidence[i].bits;
        assert_string_not_equal(link_level_name(evidence[i].attribute, evidence[i].level), "missing");
    }
    assert_true(fabs(sum - weight) < 1e-9);
    return weight;
}

static void
test_a_model_of_rows_says_the_same(void **state)
{
    Linker *linker;
    Linker *few;
    LinkModel *model;

    (void) state;
    make_people(1200, 6);
    linker = linked(1);
    model = copy_of(linker_model(linker));
    few = fresh(1, model);
    for (int i = 0; i < 60; i++)
        add_person(few, i);
    for (uint32_t i = 0; i < 59; i++)
        assert_true(fabs(explained(linker, i, i + 1) - explained(few, i, i + 1)) < 1e-3);
    assert_int_equal(linker_run(few), LINK_OK);
    for (int i = 0; i < 60; i++)
        for (int k = 0; k < i; k++)
            assert_int_equal(linker_clusters(few)[i] == linker_clusters(few)[k],
                             linker_clusters(linker)[i] == linker_clusters(linker)[k]);
    linker_free(few);
    linker_free(linker);
    link_model_free(model);
}

static int
common_keys(Linker *linker, uint32_t a, uint32_t b)
{
    static LinkKey left[LINK_MAX_KEYS];
    static LinkKey right[LINK_MAX_KEYS];
    int common = 0;
    int n;
    int m;

    assert_int_equal(linker_keys(linker, a, left, &n), LINK_OK);
    assert_int_equal(linker_keys(linker, b, right, &m), LINK_OK);
    assert_true(n > 0 && m > 0);
    for (int i = 0; i < n; i++)
        for (int k = 0; k < m; k++)
            common += left[i].key == right[k].key;
    return common;
}

/* Doubtful pairs were compared, so a look-up by keys must find them too; strangers have far fewer in common. */
static void
test_keys_find_what_was_compared(void **state)
{
    Linker *linker;
    Linker *keys = fresh(1, NULL);
    LinkDoubt doubt[200];
    int doubts;
    int near = 0;
    int strangers = 0;

    (void) state;
    make_people(1000, 7);
    linker = linked(1);
    for (int i = 0; i < count; i++)
        add_person(keys, i);
    doubts = linker_doubts(linker, doubt, 200);
    assert_true(doubts > 0);
    for (int i = 0; i < doubts; i++) {
        int common = common_keys(keys, doubt[i].a, doubt[i].b);

        assert_true(common > 0);
        near += common;
        assert_true(i == 0 || doubt[i].worth <= doubt[i - 1].worth);
    }
    for (int i = 0; i < doubts; i++)
        strangers += common_keys(keys, (uint32_t) i, (uint32_t) (count - 1 - i));
    assert_true(strangers * 2 < near);
    linker_free(linker);
    linker_free(keys);
}

/* A record's keys depend on nothing but the record. */
static void
test_keys_are_the_records_own(void **state)
{
    Linker *few = fresh(1, NULL);
    Linker *many = fresh(1, NULL);
    LinkInput empty = {.name = 1};
    LinkKey left[LINK_MAX_KEYS];
    LinkKey right[LINK_MAX_KEYS];
    int n;
    int m;

    (void) state;
    make_people(300, 9);
    for (int i = 0; i < count; i++)
        add_person(many, i);
    for (int i = 40; i < 60; i++)
        add_person(few, i);
    assert_int_equal(linker_add(few, &empty), LINK_OK);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(linker_keys(few, i, left, &n), LINK_OK);
        assert_int_equal(linker_keys(many, i + 40, right, &m), LINK_OK);
        assert_int_equal(n, m);
        for (int k = 0; k < n; k++) {
            assert_int_equal(left[k].key, right[k].key);
            assert_int_equal(left[k].group, right[k].group);
        }
    }
    assert_int_equal(linker_keys(few, 20, left, &n), LINK_OK);
    assert_int_equal(n, 0);
    linker_free(few);
    linker_free(many);
}

/* What is left out where only the first record is explained makes no difference to it. */
static void
test_only_the_first_is_explained_alike(void **state)
{
    Linker *linker;
    LinkModel *model;
    int informative = 0;

    (void) state;
    make_people(1500, 10);
    linker = linked(1);
    model = copy_of(linker_model(linker));
    for (int round = 0; round < 30; round++) {
        LinkerOptions options = {.memory = (size_t) 64 << 20, .threads = 1, .model = model};
        Linker *all;
        Linker *first;

        assert_int_equal(linker_create(&options, &all), LINK_OK);
        options.only_first = true;
        assert_int_equal(linker_create(&options, &first), LINK_OK);
        for (int i = 0; i < 40; i++) {
            add_person(all, (round * 40 + i) % count);
            add_person(first, (round * 40 + i) % count);
        }
        for (uint32_t i = 1; i < 40; i++) {
            LinkEvidence evidence[2][LINK_ATTRIBUTES];
            double prior;
            double weight[2];
            int n = linker_explain(all, 0, i, evidence[0], &prior, &weight[0]);

            assert_int_equal(linker_explain(first, 0, i, evidence[1], &prior, &weight[1]), n);
            assert_true(fabs(weight[0] - weight[1]) < 1e-9);
            informative += weight[0] > -5;
            for (int k = 0; k < n; k++) {
                assert_int_equal(evidence[0][k].level, evidence[1][k].level);
                assert_true(fabs(evidence[0][k].bits - evidence[1][k].bits) < 1e-9);
            }
        }
        linker_free(all);
        linker_free(first);
    }
    assert_true(informative > 0);
    linker_free(linker);
    link_model_free(model);
}

static void
test_too_few_records(void **state)
{
    (void) state;
    for (int records = 0; records <= 2; records++) {
        Linker *linker = fresh(2, NULL);
        LinkDoubt doubt[3];

        make_people(10, 8);
        for (int i = 0; i < records; i++)
            add_person(linker, 3);
        assert_int_equal(linker_run(linker), LINK_OK);
        assert_int_equal(linker_report(linker)->records, records);
        for (int i = 0; i < records; i++)
            assert_true(linker_clusters(linker)[i] <= (uint32_t) i);
        assert_true(linker_doubts(linker, doubt, 3) <= 1);
        linker_free(linker);
    }
}

static void
run_all(void (*change)(int i, LinkInput *input), int records, uint64_t *clusters)
{
    Linker *linker = fresh(2, NULL);

    for (int i = 0; i < records; i++) {
        LinkInput input = input_of(i);

        change(i, &input);
        assert_int_equal(linker_add(linker, &input), LINK_OK);
    }
    assert_int_equal(linker_run(linker), LINK_OK);
    *clusters = linker_report(linker)->clusters;
    linker_free(linker);
}

static void
without_values(int i, LinkInput *input)
{
    (void) i;
    memset(input->field, 0, sizeof(input->field));
}

static void
all_alike(int i, LinkInput *input)
{
    (void) i;
    memset(input->field, 0, sizeof(input->field));
    input->field[LINK_CITY] = text("amsterdam");
    input->field[LINK_GENDER] = text("male");
}

static char long_name[10000];

static void
long_names(int i, LinkInput *input)
{
    input->field[LINK_FAMILY_NAME] = (LinkText){long_name, sizeof(long_name) - (size_t) (i % 9)};
    input->field[LINK_COMPANY] = input->field[LINK_ADDRESS] = input->field[LINK_EMAIL] =
        input->field[LINK_FAMILY_NAME];
    input->field[LINK_JOB_TITLE] = input->field[LINK_TAX_ID] = input->field[LINK_WEBSITE] =
        input->field[LINK_EMAIL];
}

static void
bad_bytes(int i, LinkInput *input)
{
    static char bytes[MAX][16];

    for (int k = 0; k < 15; k++)
        bytes[i][k] = (char) (128 + chance(128));
    for (int f = 0; f < LINK_FIELDS; f++)
        input->field[f] = (LinkText){bytes[i], 15};
}

static void
test_bad_data(void **state)
{
    uint64_t clusters;

    (void) state;
    make_people(800, 9);
    run_all(without_values, count, &clusters);
    assert_int_equal(clusters, count);
    run_all(all_alike, count, &clusters);
    assert_int_equal(clusters, count);
    for (size_t i = 0; i < sizeof(long_name); i++)
        long_name[i] = i % 11 == 10 ? ' ' : (char) ('a' + i % 7);
    run_all(long_names, 200, &clusters);
    run_all(bad_bytes, 200, &clusters);
}

static bool
at_once(void *context)
{
    int *asked = context;

    return ++*asked > 3;
}

static void
test_stops_and_gives_back(void **state)
{
    int asked = 0;
    LinkerOptions options = {
        .memory = (size_t) 256 << 20, .threads = 2, .interrupted = at_once, .context = &asked};
    LinkerOptions small = {.memory = (size_t) 2 << 20, .threads = 1};
    Linker *linker;
    LinkStatus status = LINK_OK;

    (void) state;
    make_people(2000, 10);
    assert_int_equal(linker_create(&options, &linker), LINK_OK);
    for (int i = 0; i < count; i++)
        add_person(linker, i);
    assert_int_equal(linker_run(linker), LINK_CANCELLED);
    linker_free(linker);
    assert_int_equal(linker_create(&small, &linker), LINK_OK);
    for (int i = 0; i < count && status == LINK_OK; i++) {
        LinkInput input = input_of(i);

        status = linker_add(linker, &input);
    }
    if (status == LINK_OK)
        status = linker_run(linker);
    assert_int_equal(status, LINK_NO_MEMORY);
    assert_true(linker_needed(linker) > small.memory);
    linker_free(linker);
}

static void
test_a_model_of_another_version_is_refused(void **state)
{
    LinkNumbers numbers = {.version = LINK_MODEL_VERSION + 1};
    LinkModel *model = link_model_create(&numbers);
    LinkerOptions options = {.memory = 1 << 20, .threads = 1, .model = model};
    Linker *linker;

    (void) state;
    assert_int_equal(linker_create(&options, &linker), LINK_MODEL);
    assert_null(linker);
    link_model_free(model);
}

/* A son shares his father's house, telephone and family name, in a table of seven as in a large one. */
static void
test_households_in_a_small_table_stay_apart(void **state)
{
    static const char *const row[7][5] = {
        {"Jan", "Bakker", "Dorpsstraat 12", "+31206234567", "1950-03-12"},
        {"Peter", "Bakker", "Dorpsstraat 12", "+31206234567", "1981-07-30"},
        {"Maria", "de Vries", "Kerkweg 5", "+31302314455", "1972-11-02"},
        {"Marie", "de Vries", "Kerkweg 5", "+31302314455", "1972-11-02"},
        {"Ahmed", "Yilmaz", "Stationslaan 88", "+31104455667", "1990-01-15"},
        {"Sofie", "Jansen", "Molenpad 3", "+31703456789", "1965-05-05"},
        {"Willem", "Smit", "Hoofdstraat 41", "+31503123456", "1958-09-09"},
    };
    static const LinkField field[5] = {LINK_GIVEN_NAME, LINK_FAMILY_NAME, LINK_ADDRESS, LINK_PHONE,
                                       LINK_BIRTH_DATE};
    Linker *linker = fresh(1, NULL);

    (void) state;
    for (int i = 0; i < 7; i++) {
        LinkInput input = {.name = (uint64_t) i, .kind = LINK_PERSON};

        for (int f = 0; f < 5; f++)
            input.field[field[f]] = text(row[i][f]);
        assert_int_equal(linker_add(linker, &input), LINK_OK);
    }
    assert_int_equal(linker_run(linker), LINK_OK);
    assert_int_not_equal(linker_clusters(linker)[0], linker_clusters(linker)[1]);
    assert_int_equal(linker_clusters(linker)[2], linker_clusters(linker)[3]);
    assert_true(explained(linker, 0, 1) < 0);
    linker_free(linker);
}

/* One column of names of companies has nothing to judge itself by: the model stays as usual, says so, and links what is rare. */
static void
test_one_column_alone(void **state)
{
    static const char *const trade[] = {"Bakery", "Logistics", "Systems", "Foods"};
    static char name[MAX][96];
    Linker *linker = fresh(1, NULL);
    double precision;
    double recall;

    (void) state;
    state_of_chance = 11;
    count = 0;
    for (int entity = 0; entity < 1000; entity++) {
        char first[32];
        char second[32];
        unsigned what = chance(4);

        word(first, 1, chance(4000));
        word(second, 2, chance(4000));
        for (int again_too = entity % 4 == 0; again_too >= 0; again_too--) {
            snprintf(name[count], sizeof(name[count]), "%s %s %s%s", first, second, trade[what],
                     chance(2) == 0 ? " Ltd" : "");
            people[count++].entity = entity;
        }
    }
    for (int i = 0; i < count; i++) {
        LinkInput input = {.name = (uint64_t) i, .kind = LINK_ORGANISATION};

        input.field[LINK_COMPANY] = text(name[i]);
        assert_int_equal(linker_add(linker, &input), LINK_OK);
    }
    assert_int_equal(linker_run(linker), LINK_OK);
    assert_true(linker_report(linker)->fixed);
    score(linker_clusters(linker), &precision, &recall);
    assert_true(precision > 0.9);
    assert_true(recall > 0.6);
    linker_free(linker);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_people_and_leaves_households_apart),
        cmocka_unit_test(test_order_and_threads_do_not_matter),
        cmocka_unit_test(test_labels_are_the_smallest_number),
        cmocka_unit_test(test_verdicts_are_kept),
        cmocka_unit_test(test_persons_and_organisations_stay_apart),
        cmocka_unit_test(test_a_model_of_rows_says_the_same),
        cmocka_unit_test(test_keys_find_what_was_compared),
        cmocka_unit_test(test_keys_are_the_records_own),
        cmocka_unit_test(test_only_the_first_is_explained_alike),
        cmocka_unit_test(test_too_few_records),
        cmocka_unit_test(test_households_in_a_small_table_stay_apart),
        cmocka_unit_test(test_one_column_alone),
        cmocka_unit_test(test_bad_data),
        cmocka_unit_test(test_stops_and_gives_back),
        cmocka_unit_test(test_a_model_of_another_version_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
