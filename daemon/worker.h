/*
 * worker.h: what the five workers (fold, link, pack, rule, outbox) have in common: when to look again, and whether they are done.
 */
#ifndef CRMD_WORKER_H
#define CRMD_WORKER_H

#include <stdbool.h>

#include "config.h"
#include "loop.h"

struct WorkerSettings {
    const struct Config *config;
    struct Loop *loop;
    bool once; /* one pass: end when nothing is due */
};

#endif
