/*
 * score.h: found clusters against true ones, by the pairs inside them.
 */
#ifndef CRM_BENCH_SCORE_H
#define CRM_BENCH_SCORE_H

#include <stddef.h>
#include <stdint.h>

typedef struct Score {
    uint64_t truth; /* pairs of records of one entity */
    uint64_t found; /* pairs in one found cluster */
    uint64_t both;
    double precision;
    double recall;
    double f1;
} Score;

extern Score score_clusters(const uint32_t *found, const uint32_t *truth, size_t rows);

#endif
