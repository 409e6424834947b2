/*
 * words.h: made-up names, streets, towns and numbers, from syllables of five languages and short lists.
 *
 * Everything is drawn from a Random, so that the same seed gives the same words. The nth name of a language is always
 * the same; small n are frequent (Zipf).
 */
#ifndef CRM_BENCH_WORDS_H
#define CRM_BENCH_WORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORD_ROOM 96

typedef struct Random {
    uint64_t state;
} Random;

extern uint64_t random_next(Random *random);
extern uint32_t random_below(Random *random, uint32_t bound);
extern bool random_chance(Random *random, double probability);
/* 0 .. count - 1 with frequencies that fall with the rank to the power of slope. */
extern uint32_t random_zipf(Random *random, uint32_t count, double slope);

extern void word_given(Random *random, int language, bool woman, char out[WORD_ROOM]);
/* False where the name has no short form. */
extern bool word_nickname(Random *random, const char *given, char out[WORD_ROOM]);
extern void word_family(Random *random, int language, char out[WORD_ROOM]);
extern void word_street(Random *random, int language, char out[WORD_ROOM]);
extern void word_town(uint32_t town, char out[WORD_ROOM]);
extern void word_company(Random *random, int language, char out[WORD_ROOM]);
extern const char *word_legal_form(Random *random, int language);
extern const char *word_job(Random *random);
extern const char *word_provider(Random *random);

#define LANGUAGES 5
#define TOWNS 400

#endif
