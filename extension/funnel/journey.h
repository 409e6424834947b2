/*
 * journey.h: a subject's way through a funnel, packed into few bytes. Plain C: knows nothing of Postgres.
 *
 * A journey is a row of events, each a time (microseconds, signed) and a position (0 to 2147483647), in order of time.
 * Events of equal time keep the order in which they were written. Layout, version 1:
 *
 *   1 byte    version
 *   1 byte    unit of time: 0 microseconds, 1 milliseconds, 2 seconds, 3 minutes; the largest that loses nothing
 *   8 bytes   bitmap, the low byte first: journey_bit() of every position; zero bits say that a position never occurs
 *   varint    number of events
 *   varint    number of distinct positions, then these: the first, and how much each is above the one before, less 1
 *   varint    first time in units, zigzag
 *   varint    each event: time since the event before << bits | index among the distinct positions
 *
 * where bits is the least number that holds every index. The empty journey ends after the number of events. Equal
 * journeys have equal bytes. A varint has seven bits a byte, the lowest first, and no more bytes than it needs.
 */
#ifndef CRM_FUNNEL_JOURNEY_H
#define CRM_FUNNEL_JOURNEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JOURNEY_VERSION 1
#define JOURNEY_HEADER 10    /* bytes up to the number of events */
#define JOURNEY_EVENT_MAX 14 /* bytes of one event at most, its place among the distinct positions included */
#define JOURNEY_EXTRA_MAX 40 /* bytes of what is not an event, at most */

typedef struct JourneyEvent {
    int64_t at;
    int32_t position;
} JourneyEvent;

/* The bit of a position in the bitmap; positions share bits. */
static inline uint64_t
journey_bit(int32_t position)
{
    return UINT64_C(1) << (((uint32_t) position * UINT32_C(2654435769)) >> 26);
}

/* The bitmap of a journey of at least JOURNEY_HEADER bytes; no other byte is read. */
extern uint64_t journey_bitmap(const uint8_t *data);

/* Bytes that journey_write may need for so many events. SIZE_MAX where that is more than can be said. */
extern size_t journey_room(size_t count);
/* Packs events, in order of time, into out, which has journey_room(count) bytes; returns how many it took. scratch has
 * room for count. */
extern size_t journey_write(const JourneyEvent *events, size_t count, int32_t *scratch, uint8_t *out);

typedef struct JourneyReader {
    const uint8_t *next;
    const uint8_t *end;
    const uint8_t *positions; /* where the distinct positions begin */
    uint64_t left;            /* events */
    uint32_t distinct;
    int bits;
    int64_t unit; /* microseconds */
    int64_t at;   /* units */
} JourneyReader;

/* Reads up to the first event. False: these are not the bytes of a journey. Nothing outside of them is read, ever. */
extern bool journey_open(JourneyReader *reader, const uint8_t *data, size_t size);
/* The distinct positions, ascending; room for reader->distinct. False as above. */
extern bool journey_positions(const JourneyReader *reader, int32_t *positions);

typedef enum JourneyStep { JOURNEY_EVENT, JOURNEY_END, JOURNEY_BROKEN } JourneyStep;

/* The next event: its time, and which of the distinct positions it has. */
static inline JourneyStep journey_next(JourneyReader *reader, int64_t *at, uint32_t *index);

/* All events at once; events and scratch have room for as many as journey_open says are left. False as journey_open. */
extern bool journey_unpack(const uint8_t *data, size_t size, JourneyEvent *events, int32_t *scratch);
/* Whether these are the bytes that journey_write writes; out has journey_room(as many), the others as journey_unpack. */
extern bool journey_is_canonical(const uint8_t *data, size_t size, JourneyEvent *events, int32_t *scratch,
                                 uint8_t *out);

/* For journey_next: an event of ten bytes or more, or one that ends too early. */
extern JourneyStep journey_next_long(JourneyReader *reader, int64_t *at, uint32_t *index);

static inline JourneyStep
journey_next(JourneyReader *reader, int64_t *at, uint32_t *index)
{
    const uint8_t *byte = reader->next;
    uint64_t value;

    if (reader->left == 0)
        return reader->next == reader->end ? JOURNEY_END : JOURNEY_BROKEN;
    if (reader->end - byte < 9)
        return journey_next_long(reader, at, index);
    value = *byte & 0x7f;
    for (int shift = 7; *byte++ & 0x80; shift += 7) {
        if (shift == 63)
            return journey_next_long(reader, at, index);
        value |= (uint64_t) (*byte & 0x7f) << shift;
    }
    reader->next = byte;
    reader->left--;
    *index = (uint32_t) (value & ((UINT64_C(1) << reader->bits) - 1));
    /* cannot overflow: journey_open and this function keep at below the largest time */
    if (*index >= reader->distinct ||
        __builtin_add_overflow(reader->at, (int64_t) (value >> reader->bits), &reader->at) ||
        __builtin_mul_overflow(reader->at, reader->unit, at))
        return JOURNEY_BROKEN;
    return JOURNEY_EVENT;
}

#endif
