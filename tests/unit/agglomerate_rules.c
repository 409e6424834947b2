// links: extension/customer/agglomerate.c extension/customer/agglomerate_component.c extension/customer/agglomerate_edge.c extension/customer/agglomerate_missing.c
/* Clustering, one rule at a time: what joins, what keeps apart, and what happens where something lacks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "customer/agglomerate.h"
#include "agglomerate_case.h"

static void
blank_case(uint32_t records, float weight)
{
    memset(&now, 0, sizeof(now));
    now.records = records;
    for (uint32_t i = 0; i < records; i++)
        for (uint32_t k = 0; k < records; k++)
            now.weight[i][k] = weight;
}

static void
add_pair(uint32_t a, uint32_t b, float weight)
{
    now.weight[a][b] = now.weight[b][a] = weight;
    now.pairs[now.pair_count++] = (WeightedPair){a, b, weight};
}

static void
expect_clusters(double threshold, const uint32_t *expected)
{
    AgglomerateInput input = input_now(1);
    AgglomerateLog log;
    uint32_t label[MOST];

    assert_int_equal(agglomerate(&input, &log), AGGLOMERATE_OK);
    agglomerate_cut(&log, now.records, threshold, label);
    for (uint32_t i = 0; i < now.records; i++)
        assert_int_equal(label[i], expected[i]);
    agglomerate_free(&log);
}

/* 0-1 and 2-3 are sure; one strong pair between them does not outweigh three that contradict. */
static void
test_one_strong_pair_does_not_chain(void **state)
{
    (void) state;
    blank_case(4, -10);
    add_pair(0, 1, 12);
    add_pair(2, 3, 12);
    add_pair(1, 2, 9);
    expect_clusters(0, (uint32_t[]){0, 0, 2, 2});
    assert_int_equal(now.asked, 3);
    expect_clusters(-6, (uint32_t[]){0, 0, 0, 0}); /* 0.2 * 9 + 0.8 * (9 - 30) / 4 = -2.4 */
    expect_clusters(-2.3, (uint32_t[]){0, 0, 2, 2});
}

static void
test_joins_say_what_decided(void **state)
{
    AgglomerateInput input;
    AgglomerateLog log;

    (void) state;
    blank_case(4, -10);
    add_pair(3, 1, 12);
    add_pair(2, 0, 8);
    add_pair(1, 2, 9);
    now.same[now.same_count++] = (RecordPair){0, 2};
    input = input_now(1);
    assert_int_equal(agglomerate(&input, &log), AGGLOMERATE_OK);
    assert_int_equal(log.count, 3);
    assert_true(log.joins[0].score == INFINITY);
    assert_int_equal(log.joins[0].pairs, 1);
    assert_int_equal(log.joins[1].a, 1);
    assert_int_equal(log.joins[1].b, 3);
    assert_float_equal(log.joins[1].score, 0.2 * 12 + 0.8 * 10, 1e-5);
    assert_int_equal(log.joins[2].a, 1);
    assert_int_equal(log.joins[2].b, 2);
    assert_float_equal(log.joins[2].score, -2.4, 1e-5);
    assert_int_equal(log.joins[2].pairs, 4);
    agglomerate_free(&log);
}

static void
test_weak_pairs_never_join_alone(void **state)
{
    (void) state;
    blank_case(3, -10);
    add_pair(0, 1, -1.25F);
    expect_clusters(-6, (uint32_t[]){0, 1, 2});
    add_pair(1, 2, -1);
    expect_clusters(-6, (uint32_t[]){0, 1, 1});
}

static void
test_different_wins_over_same(void **state)
{
    (void) state;
    blank_case(5, 20);
    for (uint32_t i = 0; i < 5; i++)
        for (uint32_t k = i + 1; k < 5; k++)
            add_pair(i, k, 20);
    now.same[0] = (RecordPair){0, 1};
    now.same[1] = (RecordPair){2, 1};
    now.same_count = 2;
    now.different[0] = (RecordPair){2, 0};
    now.different_count = 1;
    expect_clusters(0, (uint32_t[]){0, 0, 2, 0, 0});
    /* also where the two meet through others only */
    now.same_count = 0;
    now.different[1] = (RecordPair){3, 4};
    now.different_count = 2;
    expect_clusters(0, (uint32_t[]){0, 0, 2, 0, 2});
}

static void
test_same_joins_what_nothing_else_does(void **state)
{
    (void) state;
    blank_case(4, -10);
    now.kind[0] = 1;
    now.kind[3] = 2;
    now.same[0] = (RecordPair){3, 0};
    now.same_count = 1;
    expect_clusters(100, (uint32_t[]){0, 1, 2, 0});
}

/* Both would join by what they weigh together; what cannot be one customer keeps them apart, in whatever way they meet. */
static void
test_a_contradiction_forbids(void **state)
{
    (void) state;
    blank_case(3, 9);
    add_pair(0, 1, -INFINITY);
    add_pair(1, 2, 9);
    expect_clusters(-6, (uint32_t[]){0, 1, 1});
    /* one that was not compared is asked for before the join */
    blank_case(3, 9);
    add_pair(1, 2, 9);
    add_pair(0, 2, 8);
    now.weight[0][1] = now.weight[1][0] = -INFINITY;
    expect_clusters(-6, (uint32_t[]){0, 1, 1});
}

/* What a cluster contradicts stays apart from what it becomes, also where the others would outvote it. */
static void
test_a_contradiction_stays(void **state)
{
    uint32_t expected[40] = {0};

    (void) state;
    blank_case(40, 9);
    for (uint32_t i = 1; i < 40; i++) {
        expected[i] = 1;
        for (uint32_t k = i < 4 ? 4 : i + 1; k < 40; k++)
            add_pair(i, k, 1);
        if (i > 3)
            add_pair(0, i, -2);
    }
    add_pair(1, 2, 9);
    add_pair(1, 3, 9);
    add_pair(2, 3, 9);
    add_pair(0, 1, -INFINITY);
    add_pair(0, 2, 6);
    add_pair(0, 3, 6);
    expect_clusters(-6, expected);
}

/* One pair in AGGLOMERATE_SLIPS may be a slip. */
static void
test_one_slip_of_many_is_let_pass(void **state)
{
    (void) state;
    for (uint32_t records = AGGLOMERATE_SLIPS; records <= AGGLOMERATE_SLIPS + 1; records++) {
        uint32_t expected[MOST] = {0};

        blank_case(records, 9);
        for (uint32_t i = 0; i + 1 < records; i++)
            for (uint32_t k = i + 1; k + 1 < records; k++)
                add_pair(i, k, 9);
        for (uint32_t i = 0; i + 1 < records; i++)
            add_pair(i, records - 1, i == 7 ? -INFINITY : 4);
        expected[records - 1] = records > AGGLOMERATE_SLIPS ? 0 : records - 1;
        expect_clusters(-6, expected);
    }
}

/* Somebody who knows better. */
static void
test_a_verdict_comes_before_a_contradiction(void **state)
{
    (void) state;
    blank_case(2, 9);
    add_pair(0, 1, -INFINITY);
    now.same[now.same_count++] = (RecordPair){0, 1};
    expect_clusters(0, (uint32_t[]){0, 0});
}

static void
test_nothing_to_do(void **state)
{
    (void) state;
    blank_case(0, -10);
    expect_clusters(0, (uint32_t[]){0});
    blank_case(3, -10);
    expect_clusters(0, (uint32_t[]){0, 1, 2});
}

static void
test_too_little_memory_is_said(void **state)
{
    size_t enough = 0;

    (void) state;
    for (size_t memory = 1; enough == 0; memory += 97) {
        AgglomerateInput input;
        AgglomerateLog log;
        AgglomerateStatus status;

        state_of_random = 5;
        make_case(40, 12, 1, 60);
        input = input_now(1 + (int) (memory % 2));
        input.memory = memory;
        status = agglomerate(&input, &log);
        if (status == AGGLOMERATE_OK)
            enough = memory;
        else
            assert_int_equal(status, AGGLOMERATE_NO_MEMORY);
        assert_true(log.memory <= memory);
        assert_true(status == AGGLOMERATE_OK || (log.count == 0 && log.joins == NULL));
        agglomerate_free(&log);
    }
    assert_true(enough > 1000 && enough < 1000000);
}

static bool
stop_at_once(void *context)
{
    (void) context;
    return true;
}

static void
test_can_be_cancelled(void **state)
{
    AgglomerateInput input;
    AgglomerateLog log;

    (void) state;
    make_case(50, 0, 0, 0);
    for (int threads = 1; threads < 4; threads++) {
        input = input_now(threads);
        input.interrupted = stop_at_once;
        assert_int_equal(agglomerate(&input, &log), AGGLOMERATE_CANCELLED);
        assert_null(log.joins);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_strong_pair_does_not_chain),
        cmocka_unit_test(test_joins_say_what_decided),
        cmocka_unit_test(test_weak_pairs_never_join_alone),
        cmocka_unit_test(test_different_wins_over_same),
        cmocka_unit_test(test_same_joins_what_nothing_else_does),
        cmocka_unit_test(test_a_contradiction_forbids),
        cmocka_unit_test(test_a_contradiction_stays),
        cmocka_unit_test(test_one_slip_of_many_is_let_pass),
        cmocka_unit_test(test_a_verdict_comes_before_a_contradiction),
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_too_little_memory_is_said),
        cmocka_unit_test(test_can_be_cancelled),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
