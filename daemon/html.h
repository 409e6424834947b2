/*
 * html.h: text in HTML, as crmd's pages write it.
 *
 * Pure. What is written is UTF-8, whatever it holds: the five characters that mean something are escaped, so that it may stand between tags and
 * in a quoted attribute; control characters become blanks, and marks that turn the direction of what follows (bidirectional controls) are left
 * out, so that a name cannot rearrange what stands beside it.
 */
#ifndef CRMD_HTML_H
#define CRMD_HTML_H

#include <stdio.h>

void html_put(FILE *out, const char *text);

/* before and after are HTML of the program, and not escaped. */
void html_put_element(FILE *out, const char *before, const char *text, const char *after);

#endif
