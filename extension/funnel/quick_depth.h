/*
 * quick_depth.h: how far a journey came through a plain funnel, in one pass over its bytes. Plain C: knows nothing of Postgres.
 *
 * Plain is a funnel in order whose best attempt counts, with a window for all of it, where no event counts for two steps, is
 * optional or must not happen: what is asked most. attempt.h answers the same, and all others.
 */
#ifndef CRM_FUNNEL_QUICK_DEPTH_H
#define CRM_FUNNEL_QUICK_DEPTH_H

#include "funnel/journey.h"
#include "funnel/within.h"

#define QUICK_STEPS 64
#define QUICK_POSITIONS 64 /* distinct ones of a journey, at most */

/* A position, and its step from 0. */
typedef struct QuickStep {
    int32_t position;
    uint8_t step;
} QuickStep;

typedef struct QuickFunnel {
    const QuickStep *steps; /* by position; several may be of one step */
    int count;
    int64_t within; /* microseconds, or WITHIN_UNLIMITED */
    /* Of the journey before: most have the same distinct positions. Zeros to begin with. */
    uint32_t distinct;
    size_t size;
    uint8_t bytes[QUICK_POSITIONS];
    uint8_t step_of[QUICK_POSITIONS];
} QuickFunnel;

/*
 * How many of the first `steps` steps the best attempt takes. Events are read up to the one that takes the last of them.
 * -1: these are not the bytes of a journey, or it has more distinct positions.
 */
extern int quick_depth(QuickFunnel *funnel, const uint8_t *data, size_t size, int steps);

#endif
