/*
 * similarity_inside.h: what the files of similarity.h share.
 */
#ifndef CRM_CUSTOMER_SIMILARITY_INSIDE_H
#define CRM_CUSTOMER_SIMILARITY_INSIDE_H

#include <stdbool.h>
#include <string.h>

#include "customer/similarity.h"

#define SIMILARITY_WORD 64 /* characters whose places are the bits of a word */

static inline int
smaller(int a, int b)
{
    return a < b ? a : b;
}

static inline int
larger(int a, int b)
{
    return a > b ? a : b;
}

static inline uint64_t
low_bits(int count)
{
    return count >= SIMILARITY_WORD ? ~UINT64_C(0) : (UINT64_C(1) << count) - 1;
}

#define WINKLER_SCALE 0.1
#define WINKLER_PREFIX 4
#define WINKLER_THRESHOLD 0.7

static inline double
winkler(int n, int m, int matches, int out_of_order, int prefix)
{
    double jaro;

    if (matches == 0)
        return 0;
    jaro =
        ((double) matches / n + (double) matches / m + (double) (matches - out_of_order / 2) / matches) / 3;
    return jaro > WINKLER_THRESHOLD ? jaro + smaller(prefix, WINKLER_PREFIX) * WINKLER_SCALE * (1 - jaro)
                                    : jaro;
}

#define SLOTS (2 * SIMILARITY_WORD)

/* Where each of up to 64 characters stands. A slot without places is empty. */
typedef struct CharTable {
    SimilarityChar c[SLOTS];
    uint64_t places[SLOTS];
} CharTable;

static inline unsigned
slot_of(const CharTable *table, SimilarityChar c)
{
    unsigned slot = (c ^ c >> 7) & (SLOTS - 1);

    while (table->places[slot] != 0 && table->c[slot] != c)
        slot = (slot + 1) & (SLOTS - 1);
    return slot;
}

static inline void
fill(CharTable *table, const SimilarityChar *pattern, int m)
{
    memset(table->places, 0, sizeof table->places);
    for (int k = 0; k < m; k++) {
        unsigned slot = slot_of(table, pattern[k]);

        table->c[slot] = pattern[k];
        table->places[slot] |= UINT64_C(1) << k;
    }
}

static inline uint64_t
places_table(const void *pattern, const void *text, int j)
{
    const CharTable *table = pattern;

    return table->places[slot_of(table, ((const SimilarityChar *) text)[j])];
}

static inline int
common_characters(const SimilarityChar *a, const SimilarityChar *b, int most)
{
    int i = 0;

    while (i < most && a[i] == b[i])
        i++;
    return i;
}

/* For texts of which one at least has more than 64 characters, and none more than SIMILARITY_MAX_LENGTH. */
extern double similarity_jaro_winkler_long(const SimilarityChar *a, int n, const SimilarityChar *b, int m);
extern int similarity_edits_long(const SimilarityChar *pattern, int m, const SimilarityChar *text, int n);

#endif
