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
/*
 * The same in two parts: up to the distinct positions, then from `next`, behind them, up to the first event. Who has met the
 * same distinct positions before, byte by byte, knows where they end.
 */
extern bool journey_open_head(JourneyReader *reader, const uint8_t *data, size_t size);
extern bool journey_open_tail(JourneyReader *reader, const uint8_t *next);
/* Writes the distinct positions, ascending, where positions, with room for reader->distinct, is not NULL. What comes behind them; NULL
 * as false above. */
extern const uint8_t *journey_positions(const JourneyReader *reader, int32_t *positions);

typedef enum JourneyStep { JOURNEY_EVENT, JOURNEY_END, JOURNEY_BROKEN } JourneyStep;

/* The next event: its time in units, reader->at, and which of the distinct positions it has. */
static inline JourneyStep journey_advance(JourneyReader *reader, uint32_t *index);
/* The same, with its time in microseconds. */
static inline JourneyStep journey_next(JourneyReader *reader, int64_t *at, uint32_t *index);

/* All events at once; events and scratch have room for as many as journey_open says are left. False as journey_open. */
extern bool journey_unpack(const uint8_t *data, size_t size, JourneyEvent *events, int32_t *scratch);
/* Whether these are the bytes that journey_write writes; out has journey_room(as many), the others as journey_unpack. */
extern bool journey_is_canonical(const uint8_t *data, size_t size, JourneyEvent *events, int32_t *scratch,
                                 uint8_t *out);

/* For journey_advance: an event of nine bytes or more, or one that ends too early. */
extern JourneyStep journey_advance_long(JourneyReader *reader, uint32_t *index);

/* Eight bytes, the low one first, zeros for those that are not there. */
static inline uint64_t
journey_load(const uint8_t *data, size_t room)
{
    uint64_t word = 0;

    if (room >= 8) /* compilers make one load of this */
        return (uint64_t) data[0] | (uint64_t) data[1] << 8 | (uint64_t) data[2] << 16 |
               (uint64_t) data[3] << 24 | (uint64_t) data[4] << 32 | (uint64_t) data[5] << 40 |
               (uint64_t) data[6] << 48 | (uint64_t) data[7] << 56;
    for (size_t i = 0; i < room; i++)
        word |= (uint64_t) data[i] << (8 * i);
    return word;
}

/* The seven bits of each byte of the first varint, side by side. Without a loop: how long it is cannot be foretold. */
static inline uint64_t
journey_varint(uint64_t word, uint64_t ends)
{
    word &= ends ^ (ends - 1);
    word = (word & UINT64_C(0x007f007f007f007f)) | (word & UINT64_C(0x7f007f007f007f00)) >> 1;
    word = (word & UINT64_C(0x00003fff00003fff)) | (word & UINT64_C(0x3fff00003fff0000)) >> 2;
    return (word & UINT64_C(0x0fffffff)) | (word & UINT64_C(0x0fffffff00000000)) >> 4;
}

/* The number that comes next, and how many bytes it takes; 0 where it is of nine bytes or more, or ends too early. */
static inline size_t
journey_number(const uint8_t *next, const uint8_t *end, uint64_t *value)
{
    size_t room = (size_t) (end - next);
    uint64_t word = journey_load(next, room);
    uint64_t ends = ~word & UINT64_C(0x8080808080808080); /* the high bit of each byte that ends a number */
    size_t length;

    if (ends == 0)
        return 0;
    length = ((size_t) __builtin_ctzll(ends) >> 3) + 1;
    *value = journey_varint(word, ends);
    return length <= room ? length : 0;
}

static inline JourneyStep
journey_advance(JourneyReader *reader, uint32_t *index)
{
    uint64_t value;
    size_t length;

    if (reader->left == 0)
        return reader->next == reader->end ? JOURNEY_END : JOURNEY_BROKEN;
    length = journey_number(reader->next, reader->end, &value);
    if (length == 0)
        return journey_advance_long(reader, index);
    reader->next += length;
    reader->left--;
    *index = (uint32_t) (value & ((UINT64_C(1) << reader->bits) - 1));
    if (*index >= reader->distinct ||
        __builtin_add_overflow(reader->at, (int64_t) (value >> reader->bits), &reader->at))
        return JOURNEY_BROKEN;
    return JOURNEY_EVENT;
}

static inline JourneyStep
journey_next(JourneyReader *reader, int64_t *at, uint32_t *index)
{
    JourneyStep step = journey_advance(reader, index);

    if (step == JOURNEY_EVENT && __builtin_mul_overflow(reader->at, reader->unit, at))
        return JOURNEY_BROKEN;
    return step;
}

#endif
