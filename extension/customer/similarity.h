/*
 * similarity.h: how alike two texts are, character by character.
 *
 * Plain C, nothing of Postgres, nothing is allocated, nothing is kept between calls: threads may call at once. A text is
 * UTF-8 with its length in bytes (or an array of characters); an accented letter is one character however many bytes it
 * has, and what is no UTF-8 is read as Latin-1. Of longer texts the first SIMILARITY_MAX_LENGTH characters count.
 *
 * ASCII texts of up to 64 characters, which is what names are, are compared by 64-bit words without any table.
 */
#ifndef CRM_CUSTOMER_SIMILARITY_H
#define CRM_CUSTOMER_SIMILARITY_H

#include <stdint.h>

#define SIMILARITY_MAX_LENGTH 1000

typedef uint32_t SimilarityChar;

/*
 * Jaro's similarity with Winkler's bonus for a common beginning (0.1 for each of up to four characters, where Jaro's is
 * above 0.7), 0 to 1. Two empty texts are equal, an empty one is like no other. Symmetric. Source: Winkler, "String
 * Comparator Metrics", 1990; MARTHA and MARHTA give 0.961.
 */
extern double similarity_bytes_jaro_winkler(const unsigned char *a, int n, const unsigned char *b, int m);
extern double similarity_jaro_winkler(const SimilarityChar *a, int n, const SimilarityChar *b, int m);

/*
 * The least number of characters inserted, deleted, replaced or swapped with their neighbour to make b of a, where no
 * piece is edited twice (optimal string alignment): CA to ABC is 3. Stops where it is more than limit and returns
 * limit + 1; a negative limit is none. Symmetric. Source: Hyyro, "A Bit-Vector Algorithm for Computing Levenshtein and
 * Damerau Edit Distances", 2003.
 */
extern int similarity_bytes_edits(const unsigned char *a, int n, const unsigned char *b, int m, int limit);
extern int similarity_edits(const SimilarityChar *a, int n, const SimilarityChar *b, int m, int limit);

/* The characters of a text, at most SIMILARITY_MAX_LENGTH, for which out has room. */
extern int similarity_characters(const unsigned char *text, int n, SimilarityChar *out);

#endif
