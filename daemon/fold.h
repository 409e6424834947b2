/*
 * fold.h: the worker that keeps the numbers current: fills what waits to be backfilled, one room of one table at a time
 * in a REPEATABLE READ transaction of its own, has pending links resolved, folds changes into the rollup, and now and then
 * has the rows of a protected table counted that mean no unit.
 *
 * One cycle does one backfill at most, so that a long list of tables does not hold up folding. A room that cannot be
 * filled is tried again later and later; the others go on.
 */
#ifndef CRMD_FOLD_H
#define CRMD_FOLD_H

#include <stdbool.h>
#include <stdint.h>

#include "schedule.h"
#include "worker.h"

#define FOLD_ROOMS_MAX 64

/* The name is for the log: by it a table is found only by who may use its schema. */
struct FoldRoom {
    char table_id[16], name[264], room[64];
    struct Trouble trouble;
};

struct Fold {
    struct Worker worker;
    void (*worked)(void *arg); /* numbers may have changed; set before it is opened */
    void *arg;
    struct FoldRoom room; /* being filled */
    struct FoldRoom failed[FOLD_ROOMS_MAX];
    int failed_count;
    struct Trouble trouble[4]; /* of the steps, see fold.c */
    int64_t count_due_ms;      /* when rows without a unit are counted next */
    bool found_work, filled;
    const char *values[2];
};

extern const struct WorkerKind fold_kind;

#endif
