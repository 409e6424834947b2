/*
 * attempt.h: how far a subject came through the steps of a funnel. Plain C: knows nothing of Postgres.
 *
 * An attempt is a choice of events, each for another step, that keeps the rule:
 *
 *   ordered    steps in order, each by a later event than the step before; other events may lie between
 *   strict     as ordered, and no other event lies between
 *   unordered  each by another event, in whatever order
 *
 * Later means further on in the row of events: events of equal time are in the order in which they are given. An event
 * that counts for several steps is chosen for one of them. The first step is required; of the others some may be
 * optional: they can be missing. They are looked for between the events of the required steps around them, one after
 * the other, each by its earliest event after the one before.
 *
 * within bounds the time from the first chosen event to the last, gap that from each required step to the next, both
 * inclusive. An event that forbids a step ends every attempt that has come just so far, before it counts for a step
 * itself; of an unordered attempt, every one that has begun. Only ordered attempts have optional steps.
 *
 * Of all attempts the best is taken: the one that comes furthest, then the one that gets there first, then the one that
 * began last; in between, each step's earliest event with which that can be. The anchor may leave only attempts that
 * begin with the first, or with the last, event of the first step.
 */
#ifndef CRM_FUNNEL_ATTEMPT_H
#define CRM_FUNNEL_ATTEMPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "funnel/within.h"

#define ATTEMPT_STEPS 64

typedef enum AttemptOrder { ATTEMPT_ORDERED, ATTEMPT_STRICT, ATTEMPT_UNORDERED } AttemptOrder;
typedef enum AttemptAnchor { ATTEMPT_BEST, ATTEMPT_FIRST, ATTEMPT_LAST } AttemptAnchor;

typedef struct AttemptEvent {
    int64_t at; /* microseconds; never less than that of the event before */
    uint64_t
        steps; /* a bit for each step that it counts for, the first is bit 0; none beyond the rule's steps */
    uint64_t forbids; /* a bit for each step after which it must not happen */
} AttemptEvent;

typedef struct AttemptRule {
    int steps; /* 1 to ATTEMPT_STEPS */
    AttemptOrder order;
    AttemptAnchor anchor;
    uint64_t optional; /* of ATTEMPT_ORDERED alone; never bit 0 */
    int64_t within;    /* microseconds, or WITHIN_UNLIMITED */
    int64_t gap;       /* the same; with ATTEMPT_UNORDERED unlimited */
} AttemptRule;

typedef struct Attempt {
    int depth;                 /* required steps that were reached; unordered: steps */
    uint64_t taken;            /* steps, the optional ones too */
    int64_t at[ATTEMPT_STEPS]; /* when, of those that were taken */
} Attempt;

/* Required steps that the best attempt reaches. */
extern int attempt_depth(const AttemptRule *rule, const AttemptEvent *events, size_t count);
/* The best attempt itself. scratch has room for count. */
extern void attempt_find(const AttemptRule *rule, const AttemptEvent *events, size_t count, uint64_t *scratch,
                         Attempt *attempt);

#endif
