// links: extension/customer/cluster.c
/* The ids that clusters of records keep. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "customer/cluster.h"

#define MAX 8

static int label[MAX], heir[MAX];
static int64_t held[MAX], assigned[MAX];
static ClusterHold holds[MAX];

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
        cmocka_unit_test(test_new_clusters_get_new_ids),
        cmocka_unit_test(test_nothing_changes_without_a_reason),
        cmocka_unit_test(test_the_oldest_stays_in_a_join),
        cmocka_unit_test(test_the_largest_part_keeps_it_in_a_split),
        cmocka_unit_test(test_a_part_that_joins_an_older_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
