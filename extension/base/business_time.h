/*
 * business_time.h: working time of a calendar: how much lies between two instants, and when so much has passed.
 *
 * An instant is worked where the clock on the wall shows working hours of that weekday and the day is no holiday. So an hour that
 * the clock skips is not worked, one that it shows twice is worked twice, and the time between two instants is the sum of its
 * parts. Plain C: times are microseconds since 2000-01-01 00:00 UTC, days are counted from 2000-01-01, the time zone is the
 * caller's. A call costs the changes of the clock between the instants (two a year where there is summer time), not the days.
 */
#ifndef CRM_BASE_BUSINESS_TIME_H
#define CRM_BASE_BUSINESS_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUSINESS_SECOND INT64_C(1000000)
#define BUSINESS_DAY (86400 * BUSINESS_SECOND)
#define BUSINESS_SPANS_MAX 12 /* of one weekday */
#define BUSINESS_NEVER INT64_MAX

/* Seconds of the day: since is worked, until is not; 86400 is the day's end. */
typedef struct BusinessSpan {
    int32_t since;
    int32_t until;
} BusinessSpan;

/* Monday is 0. The spans of a day are in order and do not overlap. */
typedef struct BusinessWeek {
    int count[7];
    BusinessSpan spans[7][BUSINESS_SPANS_MAX];
} BusinessWeek;

/* What the clock on the wall is ahead of UTC at an instant, in microseconds, and the first later instant at which that may change,
 * BUSINESS_NEVER where there is none. */
typedef struct BusinessZone {
    void (*offset_at)(const void *data, int64_t at, int64_t *offset, int64_t *until);
    const void *data;
} BusinessZone;

typedef struct BusinessCalendar {
    BusinessWeek week;
    BusinessZone zone;
    const int32_t *holidays; /* days, each once, in order; the caller's */
    size_t holiday_count;
    int64_t *holiday_work; /* made by business_prepare */
    int64_t day_work[7];
    int64_t day_begin[7]; /* work of the week before the day */
    int64_t week_work;
} BusinessCalendar;

/* Whether a span can be added to its weekday: within the day, not empty, apart from the others, of which there may be
 * BUSINESS_SPANS_MAX. It is put in its place. */
extern bool business_week_add(BusinessWeek *week, int weekday, BusinessSpan span);
/* To be called when week and holidays are set. holiday_work has room for holiday_count + 1 numbers and stays the caller's. */
extern void business_prepare(BusinessCalendar *calendar, int64_t *holiday_work);
/* Working time from one instant to another; 0 where the second is not later. */
extern int64_t business_between(const BusinessCalendar *calendar, int64_t since, int64_t until);
/* The first instant, not before since, by which so much working time has passed; since for 0. BUSINESS_NEVER where there is none up
 * to last. */
extern int64_t business_after(const BusinessCalendar *calendar, int64_t since, int64_t work, int64_t last);

#endif
