/*
 * similarity_pattern.c: see similarity_pattern.h.
 *
 * A branch that the processor guesses wrong costs as much as comparing several characters. So nothing here depends on what
 * was matched but one thing: whether characters are out of order, which is seldom.
 */
#include "customer/similarity_pattern.h"
#include "customer/similarity_inside.h"

#define NOT_ASCII (UINT64_C(1) << SIMILARITY_PATTERN_LENGTH)

void
similarity_pattern_set(SimilarityPattern *pattern, const unsigned char *text, int n)
{
    unsigned char all = 0;

    pattern->text = text;
    pattern->length = n;
    for (int k = 0; k < n && n <= SIMILARITY_PATTERN_LENGTH; k++)
        all |= text[k];
    pattern->looked_up = n > 0 && n <= SIMILARITY_PATTERN_LENGTH && all < 0x80;
    if (!pattern->looked_up)
        return;
    for (int c = 0; c < 256; c++)
        pattern->places[c] = c < 0x80 ? 0 : NOT_ASCII;
    for (int k = 0; k < n; k++)
        pattern->places[text[k]] |= UINT64_C(1) << k;
}

/* How many of the matched characters are not what the other text has in their place; at says where it has each of them. */
static int
count_out_of_order(const uint64_t *at, int matches, uint64_t taken)
{
    int out_of_order = 0;

    for (int q = 0; q < matches; q++) {
        out_of_order += (at[q] & taken & -taken) == 0;
        taken &= taken - 1;
    }
    return out_of_order;
}

static inline int
common_prefix(const SimilarityPattern *pattern, const unsigned char *text, int n)
{
    int most = smaller(n, WINKLER_PREFIX);
    int i = 0;

    while (i < most && (pattern->places[text[i]] >> i & 1) != 0)
        i++;
    return i;
}

double
similarity_pattern_jaro_winkler(const SimilarityPattern *pattern, const unsigned char *text, int n)
{
    int m = pattern->length;
    int window = larger(larger(n, m) / 2 - 1, 0);
    uint64_t within = low_bits(window + 1) | NOT_ASCII;
    uint64_t free = ~UINT64_C(0);
    uint64_t highest = 0; /* of the places taken */
    uint64_t at[SIMILARITY_PATTERN_LENGTH];
    bool crossed = false;
    int matches = 0;

    if (!pattern->looked_up || n > SIMILARITY_PATTERN_LENGTH)
        return similarity_bytes_jaro_winkler(pattern->text, m, text, n);
    for (int j = 0; j < n; j++) {
        uint64_t found = pattern->places[text[j]];
        uint64_t candidates = found & within & free;
        uint64_t taken = candidates & -candidates;

        at[matches] = found;
        matches += candidates != 0;
        free ^= taken;
        crossed |= taken - 1 < highest; /* no place at all, less one, is above all others */
        highest = taken != 0 ? taken : highest;
        within = within << 1 | (j < window) | NOT_ASCII;
    }
    if ((free & NOT_ASCII) == 0) /* it was taken */
        return similarity_bytes_jaro_winkler(pattern->text, m, text, n);
    return winkler(n, m, matches, crossed ? count_out_of_order(at, matches, ~free) : 0,
                   common_prefix(pattern, text, n));
}
