/*
 * seasonal.c: rates of three windows say what is new without forgetting what is usual: their plain mean is hard to beat by anything that is
 * fitted, and has nothing to fit. Months are taken out of the days before they are averaged and put back ahead.
 */
#include "kpi/seasonal.h"

#include <stdbool.h>
#include <string.h>

#define WEEK 7
#define MONTHS 12
#define YEAR 365
#define PATTERN_WEEKS 52
#define AGAINST_WEEKS 2.0
#define LEAST_FACTOR 0.1 /* a month that hardly counts must not blow up its days */

typedef struct Pattern {
    bool multiplied;
    double rate;
    double weekday[WEEK];
    double month[MONTHS];
} Pattern;

int
seasonal_month(long day)
{
    /* the civil calendar in eras of 400 years, whose years begin in March (days are counted from 0000-03-01) */
    long since = day + 730425;
    long era = (since >= 0 ? since : since - 146096) / 146097;
    long of_era = since - era * 146097;
    long year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    long of_year = of_era - (365 * year + year / 4 - year / 100);

    return (int) (((5 * of_year + 2) / 153 + 2) % MONTHS);
}

static int
weekday_of(long day)
{
    return (int) (((day + 5) % WEEK + WEEK) % WEEK); /* 2000-01-01 was a Saturday; Monday is 0 */
}

static double
mean_of(const double *day, size_t count)
{
    double sum = 0;

    for (size_t i = 0; i < count; i++)
        sum += day[i];
    return count > 0 ? sum / (double) count : 0;
}

/* How much of the usual a month has, from whole years alone, so that each counts as often as another. */
static void
find_months(Pattern *pattern, const double *day, size_t count, long first_day)
{
    size_t years = count / YEAR;
    double sum[MONTHS] = {0}, days[MONTHS] = {0}, mean;

    for (int month = 0; month < MONTHS; month++)
        pattern->month[month] = 1;
    mean = mean_of(day + count - years * YEAR, years * YEAR);
    if (!pattern->multiplied || years < 2 || mean <= 0)
        return;
    for (size_t i = count - years * YEAR; i < count; i++) {
        int month = seasonal_month(first_day + (long) i);

        sum[month] += day[i];
        days[month]++;
    }
    for (int month = 0; month < MONTHS; month++) {
        double factor = sum[month] / days[month] / mean;

        factor = 1 + (factor - 1) * (double) years / (double) (years + 1);
        pattern->month[month] = factor < LEAST_FACTOR ? LEAST_FACTOR : factor;
    }
}

/* The mean of the last days, each without its month. */
static double
rate_of(const Pattern *pattern, const double *day, size_t count, long first_day, size_t window)
{
    double sum = 0;

    for (size_t i = count - window; i < count; i++)
        sum += day[i] / pattern->month[seasonal_month(first_day + (long) i)];
    return sum / (double) window;
}

static void
find_rate(Pattern *pattern, const double *day, size_t count, long first_day)
{
    static const size_t weeks[] = {4, 13, 52};
    double sum = 0;
    int used = 0;

    for (size_t i = 0; i < sizeof weeks / sizeof *weeks; i++)
        if (weeks[i] * WEEK <= count) {
            sum += rate_of(pattern, day, count, first_day, weeks[i] * WEEK);
            used++;
        }
    pattern->rate = used > 0 ? sum / used : rate_of(pattern, day, count, first_day, count);
}

/* What a weekday has beside the mean of all: as a factor, or in addition. */
static void
find_weekdays(Pattern *pattern, const double *day, size_t count, long first_day)
{
    size_t weeks = count / WEEK > PATTERN_WEEKS ? PATTERN_WEEKS : count / WEEK;
    size_t window = weeks * WEEK;
    double mean = mean_of(day + count - window, window);
    double sum[WEEK] = {0};

    for (size_t i = count - window; i < count; i++)
        sum[weekday_of(first_day + (long) i)] += day[i];
    for (int weekday = 0; weekday < WEEK; weekday++) {
        double usual = (sum[weekday] + AGAINST_WEEKS * mean) / ((double) weeks + AGAINST_WEEKS);

        pattern->weekday[weekday] = !pattern->multiplied ? usual - mean : mean > 0 ? usual / mean : 1;
    }
}

void
seasonal_expect(const double *day, size_t count, long first_day, size_t ahead, double *expected)
{
    Pattern pattern = {.multiplied = true};

    memset(expected, 0, ahead * sizeof(double));
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        pattern.multiplied = pattern.multiplied && day[i] >= 0;
    find_months(&pattern, day, count, first_day);
    find_rate(&pattern, day, count, first_day);
    find_weekdays(&pattern, day, count, first_day);
    for (size_t i = 0; i < ahead; i++) {
        long at = first_day + (long) (count + i);
        double weekday = pattern.weekday[weekday_of(at)];

        expected[i] = pattern.multiplied ? pattern.rate * weekday * pattern.month[seasonal_month(at)]
                                         : pattern.rate + weekday;
    }
}
