/*
 * stay.h: the stays of a journey: from an event on as long as its position lasts. Plain C: knows nothing of Postgres.
 *
 * Events of the same position that follow each other are one stay, unless asked otherwise. Some events may be estimated: what begins or ends with one
 * of those has no length that anybody knows.
 */
#ifndef CRM_FUNNEL_STAY_H
#define CRM_FUNNEL_STAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "funnel/journey.h"

typedef struct Stay {
    int32_t position;
    int64_t since; /* of its first event */
    int64_t last;  /* of its last event */
    bool known;    /* its first event is not estimated */
} Stay;

/*
 * The stays (or, not merged, the events as stays) of count events, in order of time, of which those are estimated that are among the others too, by position and
 * time (NULL, 0: none). stays has room for count; returns how many there are.
 */
extern size_t stay_find(const JourneyEvent *events, size_t count, const JourneyEvent *estimated,
                        size_t estimated_count, bool merged, Stay *stays);

#endif
