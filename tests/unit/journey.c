// links: extension/funnel/journey.c
// The packed form: there and back, its bytes, its size, and every truncated or altered byte string.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "funnel/journey.h"

#define DAY INT64_C(86400000000)
#define LIMIT 400

typedef struct Packed {
    uint8_t *bytes; // just as long as the journey: what is read behind it is found out
    size_t size;
} Packed;

static uint64_t random_state = 1;

static uint64_t
next_random(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state;
}

static Packed
pack(const JourneyEvent *events, size_t count)
{
    int32_t *scratch = malloc(sizeof(int32_t) * (count + 1));
    uint8_t *out = malloc(journey_room(count));
    Packed packed;

    packed.size = journey_write(events, count, scratch, out);
    assert_true(packed.size <= journey_room(count));
    packed.bytes = malloc(packed.size);
    memcpy(packed.bytes, out, packed.size);
    free(scratch);
    free(out);
    return packed;
}

// The number of events, or -1 where the bytes are none of journey_write's.
static int
unpack(const uint8_t *bytes, size_t size, JourneyEvent **events)
{
    JourneyReader reader;
    int32_t *scratch;
    uint8_t *out;
    bool good;

    *events = NULL;
    if (!journey_open(&reader, bytes, size))
        return -1;
    *events = malloc(sizeof(JourneyEvent) * (reader.left + 1));
    scratch = malloc(sizeof(int32_t) * (reader.left + 1));
    out = malloc(journey_room(reader.left));
    good = journey_is_canonical(bytes, size, *events, scratch, out);
    free(scratch);
    free(out);
    return good ? (int) reader.left : -1;
}

static void
assert_round_trip(const JourneyEvent *events, size_t count)
{
    Packed packed = pack(events, count);
    JourneyEvent *back;

    assert_int_equal(unpack(packed.bytes, packed.size, &back), count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(back[i].at, events[i].at);
        assert_int_equal(back[i].position, events[i].position);
        assert_true(journey_bitmap(packed.bytes) & journey_bit(events[i].position));
    }
    free(back);
    free(packed.bytes);
}

static size_t
make_random(JourneyEvent *events)
{
    size_t count = next_random() % (next_random() % 2 ? 8 : LIMIT);
    uint64_t unit = (uint64_t[]){1, 1000, 1000000, 60000000}[next_random() % 4];
    uint64_t distinct = 1 + next_random() % (next_random() % 2 ? 6 : 300);
    int64_t at = (int64_t) ((next_random() % 2000000) * unit) - (int64_t) (1000000 * unit);

    for (size_t i = 0; i < count; i++) {
        events[i] = (JourneyEvent){at, (int32_t) (next_random() % distinct * 100)};
        if (next_random() % 3 != 0) // a third are ties
            at += (int64_t) (next_random() % 5000 * unit);
    }
    return count;
}

static void
test_round_trip(void **state)
{
    JourneyEvent extremes[] = {{INT64_MIN + 1, INT32_MAX}, {-1, 0}, {0, 0}, {0, INT32_MAX}, {INT64_MAX, 7}};
    JourneyEvent events[LIMIT];

    (void) state;
    assert_round_trip(NULL, 0);
    assert_round_trip(extremes, 1);
    assert_round_trip(extremes, 5);
    assert_round_trip(&extremes[4], 1);
    for (int i = 0; i < 3000; i++)
        assert_round_trip(events, make_random(events));
}

// Five days, two stages: written down from the layout in journey.h.
static void
test_layout(void **state)
{
    JourneyEvent events[] = {{2 * DAY, 100}, {2 * DAY, 300}, {5 * DAY, 100}};
    uint64_t bitmap = journey_bit(100) | journey_bit(300);
    uint8_t expected[] = {1, 3, 0, 0, 0, 0, 0, 0, 0, 0, 3, 2, 100, 0xc7, 1, 0x80, 0x2d, 0, 1, 0xc0, 0x43};
    Packed packed = pack(events, 3);

    (void) state;
    for (int i = 0; i < 8; i++)
        expected[2 + i] = (uint8_t) (bitmap >> (8 * i));
    assert_int_equal(packed.size, sizeof(expected));
    assert_memory_equal(packed.bytes, expected, sizeof(expected));
    free(packed.bytes);
}

// Twenty events of a week, in seconds.
static void
test_size(void **state)
{
    JourneyEvent events[20];
    int64_t at = 8000 * DAY;
    Packed packed;

    (void) state;
    for (int i = 0; i < 20; i++) {
        at += (int64_t) (next_random() % 60000) * 1000000;
        events[i] = (JourneyEvent){at, (int32_t) (1 + next_random() % 5) * 100};
    }
    packed = pack(events, 20);
    assert_in_range(packed.size, 40, 85);
    free(packed.bytes);
}

static void
test_truncated(void **state)
{
    JourneyEvent events[LIMIT];

    (void) state;
    for (int i = 0; i < 60; i++) {
        Packed packed = pack(events, make_random(events));

        for (size_t size = 0; size < packed.size; size++) {
            uint8_t *part = malloc(size + (size == 0));
            JourneyEvent *back;

            memcpy(part, packed.bytes, size);
            assert_int_equal(unpack(part, size, &back), -1);
            free(back);
            free(part);
        }
        free(packed.bytes);
    }
}

// An altered string is refused, or it is another journey in the one form that this has.
static void
test_altered(void **state)
{
    JourneyEvent events[LIMIT];

    (void) state;
    for (int i = 0; i < 20000; i++) {
        Packed packed = pack(events, make_random(events));
        JourneyEvent *back;
        int count;

        for (uint64_t flips = 1 + next_random() % 3; flips > 0; flips--)
            packed.bytes[next_random() % packed.size] = (uint8_t) next_random();
        count = unpack(packed.bytes, packed.size, &back);
        if (count >= 0) {
            Packed again = pack(back, (size_t) count);

            assert_int_equal(again.size, packed.size);
            assert_memory_equal(again.bytes, packed.bytes, packed.size);
            for (int k = 1; k < count; k++)
                assert_true(back[k - 1].at <= back[k].at);
            free(again.bytes);
        }
        free(back);
        free(packed.bytes);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_layout),  cmocka_unit_test(test_size),
        cmocka_unit_test(test_truncated),  cmocka_unit_test(test_altered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
