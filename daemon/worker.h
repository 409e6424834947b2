/*
 * worker.h: what the workers (fold, link, pack, rule, outbox, act) have in common: a connection, a timer, and being started, stopped,
 * asked whether they are done, and closed.
 *
 * A worker is a struct whose first member is its struct Worker, and a WorkerKind that says what is its own. The struct is all zero
 * but for what the worker's header names before it is opened.
 */
#ifndef CRMD_WORKER_H
#define CRMD_WORKER_H

#include <stdbool.h>

#include "config.h"
#include "conn.h"
#include "loop.h"
#include "schedule.h"
#include "status.h"

struct WorkerSettings {
    const struct Config *config;
    struct Loop *loop;
    struct Dns *dns;
    bool once; /* one pass: end when nothing is due */
};

struct Worker;

/* What may be NULL needs nothing beyond what worker.c does for all. arg is the worker. */
struct WorkerKind {
    const char *name; /* for the log and its connection */

    /* Works out what follows from the configuration; before it is opened and whenever that changed. May be NULL. */
    void (*configure)(struct Worker *worker);
    /* What else it needs than its connection. May be NULL. */
    enum Status (*open)(struct Worker *worker, struct Problem *problem);
    void (*connected)(void *arg);
    void (*due)(void *arg); /* the timer; NULL: it is never set */
    /* The last three may be NULL. */
    void (*stop)(struct Worker *worker);
    bool (*idle)(const struct Worker *worker);
    void (*close)(struct Worker *worker);
};

struct Worker {
    const struct WorkerKind *kind; /* NULL: was never opened */
    struct WorkerSettings settings;
    struct Conn conn;
    struct LoopTimer timer;
    int statement_timeout_ms; /* of its connection; configure sets it */
    bool busy;                /* in a cycle of calls */
    bool drained;             /* once: there is nothing left to do */
    bool stopping;
    bool renew; /* its connection is to be made anew before the next cycle; begin nothing */
    int failures;
};

/* On failure, why stands in problem, and worker_close is still to be called. */
enum Status worker_open(struct Worker *worker, const struct WorkerKind *kind,
                        const struct WorkerSettings *settings, struct Problem *problem) MUST_CHECK;

/* Begins nothing more; idle when what was begun is over, in `once` also when nothing is left to do. */
void worker_stop(struct Worker *worker);
bool worker_idle(const struct Worker *worker);

void worker_close(struct Worker *worker);

/* The configuration has changed. With anew the connection is made anew as soon as nothing that was begun needs it. */
void worker_reload(struct Worker *worker, bool anew);

/* For the workers' own use, down to the end. What is under way is to be given up. */
void worker_cancel(struct Worker *worker);

/* Whether a cycle of calls can begin. */
bool worker_may_begin(const struct Worker *worker);

/* Whether the connection is gone, and the cycle with it: when it has come back another one begins. */
bool worker_lost(struct Worker *worker, const struct ConnAnswer *answer);

/* Counts and logs a call that did not work and puts off the next one. False where worker_lost. */
bool worker_survives(struct Worker *worker, struct Trouble *trouble, const char *call,
                     const struct ConnAnswer *answer);

#endif
