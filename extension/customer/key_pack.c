/*
 * key_pack.c: see key_pack.h.
 *
 * A list is, for each key in rising order: the difference to the key before it, twice the number of its records and 1 where
 * they are elsewhere, and where they are not, the first record and the differences from one to the next.
 */
#include "customer/key_pack.h"

#include "base/varint.h"

#include <stdbool.h>
#include <string.h>

#define SLOT_ENTRIES 256
#define MAX_BITS 24
#define RADIX_BITS 11

int
key_pack_bits(uint64_t entries)
{
    int bits = 0;

    while (bits < MAX_BITS && (entries >> bits) > SLOT_ENTRIES)
        bits++;
    return bits;
}

uint32_t
key_pack_slot(uint32_t key, int bits)
{
    return bits == 0 ? 0 : key >> (32 - bits);
}

int32_t
key_pack_own_slot(uint32_t key)
{
    return -1 - (int32_t) (key >> 1);
}

void
key_pack_sort(KeyEntry *entries, KeyEntry *scratch, size_t count)
{
    KeyEntry *from = entries;
    KeyEntry *to = scratch;

    for (int shift = 0; shift < 32; shift += RADIX_BITS) {
        size_t start[1 << RADIX_BITS] = {0};
        size_t sum = 0;
        KeyEntry *other = from;

        for (size_t i = 0; i < count; i++)
            start[from[i].key >> shift & ((1 << RADIX_BITS) - 1)]++;
        for (int digit = 0; digit < 1 << RADIX_BITS; digit++) {
            size_t here = start[digit];

            start[digit] = sum;
            sum += here;
        }
        for (size_t i = 0; i < count; i++)
            to[start[from[i].key >> shift & ((1 << RADIX_BITS) - 1)]++] = from[i];
        from = to;
        to = other;
    }
    if (from != entries)
        memcpy(entries, from, sizeof *entries * count);
}

size_t
key_pack_bound(size_t count)
{
    return count * 3 * VARINT_MAX;
}

size_t
key_pack(const KeyEntry *entries, size_t count, size_t many, const int64_t *record, uint8_t *out)
{
    uint8_t *at = out;
    uint32_t last_key = 0;

    for (size_t first = 0, end; first < count; first = end) {
        int64_t last = 0;
        bool elsewhere;

        for (end = first + 1; end < count && entries[end].key == entries[first].key;)
            end++;
        elsewhere = end - first > many;
        at = varint_put(at, entries[first].key - last_key);
        at = varint_put(at, (end - first) << 1 | elsewhere);
        for (size_t i = first; i < end && !elsewhere; i++) {
            at = varint_put(at, (uint64_t) record[entries[i].node] - (uint64_t) last);
            last = record[entries[i].node];
        }
        last_key = entries[first].key;
    }
    return (size_t) (at - out);
}

/* Behind so many numbers; NULL where the list ends before. */
static const uint8_t *
skip(const uint8_t *at, const uint8_t *end, uint64_t numbers)
{
    for (; numbers > 0; at++) {
        if (at == end)
            return NULL;
        numbers -= *at < 0x80;
    }
    return at;
}

bool
key_pack_find(const uint8_t *list, size_t size, uint32_t wanted, KeyHolders *holders)
{
    const uint8_t *end = list + size;
    uint64_t key = 0;

    *holders = (KeyHolders){0};
    for (const uint8_t *at = list; at < end;) {
        uint64_t step;
        uint64_t count;

        if ((at = varint_get(at, end, &step)) == NULL || (at = varint_get(at, end, &count)) == NULL ||
            count >> 1 > UINT32_MAX || ((count & 1) == 0 && count >> 1 > (size_t) (end - at)))
            return false;
        key += step;
        if (key == wanted)
            *holders = (KeyHolders){(uint32_t) (count >> 1), count & 1, at, end};
        if (key >= wanted)
            break;
        if ((count & 1) == 0 && (at = skip(at, end, count >> 1)) == NULL)
            return false;
    }
    return true;
}

bool
key_pack_records(const KeyHolders *holders, int64_t *records)
{
    const uint8_t *at = holders->at;
    uint64_t record = 0;

    for (uint32_t i = 0; i < holders->count; i++) {
        uint64_t step;

        if ((at = varint_get(at, holders->end, &step)) == NULL)
            return false;
        record += step;
        records[i] = (int64_t) record;
        if (i > 0 && records[i] <= records[i - 1])
            return false;
    }
    return true;
}

static bool
is_among(int64_t number, const int64_t *numbers, size_t count)
{
    while (count > 0) {
        size_t half = count / 2;

        if (numbers[half] == number)
            return true;
        if (numbers[half] < number) {
            numbers += half + 1;
            count -= half + 1;
        } else {
            count = half;
        }
    }
    return false;
}

/*
 * The number of a key's records comes before them: they are read twice, to be counted and to be written. The result is never
 * longer: a difference that spans two others takes at most one byte more than the longer of them, and ten at most.
 */
size_t
key_pack_without(const uint8_t *list, size_t size, const int64_t *numbers, size_t count, uint8_t *out)
{
    const uint8_t *end = list + size;
    uint64_t key = 0;
    uint64_t last_key = 0;
    uint8_t *to = out;

    for (const uint8_t *at = list; at < end;) {
        uint64_t step;
        uint64_t holders;
        uint64_t stay = 0;
        uint64_t record = 0;
        uint64_t last = 0;
        const uint8_t *first;

        if ((at = varint_get(at, end, &step)) == NULL || (at = varint_get(at, end, &holders)) == NULL)
            return KEY_PACK_DAMAGED;
        key += step;
        if (holders & 1) { /* elsewhere */
            to = varint_put(varint_put(to, key - last_key), holders);
            last_key = key;
            continue;
        }
        holders >>= 1;
        if (holders > (size_t) (end - at))
            return KEY_PACK_DAMAGED;
        first = at;
        for (uint64_t i = 0; i < holders; i++) {
            if ((at = varint_get(at, end, &step)) == NULL)
                return KEY_PACK_DAMAGED;
            record += step;
            stay += !is_among(key_pack_number((int64_t) record), numbers, count);
        }
        if (stay == 0)
            continue;
        to = varint_put(varint_put(to, key - last_key), stay << 1);
        last_key = key;
        record = 0;
        at = first;
        for (uint64_t i = 0; i < holders; i++) {
            at = varint_get(at, end, &step);
            record += step;
            if (is_among(key_pack_number((int64_t) record), numbers, count))
                continue;
            to = varint_put(to, record - last);
            last = record;
        }
    }
    return (size_t) (to - out);
}
