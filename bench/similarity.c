/*
 * Nanoseconds a pair of the similarity functions themselves, without a server: reads pairs, one a line with a tab between them.
 * Each figure is the best of several rounds over all pairs, by processor time, so that other work on the machine counts little.
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "customer/normal.h"
#include "customer/similarity.h"
#include "customer/similarity_pattern.h"
#include "customer/similarity_words.h"

#define PAIRS 20000 /* they fit in the cache, as a linker's words do */
#define ROUNDS 25

typedef struct Pair {
    const char *a;
    const char *b;
    int n;
    int m;
} Pair;

typedef double (*Measure)(const Pair *pair);

static double
jaro_winkler(const Pair *pair)
{
    return similarity_bytes_jaro_winkler((const unsigned char *) pair->a, pair->n,
                                         (const unsigned char *) pair->b, pair->m);
}

static double
edits(const Pair *pair)
{
    return similarity_bytes_edits((const unsigned char *) pair->a, pair->n, (const unsigned char *) pair->b,
                                  pair->m, -1);
}

static double
edits_within_two(const Pair *pair)
{
    return similarity_bytes_edits((const unsigned char *) pair->a, pair->n, (const unsigned char *) pair->b,
                                  pair->m, 2);
}

static double
word_sets(const Pair *pair)
{
    return similarity_word_sets(pair->a, pair->n, pair->b, pair->m);
}

static double
trigrams(const Pair *pair)
{
    return similarity_trigrams(pair->a, pair->n, pair->b, pair->m);
}

static double
fold(const Pair *pair)
{
    char out[3 * NORMAL_MAX_TEXT];

    return normal_fold(pair->a, (size_t) pair->n, out);
}

static double
person(const Pair *pair)
{
    NormalWords words;

    normal_person(NULL, 0, NULL, 0, pair->a, (size_t) pair->n, &words);
    return words.count;
}

static double
seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double) now.tv_sec + 1e-9 * (double) now.tv_nsec;
}

static double
nanoseconds(const Pair *pairs, int count, Measure measure)
{
    static volatile double sink;
    double best = 1e9;

    for (int round = 0; round < ROUNDS; round++) {
        double start = seconds();
        double sum = 0;

        for (int i = 0; i < count; i++)
            sum += measure(&pairs[i]);
        sink = sum;
        start = seconds() - start;
        best = start < best ? start : best;
    }
    (void) sink;
    return 1e9 * best / count;
}

/* One text against 400 others, as a search by a name has it; the pairs' own texts, each other one. */
static double
one_against_many(const Pair *pairs, int count, bool by_pattern)
{
    static volatile double sink;
    static SimilarityPattern pattern;
    int many = count / 2 < 400 ? count / 2 : 400;
    double best = 1e9;

    for (int round = 0; round < ROUNDS; round++) {
        double start = seconds();
        double sum = 0;

        for (int i = 0; i < many; i++) {
            if (by_pattern)
                similarity_pattern_set(&pattern, (const unsigned char *) pairs[i].a, pairs[i].n);
            for (int k = many; k < 2 * many; k++) {
                Pair pair = {pairs[i].a, pairs[k].a, pairs[i].n, pairs[k].n};

                sum += by_pattern
                           ? similarity_pattern_jaro_winkler(&pattern, (const unsigned char *) pair.b, pair.m)
                           : jaro_winkler(&pair);
            }
        }
        sink = sum;
        start = seconds() - start;
        best = start < best ? start : best;
    }
    (void) sink;
    return many > 0 ? 1e9 * best / ((double) many * many) : 0;
}

int
main(void)
{
    static Pair pairs[PAIRS];
    static const struct {
        const char *name;
        Measure measure;
    } measures[] = {{"jaro_winkler", jaro_winkler},
                    {"damerau_levenshtein", edits},
                    {"damerau_levenshtein, at most 2", edits_within_two},
                    {"token_similarity, of folded texts", word_sets},
                    {"trigram_similarity, of folded texts", trigrams},
                    {"folding one text", fold},
                    {"reading one name", person}};
    char line[4096];
    int count = 0;

    while (count < PAIRS && fgets(line, sizeof line, stdin) != NULL) {
        char *tab = strchr(line, '\t');

        if (tab == NULL)
            continue;
        line[strcspn(line, "\n")] = '\0';
        *tab = '\0';
        pairs[count++] = (Pair){strdup(line), strdup(tab + 1), (int) strlen(line), (int) strlen(tab + 1)};
    }
    for (size_t i = 0; i < sizeof measures / sizeof measures[0]; i++)
        printf("%-38s %6.0f ns\n", measures[i].name, nanoseconds(pairs, count, measures[i].measure));
    printf("%-38s %6.0f ns\n", "jaro_winkler, one against 400", one_against_many(pairs, count, false));
    printf("%-38s %6.0f ns\n", "jaro_winkler, the same by a pattern", one_against_many(pairs, count, true));
    return count > 0 ? 0 : 1;
}
