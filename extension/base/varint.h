/*
 * varint.h: whole numbers in as few bytes as they need: seven bits a byte, the lowest first, the high bit set in all bytes but the last.
 * A signed number is folded first (zigzag), so that small ones of either sign are short. Plain C.
 */
#ifndef CRM_BASE_VARINT_H
#define CRM_BASE_VARINT_H

#include <stddef.h>
#include <stdint.h>

#define VARINT_MAX 10 /* bytes of one number */

/* Returns the place behind it. */
static inline uint8_t *
varint_put(uint8_t *out, uint64_t number)
{
    while (number >= 0x80) {
        *out++ = (uint8_t) (number | 0x80);
        number >>= 7;
    }
    *out++ = (uint8_t) number;
    return out;
}

/* The place behind it; NULL where the bytes end inside of a number, or it is too long. */
static inline const uint8_t *
varint_get(const uint8_t *at, const uint8_t *end, uint64_t *number)
{
    uint64_t result = 0;

    for (int shift = 0; at < end && shift < 64; shift += 7) {
        uint8_t byte = *at++;

        result |= (uint64_t) (byte & 0x7f) << shift;
        if (byte < 0x80) {
            *number = result;
            return at;
        }
    }
    return NULL;
}

static inline uint64_t
zigzag(int64_t value)
{
    return (uint64_t) value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

static inline int64_t
unzigzag(uint64_t value)
{
    return (int64_t) (value >> 1 ^ (value & 1 ? UINT64_MAX : 0));
}

#endif
