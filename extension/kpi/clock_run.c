/*
 * clock_run.c: see clock_run.h. A clock is walked from change to change; each stretch in which it ran is measured by the calendar.
 */
#include "kpi/clock_run.h"

typedef struct Stretch {
    int64_t since;
    int64_t until;
    bool runs;
} Stretch;

static bool
has_calendar(const BusinessCalendar *calendar)
{
    return calendar != NULL && calendar->week_work > 0;
}

int64_t
clock_between(const BusinessCalendar *calendar, int64_t since, int64_t until)
{
    if (since >= until)
        return 0;
    return has_calendar(calendar) ? business_between(calendar, since, until) : until - since;
}

int64_t
clock_after(const BusinessCalendar *calendar, int64_t since, int64_t time, int64_t last)
{
    if (since > last)
        return BUSINESS_NEVER;
    if (has_calendar(calendar))
        return business_after(calendar, since, time, last);
    return time <= last - since ? since + time : BUSINESS_NEVER;
}

/* How the clock starts; place becomes that of the first change after it. */
static Stretch
first_stretch(const ClockRun *run, size_t *place)
{
    Stretch stretch = {.since = run->started, .until = run->stopped, .runs = true};

    for (*place = 0; *place < run->count && run->changes[*place].at <= run->started; ++*place)
        stretch.runs = run->changes[*place].runs;
    return stretch;
}

/* Goes on to the next stretch; false where there is none before the clock was stopped. Each ends where the next one begins. */
static bool
next_stretch(const ClockRun *run, size_t *place, Stretch *stretch)
{
    while (*place < run->count) {
        ClockChange change = run->changes[(*place)++];

        if (change.at >= run->stopped)
            continue;
        if (change.at > stretch->since)
            stretch->since = change.at;
        stretch->runs = change.runs;
        return true;
    }
    return false;
}

/* Where the stretch ends that began before the change at place. */
static int64_t
stretch_end(const ClockRun *run, size_t place, const Stretch *stretch)
{
    for (; place < run->count; place++)
        if (run->changes[place].at < run->stopped)
            return run->changes[place].at > stretch->since ? run->changes[place].at : stretch->since;
    return run->stopped;
}

int64_t
clock_used(const ClockRun *run, int64_t until)
{
    size_t place;
    Stretch stretch = first_stretch(run, &place);
    int64_t used = 0;

    do {
        stretch.until = stretch_end(run, place, &stretch);
        if (stretch.runs)
            used +=
                clock_between(run->calendar, stretch.since, stretch.until < until ? stretch.until : until);
    } while (next_stretch(run, &place, &stretch));
    return used;
}

int64_t
clock_paused(const ClockRun *run)
{
    size_t place;
    Stretch stretch = first_stretch(run, &place);
    int64_t paused = stretch.runs ? BUSINESS_NEVER : stretch.since;

    if (run->stopped != BUSINESS_NEVER)
        return BUSINESS_NEVER;
    while (next_stretch(run, &place, &stretch)) {
        if (stretch.runs)
            paused = BUSINESS_NEVER;
        else if (paused == BUSINESS_NEVER)
            paused = stretch.since;
    }
    return paused;
}

int64_t
clock_due(const ClockRun *run, int64_t target)
{
    size_t place;
    Stretch stretch = first_stretch(run, &place);
    int64_t used = 0;

    do {
        stretch.until = stretch_end(run, place, &stretch);
        if (stretch.runs) {
            int64_t due = clock_after(run->calendar, stretch.since, target - used, run->last);

            if (due <= stretch.until)
                return due;
            used += clock_between(run->calendar, stretch.since, stretch.until);
        }
    } while (next_stretch(run, &place, &stretch));
    if (run->stopped == BUSINESS_NEVER)
        return BUSINESS_NEVER;
    return clock_after(run->calendar, run->stopped > run->started ? run->stopped : run->started,
                       target - used, run->last);
}
