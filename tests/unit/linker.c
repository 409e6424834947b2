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
#include "people.h"

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
        cmocka_unit_test(test_too_few_records),
        cmocka_unit_test(test_households_in_a_small_table_stay_apart),
        cmocka_unit_test(test_one_column_alone),
        cmocka_unit_test(test_bad_data),
        cmocka_unit_test(test_stops_and_gives_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
