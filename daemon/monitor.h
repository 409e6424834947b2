/*
 * monitor.h: serves /metrics (OpenMetrics 1.0) and /healthz on this machine, for whoever watches over crmd.
 *
 * Neither asks the database anything: /metrics shows what was counted and what the outbox was last told, at most a second old;
 * /healthz says from what is known whether the database is within reach.
 */
#ifndef CRMD_MONITOR_H
#define CRMD_MONITOR_H

#include <stdbool.h>
#include <stdint.h>

#include "outbox.h"
#include "serve.h"
#include "worker.h"

struct Monitor {
    struct Serve serve;
    /* set before it is opened */
    struct Worker *const *workers; /* some may not be open */
    int worker_count;
    const struct Outbox *outbox;

    char *page;
    size_t length;
    int64_t made_ms;
};

/* Listens at that address. On failure, why stands in problem. */
enum Status monitor_open(struct Monitor *monitor, struct Loop *loop, const char *address,
                         struct Problem *problem) MUST_CHECK;
void monitor_close(struct Monitor *monitor);

/* Whether crmd can do its work as far as is known; what is wrong stands in problem. */
bool monitor_healthy(const struct Monitor *monitor, struct Problem *problem);

#endif
