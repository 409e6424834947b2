/*
 * utf8.h: what is a character of UTF-8. Pure.
 */
#ifndef CRMD_UTF8_H
#define CRMD_UTF8_H

#include <stddef.h>

/* Length of the valid character at text (shortest form, no surrogate, up to U+10FFFF), or 0. text ends in NUL. */
size_t utf8_length(const unsigned char *text);

#endif
