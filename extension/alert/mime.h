/*
 * mime.h: texts as e-mail carries them (RFC 2045, RFC 2047): ASCII in short lines, whatever they say.
 *
 * Pure. Text is UTF-8 and its lines end in LF. Nothing in a text can end a header or a part: a header's value holds no control
 * characters but in encoded form, and "=" is always followed by two hexadecimal digits or the end of a line, so that a boundary that
 * begins with "=_" never stands in a part.
 */
#ifndef CRM_ALERT_MIME_H
#define CRM_ALERT_MIME_H

#include <stddef.h>

/* Bytes that the results take at most, the NUL included. */
#define CRM_MIME_HEADER_SIZE(length) ((length) *2 + 80)
#define CRM_MIME_QUOTED_SIZE(length) ((length) *4 + 8)

/*
 * The value of a header whose name has at most seven letters: as it is where it is short printable ASCII, else encoded words of whole
 * characters, one a line. Returns its bytes; out gets a NUL.
 */
extern size_t crm_mime_header(const char *text, size_t length, char *out);

/* A text in quoted-printable, in lines of at most 76 characters that end in CRLF. Returns its bytes; out gets a NUL. */
extern size_t crm_mime_quoted(const char *text, size_t length, char *out);

#endif
