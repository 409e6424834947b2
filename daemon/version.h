/*
 * version.h: which of two versions is the older one, and what to do about it.
 */
#ifndef CRMD_VERSION_H
#define CRMD_VERSION_H

#include <stdbool.h>
#include <stddef.h>

/* Numbers with points between them, as 0.10.1; what is no number counts as 0. Below 0: a is older than b, 0: they are the same. */
int version_compare(const char *a, const char *b);

/* Whether the extension in the database is of another version than this crmd; advice says what to do about it. */
bool version_differs(const char *extension, const char *crmd, char *advice, size_t size);

#endif
