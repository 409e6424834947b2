// links: extension/customer/agglomerate.c extension/customer/agglomerate_component.c extension/customer/agglomerate_edge.c extension/customer/agglomerate_missing.c extension/customer/threshold.c
/* Clusters from weighted pairs, against a slow model that looks at all pairs of clusters before each join. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "customer/agglomerate.h"
#include "customer/threshold.h"

#define MOST 80

static uint64_t state_of_random = 1;

static uint32_t
draw(uint32_t below)
{
    state_of_random = state_of_random * 6364136223846793005ULL + 1442695040888963407ULL;
    return (uint32_t) (state_of_random >> 33) % below;
}

/* A small case with a weight for every pair; some are not among the pairs and must be asked for. */
typedef struct Case {
    uint32_t records;
    float weight[MOST][MOST];
    WeightedPair pairs[MOST * MOST];
    size_t pair_count;
    RecordPair same[MOST];
    size_t same_count;
    RecordPair different[MOST];
    size_t different_count;
    uint8_t kind[MOST];
    uint64_t asked;
} Case;

static Case now;

static float
weigh_now(void *context, int worker, uint32_t a, uint32_t b)
{
    Case *its = context;

    assert_true(worker >= 0 && worker < 4);
    assert_true(a != b && a < its->records && b < its->records);
    __atomic_fetch_add(&its->asked, 1, __ATOMIC_RELAXED);
    return its->weight[a][b];
}

static AgglomerateInput
input_now(int threads)
{
    return (AgglomerateInput){
        .records = now.records,
        .pairs = now.pairs,
        .pair_count = now.pair_count,
        .same = now.same,
        .same_count = now.same_count,
        .different = now.different,
        .different_count = now.different_count,
        .kind = now.kind,
        .floor = AGGLOMERATE_FLOOR,
        .threads = threads,
        .weigh = weigh_now,
        .context = &now,
    };
}

static void
shuffle_pairs(void)
{
    for (size_t i = now.pair_count; i > 1; i--) {
        size_t k = draw((uint32_t) i);
        WeightedPair pair = now.pairs[i - 1];

        now.pairs[i - 1] = now.pairs[k];
        now.pairs[k] = draw(2) ? pair : (WeightedPair){pair.b, pair.a, pair.weight};
    }
}

/* ---- the slow model ---- */

typedef struct Bond {
    float score;
    uint32_t a;
    uint32_t b;
    bool open;
} Bond;

static bool
must_stay_apart(const uint32_t *label, uint32_t x, uint32_t y)
{
    for (size_t i = 0; i < now.different_count; i++) {
        uint32_t a = label[now.different[i].a];
        uint32_t b = label[now.different[i].b];

        if ((a == x && b == y) || (a == y && b == x))
            return true;
    }
    return false;
}

static uint8_t
kind_of(const uint8_t *kind, uint32_t cluster)
{
    return kind[cluster];
}

static Bond
bond_between(const uint32_t *label, const uint8_t *kind, uint32_t x, uint32_t y)
{
    Bond bond = {-INFINITY, 0, 0, false};
    float largest = -INFINITY;
    int64_t sum = 0;
    int64_t count = 0;

    if (must_stay_apart(label, x, y) ||
        (kind_of(kind, x) != 0 && kind_of(kind, y) != 0 && kind_of(kind, x) != kind_of(kind, y)))
        return bond;
    for (uint32_t i = 0; i < now.records; i++)
        for (uint32_t k = i + 1; k < now.records; k++) {
            float weight = now.weight[i][k];

            if (!((label[i] == x && label[k] == y) || (label[i] == y && label[k] == x)))
                continue;
            if (weight == -INFINITY)
                return bond;
            sum += (int64_t) lrintf(fmaxf(-10, fminf(10, weight)) * 1024);
            count++;
            if (weight > largest) {
                largest = weight;
                bond.a = i;
                bond.b = k;
            }
        }
    bond.open = largest >= AGGLOMERATE_LINK;
    bond.score = 0.2F * largest + (1 - 0.2F) * (float) ((double) sum / (double) count / 1024.0);
    return bond;
}

static void
put_together(uint32_t *label, uint8_t *kind, uint32_t x, uint32_t y)
{
    uint32_t low = x < y ? x : y;
    uint32_t high = x < y ? y : x;

    if (kind[low] == 0)
        kind[low] = kind[high];
    for (uint32_t i = 0; i < now.records; i++)
        if (label[i] == high)
            label[i] = low;
}

static int
by_records(const void *a, const void *b)
{
    const RecordPair *x = a;
    const RecordPair *y = b;

    return x->a != y->a ? (int) x->a - (int) y->a : (int) x->b - (int) y->b;
}

static void
slow_model(double threshold, uint32_t *label)
{
    RecordPair same[MOST] = {{0, 0}};
    uint8_t kind[MOST];

    memcpy(kind, now.kind, sizeof(kind));
    for (uint32_t i = 0; i < now.records; i++)
        label[i] = i;
    for (size_t i = 0; i < now.same_count; i++)
        same[i] = now.same[i].a < now.same[i].b ? now.same[i] : (RecordPair){now.same[i].b, now.same[i].a};
    qsort(same, now.same_count, sizeof(RecordPair), by_records);
    for (size_t i = 0; i < now.same_count; i++)
        if (label[same[i].a] != label[same[i].b] &&
            !must_stay_apart(label, label[same[i].a], label[same[i].b]))
            put_together(label, kind, label[same[i].a], label[same[i].b]);
    for (;;) {
        Bond best = {-INFINITY, 0, 0, false};

        for (uint32_t x = 0; x < now.records; x++)
            for (uint32_t y = x + 1; label[x] == x && y < now.records; y++) {
                Bond bond;

                if (label[y] != y)
                    continue;
                bond = bond_between(label, kind, x, y);
                if (bond.open && (!best.open || bond.score > best.score ||
                                  (bond.score == best.score &&
                                   (bond.a < best.a || (bond.a == best.a && bond.b < best.b)))))
                    best = bond;
            }
        if (!best.open || best.score < threshold || best.score < AGGLOMERATE_FLOOR)
            return;
        put_together(label, kind, label[best.a], label[best.b]);
    }
}

/* ---- cases ---- */

/* Weights in quarters of a bit, so that many are equal. Pairs of -10 bits or less are not among the pairs. */
static void
make_case(uint32_t records, int verdicts, int kinds)
{
    uint32_t entities = 2 + draw(records / 3 + 1);
    uint32_t entity[MOST];

    memset(&now, 0, sizeof(now));
    now.records = records;
    for (uint32_t i = 0; i < records; i++) {
        entity[i] = draw(entities);
        now.kind[i] = (uint8_t) (kinds && draw(3) > 0 ? 1 + draw(2) : 0);
    }
    for (uint32_t i = 0; i < records; i++)
        for (uint32_t k = i + 1; k < records; k++) {
            float weight = (entity[i] == entity[k] ? 4 : -9) + ((float) draw(80) - 40) / 4;

            if (verdicts && draw(60) == 0)
                weight = -INFINITY;
            now.weight[i][k] = now.weight[k][i] = weight;
            if (weight > -10 || (weight == -INFINITY && draw(2)))
                now.pairs[now.pair_count++] = (WeightedPair){i, k, weight};
        }
    for (int i = 0; i < verdicts; i++) {
        RecordPair pair = {draw(records), draw(records)};

        if (pair.a == pair.b)
            continue;
        if (draw(2))
            now.same[now.same_count++] = pair;
        else
            now.different[now.different_count++] = pair;
    }
}

static void
expect_model(const AgglomerateLog *log)
{
    static const double thresholds[] = {-6, -2.5, 0, 1.25, 4, 9};
    uint32_t found[MOST];
    uint32_t expected[MOST];

    for (size_t t = 0; t < sizeof(thresholds) / sizeof(thresholds[0]); t++) {
        uint64_t inside = agglomerate_cut(log, now.records, thresholds[t], found);

        slow_model(thresholds[t], expected);
        for (uint32_t i = 0; i < now.records; i++) {
            assert_int_equal(found[i], expected[i]);
            for (uint32_t k = 0; k < i; k++)
                inside -= found[i] == found[k];
        }
        assert_int_equal(inside, 0);
    }
}

static void
compare_with_model(uint32_t records, int rounds, int verdicts, int kinds)
{
    for (int round = 0; round < rounds; round++) {
        AgglomerateJoin first[MOST];
        size_t joins = 0;

        make_case(2 + draw(records - 2), verdicts, kinds);
        for (int order = 0; order < 3; order++) {
            AgglomerateInput input = input_now(order + 1);
            AgglomerateLog log;

            shuffle_pairs();
            assert_int_equal(agglomerate(&input, &log), AGGLOMERATE_OK);
            if (order == 0) {
                joins = log.count;
                memcpy(first, log.joins, joins * sizeof(AgglomerateJoin));
                expect_model(&log);
            }
            assert_int_equal(log.count, joins);
            assert_memory_equal(log.joins, first, joins * sizeof(AgglomerateJoin));
            agglomerate_free(&log);
        }
    }
}

static void
test_agrees_with_a_slow_model(void **state)
{
    (void) state;
    compare_with_model(12, 150, 0, 0);
    compare_with_model(MOST, 3, 0, 0);
}

static void
test_agrees_with_verdicts_and_contradictions(void **state)
{
    (void) state;
    compare_with_model(14, 150, 8, 0);
    compare_with_model(50, 4, 30, 0);
}

static void
test_agrees_with_kinds(void **state)
{
    (void) state;
    compare_with_model(14, 150, 0, 1);
    compare_with_model(30, 40, 6, 1);
}

/* ---- single rules ---- */

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

static void
test_nothing_to_do(void **state)
{
    (void) state;
    blank_case(0, -10);
    expect_clusters(0, (uint32_t[]){0});
    blank_case(3, -10);
    expect_clusters(0, (uint32_t[]){0, 1, 2});
}

/* ---- many records ---- */

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
        make_case(40, 12, 1);
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
    make_case(50, 0, 0);
    for (int threads = 1; threads < 4; threads++) {
        input = input_now(threads);
        input.interrupted = stop_at_once;
        assert_int_equal(agglomerate(&input, &log), AGGLOMERATE_CANCELLED);
        assert_null(log.joins);
    }
}

/* ---- the threshold ---- */

/* Sure joins from 10 bits up, doubtful ones from 0 down, few between. */
static void
test_threshold_is_where_little_is_lost(void **state)
{
    AgglomerateJoin joins[3000];
    AgglomerateLog log = {.joins = joins};

    (void) state;
    for (int i = 0; i < 1500; i++)
        joins[log.count++] = (AgglomerateJoin){0, 0, 10 + (float) i / 100, 1};
    for (int i = 0; i < 1000; i++)
        joins[log.count++] = (AgglomerateJoin){0, 0, 1 - (float) i / 200, 2};
    assert_float_equal(threshold_choose(&log, 5000), 1.0, 0.26);
    /* without the doubtful ones, everything is sure */
    log.count = 1500;
    assert_float_equal(threshold_choose(&log, 5000), THRESHOLD_LOWEST, 1e-9);
}

static void
test_threshold_of_little_is_the_lowest(void **state)
{
    AgglomerateJoin joins[10] = {{0, 1, 5, 1}};
    AgglomerateLog log = {.joins = joins};

    (void) state;
    assert_float_equal(threshold_choose(&log, 0), THRESHOLD_LOWEST, 1e-9);
    log.count = 1;
    assert_float_equal(threshold_choose(&log, 100000), THRESHOLD_LOWEST, 1e-9);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_a_slow_model),
        cmocka_unit_test(test_agrees_with_verdicts_and_contradictions),
        cmocka_unit_test(test_agrees_with_kinds),
        cmocka_unit_test(test_one_strong_pair_does_not_chain),
        cmocka_unit_test(test_joins_say_what_decided),
        cmocka_unit_test(test_weak_pairs_never_join_alone),
        cmocka_unit_test(test_different_wins_over_same),
        cmocka_unit_test(test_same_joins_what_nothing_else_does),
        cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_large_clusters_whatever_the_threads),
        cmocka_unit_test(test_too_little_memory_is_said),
        cmocka_unit_test(test_can_be_cancelled),
        cmocka_unit_test(test_threshold_is_where_little_is_lost),
        cmocka_unit_test(test_threshold_of_little_is_the_lowest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
