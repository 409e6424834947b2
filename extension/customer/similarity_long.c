/*
 * similarity_long.c: the measures of similarity.h for texts of more than 64 characters.
 */
#include "customer/similarity_inside.h"

#define HEAD_BITS 11
#define HEADS (1 << HEAD_BITS) /* twice as many as characters */
#define LAST UINT16_MAX        /* no place is left */

/* Of each character of a long text the next place to take, one more than its index; LAST behind the last; 0: no character. */
typedef struct Heads {
    SimilarityChar key[HEADS];
    uint16_t place[HEADS];
} Heads;

static unsigned
head_of(const Heads *heads, SimilarityChar c)
{
    unsigned slot = c * 2654435761u >> (32 - HEAD_BITS);

    while (heads->place[slot] != 0 && heads->key[slot] != c)
        slot = (slot + 1) & (HEADS - 1);
    return slot;
}

/*
 * Jaro and Winkler for long texts, in linear time. A character takes the first free place of the same one within the window.
 * The window only moves on, so of one character the places are taken in order, and a place that fell behind is never wanted
 * again: for each character one mark into the list of its places is enough.
 */
double
similarity_jaro_winkler_long(const SimilarityChar *a, int n, const SimilarityChar *b, int m)
{
    Heads heads;
    uint16_t next[SIMILARITY_MAX_LENGTH] = {0};
    bool a_used[SIMILARITY_MAX_LENGTH] = {false};
    bool b_used[SIMILARITY_MAX_LENGTH] = {false};
    int window = larger(n, m) / 2 - 1;
    int matches = 0;
    int out_of_order = 0;

    memset(&heads, 0, sizeof heads);
    for (int k = m - 1; k >= 0; k--) {
        unsigned slot = head_of(&heads, b[k]);

        next[k] = heads.place[slot] != 0 ? heads.place[slot] : LAST;
        heads.key[slot] = b[k];
        heads.place[slot] = (uint16_t) (k + 1);
    }
    for (int i = 0; i < n; i++) {
        uint16_t *place = &heads.place[head_of(&heads, a[i])];

        while (*place != 0 && *place != LAST && *place - 1 < i - window)
            *place = next[*place - 1];
        if (*place == 0 || *place == LAST || *place - 1 > i + window)
            continue;
        a_used[i] = b_used[*place - 1] = true;
        *place = next[*place - 1];
        matches++;
    }
    for (int i = 0, k = 0; i < n; i++) {
        if (!a_used[i])
            continue;
        while (!b_used[k])
            k++;
        out_of_order += a[i] != b[k++];
    }
    return winkler(n, m, matches, out_of_order,
                   common_characters(a, b, smaller(smaller(n, m), WINKLER_PREFIX)));
}

/* What the 64 rows above leave for those below, one bit for each character of the text. */
typedef struct Border {
    uint64_t right[SIMILARITY_MAX_LENGTH / SIMILARITY_WORD + 1];
    uint64_t left[SIMILARITY_MAX_LENGTH / SIMILARITY_WORD + 1];
    uint64_t swapped[SIMILARITY_MAX_LENGTH / SIMILARITY_WORD + 1];
} Border;

static inline uint64_t
exchange_bit(uint64_t *bits, int j, uint64_t bit)
{
    uint64_t *word = &bits[j / SIMILARITY_WORD];
    uint64_t old = *word >> j % SIMILARITY_WORD & 1;

    *word ^= (old ^ bit) << j % SIMILARITY_WORD;
    return old;
}

/* Edits for a pattern of more than 64 characters: 64 rows at a time over all of the text. */
int
similarity_edits_long(const SimilarityChar *pattern, int m, const SimilarityChar *text, int n)
{
    Border border;
    int distance = m;

    /* above the first row each character more is one edit more */
    memset(border.right, 0xFF, sizeof border.right);
    memset(border.left, 0, sizeof border.left);
    memset(border.swapped, 0, sizeof border.swapped);
    for (int from = 0; from < m; from += SIMILARITY_WORD) {
        int rows = smaller(m - from, SIMILARITY_WORD);
        bool bottom = from + rows == m;
        uint64_t last = UINT64_C(1) << (rows - 1);
        uint64_t up = ~UINT64_C(0), down = 0, same = 0, before = 0;
        CharTable table;

        fill(&table, pattern + from, rows);
        for (int j = 0; j < n; j++) {
            uint64_t found = places_table(&table, text, j);
            uint64_t swap = ~same & found;
            uint64_t swapped =
                (swap << 1 | exchange_bit(border.swapped, j, swap >> (SIMILARITY_WORD - 1))) & before;
            uint64_t above_left = border.left[j / SIMILARITY_WORD] >> j % SIMILARITY_WORD & 1;
            uint64_t right, left;

            before = found;
            found |= above_left;
            same = (((found & up) + up) ^ up) | found | down | swapped;
            right = down | ~(same | up);
            left = same & up;
            if (bottom)
                distance += ((right & last) != 0) - ((left & last) != 0);
            right = right << 1 | exchange_bit(border.right, j, right >> (SIMILARITY_WORD - 1));
            left = left << 1 | exchange_bit(border.left, j, left >> (SIMILARITY_WORD - 1));
            up = left | ~(same | right);
            down = right & same;
        }
    }
    return distance;
}
