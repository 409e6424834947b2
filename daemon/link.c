#include "link.h"

#include <string.h>
#include <time.h>

#include "clock.h"
#include "log.h"
#include "metrics.h"

#define LOOK_EVERY_MS 5000
#define AGAIN_BASE_MS 60000
#define AGAIN_CAP_MS 3600000

static void
ask(struct Link *link, const char *sql, ConnDone done)
{
    conn_call(&link->worker.conn, &(struct ConnCall){.sql = sql, .done = done, .arg = link});
}

static void
end_cycle(struct Link *link)
{
    link->worker.busy = false;
    if (link->worker.settings.once)
        link->worker.drained = true;
    else if (!link->worker.stopping)
        loop_timer_in(&link->worker.timer, LOOK_EVERY_MS);
}

static void
on_failed(struct Link *link, const char *what, const struct ConnAnswer *answer)
{
    if (worker_lost(&link->worker, answer))
        return;
    if (!link->worker.stopping) {
        link->worker.failures++;
        link->trouble.failures++;
        link->trouble.until_ms = clock_now_ms() + schedule_backoff_ms(link->trouble.failures, AGAIN_BASE_MS,
                                                                      AGAIN_CAP_MS, schedule_seed(what));
        conn_log_failed(answer, what);
    } else
        log_info("link-cancelled", LOG_NUMBER("ms", clock_now_ms() - link->begun_ms));
    end_cycle(link);
}

static void
on_linked(void *arg, const struct ConnAnswer *answer)
{
    struct Link *link = arg;

    metrics_add(METRIC_LINK_RUNS, 1, answer->outcome == CONN_DONE ? "ok" : "failed", NULL);
    if (answer->outcome != CONN_DONE) {
        on_failed(link, "resolve", answer);
        return;
    }
    schedule_worked(&link->trouble);
    if (PQntuples(answer->result) == 1)
        log_info("linked", LOG_TEXT("records", PQgetvalue(answer->result, 0, 0)),
                 LOG_TEXT("customers", PQgetvalue(answer->result, 0, 1)),
                 LOG_NUMBER("ms", clock_now_ms() - link->begun_ms));
    end_cycle(link);
}

static void
on_wanted(void *arg, const struct ConnAnswer *answer)
{
    struct Link *link = arg;

    if (answer->outcome != CONN_DONE) {
        on_failed(link, "resolve_wanted", answer);
        return;
    }
    if (link->worker.stopping || PQntuples(answer->result) != 1 ||
        PQgetvalue(answer->result, 0, 0)[0] != 't') {
        end_cycle(link);
        return;
    }
    link->begun_ms = clock_now_ms();
    log_info("linking", LOG_TEXT("call", "resolve"));
    ask(link, "CALL {crm}.resolve()", on_linked);
}

/* By this machine's clock and time zone. */
static bool
may_now(const struct Link *link)
{
    time_t now = time(NULL);
    struct tm local;

    return localtime_r(&now, &local) != NULL &&
           schedule_hour_is_in(&link->worker.settings.config->resolve_hours, local.tm_hour);
}

static void
begin_cycle(void *arg)
{
    struct Link *link = arg;

    if (!worker_may_begin(&link->worker))
        return;
    if (may_now(link) && schedule_allows(&link->trouble, clock_now_ms())) {
        link->worker.busy = true;
        ask(link, "SELECT {crm}.resolve_wanted()", on_wanted);
    } else
        end_cycle(link);
}

const struct WorkerKind link_kind = {
    .name = "link", .connected = begin_cycle, .due = begin_cycle, .stop = worker_cancel};
