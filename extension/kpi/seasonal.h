/*
 * seasonal.h: what the days ahead are expected to bring, by the days so far: the rate of late, the weekday, and from two years on the
 * month. Plain C: knows nothing of Postgres. Days are counted from 2000-01-01; a day on which nothing happened is a zero, so that gaps
 * need no care. The same days give the same numbers.
 */
#ifndef CRM_KPI_SEASONAL_H
#define CRM_KPI_SEASONAL_H

#include <stddef.h>

/*
 * expected[i] is for the day i after the last one, which is first_day + count - 1. The rate is the mean of three: of the last 4, 13 and 52
 * weeks (of those that the history fills; of all days where it has less than four weeks), the weekday that of the last 52 weeks. Few
 * weeks and few years are drawn to no pattern at all: two weeks, and one year, count against it. Where a day is below zero weekdays are added
 * to the rate instead of multiplied by it, and months are left out. Without days nothing is expected.
 */
extern void seasonal_expect(const double *day, size_t count, long first_day, size_t ahead, double *expected);

/* The month, 0 to 11, that a day is in. */
extern int seasonal_month(long day);

#endif
