/*
 * stay.c: see stay.h.
 */
#include "funnel/stay.h"

/* Whether an event is among others in order of time; *from is the first of these that is not before it, and moves on. */
static bool
is_among(const JourneyEvent *event, const JourneyEvent *others, size_t count, size_t *from)
{
    while (*from < count && others[*from].at < event->at)
        ++*from;
    for (size_t i = *from; i < count && others[i].at == event->at; i++)
        if (others[i].position == event->position)
            return true;
    return false;
}

size_t
stay_find(const JourneyEvent *events, size_t count, const JourneyEvent *estimated, size_t estimated_count,
          bool merged, Stay *stays)
{
    size_t found = 0;
    size_t from = 0;

    for (size_t i = 0; i < count; i++) {
        const JourneyEvent *event = &events[i];

        if (merged && found > 0 && stays[found - 1].position == event->position) {
            stays[found - 1].last = event->at;
            continue;
        }
        stays[found++] = (Stay){event->position, event->at, event->at,
                                !is_among(event, estimated, estimated_count, &from)};
    }
    return found;
}
