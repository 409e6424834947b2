/*
 * fit.h: a text as a receiver may have it: escaped in its way, no longer than it takes, never cut inside a character, an escape
 * or a grapheme (a letter with its accents, a flag, a family of emoji).
 *
 * Pure. Text is UTF-8; a byte that is none becomes "?". Control characters and line breaks become spaces, and the invisible
 * characters that turn the direction of writing are dropped, since they make one name look like another. Lengths are UTF-16
 * units, the largest way in which receivers count characters.
 */
#ifndef CRM_ALERT_FIT_H
#define CRM_ALERT_FIT_H

#include <stdbool.h>
#include <stddef.h>

typedef enum CrmFitStyle {
    CRM_FIT_PLAIN,
    CRM_FIT_SLACK,    /* & < > as entities */
    CRM_FIT_HTML,     /* these and both quotes */
    CRM_FIT_TELEGRAM, /* as HTML; a space after @, which would call people */
    CRM_FIT_MARKDOWN  /* a backslash before what means something; a space after @, which would call people */
} CrmFitStyle;

/* Bytes that the result of a text of so many bytes may take, the note for a cut apart. */
#define CRM_FIT_SIZE(length) ((length) *6 + 1)

/*
 * Writes the escaped text to out, with a NUL, and returns its bytes. Where it is longer than most units, as many graphemes as leave
 * room for note (ASCII, of less than most bytes) stand before it; out needs CRM_FIT_SIZE(length) and the note's length.
 */
extern size_t crm_fit(const char *text, size_t length, CrmFitStyle style, size_t most, const char *note,
                      char *out);

#endif
