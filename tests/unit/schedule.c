// links: daemon/schedule.c
/* When crmd tries again, and how long a lease covers. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "schedule.h"

static int
hours_in(const char *text)
{
    struct HourSpan span;
    int hours = 0;

    if (!schedule_read_hours(text, &span))
        return -1;
    for (int hour = 0; hour < 24; hour++)
        hours |= schedule_hour_is_in(&span, hour) << hour;
    return hours;
}

static void
test_hours(void **state)
{
    (void) state;
    assert_int_equal(hours_in("always"), 0xFFFFFF);
    assert_int_equal(hours_in("never"), 0);
    assert_int_equal(hours_in("1-3"), 0x6);
    assert_int_equal(hours_in("22-2"), 0xC00003);
    assert_int_equal(hours_in("0-23"), 0x7FFFFF);
    assert_int_equal(hours_in("5-5"), 0xFFFFFF);
    for (size_t i = 0; i < 11; i++)
        assert_int_equal(
            hours_in(((const char *const[]){"", "22", "22-", "-6", "22-24", "-1-5", "1-2-3", "1 - 2", "a-b",
                                            "Always", "99999999999999999999-1"})[i]),
            -1);
}

/* Doubles from the base to the cap, minus at most a quarter. */
static void
test_backoff(void **state)
{
    (void) state;
    for (uint32_t seed = 0; seed < 2000; seed++) {
        int64_t full = 100;

        for (int failures = 1; failures <= 12; failures++) {
            int64_t wait = schedule_backoff_ms(failures, 100, 10000, seed);

            assert_true(wait <= full);
            assert_true(wait > full - full / 4 - 1);
            full = full * 2 > 10000 ? 10000 : full * 2;
        }
    }
    assert_true(schedule_backoff_ms(1000000, 100, 10000, 7) <= 10000);
    assert_true(schedule_backoff_ms(1000000, 100, 10000, 7) >= 7500);
}

/* The same daemon waits the same time; different ones do not all wait the same. */
static void
test_jitter(void **state)
{
    int64_t first = schedule_backoff_ms(8, 100, 10000, 0);
    int different = 0;

    (void) state;
    assert_int_equal(first, schedule_backoff_ms(8, 100, 10000, 0));
    for (uint32_t seed = 1; seed <= 100; seed++)
        different += schedule_backoff_ms(8, 100, 10000, seed) != first;
    assert_true(different > 90);
    assert_int_equal(schedule_seed(""), 2166136261u);
    assert_int_equal(schedule_seed("a"), 0xe40c292cu);
}

static void
test_trouble(void **state)
{
    struct Trouble trouble = {0};

    (void) state;
    assert_true(schedule_allows(&trouble, 0));
    schedule_failed(&trouble, 5000, 1);
    assert_false(schedule_allows(&trouble, 5000 + 749));
    assert_true(schedule_allows(&trouble, 5000 + 1000));
    for (int i = 0; i < 2000; i++)
        schedule_failed(&trouble, 5000, 1);
    assert_false(schedule_allows(&trouble, 5000 + 44999));
    assert_true(schedule_allows(&trouble, 5000 + 60000));
    schedule_worked(&trouble);
    assert_true(schedule_allows(&trouble, 0));
}

static void
test_lease(void **state)
{
    (void) state;
    assert_true(schedule_lease_covers(1000, 60000, 1000, 10000));
    assert_true(schedule_lease_covers(1000, 60000, 50999, 10000));
    assert_false(schedule_lease_covers(1000, 60000, 51000, 10000));
    assert_false(schedule_lease_covers(1000, 60000, 1000000, 0)); /* the machine slept */
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hours),   cmocka_unit_test(test_backoff), cmocka_unit_test(test_jitter),
        cmocka_unit_test(test_trouble), cmocka_unit_test(test_lease),
    };

    return cmocka_run_group_tests_name("schedule", tests, NULL, NULL);
}
