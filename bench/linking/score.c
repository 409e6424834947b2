/*
 * score.c: sizes of clusters, of entities and of what they have in common; no pair is listed. See score.h.
 */
#include "score.h"

#include <err.h>
#include <stdlib.h>

static int
compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a;
    uint64_t y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}

static uint64_t
pairs_of_equals(uint64_t *keys, size_t count)
{
    uint64_t pairs = 0;

    qsort(keys, count, sizeof(uint64_t), compare);
    for (size_t start = 0, end; start < count; start = end) {
        for (end = start; end < count && keys[end] == keys[start];)
            end++;
        pairs += (uint64_t) (end - start) * (end - start - 1) / 2;
    }
    return pairs;
}

Score
score_clusters(const uint32_t *found, const uint32_t *truth, size_t rows)
{
    uint64_t *key = malloc((rows + 1) * sizeof(uint64_t));
    Score score = {0};

    if (key == NULL)
        errx(2, "out of memory");
    for (size_t i = 0; i < rows; i++)
        key[i] = found[i];
    score.found = pairs_of_equals(key, rows);
    for (size_t i = 0; i < rows; i++)
        key[i] = truth[i];
    score.truth = pairs_of_equals(key, rows);
    for (size_t i = 0; i < rows; i++)
        key[i] = (uint64_t) found[i] << 32 | truth[i];
    score.both = pairs_of_equals(key, rows);
    free(key);
    score.precision = score.found == 0 ? 1 : (double) score.both / (double) score.found;
    score.recall = score.truth == 0 ? 1 : (double) score.both / (double) score.truth;
    score.f1 =
        score.found + score.truth == 0 ? 1 : 2 * (double) score.both / (double) (score.found + score.truth);
    return score;
}
