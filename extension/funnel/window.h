/*
 * window.h: how far a subject came along ordered steps within a time. Plain C: knows nothing of Postgres.
 *
 * An event may count for several steps (a bit each, the first step is bit 0) but advances one attempt by one step. The
 * best attempt counts: a later start is taken as soon as it has come as far as an earlier one, so that any chain
 * that fits into the window is found.
 */
#ifndef CRM_FUNNEL_WINDOW_H
#define CRM_FUNNEL_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#define WINDOW_STEPS_MAX 32
#define WINDOW_UNLIMITED (-1)

typedef struct WindowEvent {
    int64_t at;     /* microseconds */
    uint32_t order; /* among events of the same time */
    uint32_t steps; /* which steps it counts for */
} WindowEvent;

/* Negative, zero or positive, for qsort: by time, then by order. */
extern int window_event_compare(const void *left, const void *right);
/*
 * The number of steps reached in turn, 0 to steps. Events are sorted by time and order; within is in microseconds from
 * the first step of an attempt to its last, inclusive, or WINDOW_UNLIMITED.
 */
extern int window_depth(const WindowEvent *events, size_t count, int steps, int64_t within);

#endif
