/*
 * agglomerate_case.h: small cases of weighted pairs for the tests of clustering, with a weight for every pair.
 */
#ifndef CRM_TESTS_AGGLOMERATE_CASE_H
#define CRM_TESTS_AGGLOMERATE_CASE_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "customer/agglomerate.h"

#define MOST 80

static uint64_t state_of_random = 1;

static inline uint32_t
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

static inline float
weigh_now(void *context, int worker, uint32_t a, uint32_t b)
{
    Case *its = context;

    assert_true(worker >= 0 && worker < 4);
    assert_true(a != b && a < its->records && b < its->records);
    __atomic_fetch_add(&its->asked, 1, __ATOMIC_RELAXED);
    return its->weight[a][b];
}

static inline AgglomerateInput
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

static inline void
shuffle_pairs(void)
{
    for (size_t i = now.pair_count; i > 1; i--) {
        size_t k = draw((uint32_t) i);
        WeightedPair pair = now.pairs[i - 1];

        now.pairs[i - 1] = now.pairs[k];
        now.pairs[k] = draw(2) ? pair : (WeightedPair){pair.b, pair.a, pair.weight};
    }
}

/*
 * Weights in quarters of a bit, so that many are equal. Pairs of -10 bits or less are not among the pairs. One pair in so many is
 * a contradiction, or none (0).
 */
static inline void
make_case(uint32_t records, int verdicts, int kinds, int contradictions)
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

            if (contradictions > 0 && draw((uint32_t) contradictions) == 0)
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

#endif
