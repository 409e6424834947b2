/*
 * window.h: how far a subject came along ordered steps within a time, over rows. Plain C: knows nothing of Postgres.
 *
 * An event may count for several steps (a bit each, the first step is bit 0) but advances one attempt by one step. The
 * best attempt counts: a later start is taken as soon as it has come as far as an earlier one, so that any chain
 * that fits into the window is found. The modes are those that ClickHouse's windowFunnel documents.
 */
#ifndef CRM_FUNNEL_WINDOW_H
#define CRM_FUNNEL_WINDOW_H

#include <stddef.h>
#include <stdint.h>

#include "funnel/within.h"

#define WINDOW_STEPS_MAX 64

typedef struct WindowEvent {
    int64_t at; /* microseconds */
    uint64_t
        steps; /* which steps it counts for; with WINDOW_STRICT_ORDER events that count for none matter too */
} WindowEvent;

typedef enum WindowMode {
    WINDOW_STRICT_DEDUPLICATION = 1, /* a step but the first that comes again ends the search */
    WINDOW_STRICT_ORDER = 2,    /* after the first step, an event that is not the next step ends the search */
    WINDOW_STRICT_INCREASE = 4, /* each step is later than the one before, not of the same time */
    WINDOW_STRICT_ONCE = 8,     /* an event counts for one step: always so here */
    WINDOW_ALLOW_REENTRY = 16   /* with WINDOW_STRICT_ORDER: steps that come again are passed over */
} WindowMode;

/*
 * The number of steps reached in turn, 0 to steps. Events are sorted by time; within is in microseconds from
 * the first step of an attempt to its last, inclusive, or WITHIN_UNLIMITED; modes are bits.
 */
extern int window_depth(const WindowEvent *events, size_t count, int steps, int64_t within, unsigned modes);

#endif
