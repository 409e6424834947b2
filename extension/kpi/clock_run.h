/*
 * clock_run.h: a clock of a service level, which runs and stands still in turns, in the working time of a calendar.
 *
 * Plain C, as base/business_time.h, whose units it has: instants are microseconds since 2000-01-01 00:00 UTC. A change says that from an
 * instant on the clock runs or stands still; before the first it runs. Changes that come before an earlier one count as at the same
 * instant, those before the start say how the clock starts. A clock that was not stopped goes on for ever.
 *
 * Working time may be used up while nothing is worked: a clock whose target is reached at the end of a working day is due then, and not
 * on the next morning.
 */
#ifndef CRM_KPI_CLOCK_RUN_H
#define CRM_KPI_CLOCK_RUN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/business_time.h"

typedef struct ClockChange {
    int64_t at;
    bool runs;
} ClockChange;

typedef struct ClockRun {
    const BusinessCalendar *calendar; /* NULL, or without working hours: all time counts */
    int64_t started;
    int64_t stopped; /* BUSINESS_NEVER: not yet */
    int64_t last;    /* instants beyond are BUSINESS_NEVER */
    const ClockChange *changes;
    size_t count;
} ClockRun;

/* Time that the clock ran until an instant. */
extern int64_t clock_used(const ClockRun *run, int64_t until);
/* Since when the clock stands still; BUSINESS_NEVER where it runs or was stopped. */
extern int64_t clock_paused(const ClockRun *run);
/* When the target is used up. Of a clock that was stopped before, when it would have been had it run on. BUSINESS_NEVER where the clock
 * stands still before: nobody knows. */
extern int64_t clock_due(const ClockRun *run, int64_t target);
/* Time that counts between two instants, and its inverse, with or without a calendar. */
extern int64_t clock_between(const BusinessCalendar *calendar, int64_t since, int64_t until);
extern int64_t clock_after(const BusinessCalendar *calendar, int64_t since, int64_t time, int64_t last);

#endif
