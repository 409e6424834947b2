/*
 * journey.c: packs and reads journeys. See journey.h.
 *
 * An event is one number of up to 63 + 31 bits, so writing and the slow reading have it in two parts; nearly all take
 * 3 to 6 bytes, which journey_advance reads by itself.
 */
#include "funnel/journey.h"

#include "base/varint.h"

#include <stdlib.h>
#include <string.h>

#define UNITS 4
static const int64_t unit_of_time[UNITS] = {1, 1000, 1000000, 60000000};

/* A number of up to 128 bits. */
typedef struct Wide {
    uint64_t low;
    uint64_t high;
} Wide;

static uint8_t *
put_wide(uint8_t *out, Wide value)
{
    while (value.high != 0 || value.low >= 0x80) {
        *out++ = (uint8_t) (value.low | 0x80);
        value.low = value.low >> 7 | value.high << 57;
        value.high >>= 7;
    }
    *out++ = (uint8_t) value.low;
    return out;
}

/* NULL: it does not end, or is longer than 98 bits (14 bytes). */
static const uint8_t *
get_wide(const uint8_t *next, const uint8_t *end, Wide *value)
{
    *value = (Wide){0, 0};
    for (int shift = 0; next < end && shift < 98; shift += 7) {
        uint64_t part = *next & 0x7f;

        if (shift < 64)
            value->low |= part << shift;
        if (shift >= 64)
            value->high |= part << (shift - 64);
        else if (shift > 57)
            value->high |= part >> (64 - shift);
        if ((*next++ & 0x80) == 0)
            return next;
    }
    return NULL;
}

/* NULL: as get_wide, or not below the limit. */
static const uint8_t *
get(const uint8_t *next, const uint8_t *end, uint64_t limit, uint64_t *value)
{
    size_t length = journey_number(next, end, value);
    Wide wide;

    if (length != 0)
        return *value < limit ? next + length : NULL;
    next = get_wide(next, end, &wide);
    if (next == NULL || wide.high != 0 || wide.low >= limit)
        return NULL;
    *value = wide.low;
    return next;
}

static int
bits_for(uint32_t distinct)
{
    return distinct <= 1 ? 0 : 32 - __builtin_clz(distinct - 1);
}

uint64_t
journey_bitmap(const uint8_t *data)
{
    uint64_t bitmap = 0;

    for (int i = 0; i < 8; i++)
        bitmap |= (uint64_t) data[2 + i] << (8 * i);
    return bitmap;
}

size_t
journey_room(size_t count)
{
    /* a distinct position takes 5 bytes at most; an event with its index 14 */
    if (count > (SIZE_MAX - JOURNEY_EXTRA_MAX) / (JOURNEY_EVENT_MAX + 5))
        return SIZE_MAX;
    return JOURNEY_EXTRA_MAX + count * (JOURNEY_EVENT_MAX + 5);
}

static int
compare_positions(const void *left, const void *right)
{
    int32_t a = *(const int32_t *) left;
    int32_t b = *(const int32_t *) right;

    return (a > b) - (a < b);
}

/* Sorts the events' positions into scratch, each once; returns how many there are. */
static uint32_t
collect_positions(const JourneyEvent *events, size_t count, int32_t *scratch)
{
    uint32_t distinct = 0;

    for (size_t i = 0; i < count; i++)
        scratch[i] = events[i].position;
    qsort(scratch, count, sizeof(*scratch), compare_positions);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || scratch[i] != scratch[i - 1])
            scratch[distinct++] = scratch[i];
    return distinct;
}

static uint32_t
index_of(const int32_t *positions, uint32_t distinct, int32_t position)
{
    uint32_t low = 0;
    uint32_t high = distinct;

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        if (positions[middle] <= position)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static int
find_unit(const JourneyEvent *events, size_t count)
{
    int unit = UNITS - 1;

    for (size_t i = 0; i < count && unit > 0; i++)
        while (events[i].at % unit_of_time[unit] != 0)
            unit--;
    return unit;
}

static uint8_t *
put_positions(uint8_t *out, const int32_t *positions, uint32_t distinct)
{
    out = varint_put(out, distinct);
    for (uint32_t i = 0; i < distinct; i++)
        out = varint_put(out, (uint64_t) (i == 0 ? positions[0] : positions[i] - positions[i - 1] - 1));
    return out;
}

size_t
journey_write(const JourneyEvent *events, size_t count, int32_t *scratch, uint8_t *out)
{
    uint32_t distinct = collect_positions(events, count, scratch);
    int bits = bits_for(distinct);
    int unit = count == 0 ? 0 : find_unit(events, count);
    uint64_t bitmap = 0;
    uint8_t *next = varint_put(out + JOURNEY_HEADER, count);
    int64_t before;

    for (uint32_t i = 0; i < distinct; i++)
        bitmap |= journey_bit(scratch[i]);
    out[0] = JOURNEY_VERSION;
    out[1] = (uint8_t) unit;
    for (int i = 0; i < 8; i++)
        out[2 + i] = (uint8_t) (bitmap >> (8 * i));
    if (count == 0)
        return (size_t) (next - out);
    next = put_positions(next, scratch, distinct);
    before = events[0].at / unit_of_time[unit];
    next = varint_put(next, zigzag(before));
    for (size_t i = 0; i < count; i++) {
        int64_t at = events[i].at / unit_of_time[unit];
        uint64_t since = (uint64_t) at - (uint64_t) before;
        uint32_t index = index_of(scratch, distinct, events[i].position);

        next = put_wide(next, (Wide){since << bits | index, bits == 0 ? 0 : since >> (64 - bits)});
        before = at;
    }
    return (size_t) (next - out);
}

const uint8_t *
journey_positions(const JourneyReader *reader, int32_t *positions)
{
    const uint8_t *next = reader->positions;
    uint64_t position = 0;
    uint64_t above;

    for (uint32_t i = 0; i < reader->distinct; i++) {
        next = get(next, reader->end, UINT64_C(1) << 31, &above);
        if (next == NULL)
            return NULL;
        position += i == 0 ? above : above + 1;
        if (position > INT32_MAX)
            return NULL;
        if (positions != NULL)
            positions[i] = (int32_t) position;
    }
    return next;
}

bool
journey_open_head(JourneyReader *reader, const uint8_t *data, size_t size)
{
    uint64_t value;

    *reader = (JourneyReader){.end = data + size};
    if (size <= JOURNEY_HEADER || data[0] != JOURNEY_VERSION || data[1] >= UNITS)
        return false;
    reader->unit = unit_of_time[data[1]];
    /* an event takes a byte at least: a broken count asks for no more than there is */
    reader->next = get(data + JOURNEY_HEADER, reader->end, size, &reader->left);
    reader->positions = reader->next;
    if (reader->next == NULL || reader->left == 0)
        return reader->next != NULL;
    reader->positions = get(reader->next, reader->end, reader->left + 1, &value);
    if (reader->positions == NULL || value == 0 || value > INT32_MAX)
        return false;
    reader->distinct = (uint32_t) value;
    reader->bits = bits_for(reader->distinct);
    return true;
}

bool
journey_open_tail(JourneyReader *reader, const uint8_t *next)
{
    uint64_t value;

    if (reader->distinct == 0)
        return true;
    reader->next = next == NULL ? NULL : get(next, reader->end, UINT64_MAX, &value);
    if (reader->next == NULL)
        return false;
    reader->at = unzigzag(value);
    return true;
}

bool
journey_open(JourneyReader *reader, const uint8_t *data, size_t size)
{
    return journey_open_head(reader, data, size) &&
           journey_open_tail(reader, journey_positions(reader, NULL));
}

JourneyStep
journey_advance_long(JourneyReader *reader, uint32_t *index)
{
    Wide value;
    uint64_t since;

    reader->next = get_wide(reader->next, reader->end, &value);
    if (reader->next == NULL || value.high >> reader->bits != 0)
        return JOURNEY_BROKEN;
    reader->left--;
    *index = (uint32_t) (value.low & ((UINT64_C(1) << reader->bits) - 1));
    since = reader->bits == 0 ? value.low : value.low >> reader->bits | value.high << (64 - reader->bits);
    return *index >= reader->distinct || __builtin_add_overflow(reader->at, since, &reader->at)
               ? JOURNEY_BROKEN
               : JOURNEY_EVENT;
}

bool
journey_unpack(const uint8_t *data, size_t size, JourneyEvent *events, int32_t *scratch)
{
    JourneyReader reader;
    JourneyStep step;
    int64_t at;
    uint32_t index;

    if (!journey_open(&reader, data, size) || !journey_positions(&reader, scratch))
        return false;
    while ((step = journey_next(&reader, &at, &index)) == JOURNEY_EVENT)
        *events++ = (JourneyEvent){at, scratch[index]};
    return step == JOURNEY_END;
}

bool
journey_is_canonical(const uint8_t *data, size_t size, JourneyEvent *events, int32_t *scratch, uint8_t *out)
{
    JourneyReader reader;

    return journey_open(&reader, data, size) && journey_unpack(data, size, events, scratch) &&
           journey_write(events, reader.left, scratch, out) == size && memcmp(out, data, size) == 0;
}
