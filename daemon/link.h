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

#include "conn.h"
#include "schedule.h"
#include "worker.h"

struct Link {
    struct WorkerSettings settings;
    struct Conn conn;
    struct LoopTimer timer;
    struct Trouble trouble;
    int64_t begun_ms; /* of the run that is under way */
    bool busy, drained, stopping;
    int failures;
};

void link_open(struct Link *link, const struct WorkerSettings *settings);
void link_close(struct Link *link);
void link_stop(struct Link *link);
bool link_idle(const struct Link *link);

#endif
