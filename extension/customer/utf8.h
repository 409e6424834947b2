/*
 * utf8.h: characters out of bytes.
 *
 * Plain C. Bytes that are no UTF-8 (overlong forms and surrogates too) are read as Latin-1, one by one, so that every
 * text has characters.
 */
#ifndef CRM_CUSTOMER_UTF8_H
#define CRM_CUSTOMER_UTF8_H

#include <stdint.h>

static inline int
utf8_continues(const unsigned char *text, int from, int to)
{
    for (int i = from; i < to; i++)
        if ((text[i] & 0xC0) != 0x80)
            return 0;
    return 1;
}

/* Reads one character of at least one byte, of which left are there; returns how many bytes it has. */
static inline int
utf8_read(const unsigned char *text, int left, uint32_t *c)
{
    unsigned char lead = text[0];

    if (lead >= 0xC2 && lead < 0xE0 && left >= 2 && utf8_continues(text, 1, 2)) {
        *c = (uint32_t) (lead & 0x1F) << 6 | (text[1] & 0x3F);
        return 2;
    }
    if (lead >= 0xE0 && lead < 0xF0 && left >= 3 && utf8_continues(text, 1, 3)) {
        *c = (uint32_t) (lead & 0x0F) << 12 | (uint32_t) (text[1] & 0x3F) << 6 | (text[2] & 0x3F);
        if (*c >= 0x800 && (*c < 0xD800 || *c > 0xDFFF))
            return 3;
    } else if (lead >= 0xF0 && lead < 0xF5 && left >= 4 && utf8_continues(text, 1, 4)) {
        *c = (uint32_t) (lead & 0x07) << 18 | (uint32_t) (text[1] & 0x3F) << 12 |
             (uint32_t) (text[2] & 0x3F) << 6 | (text[3] & 0x3F);
        if (*c >= 0x10000 && *c <= 0x10FFFF)
            return 4;
    }
    *c = lead;
    return 1;
}

#endif
