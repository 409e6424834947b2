/* nearest.h: which of the known words somebody probably meant. Pure. */
#ifndef CRMD_NEAREST_H
#define CRMD_NEAREST_H

#include <stddef.h>

/* The candidate with the fewest changed letters, or NULL where none is near (more than a third changed). */
const char *nearest_word(const char *word, const char *const *candidates, size_t count);

#endif
