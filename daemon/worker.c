#include "worker.h"

#include "clock.h"

/* Nothing that was begun on this connection is still to be ended on it. */
static bool
may_change(const struct Worker *worker)
{
    return !worker->busy && (worker->kind->idle == NULL || worker->kind->idle(worker));
}

static void
on_due(void *arg)
{
    struct Worker *worker = arg;

    if (worker->renew && may_change(worker))
        worker_reload(worker, true);
    else if (worker->kind->due != NULL)
        worker->kind->due(worker);
}

/* Also after a loss: then it is new already. */
static void
on_connected(void *arg)
{
    struct Worker *worker = arg;

    worker->renew = false;
    worker->kind->connected(worker);
}

enum Status
worker_open(struct Worker *worker, const struct WorkerKind *kind, const struct WorkerSettings *settings,
            struct Problem *problem)
{
    struct ConnSettings conn = {.name = kind->name,
                                .dsn = settings->config->dsn,
                                .dns = settings->dns,
                                .connect_timeout_ms = settings->config->connect_timeout_s * 1000,
                                .once = settings->once};

    worker->kind = kind;
    worker->settings = *settings;
    worker->timer.due = on_due;
    worker->timer.arg = worker;
    if (kind->configure != NULL)
        kind->configure(worker);
    conn.statement_timeout_ms = worker->statement_timeout_ms;
    loop_timer_add(settings->loop, &worker->timer);
    conn_open(&worker->conn, settings->loop, &conn, on_connected, worker);
    return kind->open == NULL ? STATUS_OK : kind->open(worker, problem);
}

void
worker_stop(struct Worker *worker)
{
    worker->stopping = true;
    loop_timer_off(&worker->timer);
    if (worker->kind->stop != NULL)
        worker->kind->stop(worker);
}

bool
worker_idle(const struct Worker *worker)
{
    if (worker->kind->idle != NULL && !worker->kind->idle(worker))
        return false;
    return !worker->busy && (!worker->settings.once || worker->stopping || worker->drained);
}

void
worker_close(struct Worker *worker)
{
    loop_timer_off(&worker->timer);
    if (worker->kind->close != NULL)
        worker->kind->close(worker);
    conn_close(&worker->conn);
}

void
worker_cancel(struct Worker *worker)
{
    if (worker->busy)
        conn_cancel(&worker->conn);
}

bool
worker_may_begin(const struct Worker *worker)
{
    return !worker->busy && !worker->stopping && !worker->drained && conn_free(&worker->conn);
}

bool
worker_lost(struct Worker *worker, const struct ConnAnswer *answer)
{
    if (answer->outcome == CONN_LOST)
        worker->busy = false;
    return answer->outcome == CONN_LOST;
}

bool
worker_survives(struct Worker *worker, struct Trouble *trouble, const char *call,
                const struct ConnAnswer *answer)
{
    if (worker_lost(worker, answer))
        return false;
    worker->failures++;
    schedule_failed(trouble, clock_now_ms(), schedule_seed(call));
    conn_log_failed(answer, call);
    return true;
}

void
worker_reload(struct Worker *worker, bool anew)
{
    const struct Config *config = worker->settings.config;
    int before_ms = worker->statement_timeout_ms;
    bool now;

    if (worker->kind->configure != NULL)
        worker->kind->configure(worker);
    anew = anew || worker->renew || worker->statement_timeout_ms != before_ms;
    /* without a timer there are no cycles: each call stands alone */
    now = worker->conn.state < CONN_READY || worker->kind->due == NULL || may_change(worker);
    worker->renew = anew && !now;
    conn_change(&worker->conn, config->dsn, config->connect_timeout_s * 1000, worker->statement_timeout_ms,
                anew && now);
}
