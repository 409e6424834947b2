/*
 * quick_depth.c: see quick_depth.h.
 *
 * For each step it is kept when the latest attempt that took it began (attempt.c says why that is enough), in the journey's own unit
 * of time: times differ by whole units, so the window's full units are its limit. Whether an event advances an attempt cannot be
 * foretold, so nothing in the loop branches on it.
 */
#include "funnel/quick_depth.h"

#include <string.h>

#define NO_STEP UINT8_MAX

/* Which step each of the reader's distinct positions is; what comes behind them, NULL where they are none. */
static const uint8_t *
learn_positions(QuickFunnel *funnel, const JourneyReader *reader)
{
    int32_t positions[QUICK_POSITIONS];
    const uint8_t *end = journey_positions(reader, positions);
    size_t size;
    int next = 0;

    funnel->distinct = 0;
    if (end == NULL)
        return NULL;
    size = (size_t) (end - reader->positions);
    for (uint32_t i = 0; i < reader->distinct; i++) {
        while (next < funnel->count && funnel->steps[next].position < positions[i])
            next++;
        funnel->step_of[i] = next < funnel->count && funnel->steps[next].position == positions[i]
                                 ? funnel->steps[next].step
                                 : NO_STEP;
    }
    if (size <= sizeof(funnel->bytes)) {
        memcpy(funnel->bytes, reader->positions, size);
        funnel->distinct = reader->distinct;
        funnel->size = size;
    }
    return end;
}

/* Reads up to the first event. */
static bool
open_known(QuickFunnel *funnel, JourneyReader *reader, const uint8_t *data, size_t size)
{
    if (!journey_open_head(reader, data, size) || reader->distinct > QUICK_POSITIONS)
        return false;
    if (reader->distinct != 0 && reader->distinct == funnel->distinct &&
        (size_t) (reader->end - reader->positions) >= funnel->size &&
        memcmp(reader->positions, funnel->bytes, funnel->size) == 0)
        return journey_open_tail(reader, reader->positions + funnel->size);
    return journey_open_tail(reader, learn_positions(funnel, reader));
}

int
quick_depth(QuickFunnel *funnel, const uint8_t *data, size_t size, int steps)
{
    JourneyReader reader;
    uint64_t began[QUICK_STEPS + 2] = {0}; /* by steps taken; the last is of events that count for none */
    uint64_t limit;
    int depth = 0;

    if (!open_known(funnel, &reader, data, size))
        return -1;
    if (reader.left == 0)
        return 0;
    limit = funnel->within == WITHIN_UNLIMITED ? UINT64_MAX : (uint64_t) (funnel->within / reader.unit);
    while (depth < steps) {
        uint32_t index;
        JourneyStep read = journey_advance(&reader, &index);
        uint64_t at = (uint64_t) reader.at;
        uint64_t since;
        uint64_t advances; /* all bits or none */
        int step;

        if (read != JOURNEY_EVENT)
            return read == JOURNEY_END ? depth : -1;
        step = funnel->step_of[index] < steps ? funnel->step_of[index] : steps;
        began[0] = at;
        since = began[step];
        advances = -(uint64_t) ((step <= depth) & (at - since <= limit));
        began[step + 1] ^= (began[step + 1] ^ since) & advances;
        depth += (int) (advances & (uint64_t) (step == depth));
    }
    return depth;
}
