// links: extension/kpi/seasonal.c extension/kpi/pipeline.c extension/kpi/rolling.c
// Forecasts: rates and months by hand, chances against a slow count of cases, intervals against how many they hold.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "kpi/pipeline.h"
#include "kpi/rolling.h"
#include "kpi/seasonal.h"
#include "doubles.h"

#define SAME 1e-9
#define COUNT(array) (sizeof(array) / sizeof *(array))
#define EPOCH 946684800 /* 2000-01-01 */

static void
test_months(void **state)
{
    (void) state;
    for (long day = -40000; day < 40000; day++) {
        time_t at = (time_t) EPOCH + day * 86400;
        struct tm parts;

        gmtime_r(&at, &parts);
        assert_int_equal(seasonal_month(day), parts.tm_mon);
    }
}

static void
test_constant(void **state)
{
    double day[900], expected[40];

    (void) state;
    for (size_t count = 0; count <= COUNT(day); count += count < 40 ? 1 : 43) {
        for (size_t i = 0; i < count; i++)
            day[i] = 5;
        seasonal_expect(day, count, 9497, COUNT(expected), expected); /* 2026-01-01 */
        for (size_t i = 0; i < COUNT(expected); i++)
            assert_double_equal(expected[i], count > 0 ? 5 : 0, SAME);
    }
}

// Ten on each day from Monday to Friday, for 60 weeks: a weekday is drawn to the mean by two weeks against 52.
static void
test_weekdays(void **state)
{
    double day[420], expected[14], mean = 50.0 / 7;

    (void) state;
    for (size_t i = 0; i < COUNT(day); i++) /* 2000-01-03 was a Monday */
        day[i] = i % 7 < 5 ? 10 : 0;
    seasonal_expect(day, COUNT(day), 2, COUNT(expected), expected);
    for (size_t i = 0; i < COUNT(expected); i++)
        assert_double_equal(expected[i], ((i % 7 < 5 ? 10 * 52 : 0) + 2 * mean) / 54, SAME);
    /* below zero weekdays are added */
    for (size_t i = 0; i < COUNT(day); i++)
        day[i] = i % 7 == 0 ? -14 : 0;
    seasonal_expect(day, COUNT(day), 2, COUNT(expected), expected);
    for (size_t i = 0; i < COUNT(expected); i++)
        assert_double_equal(expected[i], ((i % 7 == 0 ? -14.0 * 52 : 0) + 2 * -2) / 54, SAME);
}

// The rate is the mean of three windows: four weeks of 3 a day, before them 48 of 1.
static void
test_rate(void **state)
{
    double day[364], expected[7], sum = 0;

    (void) state;
    for (size_t i = 0; i < COUNT(day); i++)
        day[i] = i >= 336 ? 3 : 1;
    seasonal_expect(day, COUNT(day), 0, COUNT(expected), expected);
    for (size_t i = 0; i < 7; i++)
        sum += expected[i];
    assert_double_equal(sum / 7, (3 + (4 * 3 + 9.0) / 13 + (4 * 3 + 48.0) / 52) / 3, SAME);
}

// Two years in which December has three times as much: two years against one leave two thirds of that.
static void
test_december(void **state)
{
    double day[730], expected[61], sum[2] = {0};
    double mean = (365 - 31 + 31 * 3) / 365.0, usual = 1 + (1 / mean - 1) * 2 / 3,
           high = 1 + (3 / mean - 1) * 2 / 3;

    (void) state;
    for (size_t i = 0; i < COUNT(day); i++) /* 2005-11-01 to 2007-10-31 */
        day[i] = seasonal_month(2131 + (long) i) == 11 ? 3 : 1;
    seasonal_expect(day, COUNT(day), 2131, COUNT(expected), expected);
    for (size_t i = 0; i < 28; i++) {
        sum[0] += expected[i];      /* four weeks of November */
        sum[1] += expected[30 + i]; /* and of December: the same weekdays */
    }
    assert_double_equal(sum[1] / sum[0], high / usual, SAME);
}

/* The cumulative incidence by its definition, day by day over all cases. */
static void
slow_chance(const PipelineStay *stays, size_t count, int32_t age, int32_t now, size_t ahead, double *chance)
{
    double open = 1, cases = 0;

    chance[0] = 0;
    for (size_t t = 1; t <= ahead; t++) {
        double there = 0, wins = 0, losses = 0;

        for (size_t i = 0; i < count; i++) {
            int64_t since = (int64_t) stays[i].entered + age;

            if ((age >= 0 && stays[i].left <= since) || stays[i].decided <= since)
                continue; /* it was not that old in the stage */
            if (now - since < (int64_t) t || stays[i].decided - since < (int64_t) t)
                continue; /* not followed until that day, or decided before */
            there++;
            wins += stays[i].decided - since == (int64_t) t && stays[i].won;
            losses += stays[i].decided - since == (int64_t) t && !stays[i].won;
        }
        cases = t == 1 ? there : cases;
        chance[t] = chance[t - 1] + (there > 0 ? open * wins / there * cases / (cases + 1) : 0);
        open *= there > 0 ? 1 - (wins + losses) / there : 1;
    }
}

static int
by_entered(const void *a, const void *b)
{
    return ((const PipelineStay *) a)->entered - ((const PipelineStay *) b)->entered;
}

static void
test_chance(void **state)
{
    PipelineStay stays[60] = {0};
    double work[3 * 42], chance[41], slow[41];

    (void) state;
    srand(7);
    for (int round = 0; round < 400; round++) {
        size_t count = (size_t) (rand() % (int) COUNT(stays)), ahead = 1 + (size_t) (rand() % 40);
        int32_t now = rand() % 60, age = rand() % 30 - 1;

        for (size_t i = 0; i < count; i++) {
            PipelineStay *stay = &stays[i];

            *stay = (PipelineStay){.entered = rand() % 60 - 5,
                                   .left = PIPELINE_NEVER,
                                   .decided = PIPELINE_NEVER,
                                   .won = rand() % 2};
            if (rand() % 3 > 0)
                stay->left = stay->entered + rand() % 30;
            if (stay->left != PIPELINE_NEVER && rand() % 2)
                stay->decided = stay->left + rand() % 20;
        }
        qsort(stays, count, sizeof *stays, by_entered);
        pipeline_chance(stays, count, age, now, ahead, work, chance);
        slow_chance(stays, count, age, now, ahead, slow);
        for (size_t t = 0; t <= ahead; t++)
            assert_double_equal(chance[t], slow[t], SAME);
    }
}

// Ten deals entered on day 0: eight won on day 10, two lost on day 20. By hand, and as of before and after.
static void
test_pipeline_by_hand(void **state)
{
    PipelineStay stays[12], starts[12];
    Pipeline pipeline = {stays, 12, starts, 12};
    double none[30] = {0}, expected[30], work[4 * 32], chance[31], ones[30];

    (void) state;
    for (size_t i = 0; i < 10; i++)
        stays[i] = (PipelineStay){
            .left = i < 8 ? 10 : 20, .decided = i < 8 ? 10 : 20, .won = i < 8, .starts = true, .amount = 50};
    stays[10] = (PipelineStay){.entered = 95,
                               .left = PIPELINE_NEVER,
                               .decided = PIPELINE_NEVER,
                               .starts = true,
                               .counted = true,
                               .amount = 100};
    stays[11] = stays[10];
    stays[11].amount = NAN;
    memcpy(starts, stays, sizeof stays);
    /* at the age of 5 eight of ten win, five days on: one case more is taken as lost */
    pipeline_chance(stays, 12, 5, 100, 30, work, chance);
    assert_double_equal(chance[4], 0, 0);
    assert_double_equal(chance[5], 8.0 / 10 * 10 / 11, SAME);
    assert_double_equal(chance[30], 8.0 / 10 * 10 / 11, SAME);
    /* who is older than any winner was wins no more */
    pipeline_chance(stays, 12, 10, 100, 30, work, chance);
    assert_double_equal(chance[30], 0, 0);
    pipeline_chance(stays, 12, 1000, 100, 30, work, chance);
    assert_double_equal(chance[30], 0, 0);
    /* two are open at the age of 5: one of 100, one of the mean win */
    pipeline_expect(&pipeline, 100, 30, true, none, work, expected);
    assert_double_equal(expected[3], 0, 0);
    assert_double_equal(expected[4], (100 + 50) * 8.0 / 11, SAME);
    pipeline_expect(&pipeline, 100, 30, false, none, work, expected);
    assert_double_equal(expected[29], 2 * 8.0 / 11, SAME);
    /* one more each day: those of the first 20 days have won by the 30th, the open ones too */
    for (size_t i = 0; i < 30; i++)
        ones[i] = 1;
    pipeline_expect(&pipeline, 100, 30, false, ones, work, expected);
    pipeline_chance(starts, 12, -1, 100, 30, work, chance);
    assert_double_equal(chance[10], 0, 0);
    assert_double_equal(expected[29], 2 * 8.0 / 11 + 20 * chance[11], SAME);
    /* before anything was decided nothing is known */
    pipeline_expect(&pipeline, 9, 30, false, none, work, expected);
    assert_double_equal(expected[29], 0, 0);
}

static void
test_rolling_weights(void **state)
{
    double actual[40], good[40], bad[40], none[40], late[40], naive[40], errors[40],
        weight[ROLLING_SOURCES_MAX];
    Rolling rolling = {.origins = 20,
                       .ahead = 2,
                       .step = 7,
                       .actual = actual,
                       .path = {good, bad, none, late, naive},
                       .sources = 3,
                       .models = 3,
                       .share = 0.8,
                       .errors = errors};
    RollingForecast forecast;

    (void) state;
    for (size_t i = 0; i < 40; i++) {
        actual[i] = i < 2 ? NAN : 10;
        good[i] = 10 + (i / 2 % 2 ? 1 : -1);
        bad[i] = 10 + (i / 2 % 2 ? 2 : -2);
        none[i] = NAN;
        late[i] = i < 20 ? bad[i] : NAN;
        naive[i] = 10;
    }
    rolling_weights(&rolling, 0, weight);
    assert_double_equal(weight[0], 16.0 / 17, SAME); /* squared errors are 1 and 4 */
    assert_double_equal(weight[1], 1.0 / 17, SAME);
    assert_double_equal(weight[2], 0, 0);
    forecast = rolling_forecast(&rolling, 0, 1, weight);
    assert_double_equal(forecast.value, (16 * 9 + 8) / 17.0, SAME);
    assert_int_equal(forecast.errors, 19);
    /* errors are so much either way */
    assert_double_equal(forecast.low, forecast.value - 18.0 / 17, SAME);
    assert_double_equal(forecast.high, forecast.value + 18.0 / 17, SAME);
    /* eight judges: all count the same, and their range holds seven in nine, which is not four in five */
    rolling_weights(&rolling, 11, weight);
    assert_double_equal(weight[0], 0.5, SAME);
    forecast = rolling_forecast(&rolling, 11, 1, weight);
    assert_int_equal(forecast.errors, 8);
    assert_true(isnan(forecast.low) && isnan(forecast.high));
    /* one that was not always there is compared with the first at the nine origins where it was; before, the others stand for it */
    rolling.sources = 4;
    rolling_weights(&rolling, 0, weight);
    assert_double_equal(weight[3], 1.0 / 18, SAME);
    assert_int_equal(rolling_forecast(&rolling, 0, 1, weight).errors, 19);
    rolling_weights(&rolling, 1, weight);
    assert_double_equal(weight[3], 0, 0); /* eight are too few, and the others have more */
    assert_double_equal(weight[0], 16.0 / 17, SAME);
    /* what is no model counts as soon as it was judged, and alone where it was never off */
    rolling.sources = 5;
    rolling_weights(&rolling, 0, weight);
    assert_double_equal(weight[4], 1, SAME);
    rolling_weights(&rolling, 11, weight);
    assert_double_equal(weight[4], 0, 0);
    assert_double_equal(weight[0], 0.5, SAME);
}

// Errors of a heavy-tailed, lopsided kind: of 4,000 next values four in five lie within the interval.
static void
test_rolling_covers(void **state)
{
    enum { ORIGINS = 60, ROUNDS = 4000 };
    double actual[ORIGINS], path[ORIGINS], errors[ORIGINS], weight[ROLLING_SOURCES_MAX] = {1};
    int inside = 0;

    (void) state;
    srand(11);
    for (int round = 0; round < ROUNDS; round++) {
        Rolling rolling = {.origins = ORIGINS,
                           .ahead = 1,
                           .step = 7,
                           .actual = actual,
                           .path = {path},
                           .sources = 1,
                           .models = 1,
                           .share = 0.8,
                           .errors = errors};
        RollingForecast forecast;
        double next = 0;

        for (size_t i = 0; i < ORIGINS; i++) {
            double value = 1 / (0.02 + (double) rand() / RAND_MAX);

            path[i] = 3;
            actual[i] = i == 0 ? NAN : value;
            next = i == 0 ? value : next;
        }
        forecast = rolling_forecast(&rolling, 0, 0, weight);
        inside += next >= forecast.low && next <= forecast.high;
    }
    assert_in_range(inside, ROUNDS * 78 / 100, ROUNDS * 84 / 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_months),           cmocka_unit_test(test_constant),
        cmocka_unit_test(test_weekdays),         cmocka_unit_test(test_rate),
        cmocka_unit_test(test_december),         cmocka_unit_test(test_chance),
        cmocka_unit_test(test_pipeline_by_hand), cmocka_unit_test(test_rolling_weights),
        cmocka_unit_test(test_rolling_covers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
