/*
 * pack.h: the worker that packs journeys of tracked funnels: those that changed, a limited number in each call, and a funnel that is new
 * whole, which takes from seconds to minutes. So it has a connection of its own, and holds up neither folding nor alerts. Numbers
 * do not change by it: what is not packed is read from the history, which takes longer. When there is nothing to pack it has the day's forecasts kept, which
 * may take seconds too.
 *
 * A call that fails is tried again later and later. Stopping cancels the one that is under way: what it took is packed later.
 */
#ifndef CRMD_PACK_H
#define CRMD_PACK_H

#include <stdbool.h>

#include "schedule.h"
#include "worker.h"

struct Pack {
    struct Worker worker;
    struct Trouble trouble, forecast_trouble;
    int64_t forecast_due_ms;
};

extern const struct WorkerKind pack_kind;

#endif
