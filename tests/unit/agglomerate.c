// links: extension/customer/agglomerate.c extension/customer/agglomerate_component.c extension/customer/agglomerate_edge.c extension/customer/agglomerate_missing.c
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
#include "agglomerate_case.h"

/* ---- the slow model ---- */

typedef struct Bond {
    float score;
    uint32_t a;
    uint32_t b;
    bool open;
    bool contradicts;
} Bond;

/* Of two clusters, whether they were found to contradict each other, or what they were made of was. */
static bool parted[MOST][MOST];

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
    Bond bond = {-INFINITY, 0, 0, false, false};
    float largest = -INFINITY;
    int64_t sum = 0;
    int64_t count = 0;
    int64_t against = 0;

    if (parted[x][y] || must_stay_apart(label, x, y) ||
        (kind_of(kind, x) != 0 && kind_of(kind, y) != 0 && kind_of(kind, x) != kind_of(kind, y)))
        return bond;
    for (uint32_t i = 0; i < now.records; i++)
        for (uint32_t k = i + 1; k < now.records; k++) {
            float weight = now.weight[i][k];

            if (!((label[i] == x && label[k] == y) || (label[i] == y && label[k] == x)))
                continue;
            against += weight == -INFINITY;
            sum += (int64_t) lrintf(fmaxf(-10, fminf(10, weight)) * 1024);
            count++;
            if (weight > largest) {
                largest = weight;
                bond.a = i;
                bond.b = k;
            }
        }
    bond.open = largest >= AGGLOMERATE_LINK;
    bond.contradicts = against * AGGLOMERATE_SLIPS > count;
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
    for (uint32_t i = 0; i < now.records; i++)
        parted[low][i] = parted[i][low] = parted[low][i] || parted[high][i];
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

    memset(parted, 0, sizeof(parted));
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
        Bond best = {-INFINITY, 0, 0, false, false};

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
        if (best.contradicts)
            parted[label[best.a]][label[best.b]] = parted[label[best.b]][label[best.a]] = true;
        else
            put_together(label, kind, label[best.a], label[best.b]);
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
compare_with_model(uint32_t records, int rounds, int verdicts, int kinds, int contradictions)
{
    for (int round = 0; round < rounds; round++) {
        AgglomerateJoin first[MOST];
        size_t joins = 0;

        make_case(2 + draw(records - 2), verdicts, kinds, contradictions);
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
    compare_with_model(12, 150, 0, 0, 0);
    compare_with_model(MOST, 3, 0, 0, 0);
}

static void
test_agrees_with_verdicts(void **state)
{
    (void) state;
    compare_with_model(14, 150, 8, 0, 0);
    compare_with_model(50, 4, 30, 0, 0);
}

/* Few and many of them: in clusters of four and of forty, one in AGGLOMERATE_SLIPS more or less. */
static void
test_agrees_with_contradictions(void **state)
{
    (void) state;
    compare_with_model(14, 150, 0, 0, 30);
    compare_with_model(14, 100, 5, 1, 8);
    compare_with_model(MOST, 4, 0, 0, 25);
}

static void
test_agrees_with_kinds(void **state)
{
    (void) state;
    compare_with_model(14, 150, 0, 1, 0);
    compare_with_model(30, 40, 6, 1, 60);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_a_slow_model),
        cmocka_unit_test(test_agrees_with_verdicts),
        cmocka_unit_test(test_agrees_with_contradictions),
        cmocka_unit_test(test_agrees_with_kinds),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
