// links: linker
/* The linker's model: as rows it says the same, of all records or of few; and the keys that records are found by. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>

#include <cmocka.h>

#include "customer/link_model.h"
#include "people.h"

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

typedef struct Sums {
    double m[LINK_ATTRIBUTES];
    double u[LINK_ATTRIBUTES];
    LinkParameter last[LINK_ATTRIBUTES];
} Sums;

static bool
add_up(void *context, const LinkParameter *row)
{
    Sums *sums = context;

    assert_int_equal(row->given, -1);
    assert_true(row->m > 0 && row->u > 0);
    sums->m[row->attribute] += row->m;
    sums->u[row->attribute] += row->u;
    if (row->level == 1)
        assert_true(row->m > row->u); /* equal values speak for a pair */
    if (row->level > sums->last[row->attribute].level)
        sums->last[row->attribute] = *row;
    return true;
}

/* What stands in before anything was fitted is a model: shares that add up, for and against where one would expect it. */
static void
test_the_usual_model_is_one(void **state)
{
    LinkModel *model = link_model_usual(50);
    LinkModel *large = link_model_usual(1 << 20);
    Sums sums = {{0}, {0}, {{0}}};

    (void) state;
    assert_true(link_model_each_parameter(model, add_up, &sums));
    for (int k = 0; k < LINK_ATTRIBUTES; k++) {
        assert_true(fabs(sums.m[k] - 1) < 1e-9 && fabs(sums.u[k] - 1) < 1e-9);
        assert_true(sums.last[k].m < sums.last[k].u);
    }
    assert_true(fabs(link_model_numbers(model)->prior + log2(1000)) < 1e-9);
    assert_true(fabs(link_model_numbers(large)->prior + 20) < 1e-9);
    link_model_free(model);
    link_model_free(large);
}

/* It tells people apart that it has never seen: of each hundred second records five may be missed, of strangers one in a thousand taken. */
static void
test_the_usual_model_tells_people_apart(void **state)
{
    LinkModel *model = link_model_usual(0);
    Linker *linker = fresh(1, model);
    LinkInput empty = {.name = 1};
    int same = 0;
    int found = 0;
    int strangers = 0;
    int mistaken = 0;

    (void) state;
    make_people(600, 11);
    for (int i = 0; i < count; i++)
        add_person(linker, i);
    assert_int_equal(linker_add(linker, &empty), LINK_OK);
    for (int i = 1; i < count; i++) {
        if (people[i].entity == people[i - 1].entity) {
            same++;
            found += explained(linker, (uint32_t) i - 1, (uint32_t) i) > 0;
        }
        for (int k = 0; k < 5; k++) {
            int other = (int) chance((unsigned) i);

            if (people[other].entity / 2 == people[i].entity / 2 || i - other < 3)
                continue;
            strangers++;
            mistaken += explained(linker, (uint32_t) other, (uint32_t) i) > 0;
        }
    }
    assert_true(same >= 100 && found * 100 >= same * 95);
    assert_true(strangers >= 2000 && mistaken * 1000 <= strangers);
    assert_true(fabs(explained(linker, 0, (uint32_t) count) + log2(1000)) <
                1e-9); /* missing is no evidence */
    linker_free(linker);
    link_model_free(model);
}

/* A year alone, which 1 January is taken for, says no more than the year, also where both sides have it. */
static void
test_a_year_is_no_date(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        const char *level;
    } dates[] = {{"1971-12-24", "24.12.1971", "exact"},
                 {"1971-12-24", "1971-12-25", "one edit or day and month swapped"},
                 {"1971-04-03", "1971-03-04", "one edit or day and month swapped"},
                 {"1971", "1971-01-01", "same year"},
                 {"1971-01-01", "1971-01-01", "same year"},
                 {"1971-01-01", "1971-12-24", "same year"},
                 {"1971-01-01", "1972-01-01", "within ten years"},
                 {"1971", "1971-01-02", "same year"},
                 {"1971-01-01", "1999-01-01", "different"}};
    LinkModel *model = link_model_usual(0);

    (void) state;
    for (size_t i = 0; i < sizeof(dates) / sizeof(*dates); i++) {
        Linker *linker = fresh(1, model);
        LinkInput input = {.name = 0};
        LinkEvidence evidence[LINK_ATTRIBUTES];
        double prior;
        double weight;

        input.field[LINK_BIRTH_DATE] = (LinkText){dates[i].a, strlen(dates[i].a)};
        assert_int_equal(linker_add(linker, &input), LINK_OK);
        input = (LinkInput){.name = 1};
        input.field[LINK_BIRTH_DATE] = (LinkText){dates[i].b, strlen(dates[i].b)};
        assert_int_equal(linker_add(linker, &input), LINK_OK);
        assert_int_equal(linker_explain(linker, 0, 1, evidence, &prior, &weight), 1);
        assert_string_equal(link_level_name(evidence[0].attribute, evidence[0].level), dates[i].level);
        linker_free(linker);
    }
    link_model_free(model);
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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_model_of_rows_says_the_same),
        cmocka_unit_test(test_keys_find_what_was_compared),
        cmocka_unit_test(test_keys_are_the_records_own),
        cmocka_unit_test(test_only_the_first_is_explained_alike),
        cmocka_unit_test(test_the_usual_model_is_one),
        cmocka_unit_test(test_the_usual_model_tells_people_apart),
        cmocka_unit_test(test_a_year_is_no_date),
        cmocka_unit_test(test_a_model_of_another_version_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
