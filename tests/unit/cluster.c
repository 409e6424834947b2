// links: extension/customer/cluster.c
/* Clusters of records and the ids that they keep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "customer/cluster.h"

#define MAX 4096

static int parent[MAX], label[MAX], heir[MAX];
static unsigned char kind[MAX];
static bool apart[MAX];
static int64_t held[MAX], assigned[MAX];
static ClusterHold holds[MAX];

static ClusterSet
fresh(int count, const ClusterPair *pairs, int pair_count)
{
    ClusterSet set = {count, parent, kind, apart, pairs, pair_count};

    memset(kind, CLUSTER_ANY, sizeof(kind));
    cluster_init(&set);
    return set;
}

static void
expect_labels(ClusterSet *set, const int *expected)
{
    cluster_label(set, label);
    for (int i = 0; i < set->count; i++)
        assert_int_equal(label[i], expected[i]);
}

static void
test_links_are_transitive(void **state)
{
    ClusterSet set = fresh(6, NULL, 0);

    (void) state;
    assert_true(cluster_link(&set, 4, 2, false));
    assert_true(cluster_link(&set, 2, 5, false));
    assert_true(cluster_link(&set, 5, 4, false));
    assert_true(cluster_link(&set, 0, 1, false));
    expect_labels(&set, (int[]){0, 0, 2, 3, 2, 2});
}

static void
test_order_does_not_matter_without_rules(void **state)
{
    static int first[MAX];
    ClusterPair link[600];
    ClusterSet set;

    (void) state;
    srand(7);
    for (int i = 0; i < 600; i++)
        link[i] = (ClusterPair){rand() % 1000, rand() % 1000};
    set = fresh(1000, NULL, 0);
    for (int i = 0; i < 600; i++)
        cluster_link(&set, link[i].a, link[i].b, false);
    cluster_label(&set, label);
    memcpy(first, label, sizeof(first));
    set = fresh(1000, NULL, 0);
    for (int i = 599; i >= 0; i--)
        cluster_link(&set, link[i].b, link[i].a, false);
    expect_labels(&set, first);
}

/* Against the slow truth: repeated spreading of the smallest label. */
static void
test_agrees_with_a_slow_model(void **state)
{
    (void) state;
    for (int seed = 1; seed <= 50; seed++) {
        int model[60], changed = 1;
        ClusterPair link[40];
        ClusterSet set = fresh(60, NULL, 0);

        srand((unsigned) seed);
        for (int i = 0; i < 60; i++)
            model[i] = i;
        for (int i = 0; i < 40; i++) {
            link[i] = (ClusterPair){rand() % 60, rand() % 60};
            cluster_link(&set, link[i].a, link[i].b, false);
        }
        while (changed) {
            changed = 0;
            for (int i = 0; i < 40; i++) {
                int low = model[link[i].a] < model[link[i].b] ? model[link[i].a] : model[link[i].b];

                changed |= model[link[i].a] != low || model[link[i].b] != low;
                model[link[i].a] = model[link[i].b] = low;
            }
        }
        expect_labels(&set, model);
    }
}

static void
test_persons_and_organisations_stay_apart(void **state)
{
    ClusterSet set = fresh(6, NULL, 0);

    (void) state;
    kind[0] = CLUSTER_PERSON;
    kind[1] = CLUSTER_ORGANISATION;
    kind[3] = CLUSTER_ORGANISATION;
    kind[4] = CLUSTER_PERSON;
    assert_false(cluster_link(&set, 0, 1, false));
    assert_true(cluster_link(&set, 0, 2, false)); /* 2 becomes a person by it */
    assert_false(cluster_link(&set, 2, 1, false));
    assert_true(cluster_link(&set, 0, 1, true)); /* a person said so */
    set = fresh(6, NULL, 0);
    kind[0] = CLUSTER_PERSON;
    kind[1] = CLUSTER_ORGANISATION;
    kind[3] = CLUSTER_ORGANISATION;
    kind[4] = CLUSTER_PERSON;
    cluster_link_all(&set, (int[]){0, 1, 3, 4, 5}, 5);
    expect_labels(&set, (int[]){0, 1, 2, 1, 0, 0});
}

static void
test_forbidden_pairs_stay_apart(void **state)
{
    const ClusterPair different[] = {{0, 3}, {1, 5}};
    ClusterSet set = fresh(6, different, 2);

    (void) state;
    assert_true(cluster_link(&set, 0, 1, false));
    assert_true(cluster_link(&set, 2, 3, false));
    assert_false(cluster_link(&set, 1, 2, false)); /* 0 and 3 would meet */
    assert_false(cluster_link(&set, 1, 2, true));  /* by no means */
    assert_true(cluster_link(&set, 2, 5, false));
    assert_false(cluster_link(&set, 5, 0, false));
    assert_true(cluster_link(&set, 4, 1, false));
    expect_labels(&set, (int[]){0, 0, 2, 2, 0, 2});
}

static void
assign(int count, const int *labels, const int64_t *ids, const int64_t *expected, const int *heirs)
{
    memcpy(label, labels, sizeof(int) * (size_t) count);
    memcpy(held, ids, sizeof(int64_t) * (size_t) count);
    cluster_assign(count, label, held, assigned, heir, holds);
    for (int i = 0; i < count; i++) {
        assert_int_equal(assigned[i], expected[i]);
        assert_int_equal(heir[i], heirs[i]);
    }
}

static void
test_new_clusters_get_new_ids(void **state)
{
    (void) state;
    assign(3, (int[]){0, 0, 2}, (int64_t[]){0, 0, 0}, (int64_t[]){0, 0, 0}, (int[]){-1, -1, -1});
    assign(0, (int[]){0}, (int64_t[]){0}, (int64_t[]){0}, (int[]){0});
}

static void
test_nothing_changes_without_a_reason(void **state)
{
    (void) state;
    assign(4, (int[]){0, 1, 0, 1}, (int64_t[]){7, 3, 7, 0}, (int64_t[]){7, 3, 7, 3}, (int[]){0, 1, 0, -1});
}

static void
test_the_oldest_stays_in_a_join(void **state)
{
    (void) state;
    assign(4, (int[]){0, 0, 0, 0}, (int64_t[]){9, 9, 9, 4}, (int64_t[]){4, 4, 4, 4}, (int[]){0, 0, 0, 0});
}

static void
test_the_largest_part_keeps_it_in_a_split(void **state)
{
    (void) state;
    assign(5, (int[]){0, 0, 2, 2, 2}, (int64_t[]){5, 5, 5, 5, 5}, (int64_t[]){0, 0, 5, 5, 5},
           (int[]){2, 2, 2, 2, 2});
    /* of equal parts the one with the smallest node */
    assign(4, (int[]){0, 1, 1, 0}, (int64_t[]){5, 5, 5, 5}, (int64_t[]){5, 0, 0, 5}, (int[]){0, 0, 0, 0});
}

static void
test_a_part_that_joins_an_older_one(void **state)
{
    (void) state;
    /* 8 splits and its larger part joins 2: the rest keeps 8 */
    assign(5, (int[]){0, 0, 0, 3, 3}, (int64_t[]){2, 8, 8, 8, 0}, (int64_t[]){2, 2, 2, 8, 8},
           (int[]){0, 3, 3, 3, -1});
    /* all of 8 joined older ones: it leads to where most of it is */
    assign(6, (int[]){0, 0, 2, 2, 2, 5}, (int64_t[]){2, 8, 3, 8, 8, 0}, (int64_t[]){2, 2, 3, 3, 3, 0},
           (int[]){0, 2, 2, 2, 2, -1});
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links_are_transitive),
        cmocka_unit_test(test_order_does_not_matter_without_rules),
        cmocka_unit_test(test_agrees_with_a_slow_model),
        cmocka_unit_test(test_persons_and_organisations_stay_apart),
        cmocka_unit_test(test_forbidden_pairs_stay_apart),
        cmocka_unit_test(test_new_clusters_get_new_ids),
        cmocka_unit_test(test_nothing_changes_without_a_reason),
        cmocka_unit_test(test_the_oldest_stays_in_a_join),
        cmocka_unit_test(test_the_largest_part_keeps_it_in_a_split),
        cmocka_unit_test(test_a_part_that_joins_an_older_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
