/*
 * attempt_inside.h: what attempt.c and attempt_unordered.c share. See attempt.h.
 */
#ifndef CRM_FUNNEL_ATTEMPT_INSIDE_H
#define CRM_FUNNEL_ATTEMPT_INSIDE_H

#include "funnel/attempt.h"

#define ATTEMPT_NONE SIZE_MAX

/* The events that the best attempt begins and ends with; ATTEMPT_NONE where there is none. */
typedef struct AttemptSpan {
    int depth;
    size_t start;
    size_t end;
} AttemptSpan;

extern AttemptSpan attempt_find_unordered(const AttemptRule *rule, const AttemptEvent *events, size_t count);
/* Fills in taken and at. */
extern void attempt_take_unordered(const AttemptEvent *events, const AttemptSpan *span, Attempt *attempt);

#endif
