/*
 * similarity_words.h: how alike two texts of several words are.
 *
 * Plain C. The texts are folded as normal_fold does it: words of letters and digits, one blank between them. Nothing is
 * allocated. Of each text the first SIMILARITY_MAX_WORDS words count.
 */
#ifndef CRM_CUSTOMER_SIMILARITY_WORDS_H
#define CRM_CUSTOMER_SIMILARITY_WORDS_H

#define SIMILARITY_MAX_WORDS 64

/*
 * As sets of words, whatever their order: the most similar pair by Jaro and Winkler is taken out, then the next, down to
 * 0.85; twice the sum of their similarities over the number of all words, 0 to 1. Symmetric. Two texts without words are
 * equal, one without is like no other; so it is for the functions below.
 */
extern double similarity_word_sets(const char *a, int n, const char *b, int m);

/*
 * The mean, over the words of a, of the similarity (Jaro and Winkler) of the word of b that is most like it, 0 to 1. Not
 * symmetric: what b has beside counts for nothing. Source: Monge and Elkan, "The Field Matching Problem", 1996.
 */
extern double similarity_monge_elkan(const char *a, int n, const char *b, int m);

/*
 * Runs of three characters that both have, over those that either has (Jaccard), 0 to 1; each word counts with two blanks
 * before and one behind, as pg_trgm does. Of longer texts the first SIMILARITY_MAX_LENGTH characters count.
 */
extern double similarity_trigrams(const char *a, int n, const char *b, int m);

#endif
