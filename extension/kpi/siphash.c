/*
 * siphash.c: see siphash.h.
 */
#include "kpi/siphash.h"

#include <string.h>

typedef struct Sip {
    uint64_t a, b, c, d;
} Sip;

static inline uint64_t
turn(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static inline void
rounds(Sip *sip, int count)
{
    while (count-- > 0) {
        sip->a += sip->b;
        sip->b = turn(sip->b, 13) ^ sip->a;
        sip->a = turn(sip->a, 32);
        sip->c += sip->d;
        sip->d = turn(sip->d, 16) ^ sip->c;
        sip->a += sip->d;
        sip->d = turn(sip->d, 21) ^ sip->a;
        sip->c += sip->b;
        sip->b = turn(sip->b, 17) ^ sip->c;
        sip->c = turn(sip->c, 32);
    }
}

/* Up to eight bytes, the lowest first. */
static inline uint64_t
read_word(const uint8_t *bytes, size_t count)
{
    uint64_t word = 0;

    for (size_t i = 0; i < count; i++)
        word |= (uint64_t) bytes[i] << (8 * i);
    return word;
}

static inline void
take_word(Sip *sip, uint64_t word)
{
    sip->d ^= word;
    rounds(sip, 2);
    sip->a ^= word;
}

static void
write_result(const Sip *sip, uint8_t *at)
{
    uint64_t word = sip->a ^ sip->b ^ sip->c ^ sip->d;

    for (int i = 0; i < 8; i++)
        at[i] = (uint8_t) (word >> (8 * i));
}

void
crm_siphash(const uint8_t *key, const void *data, size_t length, uint8_t *hash)
{
    const uint8_t *at = data;
    const uint8_t *end = at + length / 8 * 8;
    uint64_t low = read_word(key, 8);
    uint64_t high = read_word(key + 8, 8);
    Sip sip = {UINT64_C(0x736f6d6570736575) ^ low, UINT64_C(0x646f72616e646f6d) ^ high ^ 0xee,
               UINT64_C(0x6c7967656e657261) ^ low, UINT64_C(0x7465646279746573) ^ high};

    for (; at < end; at += 8)
        take_word(&sip, read_word(at, 8));
    take_word(&sip, (uint64_t) length << 56 | read_word(at, length % 8));
    sip.c ^= 0xee;
    rounds(&sip, 4);
    write_result(&sip, hash);
    sip.b ^= 0xdd;
    rounds(&sip, 4);
    write_result(&sip, hash + 8);
}
