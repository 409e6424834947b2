/*
 * similarity.h: how alike two texts are.
 *
 * Plain C, nothing of Postgres: a text is an array of characters (code points), so that an accented letter is one
 * character however many bytes it has. The caller owns all memory and gives the room that is used in between.
 */
#ifndef CRM_CUSTOMER_SIMILARITY_H
#define CRM_CUSTOMER_SIMILARITY_H

#include <stdbool.h>

typedef unsigned int SimilarityChar;

/*
 * Jaro's similarity with Winkler's bonus for a common beginning (0.1 for each of up to four characters, where Jaro's is
 * above 0.7), 0 to 1. Two empty texts are equal, an empty one is like no other. used is room for n + m. Source: Winkler,
 * "String Comparator Metrics", 1990; MARTHA and MARHTA give 0.961.
 */
extern double similarity_jaro_winkler(const SimilarityChar *a, int n, const SimilarityChar *b, int m,
                                      bool *used);

/*
 * The least number of characters inserted, deleted, replaced or swapped with their neighbour to make b of a, where no
 * piece is edited twice (optimal string alignment): CA to ABC is 3. Stops where it is more than limit and returns
 * limit + 1; a negative limit is none. rows is room for 3 * (m + 1).
 */
extern int similarity_edits(const SimilarityChar *a, int n, const SimilarityChar *b, int m, int limit,
                            int *rows);

/*
 * In place, to lower case: Latin, Greek and Cyrillic letters, by a rule of its own and not by a locale. Apostrophes are
 * dropped (O'Neil is oneil). Returns the new length.
 */
extern int similarity_fold(SimilarityChar *text, int n);

#define SIMILARITY_MAX_TOKENS 64

typedef struct SimilarityToken {
    int start;
    int length;
    bool taken;
} SimilarityToken;

/* Splits a folded text into runs of letters and digits: the first SIMILARITY_MAX_TOKENS, for which tokens is room. */
extern int similarity_tokens(const SimilarityChar *text, int n, SimilarityToken *tokens);

/*
 * How alike two sets of tokens are, whatever their order: the most similar pair by Jaro and Winkler is taken out, then the
 * next, down to 0.85; twice the sum of their similarities over the number of all tokens, 0 to 1. used is room for as
 * many characters as both texts have.
 */
extern double similarity_token_sets(const SimilarityChar *a, SimilarityToken *a_tokens, int a_count,
                                    const SimilarityChar *b, SimilarityToken *b_tokens, int b_count,
                                    bool *used);

#endif
