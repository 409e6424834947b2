/*
 * link.h: the worker that has all records linked anew when that is due: a full run takes from seconds to minutes, so it has a
 * connection of its own, and holds up neither folding nor alerts. What changed in between fold.c has linked.
 *
 * Whether a run is due and may begin is the database's to say (resolve_wanted); when in the day it may is the configuration's.
 * A run that fails is tried again after a minute, then later and later, up to an hour. Stopping cancels it: the last
 * complete result stays in force.
 */
#ifndef CRMD_LINK_H
#define CRMD_LINK_H

#include <stdbool.h>
#include <stdint.h>

#include "schedule.h"
#include "worker.h"

struct Link {
    struct Worker worker;
    struct Trouble trouble;
    int64_t begun_ms; /* of the run that is under way */
};

extern const struct WorkerKind link_kind;

#endif
