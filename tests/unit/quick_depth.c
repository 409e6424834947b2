// links: extension/funnel/quick_depth.c extension/funnel/journey.c extension/funnel/attempt.c extension/funnel/attempt_unordered.c
// The quick way through a journey's bytes comes as far as the search that knows every rule, on random journeys with many ties.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "chance.h"
#include "funnel/attempt.h"
#include "funnel/quick_depth.h"

#define MOST 60
#define POSITIONS 8
#define NO_STEP UINT8_MAX

static const uint64_t units[] = {1, 1000, 1000000, 60000000};

typedef struct Case {
    JourneyEvent events[MOST];
    size_t count;
    uint8_t step[POSITIONS]; // of each position, or NO_STEP
    int steps;
    int64_t within;
} Case;

static Case
make_case(void)
{
    Case made = {.count = chance(MOST), .steps = 1 + (int) chance(5)};
    uint64_t unit = units[chance(4)];
    int64_t at = ((int64_t) chance(2000) - 1000) * (int64_t) unit;

    for (size_t i = 0; i < made.count; i++) {
        made.events[i] = (JourneyEvent){at, (int32_t) chance(POSITIONS)};
        if (chance(3) != 0) // a third are ties
            at += (int64_t) (chance(10) * unit);
    }
    for (int i = 0; i < POSITIONS; i++) // a step may have several positions, or none
        made.step[i] = chance(4) == 0 ? NO_STEP : (uint8_t) chance((unsigned) made.steps);
    made.within = chance(5) == 0 ? WITHIN_UNLIMITED : (int64_t) (chance(40) * unit + chance((unsigned) unit));
    return made;
}

static int
depth_by_search(const Case *made)
{
    AttemptRule rule = {made->steps, ATTEMPT_ORDERED, ATTEMPT_BEST, 0, made->within, WITHIN_UNLIMITED};
    AttemptEvent events[MOST];

    for (size_t i = 0; i < made->count; i++) {
        uint8_t step = made->step[made->events[i].position];

        events[i] = (AttemptEvent){made->events[i].at, step == NO_STEP ? 0 : UINT64_C(1) << step, 0};
    }
    return attempt_depth(&rule, events, made->count);
}

// Of the bytes of a case, in memory that is just as large, the first `size`; all of them where it is more.
static int
depth_of_bytes(const Case *made, size_t size)
{
    QuickFunnel funnel = {0};
    QuickStep steps[POSITIONS];
    int32_t scratch[MOST + 1];
    uint8_t *out = malloc(journey_room(made->count));
    size_t all = journey_write(made->events, made->count, scratch, out);
    uint8_t *bytes;
    int depth;

    for (int i = 0; i < POSITIONS; i++)
        if (made->step[i] != NO_STEP)
            steps[funnel.count++] = (QuickStep){i, made->step[i]};
    funnel.steps = steps;
    funnel.within = made->within;
    size = size < all ? size : all;
    bytes = malloc(size);
    memcpy(bytes, out, size);
    depth = quick_depth(&funnel, bytes, size, made->steps);
    assert_int_equal(quick_depth(&funnel, bytes, size, made->steps), depth); // now its positions are known
    free(bytes);
    free(out);
    return depth;
}

static void
test_as_the_search(void **state)
{
    int came[8] = {0};

    (void) state;
    state_of_chance = 1;
    for (int i = 0; i < 50000; i++) {
        Case made = make_case();
        int depth = depth_by_search(&made);

        assert_int_equal(depth_of_bytes(&made, SIZE_MAX), depth);
        came[depth]++;
    }
    for (int depth = 0; depth <= 5; depth++)
        assert_true(came[depth] > 100); // there was something to find
}

// One funnel over journeys whose distinct positions are now these, now those.
static void
test_positions_learned(void **state)
{
    static const QuickStep steps[] = {{100, 0}, {200, 1}, {70000, 2}};
    static const int32_t ways[][3] = {{100, 200, 70000}, {100, 200, 300}, {100, 201, 70000}, {200, 100, 200}};
    static const int depths[] = {3, 2, 1, 2};
    QuickFunnel funnel = {.steps = steps, .count = 3, .within = WITHIN_UNLIMITED};

    (void) state;
    state_of_chance = 3;
    for (int i = 0; i < 1000; i++) {
        unsigned way = chance(4);
        JourneyEvent events[3];
        int32_t scratch[4];
        uint8_t bytes[128];

        for (int k = 0; k < 3; k++)
            events[k] = (JourneyEvent){k * 1000000, ways[way][k]};
        assert_int_equal(quick_depth(&funnel, bytes, journey_write(events, 3, scratch, bytes), 3),
                         depths[way]);
    }
}

static void
test_window_of_part_units(void **state)
{
    Case made = {.events = {{0, 0}, {60000000, 1}}, .count = 2, .step = {0, 1}, .steps = 2};

    (void) state;
    made.within = 60000000;
    assert_int_equal(depth_of_bytes(&made, SIZE_MAX), 2);
    made.within = 59999999;
    assert_int_equal(depth_of_bytes(&made, SIZE_MAX), 1);
    made.within = 0;
    assert_int_equal(depth_of_bytes(&made, SIZE_MAX), 1);
    made.events[0].at = INT64_MIN + 1;
    made.events[1].at = INT64_MAX;
    made.within = INT64_MAX;
    assert_int_equal(depth_of_bytes(&made, SIZE_MAX), 1);
    made.within = WITHIN_UNLIMITED;
    assert_int_equal(depth_of_bytes(&made, SIZE_MAX), 2);
}

static void
test_truncated(void **state)
{
    (void) state;
    state_of_chance = 2;
    for (int i = 0; i < 2000; i++) {
        Case made = make_case();
        int depth = depth_by_search(&made);

        for (size_t size = 0; size < 80; size++)
            assert_true(depth_of_bytes(&made, size) <= depth); // -1, or all was found before the cut
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_search), cmocka_unit_test(test_positions_learned),
        cmocka_unit_test(test_window_of_part_units), cmocka_unit_test(test_truncated)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
