/*
 * attempt_unordered.c: attempts whose steps have no order. See attempt.h.
 *
 * For each event as the last one: the events before it, back to where the window or an event that forbids ends, are given
 * to steps, the latest first, each to one. Where an event counts for several steps, one that has a step gives it up if it can
 * have another (augmenting paths), so no attempt is missed. How many different steps there are in the window is counted as
 * it slides, and only where they are more than the best so far are events given to steps.
 * An anchor that begins with the first event costs no step: whoever has its step can be left out for it.
 */
#include "funnel/attempt_inside.h"

/* Which event has each step. */
typedef struct Matching {
    const AttemptEvent *events;
    uint64_t taken;
    size_t event[ATTEMPT_STEPS];
} Matching;

static bool
give(Matching *matching, size_t event, uint64_t *tried)
{
    for (uint64_t steps = matching->events[event].steps & ~*tried; steps != 0;
         steps &= (steps - 1) & ~*tried) {
        int k = __builtin_ctzll(steps);
        uint64_t bit = UINT64_C(1) << k;

        *tried |= bit;
        if ((matching->taken & bit) == 0 || give(matching, matching->event[k], tried)) {
            matching->taken |= bit;
            matching->event[k] = event;
            return true;
        }
    }
    return false;
}

/* Steps of the events from low to end as far as they get others; start is the last event that was needed. */
static int
match_back(const AttemptEvent *events, size_t low, size_t end, int most, size_t *start)
{
    Matching matching = {.events = events};
    int depth = 0;

    for (size_t i = end + 1; i-- > low && depth < most;) {
        uint64_t tried = 0;

        if (give(&matching, i, &tried)) {
            depth++;
            *start = i;
        }
    }
    return depth;
}

/* The part of the row of events that an anchor leaves. */
static void
cut_to_anchor(const AttemptRule *rule, const AttemptEvent *events, size_t *first, size_t *count, uint64_t all)
{
    size_t i;

    if (rule->anchor == ATTEMPT_LAST) {
        for (i = *count; i > 0 && (events[i - 1].steps & all) == 0;)
            i--;
        *first = i == 0 ? *count : i - 1;
        return;
    }
    for (i = 0; i < *count && (events[i].steps & all) == 0;)
        i++;
    *first = i;
    for (; i < *count && is_within(events[*first].at, events[i].at, rule->within); i++)
        if (i > *first && events[i].forbids != 0)
            break;
    *count = i;
}

AttemptSpan
attempt_find_unordered(const AttemptRule *rule, const AttemptEvent *events, size_t count)
{
    uint64_t all = rule->steps == ATTEMPT_STEPS ? UINT64_MAX : (UINT64_C(1) << rule->steps) - 1;
    AttemptSpan best = {0, ATTEMPT_NONE, ATTEMPT_NONE};
    uint32_t holders[ATTEMPT_STEPS] = {0}; /* events of the window that count for each step */
    int different = 0;
    size_t low = 0;
    size_t first;

    if (rule->anchor != ATTEMPT_BEST)
        cut_to_anchor(rule, events, &low, &count, all);
    first = low;
    for (size_t i = low; i < count && best.depth < rule->steps; i++) {
        size_t start = i;
        int depth;

        for (; low < i && (events[i].forbids != 0 || !is_within(events[low].at, events[i].at, rule->within));
             low++)
            for (uint64_t steps = events[low].steps & all; steps != 0; steps &= steps - 1)
                different -= --holders[__builtin_ctzll(steps)] == 0;
        for (uint64_t steps = events[i].steps & all; steps != 0; steps &= steps - 1)
            different += holders[__builtin_ctzll(steps)]++ == 0;
        if (different <= best.depth || (events[i].steps & all) == 0)
            continue;
        depth = match_back(events, low, i, different, &start);
        if (depth > best.depth)
            best = (AttemptSpan){depth, rule->anchor == ATTEMPT_FIRST ? first : start, i};
    }
    return best;
}

void
attempt_take_unordered(const AttemptEvent *events, const AttemptSpan *span, Attempt *attempt)
{
    Matching matching = {.events = events};

    for (size_t i = span->start; i <= span->end; i++) {
        uint64_t tried = 0;

        give(&matching, i, &tried);
    }
    attempt->taken = matching.taken;
    for (uint64_t steps = matching.taken; steps != 0; steps &= steps - 1) {
        int k = __builtin_ctzll(steps);

        attempt->at[k] = events[matching.event[k]].at;
    }
}
