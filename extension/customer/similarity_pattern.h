/*
 * similarity_pattern.h: one text against many, by Jaro and Winkler.
 *
 * Plain C, nothing is allocated. What is looked up of the one text is worked out once; where it and the other one are ASCII of up to
 * SIMILARITY_PATTERN_LENGTH characters, as names are, a comparison takes about two thirds of the time of
 * similarity_bytes_jaro_winkler. The result is the same to the last bit, whatever the texts.
 */
#ifndef CRM_CUSTOMER_SIMILARITY_PATTERN_H
#define CRM_CUSTOMER_SIMILARITY_PATTERN_H

#include <stdbool.h>
#include <stdint.h>

#define SIMILARITY_PATTERN_LENGTH 63

typedef struct SimilarityPattern {
    const unsigned char *text; /* the caller's: it stays as it is while the pattern is used */
    int length;
    bool looked_up;       /* ASCII, and not too long */
    uint64_t places[256]; /* of each byte, where the text has it; the highest bit where it is not ASCII */
} SimilarityPattern;

extern void similarity_pattern_set(SimilarityPattern *pattern, const unsigned char *text, int n);
extern double similarity_pattern_jaro_winkler(const SimilarityPattern *pattern, const unsigned char *text,
                                              int n);

#endif
