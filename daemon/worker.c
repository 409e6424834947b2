#include "worker.h"

enum Status
worker_open(struct Worker *worker, const struct WorkerKind *kind, const struct WorkerSettings *settings,
            struct Problem *problem)
{
    struct ConnSettings conn = {.name = kind->name,
                                .dsn = settings->config->dsn,
                                .connect_timeout_ms = settings->config->connect_timeout_s * 1000,
                                .once = settings->once};

    worker->kind = kind;
    worker->settings = *settings;
    worker->timer.due = kind->due;
    worker->timer.arg = worker;
    if (kind->configure != NULL)
        kind->configure(worker);
    conn.statement_timeout_ms = worker->statement_timeout_ms;
    loop_timer_add(settings->loop, &worker->timer);
    conn_open(&worker->conn, settings->loop, &conn, kind->connected, worker);
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
