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
        cmocka_unit_test(test_a_model_of_another_version_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
