/*
 * similarity_words.c: see similarity_words.h.
 */
#include "customer/similarity_words.h"

#include <stdbool.h>
#include <string.h>

#include "customer/normal_words.h"
#include "customer/similarity.h"

#define ALIKE 0.85

static double
word_similarity(const NormalPiece *a, const NormalPiece *b)
{
    return similarity_bytes_jaro_winkler((const unsigned char *) a->text, a->length,
                                         (const unsigned char *) b->text, b->length);
}

/*
 * The most similar pair of all goes first, so that no exact match is taken away by a similar word. Words that are the same
 * are taken out before any other pair is compared: most words are.
 */
static double
take_equal(NormalPiece *x, int *x_count, NormalPiece *y, int *y_count)
{
    int equal = 0;

    for (int i = 0; i < *x_count; i++)
        for (int k = 0; k < *y_count; k++)
            if (x[i].length == y[k].length && memcmp(x[i].text, y[k].text, (size_t) x[i].length) == 0) {
                /* the order of what is left decides between pairs that are alike, so it is kept */
                memmove(x + i, x + i + 1, (size_t) (--*x_count - i) * sizeof *x);
                memmove(y + k, y + k + 1, (size_t) (--*y_count - k) * sizeof *y);
                i--;
                equal++;
                break;
            }
    return equal;
}

double
similarity_word_sets(const char *a, int n, const char *b, int m)
{
    NormalPiece x[SIMILARITY_MAX_WORDS];
    NormalPiece y[SIMILARITY_MAX_WORDS];
    float alike[SIMILARITY_MAX_WORDS][SIMILARITY_MAX_WORDS];
    int x_count = normal_split(a, n, x, SIMILARITY_MAX_WORDS);
    int y_count = normal_split(b, m, y, SIMILARITY_MAX_WORDS);
    int words = x_count + y_count;
    double sum;

    if (x_count == 0 || y_count == 0)
        return x_count == y_count ? 1 : 0;
    sum = take_equal(x, &x_count, y, &y_count);
    for (int i = 0; i < x_count; i++)
        for (int k = 0; k < y_count; k++)
            alike[i][k] = (float) word_similarity(&x[i], &y[k]);
    for (;;) {
        float best = 0;
        int best_i = 0;
        int best_k = 0;

        for (int i = 0; i < x_count; i++)
            for (int k = 0; k < y_count; k++)
                if (alike[i][k] > best) {
                    best = alike[i][k];
                    best_i = i;
                    best_k = k;
                }
        if (best < (float) ALIKE)
            break;
        sum += word_similarity(&x[best_i], &y[best_k]);
        for (int k = 0; k < y_count; k++)
            alike[best_i][k] = 0;
        for (int i = 0; i < x_count; i++)
            alike[i][best_k] = 0;
    }
    return 2 * sum / words;
}

double
similarity_monge_elkan(const char *a, int n, const char *b, int m)
{
    NormalPiece x[SIMILARITY_MAX_WORDS];
    NormalPiece y[SIMILARITY_MAX_WORDS];
    int x_count = normal_split(a, n, x, SIMILARITY_MAX_WORDS);
    int y_count = normal_split(b, m, y, SIMILARITY_MAX_WORDS);
    double sum = 0;

    if (x_count == 0 || y_count == 0)
        return x_count == y_count ? 1 : 0;
    for (int i = 0; i < x_count; i++) {
        double best = 0;

        for (int k = 0; k < y_count && best < 1; k++) {
            double alike = word_similarity(&x[i], &y[k]);

            best = alike > best ? alike : best;
        }
        sum += best;
    }
    return sum / x_count;
}

/* Shell's sort with Ciura's gaps: a name has some twenty trigrams, a text at most a few thousand. */
static void
sort(uint64_t *value, int count)
{
    static const int gaps[] = {701, 301, 132, 57, 23, 10, 4, 1};

    for (size_t g = 0; g < sizeof gaps / sizeof gaps[0]; g++)
        for (int i = gaps[g]; i < count; i++) {
            uint64_t moved = value[i];
            int k = i;

            for (; k >= gaps[g] && value[k - gaps[g]] > moved; k -= gaps[g])
                value[k] = value[k - gaps[g]];
            value[k] = moved;
        }
}

/* The trigrams of a text, each once, in order; three characters of 21 bits are one number. */
static int
trigrams(const char *text, int n, uint64_t *out)
{
    SimilarityChar c[SIMILARITY_MAX_LENGTH + 1];
    int length = similarity_characters((const unsigned char *) text, n, c);
    uint64_t last = ' ' << 21 | ' ';
    int count = 0;
    int kept = 0;

    if (length == 0)
        return 0;
    c[length] = ' ';
    for (int i = 0; i <= length; i++) {
        out[count++] = (last << 21 | c[i]) & ((UINT64_C(1) << 63) - 1);
        last = c[i] == ' ' ? ' ' << 21 | ' ' : (last << 21 | c[i]) & ((UINT64_C(1) << 42) - 1);
    }
    sort(out, count);
    for (int i = 0; i < count; i++)
        if (kept == 0 || out[kept - 1] != out[i])
            out[kept++] = out[i];
    return kept;
}

double
similarity_trigrams(const char *a, int n, const char *b, int m)
{
    uint64_t x[SIMILARITY_MAX_LENGTH + 1];
    uint64_t y[SIMILARITY_MAX_LENGTH + 1];
    int x_count = trigrams(a, n, x);
    int y_count = trigrams(b, m, y);
    int both = 0;

    if (x_count == 0 || y_count == 0)
        return x_count == y_count ? 1 : 0;
    for (int i = 0, k = 0; i < x_count && k < y_count;) {
        bool first = x[i] <= y[k];
        bool second = x[i] >= y[k];

        both += first && second;
        i += first;
        k += second;
    }
    return (double) both / (x_count + y_count - both);
}
