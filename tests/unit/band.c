// links: extension/alert/band.c
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "alert/band.h"

static double day[200], work[200];
static CrmBand band;

#define assert_near(actual, expected) assert_true(fabs((actual) - (expected)) < 1e-9)

static int
judge(size_t count)
{
    return crm_band_judge(CRM_DAYS, 0, day, count, work, &band);
}

/* 1 to 14 and then the day itself: the median is 7.5, the distances 0.5 to 6.5 twice each, their median 3.5. */
static void
test_plain_by_hand(void **state)
{
    (void) state;
    for (int i = 0; i < 14; i++)
        day[i] = i + 1;
    day[14] = 7.5 + 2 * 1.4826 * 3.5;
    assert_int_equal(judge(15), 1);
    assert_int_equal(band.used, 14);
    assert_near(band.middle, 7.5);
    assert_near(band.spread, 1.4826 * 3.5);
    assert_near(band.score, 2);
    assert_int_equal(crm_band_judge(CRM_DAYS, 0, day + 1, 14, work, &band),
                     0); /* thirteen days are too few */
}

/* Six weeks with 100 on one weekday and 10 on the others: 100 is usual there, and 10 is not. */
static void
test_weekday_from_six_weeks_on(void **state)
{
    (void) state;
    for (int i = 0; i < 43; i++)
        day[i] = (42 - i) % 7 == 0 ? 100 + (i / 7) % 2 : 10;
    day[42] = 100;
    assert_int_equal(judge(43), 1);
    assert_int_equal(band.used, 6);
    assert_near(band.middle, 100.5);
    assert_near(band.score, -0.5 / (1.4826 * 0.5));
    day[42] = 10;
    assert_int_equal(judge(43), 1);
    assert_true(band.score < -100);
    /* a day less of history: all days are asked, and 10 is what they are */
    assert_int_equal(crm_band_judge(CRM_DAYS, 0, day + 1, 42, work, &band), 1);
    assert_int_equal(band.used, 41);
    assert_near(band.score, 0);
    /* one of the weekday left out: five are too few */
    day[35] = NAN;
    assert_int_equal(judge(43), 1);
    assert_int_equal(band.used, 41);
}

/* More than half alike: the mean distance stands in; all alike: what differs at all is as far as can be. */
static void
test_without_spread(void **state)
{
    (void) state;
    for (int i = 0; i < 20; i++)
        day[i] = i < 15 ? 4 : 8;
    day[20] = 8;
    assert_int_equal(judge(21), 1);
    assert_near(band.spread, 1.2533 * 20 / 20);
    assert_near(band.score, 4 / 1.2533);
    for (int i = 0; i < 20; i++)
        day[i] = 4;
    assert_int_equal(judge(21), 1);
    assert_near(band.score, 1e6);
    day[20] = 3.999;
    assert_int_equal(judge(21), 1);
    assert_near(band.score, -1e6);
    day[20] = 4;
    assert_int_equal(judge(21), 1);
    assert_near(band.score, 0);
}

static void
test_nothing_to_judge(void **state)
{
    (void) state;
    for (int i = 0; i < 30; i++)
        day[i] = i;
    assert_int_equal(judge(0), 0);
    assert_int_equal(judge(1), 0);
    day[29] = NAN;
    assert_int_equal(judge(30), 0);
}

/* Seven weeks of hours: 30, 31 or 32 at one hour of the week, 10 or 12 at that hour of other days, 1 in all others. */
static void
test_hour_of_the_week(void **state)
{
    static double hour[7 * 168 + 1], room[7 * 168 + 1];
    const size_t count = 7 * 168 + 1;

    (void) state;
    for (size_t i = 0; i < count; i++) {
        size_t back = count - 1 - i;

        hour[i] = back % 168 == 0  ? 30 + (double) (back / 168 % 3)
                  : back % 24 == 0 ? 10 + (double) (back / 24 % 2) * 2
                                   : 1;
    }
    hour[count - 1] = 31;
    assert_int_equal(crm_band_judge(CRM_HOURS, 0, hour, count, room, &band), 1);
    assert_int_equal(band.used, 7);
    assert_near(band.middle, 31); /* 31, 32, 30, 31, 32, 30, 31 */
    assert_near(band.spread, 1.4826);
    assert_near(band.score, 0);
    /* one week less and an hour: the same hour of all days */
    assert_int_equal(crm_band_judge(CRM_HOURS, 0, hour + 169, count - 169, room, &band), 1);
    assert_int_equal(band.used, 41);
    assert_near(band.middle, 12);
    /* thirteen such hours are too few, fourteen are not */
    assert_int_equal(crm_band_judge(CRM_HOURS, 0, hour + count - 14 * 24, 14 * 24, room, &band), 0);
    assert_int_equal(crm_band_judge(CRM_HOURS, 0, hour + count - 14 * 24 - 1, 14 * 24 + 1, room, &band), 1);
    assert_int_equal(band.used, 14);
}

/* One where there never was one is nothing, none where there are always sixteen is much, and what varies anyway is judged by that. */
static void
test_counts_have_a_spread_of_their_own(void **state)
{
    (void) state;
    for (int i = 0; i < 20; i++)
        day[i] = 0;
    day[20] = 1;
    assert_int_equal(crm_band_judge(CRM_DAYS, 1, day, 21, work, &band), 1);
    assert_near(band.score, 2 * (sqrt(1.375) - sqrt(0.375)));
    assert_int_equal(crm_band_judge(CRM_DAYS, 0, day, 21, work, &band), 1);
    assert_near(band.score, 1e6);
    for (int i = 0; i < 20; i++)
        day[i] = 16;
    day[20] = 0;
    assert_int_equal(crm_band_judge(CRM_DAYS, 1, day, 21, work, &band), 1);
    assert_near(band.score, 2 * (sqrt(0.375) - sqrt(16.375)));
    assert_true(band.score < -6);
    for (int i = 0; i < 20; i++)
        day[i] = i % 2 == 0 ? 6 : 26; /* median 16, every distance 10 */
    assert_int_equal(crm_band_judge(CRM_DAYS, 1, day, 21, work, &band), 1);
    assert_near(band.score, -16 / 14.826);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_by_hand),    cmocka_unit_test(test_weekday_from_six_weeks_on),
        cmocka_unit_test(test_without_spread),   cmocka_unit_test(test_nothing_to_judge),
        cmocka_unit_test(test_hour_of_the_week), cmocka_unit_test(test_counts_have_a_spread_of_their_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
