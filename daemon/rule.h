/*
 * rule.h: the worker that evaluates: claims rules that are due, evaluates each in a transaction of its own with a
 * timeout of its own, and reports those that failed. Once a second it has alerts that nobody answered told to the next.
 *
 * A rule whose lease has not enough left for the timeout is not evaluated: it is claimed again.
 */
#ifndef CRMD_RULE_H
#define CRMD_RULE_H

#include <stdbool.h>
#include <stdint.h>

#include "schedule.h"
#include "worker.h"

#define RULE_CLAIM_MAX 16
#define RULE_ESCALATE_MS 1000

struct RuleClaim {
    char rule[264], epoch[24]; /* 63 letters of up to 4 bytes */
};

struct Rule {
    struct Worker worker;
    void (*worked)(void *arg); /* there may be something to deliver; set before it is opened */
    void *arg;
    struct RuleClaim claims[RULE_CLAIM_MAX];
    int claim_count, claim_at;
    int64_t asked_ms, asked_lease_ms; /* of the claim that is worked off */
    int64_t lease_ms, escalated_ms;
    int64_t begun_ms; /* of the evaluation under way */
    struct Trouble trouble, writing_trouble;
    bool found_work; /* in this cycle */
    char begin[80], lease[32], max_rows[8], took[24], error[512];
    const char *values[4];
};

void rule_wake(struct Rule *rule); /* numbers have changed: look for due rules now */

extern const struct WorkerKind rule_kind, slow_rule_kind;

#endif
