// links: extension/customer/agglomerate.c extension/customer/agglomerate_component.c extension/customer/agglomerate_edge.c extension/customer/agglomerate_missing.c
/* Clusters of hundreds and thousands of records: right, and without looking at all pairs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "customer/agglomerate.h"

#define MANY 30000

static float
weigh_many(void *context, int worker, uint32_t a, uint32_t b)
{
    (void) context;
    (void) worker;
    return a / 300 == b / 300 ? 3.0F + (float) ((a ^ b) % 5) : -12.0F;
}

/* Clusters of 300 of which each record is compared with the next ones and with some of other clusters. */
static size_t
make_many(WeightedPair *pairs)
{
    size_t count = 0;

    for (uint32_t i = 0; i < MANY; i++)
        for (uint32_t k = 1; k <= 4; k++) {
            uint32_t other = k < 4 ? i + k : (i * 7919 + 13) % MANY;

            if (other < MANY && other != i && (k == 4) == (i / 300 != other / 300))
                pairs[count++] = (WeightedPair){i, other, k < 4 ? weigh_many(NULL, 0, i, other) : 2.0F};
        }
    return count;
}

static void
test_large_clusters_whatever_the_threads(void **state)
{
    WeightedPair *pairs = malloc(sizeof(WeightedPair) * 4 * MANY);
    uint32_t *label = malloc(sizeof(uint32_t) * MANY);
    AgglomerateJoin *first = NULL;
    size_t joins = 0;

    (void) state;
    assert_non_null(pairs);
    assert_non_null(label);
    for (int threads = 1; threads <= 3; threads++) {
        AgglomerateInput input = {.records = MANY,
                                  .pairs = pairs,
                                  .pair_count = make_many(pairs),
                                  .floor = AGGLOMERATE_FLOOR,
                                  .threads = threads,
                                  .weigh = weigh_many};
        AgglomerateLog log;

        assert_int_equal(agglomerate(&input, &log), AGGLOMERATE_OK);
        assert_int_equal(agglomerate_cut(&log, MANY, 0, label), MANY / 300 * (300 * 299 / 2));
        for (uint32_t i = 0; i < MANY; i++)
            assert_int_equal(label[i], i / 300 * 300);
        assert_true(log.weighed < 3000000); /* of 450 million */
        if (first == NULL) {
            joins = log.count;
            first = log.joins;
            continue;
        }
        assert_int_equal(log.count, joins);
        assert_memory_equal(log.joins, first, joins * sizeof(AgglomerateJoin));
        agglomerate_free(&log);
    }
    free(first);
    free(pairs);
    free(label);
}

/* ---- one cluster of thousands ---- */

#define CROWD 5000
#define NEIGHBOURS 30

/* 4 to 12 bits, whatever the order. */
static float
weigh_crowd(void *context, int worker, uint32_t a, uint32_t b)
{
    uint64_t hash = ((uint64_t) (a < b ? a : b) << 32 | (a < b ? b : a)) * 0x9e3779b97f4a7c15ULL;

    (void) worker;
    ++*(uint64_t *) context;
    return 4 + (float) (hash >> 40 & 1023) / 128;
}

/*
 * What many records of one customer look like: each was compared with some others, and every pair weighs something else, so that
 * the best pair of clusters changes with every join.
 */
static void
test_a_cluster_of_thousands(void **state)
{
    WeightedPair *pairs = malloc(sizeof(WeightedPair) * CROWD * NEIGHBOURS);
    uint32_t *label = malloc(sizeof(uint32_t) * CROWD);
    uint64_t asked = 0;
    AgglomerateInput input = {.records = CROWD,
                              .pairs = pairs,
                              .floor = AGGLOMERATE_FLOOR,
                              .threads = 1,
                              .weigh = weigh_crowd,
                              .context = &asked};
    AgglomerateLog log;

    (void) state;
    assert_non_null(pairs);
    assert_non_null(label);
    for (uint32_t i = 0; i < CROWD; i++)
        for (uint32_t k = 1; k <= NEIGHBOURS; k++) {
            uint32_t other = (i + k * k * 61) % CROWD;

            pairs[input.pair_count++] = (WeightedPair){i, other, weigh_crowd(&asked, 0, i, other)};
        }
    asked = 0;
    assert_int_equal(agglomerate(&input, &log), AGGLOMERATE_OK);
    assert_int_equal(agglomerate_cut(&log, CROWD, 0, label), (uint64_t) CROWD * (CROWD - 1) / 2);
    assert_int_equal(log.count, CROWD - 1);
    assert_int_equal(asked, log.weighed);
    assert_true(asked < 2500000);           /* of 12.5 million */
    assert_true(log.memory < 60 * 1048576); /* 5 bytes for each of them */
    agglomerate_free(&log);
    free(pairs);
    free(label);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_large_clusters_whatever_the_threads),
        cmocka_unit_test(test_a_cluster_of_thousands),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
