/*
 * sequence.h: whether, and how often, events occur in a pattern. Plain C: knows nothing of Postgres.
 *
 * The pattern language is the one that ClickHouse documents for sequenceMatch:
 *   (?1)         an event for which condition 1 is true, right after the one before
 *   .            any event, right after the one before
 *   .*           any number of events, also none, in between
 *   (?t<=3600)   any number of events in between, and so many seconds from the event before to the next one of the
 *                pattern; also <, >, >= and ==, with fractions of a second
 * Blanks are ignored. Events for which no condition is true are not there.
 */
#ifndef CRM_FUNNEL_SEQUENCE_H
#define CRM_FUNNEL_SEQUENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "funnel/window.h"

#define SEQUENCE_STEPS_MAX 64

/* An event of the pattern. */
typedef struct SequenceStep {
    int condition;    /* from 0; -1: any event */
    bool adjacent;    /* nothing lies between the event before and this one */
    int64_t at_least; /* microseconds since the event before */
    int64_t at_most;
} SequenceStep;

typedef struct SequencePattern {
    int steps;
    SequenceStep step[SEQUENCE_STEPS_MAX];
} SequencePattern;

/* Reads a pattern over so many conditions. NULL, or what is wrong with it, as a sentence. */
extern const char *sequence_parse(const char *text, int conditions, SequencePattern *pattern);

/*
 * How often the pattern occurs in events sorted by time, each time after the end of the one before, which is taken to end as
 * early as it can; at most `most` times. scratch has room for count times the pattern's steps.
 */
extern uint64_t sequence_count(const SequencePattern *pattern, const WindowEvent *events, size_t count,
                               uint64_t most, size_t *scratch);

#endif
