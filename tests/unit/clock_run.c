// links: extension/kpi/clock_run.c extension/base/business_time.c
// Clocks of service levels, by hand: summer time, holidays, pauses, no hours, long targets, and changes in any order.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <cmocka.h>

#include "kpi/clock_run.h"
#include "library_zone.h"

#define LAST (INT64_C(100) * 366 * BUSINESS_DAY) /* the end of the century */
#define OPEN BUSINESS_NEVER
#define COUNT(changes) (sizeof(changes) / sizeof(changes)[0])

static int64_t no_holidays[1];

/* 9 to 17 on weekdays in Berlin: from 8 to 16 UTC in winter, from 7 to 15 in summer. */
static BusinessCalendar
berlin(void)
{
    BusinessCalendar calendar = {.zone = library_zone};

    set_zone(BERLIN);
    for (int weekday = 0; weekday < 5; weekday++)
        assert_true(business_week_add(&calendar.week, weekday, (BusinessSpan){9 * 3600, 17 * 3600}));
    business_prepare(&calendar, no_holidays);
    return calendar;
}

/* Sundays alone, from an hour to another. */
static BusinessCalendar
sundays(int since, int until)
{
    BusinessCalendar calendar = {.zone = library_zone};

    set_zone(BERLIN);
    assert_true(business_week_add(&calendar.week, 6, (BusinessSpan){since * 3600, until * 3600}));
    business_prepare(&calendar, no_holidays);
    return calendar;
}

static ClockRun
clock_of(const BusinessCalendar *calendar, int64_t started, int64_t stopped)
{
    return (ClockRun){.calendar = calendar, .started = started, .stopped = stopped, .last = LAST};
}

static ClockRun
changing_clock(const BusinessCalendar *calendar, int64_t started, int64_t stopped, const ClockChange *changes,
               size_t count)
{
    ClockRun run = clock_of(calendar, started, stopped);

    run.changes = changes;
    run.count = count;
    return run;
}

/* A working day's end is due then, not on the next morning. */
static void
test_day(void **state)
{
    BusinessCalendar calendar = berlin();
    ClockRun run = clock_of(&calendar, utc(2026, 1, 12, 8, 0), OPEN);

    (void) state;
    assert_int_equal(clock_due(&run, 8 * HOUR), utc(2026, 1, 12, 16, 0));
    assert_int_equal(clock_due(&run, 8 * HOUR + 1), utc(2026, 1, 13, 8, 0) + 1);
    assert_int_equal(clock_due(&run, 0), run.started);
    assert_int_equal(clock_used(&run, utc(2026, 1, 12, 12, 30)), 4 * HOUR + 30 * MINUTE);
    assert_int_equal(clock_used(&run, utc(2026, 1, 13, 7, 59)), 8 * HOUR);
    assert_int_equal(clock_used(&run, utc(2026, 1, 11, 0, 0)), 0);
    assert_int_equal(clock_paused(&run), BUSINESS_NEVER);
    run.started = utc(2026, 1, 10, 12, 0); /* a Saturday */
    assert_int_equal(clock_due(&run, HOUR), utc(2026, 1, 12, 9, 0));
    assert_int_equal(clock_due(&run, 0), run.started);
}

/* A weekend in which the clock on the wall is changed. */
static void
test_summer_time(void **state)
{
    BusinessCalendar calendar = berlin();
    ClockRun spring = clock_of(&calendar, utc(2026, 3, 27, 15, 0), OPEN); /* Friday at 16 */
    ClockRun autumn = clock_of(&calendar, utc(2026, 10, 23, 14, 0), OPEN);

    (void) state;
    assert_int_equal(clock_due(&spring, 8 * HOUR), utc(2026, 3, 30, 14, 0)); /* 1 hour, and 7 from 7 UTC on */
    assert_int_equal(clock_due(&autumn, 8 * HOUR), utc(2026, 10, 26, 15, 0));
    assert_int_equal(clock_used(&spring, utc(2026, 3, 30, 7, 0)), HOUR);
    assert_int_equal(clock_used(&autumn, utc(2026, 10, 26, 8, 0)), HOUR);
    assert_int_equal(clock_used(&autumn, utc(2026, 10, 26, 7, 30)), HOUR);
}

/* Hours that are skipped are not worked, those that come twice are worked twice. */
static void
test_changed_hours(void **state)
{
    BusinessCalendar whole = sundays(0, 24);
    BusinessCalendar night = sundays(1, 4);
    ClockRun run = clock_of(&whole, utc(2026, 3, 28, 23, 0), OPEN);

    (void) state;
    assert_int_equal(clock_used(&run, utc(2026, 3, 30, 0, 0)), 23 * HOUR);
    assert_int_equal(clock_due(&run, 23 * HOUR), utc(2026, 3, 29, 22, 0));
    assert_int_equal(clock_due(&run, 24 * HOUR), utc(2026, 4, 4, 23, 0)); /* Sunday in summer */
    run.started = utc(2026, 10, 24, 22, 0);
    assert_int_equal(clock_used(&run, utc(2026, 10, 26, 0, 0)), 25 * HOUR);
    assert_int_equal(clock_due(&run, 25 * HOUR), utc(2026, 10, 25, 23, 0));
    run = clock_of(&night, utc(2026, 3, 28, 12, 0), OPEN);
    assert_int_equal(clock_used(&run, utc(2026, 3, 29, 12, 0)), 2 * HOUR);
    assert_int_equal(clock_due(&run, 2 * HOUR), utc(2026, 3, 29, 2, 0));
    assert_int_equal(clock_due(&run, 90 * MINUTE), utc(2026, 3, 29, 1, 30));
    run.started = utc(2026, 10, 24, 12, 0);
    assert_int_equal(clock_used(&run, utc(2026, 10, 25, 12, 0)), 4 * HOUR);
    assert_int_equal(clock_due(&run, 4 * HOUR), utc(2026, 10, 25, 3, 0));
}

/* A Tuesday off; one on a weekend takes nothing. */
static void
test_holiday(void **state)
{
    const int32_t holidays[] = {9504, 9509}; /* 2026-01-08, a Thursday, and 2026-01-13 */
    int64_t work[3];
    BusinessCalendar calendar = berlin();
    ClockRun run = clock_of(&calendar, utc(2026, 1, 12, 15, 0), OPEN);

    (void) state;
    assert_int_equal(utc(2026, 1, 13, 0, 0) / BUSINESS_DAY, holidays[1]);
    calendar.holidays = holidays;
    calendar.holiday_count = 2;
    business_prepare(&calendar, work);
    assert_int_equal(clock_due(&run, 8 * HOUR), utc(2026, 1, 14, 15, 0));
    assert_int_equal(clock_due(&run, HOUR), utc(2026, 1, 12, 16, 0));
    assert_int_equal(clock_used(&run, utc(2026, 1, 14, 8, 0)), HOUR);
    run.started = utc(2026, 1, 13, 10, 0);
    assert_int_equal(clock_due(&run, MINUTE), utc(2026, 1, 14, 8, 1));
}

/* Stands still from Friday to Monday: the weekend counts neither way. */
static void
test_pause_over_weekend(void **state)
{
    BusinessCalendar calendar = berlin();
    const ClockChange changes[] = {{utc(2026, 1, 9, 10, 0), false}, {utc(2026, 1, 12, 12, 0), true}};
    ClockRun run = changing_clock(&calendar, utc(2026, 1, 9, 8, 0), OPEN, changes, COUNT(changes));
    ClockRun paused = changing_clock(&calendar, utc(2026, 1, 9, 8, 0), OPEN, changes, 1);

    (void) state;
    assert_int_equal(clock_due(&run, 8 * HOUR),
                     utc(2026, 1, 13, 10, 0)); /* 2 on Friday, 4 on Monday, 2 on Tuesday */
    assert_int_equal(clock_due(&run, 6 * HOUR), utc(2026, 1, 12, 16, 0));
    assert_int_equal(clock_due(&run, 2 * HOUR), utc(2026, 1, 9, 10, 0)); /* just as it stands still */
    assert_int_equal(clock_due(&run, 2 * HOUR + 1), utc(2026, 1, 12, 12, 0) + 1);
    assert_int_equal(clock_used(&run, utc(2026, 1, 12, 11, 59)), 2 * HOUR);
    assert_int_equal(clock_used(&run, utc(2026, 1, 12, 13, 0)), 3 * HOUR);
    assert_int_equal(clock_paused(&run), BUSINESS_NEVER);
    assert_int_equal(clock_paused(&paused), utc(2026, 1, 9, 10, 0));
    assert_int_equal(clock_used(&paused, LAST), 2 * HOUR);
    assert_int_equal(clock_due(&paused, 8 * HOUR), BUSINESS_NEVER);    /* nobody knows */
    assert_int_equal(clock_due(&paused, HOUR), utc(2026, 1, 9, 9, 0)); /* it was before */
}

/* A pause that begins in winter and ends in summer. */
static void
test_pause_over_summer_time(void **state)
{
    BusinessCalendar calendar = berlin();
    const ClockChange changes[] = {{utc(2026, 3, 27, 15, 0), false}, {utc(2026, 3, 29, 1, 30), true}};
    ClockRun run = changing_clock(&calendar, utc(2026, 3, 27, 8, 0), OPEN, changes, COUNT(changes));

    (void) state;
    assert_int_equal(clock_due(&run, 8 * HOUR), utc(2026, 3, 30, 8, 0));
    run.calendar = NULL; /* all time: 7 hours on Friday */
    assert_int_equal(clock_due(&run, 8 * HOUR), utc(2026, 3, 29, 2, 30));
    assert_int_equal(clock_used(&run, utc(2026, 3, 29, 2, 0)), 7 * HOUR + 30 * MINUTE);
}

/* Without working hours all time counts, weekends, nights and changes of the clock too. */
static void
test_no_hours(void **state)
{
    BusinessCalendar empty = {.zone = library_zone};
    ClockRun none = clock_of(NULL, utc(2026, 3, 27, 15, 0), OPEN);
    ClockRun run;

    (void) state;
    set_zone(BERLIN);
    business_prepare(&empty, no_holidays);
    run = clock_of(&empty, none.started, OPEN);
    assert_false(business_week_add(&empty.week, 0,
                                   (BusinessSpan){9 * 3600, 9 * 3600})); /* hours of no length are refused */
    assert_int_equal(clock_due(&run, 72 * HOUR), utc(2026, 3, 30, 15, 0));
    assert_int_equal(clock_due(&none, 72 * HOUR), utc(2026, 3, 30, 15, 0));
    assert_int_equal(clock_used(&run, utc(2026, 3, 29, 15, 0)), 48 * HOUR);
    assert_int_equal(clock_used(&none, utc(2026, 3, 29, 15, 0)), 48 * HOUR);
    assert_int_equal(clock_after(NULL, LAST - HOUR, HOUR, LAST), LAST);
    assert_int_equal(clock_after(NULL, LAST - HOUR, HOUR + 1, LAST), BUSINESS_NEVER);
}

/* 2080 hours are 260 working days: 52 weeks. */
static void
test_long_target(void **state)
{
    BusinessCalendar calendar = berlin();
    const ClockChange changes[] = {{utc(2026, 6, 1, 7, 0), false}, {utc(2026, 6, 15, 7, 0), true}};
    ClockRun run = clock_of(&calendar, utc(2026, 1, 1, 8, 0), OPEN); /* a Thursday */

    (void) state;
    assert_int_equal(clock_due(&run, 2080 * HOUR), utc(2026, 12, 30, 16, 0));
    assert_int_equal(clock_due(&run, 4160 * HOUR), utc(2027, 12, 29, 16, 0));
    assert_int_equal(clock_due(&run, INT64_C(10) * 2080 * HOUR), utc(2035, 12, 19, 16, 0));
    assert_int_equal(clock_used(&run, utc(2026, 12, 31, 0, 0)), 2080 * HOUR);
    run.changes = changes; /* two weeks less */
    run.count = COUNT(changes);
    assert_int_equal(clock_due(&run, 2080 * HOUR), utc(2027, 1, 13, 16, 0));
    run.last = utc(2027, 1, 13, 15, 59);
    assert_int_equal(clock_due(&run, 2080 * HOUR), BUSINESS_NEVER);
}

/* Of a stopped clock due is when it would have been had it run on. */
static void
test_stopped(void **state)
{
    BusinessCalendar calendar = berlin();
    const ClockChange pause[] = {{utc(2026, 1, 12, 9, 0), false}};
    const ClockChange later[] = {{utc(2026, 1, 12, 9, 0), false}, {utc(2026, 1, 12, 11, 0), true}};
    ClockRun run = clock_of(&calendar, utc(2026, 1, 12, 8, 0), utc(2026, 1, 12, 11, 0));

    (void) state;
    assert_int_equal(clock_used(&run, LAST), 3 * HOUR);
    assert_int_equal(clock_due(&run, 2 * HOUR), utc(2026, 1, 12, 10, 0));
    assert_int_equal(clock_due(&run, 3 * HOUR), utc(2026, 1, 12, 11, 0));
    assert_int_equal(clock_due(&run, 9 * HOUR), utc(2026, 1, 13, 9, 0));
    run.changes = pause; /* it stood still when it was stopped */
    run.count = 1;
    assert_int_equal(clock_used(&run, LAST), HOUR);
    assert_int_equal(clock_paused(&run), BUSINESS_NEVER);
    assert_int_equal(clock_due(&run, 8 * HOUR),
                     utc(2026, 1, 13, 10, 0)); /* 5 hours on Monday from 11, 2 on Tuesday */
    run.changes = later;                       /* what comes as it is stopped, or after, is not looked at */
    run.count = 2;
    assert_int_equal(clock_used(&run, LAST), HOUR);
    assert_int_equal(clock_due(&run, 8 * HOUR), utc(2026, 1, 13, 10, 0));
    run = clock_of(&calendar, utc(2026, 1, 12, 8, 0), utc(2026, 1, 11, 8, 0)); /* before it started */
    assert_int_equal(clock_used(&run, LAST), 0);
    assert_int_equal(clock_due(&run, 2 * HOUR), utc(2026, 1, 12, 10, 0));
}

/* Changes before the start say how it starts; one that comes before an earlier one counts with it. */
static void
test_order(void **state)
{
    BusinessCalendar calendar = berlin();
    int64_t start = utc(2026, 1, 12, 8, 0);
    const ClockChange early[] = {{start - 3 * HOUR, true}, {start - HOUR, false}, {start + 2 * HOUR, true}};
    const ClockChange at_start[] = {{start - HOUR, true}, {start, false}};
    const ClockChange disorder[] = {{start + 2 * HOUR, false}, {start + HOUR, true}};
    const ClockChange back[] = {{start + 2 * HOUR, true}, {start + HOUR, false}, {start + 4 * HOUR, true}};
    const ClockChange twice[] = {{start + HOUR, false}, {start + 2 * HOUR, false}, {start + 3 * HOUR, true}};
    const ClockChange beyond[] = {{start + 5 * HOUR, true}};
    ClockRun run = changing_clock(&calendar, start, OPEN, early, COUNT(early));

    (void) state;
    assert_int_equal(clock_due(&run, HOUR), start + 3 * HOUR);
    assert_int_equal(clock_due(&run, 0), start + 2 * HOUR); /* it does not run before */
    run = changing_clock(&calendar, start, OPEN, early, 2);
    assert_int_equal(clock_paused(&run), start);
    assert_int_equal(clock_used(&run, LAST), 0);
    run = changing_clock(&calendar, start, OPEN, at_start, COUNT(at_start));
    assert_int_equal(clock_paused(&run), start);
    run = changing_clock(&calendar, start, OPEN, disorder, COUNT(disorder));
    assert_int_equal(clock_paused(&run), BUSINESS_NEVER);
    assert_int_equal(clock_due(&run, 4 * HOUR), start + 4 * HOUR);
    run = changing_clock(&calendar, start, OPEN, back,
                         COUNT(back)); /* stands still from 2 to 4 hours after the start */
    assert_int_equal(clock_due(&run, 3 * HOUR), start + 5 * HOUR);
    run = changing_clock(&calendar, start, OPEN, twice, COUNT(twice));
    assert_int_equal(clock_due(&run, 3 * HOUR), start + 5 * HOUR);
    run.count = 2;
    assert_int_equal(clock_paused(&run), start + HOUR); /* since the first of them */
    run = changing_clock(&calendar, start, OPEN, beyond, COUNT(beyond));
    run.last =
        start + 2 * HOUR; /* used up beyond the last instant that there is, and before it stands still */
    assert_int_equal(clock_due(&run, 3 * HOUR), BUSINESS_NEVER);
    assert_int_equal(clock_after(&calendar, start, 0, start - 1), BUSINESS_NEVER);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_day),
        cmocka_unit_test(test_summer_time),
        cmocka_unit_test(test_changed_hours),
        cmocka_unit_test(test_holiday),
        cmocka_unit_test(test_pause_over_weekend),
        cmocka_unit_test(test_pause_over_summer_time),
        cmocka_unit_test(test_no_hours),
        cmocka_unit_test(test_long_target),
        cmocka_unit_test(test_stopped),
        cmocka_unit_test(test_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
