/*
 * window.c: how far a subject came along ordered steps within a time. See window.h.
 *
 * start[k] is when the latest attempt that has come to step k began: of two attempts that came equally far the later
 * one has more time left, so the earlier one can be forgotten. One pass, steps from the last to the first so that an event
 * does not advance the attempt that it has just advanced. Where steps must be later, and not only further on, all events
 * of a time advance what there was before that time.
 */
#include "funnel/window.h"

#include <stdbool.h>

typedef struct Search {
    const WindowEvent *events;
    size_t count;
    int steps;
    int64_t within;
    unsigned modes;
} Search;

typedef struct Attempts {
    int64_t start[WINDOW_STEPS_MAX];
    uint64_t begun; /* a bit for each step that an attempt has come to */
} Attempts;

static int
depth_of(const Attempts *attempts)
{
    return attempts->begun == 0 ? 0 : 64 - __builtin_clzll(attempts->begun);
}

/* Advances by one event the attempts that there were before; the two may be the same. */
static inline void
advance(const WindowEvent *event, int64_t within, const Attempts *before, Attempts *after)
{
    /* The steps that it counts for and an attempt has come to the one before: few of many. */
    uint64_t open = event->steps & (before->begun << 1 | 1);

    while (open != 0) {
        int k = 63 - __builtin_clzll(open);

        open ^= UINT64_C(1) << k;
        if (k == 0)
            after->start[0] = event->at;
        else if (is_within(before->start[k - 1], event->at, within))
            after->start[k] = before->start[k - 1];
        else
            continue;
        after->begun |= UINT64_C(1) << k;
    }
}

static int
find_best(const Search *search)
{
    Attempts attempts;
    Attempts before;

    attempts.begun = 0;
    before.begun = 0;
    for (size_t i = 0; i < search->count && depth_of(&attempts) < search->steps; i++) {
        const WindowEvent *event = &search->events[i];

        if (search->modes & WINDOW_STRICT_DEDUPLICATION && event->steps & attempts.begun & ~UINT64_C(1))
            break;
        if ((search->modes & WINDOW_STRICT_INCREASE) == 0)
            advance(event, search->within, &attempts, &attempts);
        else {
            if (i == 0 || event->at != search->events[i - 1].at)
                before = attempts;
            advance(event, search->within, &before, &attempts);
        }
    }
    return depth_of(&attempts);
}

/* One attempt, which begins with the first event of the first step. */
static int
find_strict_order(const Search *search)
{
    int depth = 0;
    int64_t start = 0;
    int64_t last = 0;

    for (size_t i = 0; i < search->count && depth < search->steps; i++) {
        const WindowEvent *event = &search->events[i];
        bool later = (search->modes & WINDOW_STRICT_INCREASE) == 0 || event->at > last;

        if (depth == 0) {
            if ((event->steps & 1) == 0)
                continue;
            start = event->at;
        } else if ((event->steps >> depth & 1) == 0 || !later ||
                   !is_within(start, event->at, search->within)) {
            if (search->modes & WINDOW_ALLOW_REENTRY && event->steps & ((UINT64_C(1) << depth) - 1))
                continue;
            break;
        }
        last = event->at;
        depth++;
    }
    return depth;
}

int
window_depth(const WindowEvent *events, size_t count, int steps, int64_t within, unsigned modes)
{
    Search search = {events, count, steps, within, modes};

    return modes & WINDOW_STRICT_ORDER ? find_strict_order(&search) : find_best(&search);
}
