/*
 * mime.c: encoded words are base64 of whole characters; a part is quoted-printable, which a person can still read in the source of a
 * message where it is mostly ASCII.
 */
#include "alert/mime.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define PLAIN_MAX 66  /* with "Subject: " in front still a line of 76 */
#define WORD_BYTES 39 /* 52 characters of base64: with "=?UTF-8?B?", "?=" and "Subject: " 73 */
#define LINE_MAX_CHARACTERS 76

static bool
is_plain(const char *text, size_t length)
{
    if (length > PLAIN_MAX || (length > 0 && (text[0] == ' ' || text[length - 1] == ' ')))
        return false;
    for (size_t i = 0; i < length; i++)
        if (text[i] < ' ' || text[i] > '~' || (text[i] == '=' && i + 1 < length && text[i + 1] == '?'))
            return false;
    return true;
}

static size_t
base64(const unsigned char *bytes, size_t length, char *out)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t used = 0;

    for (size_t i = 0; i < length; i += 3) {
        uint32_t three = (uint32_t) bytes[i] << 16 | (i + 1 < length ? (uint32_t) bytes[i + 1] << 8 : 0) |
                         (i + 2 < length ? bytes[i + 2] : 0);

        out[used++] = letters[three >> 18];
        out[used++] = letters[three >> 12 & 63];
        out[used++] = i + 1 < length ? letters[three >> 6 & 63] : '=';
        out[used++] = i + 2 < length ? letters[three & 63] : '=';
    }
    return used;
}

/* How many bytes the next word has: as many whole characters as fit. */
static size_t
word_length(const char *text, size_t length)
{
    size_t end = length < WORD_BYTES ? length : WORD_BYTES;

    while (end > 0 && end < length && ((unsigned char) text[end] & 0xc0) == 0x80)
        end--;
    return end > 0 ? end : WORD_BYTES; /* bytes that are no UTF-8 at all */
}

size_t
crm_mime_header(const char *text, size_t length, char *out)
{
    size_t used = 0;

    if (is_plain(text, length)) {
        memcpy(out, text, length);
        used = length;
    } else {
        for (size_t at = 0, step; at < length; at += step) {
            step = word_length(text + at, length - at);
            if (at > 0) {
                memcpy(out + used, "\r\n ", 3);
                used += 3;
            }
            memcpy(out + used, "=?UTF-8?B?", 10);
            used += 10;
            used += base64((const unsigned char *) text + at, step, out + used);
            memcpy(out + used, "?=", 2);
            used += 2;
        }
    }
    out[used] = '\0';
    return used;
}

/* Whether a byte stands as it is; at the end of a line a space or a tab does not, and neither does "From " at its beginning. */
static bool
stands(const char *text, size_t length, size_t at, bool first)
{
    unsigned char c = (unsigned char) text[at];

    if (c == ' ' || c == '\t')
        return at + 1 < length && text[at + 1] != '\n';
    return c > ' ' && c <= '~' && c != '=' &&
           !(first && ((c == 'F' && length - at >= 5 && memcmp(text + at, "From ", 5) == 0) || c == '.'));
}

size_t
crm_mime_quoted(const char *text, size_t length, char *out)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t used = 0, column = 0;

    for (size_t at = 0; at < length; at++) {
        bool plain;
        size_t width;

        if (text[at] == '\n') {
            memcpy(out + used, "\r\n", 2);
            used += 2;
            column = 0;
            continue;
        }
        plain = stands(text, length, at, column == 0);
        width = plain ? 1 : 3;
        /* the last character of a line needs no room for a soft break */
        if (column + width >
            (at + 1 == length || text[at + 1] == '\n' ? LINE_MAX_CHARACTERS : LINE_MAX_CHARACTERS - 1)) {
            memcpy(out + used, "=\r\n", 3);
            used += 3;
            column = 0;
            plain = stands(text, length, at, true);
            width = plain ? 1 : 3;
        }
        if (plain)
            out[used++] = text[at];
        else {
            out[used++] = '=';
            out[used++] = digits[(unsigned char) text[at] >> 4];
            out[used++] = digits[(unsigned char) text[at] & 15];
        }
        column += width;
    }
    out[used] = '\0';
    return used;
}
