/*
 * schedule.h: when to try again. Pure arithmetic; the caller brings the time.
 */
#ifndef CRMD_SCHEDULE_H
#define CRMD_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

/*
 * The wait after so many failures in a row (1 or more): base_ms doubled for each further one, at most cap_ms, minus up
 * to a quarter that depends on seed alone, so that daemons which failed together do not come back together and one
 * daemon always does the same.
 */
int64_t schedule_backoff_ms(int failures, int64_t base_ms, int64_t cap_ms, uint32_t seed);

/* Something that is tried again and again: one step of a cycle, one room that cannot be filled. */
struct Trouble {
    int failures;
    int64_t until_ms;
};

bool schedule_allows(const struct Trouble *trouble, int64_t now_ms);
void schedule_failed(struct Trouble *trouble, int64_t now_ms, uint32_t seed); /* 1 s to 60 s */
void schedule_worked(struct Trouble *trouble);

/* Whether a lease taken at taken_ms for lease_ms still covers an act that may last need_ms. */
bool schedule_lease_covers(int64_t taken_ms, int64_t lease_ms, int64_t now_ms, int64_t need_ms);

uint32_t schedule_seed(const char *text);

/* Hours of the day: from is in it and until is not; over midnight where from is the greater; the same twice: all day. */
struct HourSpan {
    bool never;
    int from, until;
};

/* Reads "always", "never", or two hours from 0 to 23 as in "22-6"; false where it is none of these. */
bool schedule_read_hours(const char *text, struct HourSpan *span);
bool schedule_hour_is_in(const struct HourSpan *span, int hour);

#endif
