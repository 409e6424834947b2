// links: extension/base/business_time.c
// Working time: by hand, and against a clock that is read minute by minute, around the days on which it is changed.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <string.h>
#include <cmocka.h>

#include "base/business_time.h"
#include "chance.h"
#include "library_zone.h"

#define DAYS 40
#define MINUTES (DAYS * 1440)

static BusinessCalendar
office(BusinessZone zone)
{
    BusinessCalendar calendar = {.zone = zone};

    for (int weekday = 0; weekday < 5; weekday++)
        assert_true(business_week_add(&calendar.week, weekday, (BusinessSpan){9 * 3600, 17 * 3600}));
    return calendar;
}

static void
test_week(void **state)
{
    BusinessWeek week = {{0}, {{{0, 0}}}};

    (void) state;
    assert_true(business_week_add(&week, 0, (BusinessSpan){13 * 3600, 17 * 3600}));
    assert_true(business_week_add(&week, 0, (BusinessSpan){9 * 3600, 12 * 3600}));
    assert_true(business_week_add(&week, 0, (BusinessSpan){12 * 3600, 13 * 3600}));
    assert_int_equal(week.spans[0][0].since, 9 * 3600);
    assert_int_equal(week.spans[0][2].until, 17 * 3600);
    assert_false(business_week_add(&week, 0, (BusinessSpan){8 * 3600, 9 * 3600 + 1}));
    assert_false(business_week_add(&week, 0, (BusinessSpan){9 * 3600, 10 * 3600}));
    assert_false(business_week_add(&week, 0, (BusinessSpan){7 * 3600, 18 * 3600}));
    assert_false(business_week_add(&week, 1, (BusinessSpan){3600, 3600}));
    assert_false(business_week_add(&week, 1, (BusinessSpan){-1, 3600}));
    assert_false(business_week_add(&week, 1, (BusinessSpan){0, 86401}));
    for (int i = 0; i < BUSINESS_SPANS_MAX; i++)
        assert_true(business_week_add(&week, 6, (BusinessSpan){i * 100, i * 100 + 50}));
    assert_false(business_week_add(&week, 6, (BusinessSpan){86300, 86400}));
}

static void
test_office(void **state)
{
    BusinessCalendar calendar = office(fixed_zone);
    int32_t holidays[] = {9510}; /* Wednesday 2026-01-14 */
    int64_t work[2];
    int64_t friday = utc(2026, 1, 9, 16, 0);

    (void) state;
    business_prepare(&calendar, work);
    assert_int_equal(calendar.week_work, 40 * HOUR);
    assert_int_equal(business_between(&calendar, friday, utc(2026, 1, 12, 10, 0)), 2 * HOUR);
    assert_int_equal(business_between(&calendar, utc(2026, 1, 12, 10, 0), friday), 0);
    assert_int_equal(business_between(&calendar, friday, friday), 0);
    assert_int_equal(business_between(&calendar, friday, friday + 1), 1);
    assert_int_equal(business_between(&calendar, utc(2026, 1, 10, 0, 0), utc(2026, 1, 12, 0, 0)), 0);
    assert_int_equal(business_after(&calendar, friday, HOUR, BUSINESS_NEVER - BUSINESS_DAY),
                     utc(2026, 1, 9, 17, 0));
    assert_int_equal(business_after(&calendar, friday, HOUR + 1, BUSINESS_NEVER - BUSINESS_DAY),
                     utc(2026, 1, 12, 9, 0) + 1);
    assert_int_equal(business_after(&calendar, utc(2026, 1, 10, 3, 0), 0, BUSINESS_NEVER - BUSINESS_DAY),
                     utc(2026, 1, 10, 3, 0));
    assert_int_equal(business_after(&calendar, friday, 40 * HOUR, BUSINESS_NEVER - BUSINESS_DAY),
                     utc(2026, 1, 16, 16, 0));
    assert_int_equal(business_after(&calendar, friday, HOUR, utc(2026, 1, 9, 16, 59)), BUSINESS_NEVER);
    assert_int_equal(business_after(&calendar, friday, HOUR, utc(2026, 1, 9, 17, 0)), utc(2026, 1, 9, 17, 0));
    calendar.holidays = holidays;
    calendar.holiday_count = 1;
    business_prepare(&calendar, work);
    assert_int_equal(business_between(&calendar, friday, utc(2026, 1, 16, 16, 0)), 32 * HOUR);
    assert_int_equal(business_after(&calendar, friday, 40 * HOUR, BUSINESS_NEVER - BUSINESS_DAY),
                     utc(2026, 1, 19, 16, 0));
    assert_int_equal(business_between(&calendar, utc(2026, 1, 14, 8, 0), utc(2026, 1, 14, 20, 0)), 0);
    /* weeks by the thousand, and before the epoch */
    assert_int_equal(
        business_between(&calendar, utc(1026, 1, 5, 0, 0), utc(1026, 1, 5, 0, 0) + 70000 * BUSINESS_DAY),
        10000 * calendar.week_work);
    assert_int_equal(
        business_between(&calendar, utc(2026, 1, 19, 0, 0), utc(2026, 1, 19, 0, 0) + 7000000 * BUSINESS_DAY),
        1000000 * calendar.week_work);
}

static void
test_nothing_worked(void **state)
{
    BusinessCalendar calendar = {.zone = fixed_zone};
    int64_t work[1];

    (void) state;
    business_prepare(&calendar, work);
    assert_int_equal(business_between(&calendar, 0, utc(2026, 1, 1, 0, 0)), 0);
    assert_int_equal(business_after(&calendar, 0, 0, BUSINESS_DAY), 0);
    assert_int_equal(business_after(&calendar, 0, 1, BUSINESS_NEVER - BUSINESS_DAY), BUSINESS_NEVER);
}

/* Day and night: the day of spring has 23 hours, that of autumn 25. */
static void
test_changed_clock(void **state)
{
    BusinessCalendar always = {.zone = library_zone};
    BusinessCalendar night = {.zone = library_zone};
    int64_t work[1];

    (void) state;
    set_zone(BERLIN);
    for (int weekday = 0; weekday < 7; weekday++) {
        business_week_add(&always.week, weekday, (BusinessSpan){0, 86400});
        business_week_add(&night.week, weekday, (BusinessSpan){2 * 3600 + 1800, 4 * 3600});
    }
    business_prepare(&always, work);
    business_prepare(&night, work);
    assert_int_equal(business_between(&always, utc(2026, 3, 28, 23, 0), utc(2026, 3, 29, 22, 0)), 23 * HOUR);
    assert_int_equal(business_between(&always, utc(2026, 10, 24, 22, 0), utc(2026, 10, 25, 23, 0)),
                     25 * HOUR);
    assert_int_equal(
        business_after(&always, utc(2026, 3, 28, 23, 0), 24 * HOUR, BUSINESS_NEVER - BUSINESS_DAY),
        utc(2026, 3, 29, 23, 0));
    /* the clock goes from 2:00 to 3:00, and from 3:00 back to 2:00 */
    assert_int_equal(business_between(&night, utc(2026, 3, 28, 23, 0), utc(2026, 3, 29, 22, 0)), HOUR);
    assert_int_equal(business_between(&night, utc(2026, 10, 24, 22, 0), utc(2026, 10, 25, 23, 0)), 2 * HOUR);
    assert_int_equal(business_after(&night, utc(2026, 10, 24, 22, 0), HOUR, BUSINESS_NEVER - BUSINESS_DAY),
                     utc(2026, 10, 25, 2, 0));
}

/* What the clock on the wall says, minute by minute, and the work from the beginning up to each. */
static struct {
    int64_t begin;
    int weekday[MINUTES];
    int of_day[MINUTES];
    int32_t day[MINUTES];
    int64_t work[MINUTES + 1];
} wall;

static void
read_wall(const char *zone, int64_t begin)
{
    set_zone(zone);
    wall.begin = begin;
    for (int i = 0; i < MINUTES; i++) {
        time_t second = (time_t) ((begin + i * MINUTE) / BUSINESS_SECOND + EPOCH);
        struct tm parts;
        struct tm midnight = {0};

        localtime_r(&second, &parts);
        midnight.tm_year = parts.tm_year;
        midnight.tm_mon = parts.tm_mon;
        midnight.tm_mday = parts.tm_mday;
        wall.weekday[i] = (parts.tm_wday + 6) % 7;
        wall.of_day[i] = parts.tm_hour * 60 + parts.tm_min;
        wall.day[i] = (int32_t) ((timegm(&midnight) - EPOCH) / 86400);
    }
}

typedef struct RandomHours {
    int spans[7][8];
    int counts[7];
    int32_t holidays[8];
    int holiday_count;
} RandomHours;

static void
choose_hours(RandomHours *hours, BusinessCalendar *calendar)
{
    memset(hours, 0, sizeof *hours);
    for (int weekday = 0; weekday < 7; weekday++) {
        int at = 0;

        for (int n = (int) chance(4); n > 0; n--) {
            int since = at + (int) chance(3) * (int) chance(300);
            int until = chance(6) == 0 ? 1440 : since + 1 + (int) chance(400);

            if (until > 1440 || since >= until)
                break;
            hours->spans[weekday][2 * hours->counts[weekday]] = since;
            hours->spans[weekday][2 * hours->counts[weekday]++ + 1] = at = until;
            assert_true(business_week_add(&calendar->week, weekday, (BusinessSpan){since * 60, until * 60}));
        }
    }
    for (int32_t day = wall.day[0]; day <= wall.day[MINUTES - 1]; day++)
        if (chance(9) == 0 && hours->holiday_count < 8)
            hours->holidays[hours->holiday_count++] = day;
    calendar->holidays = hours->holidays;
    calendar->holiday_count = (size_t) hours->holiday_count;
}

static void
work_by_the_minute(const RandomHours *hours)
{
    for (int i = 0; i < MINUTES; i++) {
        bool worked = false;

        for (int n = 0; n < hours->counts[wall.weekday[i]]; n++)
            worked |= wall.of_day[i] >= hours->spans[wall.weekday[i]][2 * n] &&
                      wall.of_day[i] < hours->spans[wall.weekday[i]][2 * n + 1];
        for (int n = 0; n < hours->holiday_count; n++)
            worked &= wall.day[i] != hours->holidays[n];
        wall.work[i + 1] = wall.work[i] + (worked ? MINUTE : 0);
    }
}

static int64_t
work_up_to(int64_t at)
{
    int minute = (int) (at / MINUTE);

    return wall.work[minute] +
           (minute < MINUTES && wall.work[minute + 1] > wall.work[minute] ? at % MINUTE : 0);
}

static void
compare(const BusinessCalendar *calendar)
{
    int64_t since = (int64_t) chance(MINUTES) * MINUTE + chance(2) * (int64_t) chance(60000000);
    int64_t until = since + (int64_t) chance((unsigned) (MINUTES - since / MINUTE)) * MINUTE;
    int64_t expected = work_up_to(until) - work_up_to(since);
    int64_t last = wall.begin + (int64_t) MINUTES * MINUTE;
    int64_t wanted = chance(3) == 0 ? expected : (int64_t) chance(3000) * MINUTE + chance(1000);
    int64_t deadline = business_after(calendar, wall.begin + since, wanted, last);

    assert_int_equal(business_between(calendar, wall.begin + since, wall.begin + until), expected);
    if (wanted == 0)
        assert_int_equal(deadline, wall.begin + since);
    else if (work_up_to((int64_t) MINUTES * MINUTE) - work_up_to(since) < wanted)
        assert_int_equal(deadline, BUSINESS_NEVER);
    else { /* by then it has passed, and a microsecond before it had not */
        assert_int_equal(work_up_to(deadline - wall.begin) - work_up_to(since), wanted);
        assert_int_equal(work_up_to(deadline - wall.begin - 1) - work_up_to(since), wanted - 1);
    }
}

static void
test_by_the_minute(void **state)
{
    const char *const zones[] = {BERLIN, NEW_YORK, "LHST-10:30LHDT-11,M10.1.0,M4.1.0", "UTC0"};
    const int64_t begins[] = {utc(2026, 3, 1, 0, 0), utc(2026, 10, 10, 0, 0), utc(1998, 12, 20, 0, 0)};

    (void) state;
    state_of_chance = 26;
    for (size_t zone = 0; zone < sizeof zones / sizeof zones[0]; zone++)
        for (size_t begin = 0; begin < sizeof begins / sizeof begins[0]; begin++) {
            read_wall(zones[zone], begins[begin]);
            for (int n = 0; n < 25; n++) {
                BusinessCalendar calendar = {.zone = library_zone};
                RandomHours hours;
                int64_t work[9];

                choose_hours(&hours, &calendar);
                business_prepare(&calendar, work);
                work_by_the_minute(&hours);
                for (int i = 0; i < 200; i++)
                    compare(&calendar);
            }
        }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_week), cmocka_unit_test(test_office), cmocka_unit_test(test_nothing_worked),
        cmocka_unit_test(test_changed_clock), cmocka_unit_test(test_by_the_minute)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
