/*
 * outbox.h: the worker that delivers: claims deliveries, has them sent, and reports the results in batches.
 *
 * A claim is one short statement; so is a report; no transaction is open while anything is sent. Results wait in
 * memory while the database is away or has no room, up to max_parallel of them, and are reported when it can take them; where somebody
 * else has the delivery by then, their epoch is stale. A delivery whose lease has not enough left for the receiver's timeout is not sent.
 */
#ifndef CRMD_OUTBOX_H
#define CRMD_OUTBOX_H

#include <stdbool.h>
#include <stdint.h>

#include "deliver.h"
#include "schedule.h"
#include "worker.h"

struct DeliveryList {
    struct Delivery *first;
    int count;
};

struct Outbox {
    struct Worker worker;
    struct Deliver deliver;       /* set before it is opened */
    struct DeliveryList flying;   /* being sent */
    struct DeliveryList settled;  /* to be reported */
    struct DeliveryList reported; /* in the report under way */
    struct Trouble claim_trouble, finish_trouble;
    int64_t next_claim_ms, next_beat_ms, next_forget_ms, next_watch_ms;
    int64_t asked_ms, asked_lease_ms; /* when the claim under way was asked for, and for how long */
    int64_t report_ms, busy_until_ms;
    int asked_rows;
    bool claimed_some;
    bool one_by_one; /* the last report was refused for what it says */

    char max_rows[16], lease[32];
    char *results;
    const char *values[3];
};

/* Something was just written that may have to be sent. */
void outbox_wake(struct Outbox *outbox);

extern const struct WorkerKind outbox_kind;

#endif
