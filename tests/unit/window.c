// links: extension/funnel/window.c
// How far a subject came: by hand, and against every way to choose events, on random histories.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <cmocka.h>

#include "funnel/window.h"

#define A 1u
#define B 2u
#define C 4u
#define COUNT(events) (sizeof(events) / sizeof((events)[0]))

static void
test_order(void **state)
{
    WindowEvent all[] = {{1, A}, {2, B}, {3, C}};
    WindowEvent backward[] = {{1, C}, {2, B}, {3, A}};
    WindowEvent repeated[] = {{1, B}, {2, A}, {3, A}, {4, C}, {5, B}, {6, B}};

    (void) state;
    assert_int_equal(window_depth(all, COUNT(all), 3, WITHIN_UNLIMITED, 0), 3);
    assert_int_equal(window_depth(backward, COUNT(backward), 3, WITHIN_UNLIMITED, 0), 1);
    assert_int_equal(window_depth(repeated, COUNT(repeated), 3, WITHIN_UNLIMITED, 0), 2);
    assert_int_equal(window_depth(all, 0, 3, WITHIN_UNLIMITED, 0), 0);
}

static void
test_one_event_one_step(void **state)
{
    WindowEvent both[] = {{1, A | B}};
    WindowEvent twice[] = {{1, A | B}, {1, A | B}};

    (void) state;
    assert_int_equal(window_depth(both, COUNT(both), 2, WITHIN_UNLIMITED, 0), 1);
    assert_int_equal(window_depth(twice, COUNT(twice), 2, 0, 0), 2);
}

static void
test_window(void **state)
{
    // The first attempt is too slow for C, the second is not.
    WindowEvent late[] = {{0, A}, {5, B}, {8, A}, {9, B}, {15, C}};
    // The later start has not come as far: the earlier one must not be lost.
    WindowEvent early[] = {{0, A}, {5, B}, {8, A}, {10, C}};
    WindowEvent ends[] = {{INT64_MIN, A}, {INT64_MAX, B}};

    (void) state;
    assert_int_equal(window_depth(late, COUNT(late), 3, 7, 0), 3);
    assert_int_equal(window_depth(late, COUNT(late), 3, 6, 0), 2);
    assert_int_equal(window_depth(early, COUNT(early), 3, 10, 0), 3);
    assert_int_equal(window_depth(early, COUNT(early), 3, 9, 0), 2);
    assert_int_equal(window_depth(ends, COUNT(ends), 2, INT64_MAX, 0), 1);
    assert_int_equal(window_depth(ends, COUNT(ends), 2, WITHIN_UNLIMITED, 0), 2);
}

// Every way: from each event that can be the next step, go on.
static int
try_all(const WindowEvent *events, size_t count, int steps, int64_t within, size_t from, int step,
        int64_t start)
{
    int best = step;

    for (size_t i = from; i < count && step < steps; i++)
        if ((events[i].steps & (1u << step)) &&
            (step == 0 || within == WITHIN_UNLIMITED || events[i].at - start <= within)) {
            int depth =
                try_all(events, count, steps, within, i + 1, step + 1, step == 0 ? events[i].at : start);

            if (depth > best)
                best = depth;
        }
    return best;
}

static void
test_against_all_choices(void **state)
{
    WindowEvent events[9] = {{0}};

    (void) state;
    srand(1);
    for (int round = 0; round < 20000; round++) {
        size_t count = (size_t) (rand() % 10);
        int steps = 1 + rand() % 4;
        int64_t within = rand() % 4 == 0 ? WITHIN_UNLIMITED : rand() % 8;

        for (size_t i = 0; i < count; i++)
            events[i] = (WindowEvent){(i == 0 ? 0 : events[i - 1].at) + rand() % 3, (uint32_t) rand() % 16};
        assert_int_equal(window_depth(events, count, steps, within, 0),
                         try_all(events, count, steps, within, 0, 0, 0));
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_one_event_one_step),
        cmocka_unit_test(test_window),
        cmocka_unit_test(test_against_all_choices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
