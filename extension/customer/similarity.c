/*
 * similarity.c: see similarity.h.
 */
#include "customer/similarity.h"

#include <string.h>

#define WINKLER_SCALE 0.1
#define WINKLER_PREFIX 4
#define WINKLER_THRESHOLD 0.7
#define TOKEN_THRESHOLD 0.85

static int
smaller(int a, int b)
{
    return a < b ? a : b;
}

static int
larger(int a, int b)
{
    return a > b ? a : b;
}

/* Marks in a_used and b_used which characters match within the window; returns how many. */
static int
match_characters(const SimilarityChar *a, int n, const SimilarityChar *b, int m, bool *a_used, bool *b_used)
{
    int window = larger(larger(n, m) / 2 - 1, 0);
    int matches = 0;

    for (int i = 0; i < n; i++)
        for (int k = larger(0, i - window); k < smaller(m, i + window + 1); k++)
            if (!b_used[k] && a[i] == b[k]) {
                a_used[i] = b_used[k] = true;
                matches++;
                break;
            }
    return matches;
}

double
similarity_jaro_winkler(const SimilarityChar *a, int n, const SimilarityChar *b, int m, bool *used)
{
    bool *b_used = used + n;
    int matches;
    int out_of_order = 0;
    int prefix = 0;
    double jaro;

    if (n == 0 || m == 0)
        return n == m ? 1 : 0;
    memset(used, 0, (size_t) (n + m) * sizeof(bool));
    matches = match_characters(a, n, b, m, used, b_used);
    if (matches == 0)
        return 0;
    for (int i = 0, k = 0; i < n; i++) {
        if (!used[i])
            continue;
        while (!b_used[k])
            k++;
        out_of_order += a[i] != b[k++];
    }
    jaro =
        ((double) matches / n + (double) matches / m + (double) (matches - out_of_order / 2) / matches) / 3;
    while (prefix < smaller(smaller(n, m), WINKLER_PREFIX) && a[prefix] == b[prefix])
        prefix++;
    return jaro > WINKLER_THRESHOLD ? jaro + prefix * WINKLER_SCALE * (1 - jaro) : jaro;
}

int
similarity_edits(const SimilarityChar *a, int n, const SimilarityChar *b, int m, int limit, int *rows)
{
    int *before = rows;
    int *last = rows + m + 1;
    int *row = rows + 2 * (m + 1);

    if (limit >= 0 && (n > m ? n - m : m - n) > limit)
        return limit + 1;
    for (int k = 0; k <= m; k++)
        last[k] = k;
    for (int i = 1; i <= n; i++) {
        int best = row[0] = i;
        int *spare;

        for (int k = 1; k <= m; k++) {
            row[k] = smaller(smaller(last[k] + 1, row[k - 1] + 1), last[k - 1] + (a[i - 1] != b[k - 1]));
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1])
                row[k] = smaller(row[k], before[k - 2] + 1);
            best = smaller(best, row[k]);
        }
        /* a swap reaches back two rows, so one row above the limit is not enough to stop */
        if (limit >= 0 && best > limit + 1)
            return limit + 1;
        spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return limit >= 0 && last[m] > limit ? limit + 1 : last[m];
}

static SimilarityChar
lower(SimilarityChar c)
{
    if ((c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3A9) ||
        (c >= 0x410 && c <= 0x42F))
        return c + 0x20;
    if (c >= 0x400 && c <= 0x40F)
        return c + 0x50;
    if (c == 0x178) /* Y with two dots stands apart from its lower case */
        return 0xFF;
    if ((c >= 0x100 && c <= 0x137 && c != 0x130 && c != 0x131) || (c >= 0x14A && c <= 0x177) ||
        (c >= 0x460 && c <= 0x481) || (c >= 0x48A && c <= 0x4BF) || (c >= 0x4D0 && c <= 0x52F) ||
        (c >= 0x1E00 && c <= 0x1E95) || (c >= 0x1EA0 && c <= 0x1EFF))
        return c | 1;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E))
        return c % 2 == 1 ? c + 1 : c;
    return c;
}

int
similarity_fold(SimilarityChar *text, int n)
{
    int kept = 0;

    for (int i = 0; i < n; i++)
        if (text[i] != '\'' && text[i] != 0x2019 && text[i] != 0x2BC)
            text[kept++] = lower(text[i]);
    return kept;
}

/* Outside ASCII what is no punctuation, blank or symbol of the common blocks counts as a letter. */
static bool
is_word(SimilarityChar c)
{
    if (c < 0x80)
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    return !((c >= 0x80 && c <= 0xBF && c != 0xAA && c != 0xB5 && c != 0xBA) || c == 0xD7 || c == 0xF7 ||
             (c >= 0x2000 && c <= 0x206F) || (c >= 0x20A0 && c <= 0x20CF) || (c >= 0x2100 && c <= 0x2BFF) ||
             (c >= 0x3000 && c <= 0x303F) || c == 0xFEFF);
}

int
similarity_tokens(const SimilarityChar *text, int n, SimilarityToken *tokens)
{
    int count = 0;

    for (int i = 0; i < n && count < SIMILARITY_MAX_TOKENS; i++) {
        int start = i;

        while (i < n && is_word(text[i]))
            i++;
        if (i > start)
            tokens[count++] = (SimilarityToken){start, i - start, false};
    }
    return count;
}

double
similarity_token_sets(const SimilarityChar *a, SimilarityToken *a_tokens, int a_count,
                      const SimilarityChar *b, SimilarityToken *b_tokens, int b_count, bool *used)
{
    double sum = 0;

    if (a_count == 0 || b_count == 0)
        return a_count == b_count ? 1 : 0;
    /* the most similar pair of all goes first, so that no exact match is taken away by a similar token */
    for (;;) {
        double best = 0;
        int best_i = 0;
        int best_k = 0;

        for (int i = 0; i < a_count; i++)
            for (int k = 0; k < b_count && !a_tokens[i].taken; k++) {
                double alike = b_tokens[k].taken
                                   ? 0
                                   : similarity_jaro_winkler(a + a_tokens[i].start, a_tokens[i].length,
                                                             b + b_tokens[k].start, b_tokens[k].length, used);

                if (alike > best) {
                    best = alike;
                    best_i = i;
                    best_k = k;
                }
            }
        if (best < TOKEN_THRESHOLD)
            break;
        a_tokens[best_i].taken = b_tokens[best_k].taken = true;
        sum += best;
    }
    return 2 * sum / (a_count + b_count);
}
