/*
 * window.c: how far a subject came along ordered steps within a time. See window.h.
 *
 * start[k] is when the latest attempt that has come to step k began: of two attempts that came equally far the later
 * one has more time left, so the earlier one can be forgotten. One pass, steps from the last to the first so that an event
 * does not advance the attempt that it has just advanced.
 */
#include "funnel/window.h"

#include <stdbool.h>

int
window_event_compare(const void *left, const void *right)
{
    const WindowEvent *a = left;
    const WindowEvent *b = right;

    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

/* Whether the time from start to at is no longer than within; unsigned, since the difference may not fit. */
static bool
fits(int64_t start, int64_t at, int64_t within)
{
    return within == WINDOW_UNLIMITED || (uint64_t) at - (uint64_t) start <= (uint64_t) within;
}

int
window_depth(const WindowEvent *events, size_t count, int steps, int64_t within)
{
    int64_t start[WINDOW_STEPS_MAX];
    bool begun[WINDOW_STEPS_MAX] = {false};
    int depth = 0;

    for (size_t i = 0; i < count && depth < steps; i++) {
        const WindowEvent *event = &events[i];

        for (int k = steps - 1; k >= 0; k--) {
            if ((event->steps & (UINT32_C(1) << k)) == 0)
                continue;
            if (k == 0)
                start[0] = event->at;
            else if (begun[k - 1] && fits(start[k - 1], event->at, within))
                start[k] = start[k - 1];
            else
                continue;
            begun[k] = true;
            if (k + 1 > depth)
                depth = k + 1;
        }
    }
    return depth;
}
