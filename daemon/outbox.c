/*
 * outbox.c: three lists. A claimed delivery is flying until its answer is there, settled until it stands in a report,
 * reported until the database has taken that. Where the connection breaks in between, the report goes back to settled
 * and is made again: the epoch makes a second report harmless.
 */
#include "outbox.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "metrics.h"

#define BEAT_MS 10000
#define FORGET_MS 60000
#define WATCH_MS 15000
#define FORGET_MAX 5000
#define REPORT_MAX 256
#define REPORT_WAIT_MS 5
#define BUSY_MS 2000
#define STATEMENT_TIMEOUT_MS 30000

static void step(struct Outbox *outbox);

static void
push(struct DeliveryList *list, struct Delivery *delivery)
{
    delivery->next = list->first;
    list->first = delivery;
    list->count++;
}

static struct Delivery *
pop(struct DeliveryList *list)
{
    struct Delivery *delivery = list->first;

    list->first = delivery->next;
    list->count--;
    return delivery;
}

static void
take_out(struct DeliveryList *list, const struct Delivery *delivery)
{
    struct Delivery **link = &list->first;

    while (*link != NULL && *link != delivery)
        link = &(*link)->next;
    if (*link != NULL) {
        *link = delivery->next;
        list->count--;
    }
}

static void
log_result(const struct Delivery *delivery)
{
    enum LogLevel level = delivery->outcome == OUTCOME_DELIVERED ? LOG_INFO
                          : delivery->outcome == OUTCOME_GONE || delivery->outcome == OUTCOME_DEAD
                              ? LOG_ERROR
                              : LOG_WARNING;

    log_write(level, outcome_name(delivery->outcome),
              LOG_FIELDS(LOG_NUMBER("id", delivery->id), LOG_TEXT("message", delivery->message_id),
                         LOG_TEXT("endpoint", delivery->endpoint), LOG_NUMBER("attempt", delivery->attempt),
                         LOG_NUMBER("status", delivery->http_status),
                         LOG_NUMBER("ms", clock_now_ms() - delivery->taken_ms),
                         LOG_TEXT("detail", delivery->detail)));
}

static void
settle(struct Outbox *outbox, struct Delivery *delivery)
{
    log_result(delivery);
    metrics_add(METRIC_DELIVERIES, 1, outcome_name(delivery->outcome), delivery->kind);
    if (delivery->outcome != OUTCOME_DELIVERED)
        outbox->worker.failures++;
    if (outbox->settled.count == 0)
        outbox->report_ms = clock_now_ms() + REPORT_WAIT_MS;
    push(&outbox->settled, delivery);
}

static void
on_settled(void *arg, struct Delivery *delivery)
{
    struct Outbox *outbox = arg;

    take_out(&outbox->flying, delivery);
    settle(outbox, delivery);
    step(outbox);
}

/*
 * What is still under way here, or answered and not reported, and yet claimed anew: the lease was over for the server, whose clock was
 * set or which was away. It is not sent again: the answer counts for the new epoch.
 */
static bool
keep_row(struct Outbox *outbox, const struct DeliveryRow *row, int64_t deadline_ms)
{
    struct Delivery *const firsts[] = {outbox->flying.first, outbox->settled.first};
    int64_t id = strtoll(row->id, NULL, 10);

    for (size_t i = 0; i < 2; i++)
        for (struct Delivery *delivery = firsts[i]; delivery != NULL; delivery = delivery->next)
            if (delivery->id == id) {
                log_warning("still-here", LOG_NUMBER("id", id), LOG_TEXT("endpoint", row->endpoint));
                delivery->epoch = strtoll(row->epoch, NULL, 10);
                delivery->attempt = (int) strtol(row->attempt, NULL, 10);
                delivery->request.deadline_ms = deadline_ms;
                return true;
            }
    return false;
}

/* Sends one claimed row, or leaves it to its lease. */
static void
take_row(struct Outbox *outbox, const struct DeliveryRow *row)
{
    const struct Config *config = outbox->worker.settings.config;
    int64_t lease_ms = outbox->asked_lease_ms, timeout_ms = (int64_t) config->timeout_s * 1000;
    struct Delivery *delivery;

    if (keep_row(outbox, row, outbox->asked_ms + lease_ms - timeout_ms))
        return;
    if (!schedule_lease_covers(outbox->asked_ms, lease_ms, clock_now_ms(), timeout_ms)) {
        log_warning("lease-too-short", LOG_TEXT("id", row->id), LOG_TEXT("endpoint", row->endpoint));
        return;
    }
    delivery = deliver_new(row, outbox->asked_ms, outbox->asked_ms + lease_ms - timeout_ms);
    if (delivery == NULL) {
        log_error("out-of-memory", LOG_TEXT("id", row->id));
        return;
    }
    if (deliver_start(&outbox->deliver, delivery, on_settled, outbox))
        push(&outbox->flying, delivery);
    else
        settle(outbox, delivery);
}

static void
on_claimed(void *arg, const struct ConnAnswer *answer)
{
    static const char *const names[] = {"id",         "epoch", "message_id", "endpoint", "kind",
                                        "secret_ref", "body",  "attempt",    "fresh"};
    struct Outbox *outbox = arg;
    const struct Config *config = outbox->worker.settings.config;
    int columns[9], rows = 0;

    if (answer->outcome == CONN_DONE) {
        schedule_worked(&outbox->claim_trouble);
        rows = PQntuples(answer->result);
        for (int i = 0; i < 9; i++)
            columns[i] = PQfnumber(answer->result, names[i]);
    } else
        (void) worker_survives(&outbox->worker, &outbox->claim_trouble, "claim_deliveries", answer);
    for (int i = 0; i < rows; i++) {
        const char *cells[9];

        for (int j = 0; j < 9; j++)
            cells[j] = columns[j] < 0 ? "" : PQgetvalue(answer->result, i, columns[j]);
        take_row(outbox, &(struct DeliveryRow){cells[0], cells[1], cells[2], cells[3], cells[4], cells[5],
                                               cells[6], cells[7], cells[8]});
    }
    if (outbox->worker.settings.once && rows == 0)
        outbox->worker.drained = true;
    /* where there was something there is soon more: looking often costs little, and a message waits less */
    if (rows > 0)
        outbox->busy_until_ms = clock_now_ms() + BUSY_MS;
    outbox->claimed_some = rows > 0;
    outbox->next_claim_ms = clock_now_ms() + (rows == outbox->asked_rows               ? 0
                                              : clock_now_ms() < outbox->busy_until_ms ? config->poll_ms
                                                                                       : config->idle_ms);
    step(outbox);
}

static void
claim(struct Outbox *outbox, int rows)
{
    outbox->asked_rows = rows;
    outbox->asked_ms = clock_now_ms();
    outbox->asked_lease_ms = (int64_t) outbox->worker.settings.config->lease_s * 1000;
    snprintf(outbox->max_rows, sizeof outbox->max_rows, "%d", rows);
    outbox->values[0] = outbox->worker.settings.config->worker;
    outbox->values[1] = outbox->max_rows;
    outbox->values[2] = outbox->lease;
    conn_call(
        &outbox->worker.conn,
        &(struct ConnCall){.sql = "SELECT * FROM {crm}.claim_deliveries($1::text, $2::integer, $3::interval)",
                           .value_count = 3,
                           .values = outbox->values,
                           .done = on_claimed,
                           .arg = outbox});
}

static json_t *
result_json(const struct Delivery *delivery)
{
    json_t *object = json_object();

    if (json_object_set_new(object, "id", json_integer(delivery->id)) != 0 ||
        json_object_set_new(object, "epoch", json_integer(delivery->epoch)) != 0 ||
        json_object_set_new(object, "message", json_string(delivery->message_id)) != 0 ||
        json_object_set_new(object, "outcome", json_string(outcome_name(delivery->outcome))) != 0 ||
        json_object_set_new(object, "status",
                            delivery->http_status ? json_integer(delivery->http_status) : json_null()) != 0 ||
        json_object_set_new(object, "detail",
                            delivery->detail[0] ? json_string(delivery->detail) : json_null()) != 0 ||
        json_object_set_new(object, "retry_after_ms",
                            delivery->retry_after_ms >= 0 ? json_integer(delivery->retry_after_ms)
                                                          : json_null()) != 0) {
        json_decref(object);
        return NULL;
    }
    return object;
}

/* Moves settled deliveries into a report, however late: the epoch says whether they still count. NULL where there are none. */
static char *
make_report(struct Outbox *outbox)
{
    json_t *list = json_array();
    char *text = NULL;

    while (outbox->settled.count > 0 && outbox->reported.count < (outbox->one_by_one ? 1 : REPORT_MAX)) {
        struct Delivery *delivery = pop(&outbox->settled);

        push(&outbox->reported, delivery);
        if (json_array_append_new(list, result_json(delivery)) != 0)
            break;
    }
    if ((size_t) outbox->reported.count == json_array_size(list) && outbox->reported.count > 0)
        text = json_dumps(list, JSON_COMPACT);
    while (text == NULL && outbox->reported.count > 0)
        push(&outbox->settled, pop(&outbox->reported));
    json_decref(list);
    return text;
}

static void
free_reported(struct Outbox *outbox)
{
    while (outbox->reported.count > 0)
        deliver_free(&outbox->deliver, pop(&outbox->reported));
}

static void
on_reported(void *arg, const struct ConnAnswer *answer)
{
    struct Outbox *outbox = arg;

    free(outbox->results);
    outbox->results = NULL;
    if (answer->outcome == CONN_DONE) {
        int taken = (int) conn_number(answer);

        schedule_worked(&outbox->finish_trouble);
        outbox->one_by_one = outbox->one_by_one && outbox->settled.count > 0;
        if (taken <
            outbox->reported.count) { /* claimed by another after the lease, or reported before a restart */
            metrics_add(METRIC_STALE, outbox->reported.count - taken, NULL, NULL);
            log_warning("results-stale", LOG_NUMBER("sent", outbox->reported.count),
                        LOG_NUMBER("taken", taken));
        }
        free_reported(outbox);
        if (outbox->claimed_some) /* their places are free again */
            outbox->next_claim_ms = 0;
    } else {
        (void) worker_survives(&outbox->worker, &outbox->finish_trouble, "finish_deliveries", answer);
        /* data that the server refuses, as letters that its encoding does not have: find out which, and report that one in plain ones */
        if (answer->outcome == CONN_ERROR && strncmp(answer->sqlstate, "22", 2) == 0) {
            if (outbox->reported.count == 1 && !outcome_plain(outbox->reported.first->detail))
                free_reported(outbox);
            outbox->one_by_one = true;
        }
        while (outbox->reported.count > 0)
            push(&outbox->settled, pop(&outbox->reported));
    }
    step(outbox);
}

static void
on_beaten(void *arg, const struct ConnAnswer *answer)
{
    struct Outbox *outbox = arg;

    if (answer->outcome == CONN_ERROR)
        conn_log_failed(answer, "daemon_beat");
    step(outbox);
}

static void
beat(struct Outbox *outbox)
{
    outbox->next_beat_ms = clock_now_ms() + BEAT_MS;
    outbox->values[0] = outbox->worker.settings.config->worker;
    outbox->values[1] = CRM_VERSION;
    conn_call(&outbox->worker.conn, &(struct ConnCall){.sql = "SELECT {crm}.daemon_beat($1::text, $2::text)",
                                                       .value_count = 2,
                                                       .values = outbox->values,
                                                       .done = on_beaten,
                                                       .arg = outbox});
}

static void
on_forgotten(void *arg, const struct ConnAnswer *answer)
{
    struct Outbox *outbox = arg;
    int64_t forgotten = 0;

    if (answer->outcome == CONN_DONE)
        forgotten = conn_number(answer);
    else if (answer->outcome == CONN_ERROR)
        conn_log_failed(answer, "forget");
    if (forgotten > 0) { /* the rest of that day, or the next */
        log_debug("forgotten", LOG_NUMBER("rows", forgotten));
        outbox->next_forget_ms = clock_now_ms() + outbox->worker.settings.config->idle_ms;
    }
    step(outbox);
}

/* What was finished long ago goes, a bounded part at a time. */
static void
forget(struct Outbox *outbox)
{
    outbox->next_forget_ms = clock_now_ms() + FORGET_MS;
    snprintf(outbox->max_rows, sizeof outbox->max_rows, "%d", FORGET_MAX);
    outbox->values[0] = outbox->max_rows;
    conn_call(&outbox->worker.conn,
              &(struct ConnCall){
                  .sql = "SELECT {crm}.forget_deliveries($1::integer) + {crm}.forget_alerts($1::integer)",
                  .value_count = 1,
                  .values = outbox->values,
                  .done = on_forgotten,
                  .arg = outbox});
}

static void
on_watched(void *arg, const struct ConnAnswer *answer)
{
    static const struct {
        const char *column;
        enum Metric metric;
        const char *state;
    } gauges[] = {
        {"queue_due", METRIC_QUEUE, "due"},
        {"queue_waiting", METRIC_QUEUE, "waiting"},
        {"queue_leased", METRIC_QUEUE, "leased"},
        {"queue_oldest_s", METRIC_QUEUE_OLDEST, NULL},
        {"queue_lag_s", METRIC_QUEUE_LAG, NULL},
        {"dead", METRIC_DEAD, NULL},
        {"endpoints_resting", METRIC_ENDPOINTS_RESTING, NULL},
        {"endpoints_off", METRIC_ENDPOINTS_OFF, NULL},
        {"rules_failing", METRIC_RULES_FAILING, NULL},
        {"rule_lag_s", METRIC_RULE_LAG, NULL},
        {"filling", METRIC_FILLING, "filling"},
        {"filling_failed", METRIC_FILLING, "failed"},
    };
    struct Outbox *outbox = arg;

    if (answer->outcome == CONN_ERROR)
        conn_log_failed(answer, "daemon_watch");
    for (size_t i = 0; answer->outcome == CONN_DONE && i < sizeof gauges / sizeof gauges[0]; i++) {
        int column = PQfnumber(answer->result, gauges[i].column);

        if (column >= 0 && PQntuples(answer->result) == 1)
            metrics_set(gauges[i].metric, strtod(PQgetvalue(answer->result, 0, column), NULL),
                        gauges[i].state, NULL);
    }
    if (answer->outcome == CONN_DONE)
        metrics_set(METRIC_WATCHED, (double) clock_wall_ms() / 1000, NULL, NULL);
    step(outbox);
}

/* What metrics show of the database; only where somebody may look at them. */
static void
watch(struct Outbox *outbox)
{
    outbox->next_watch_ms = clock_now_ms() + WATCH_MS;
    conn_call(
        &outbox->worker.conn,
        &(struct ConnCall){.sql = "SELECT * FROM {crm}.daemon_watch()", .done = on_watched, .arg = outbox});
}

static bool
may_claim(const struct Outbox *outbox, int slots, int64_t now)
{
    int enough = outbox->worker.settings.config->max_parallel /
                 4; /* a few at a time, or each answer makes a statement */

    return !outbox->worker.stopping && !outbox->worker.drained && !outbox->worker.renew &&
           now >= outbox->next_claim_ms && schedule_allows(&outbox->claim_trouble, now) && slots > 0 &&
           slots >= enough;
}

/* Results are reported a few at a time: enough of them, the last one under way, or the first one's patience ends the wait. */
static bool
may_report(const struct Outbox *outbox, int64_t now)
{
    return outbox->settled.count > 0 && schedule_allows(&outbox->finish_trouble, now) &&
           (outbox->settled.count >= outbox->worker.settings.config->max_parallel / 4 ||
            outbox->flying.count == 0 || now >= outbox->report_ms);
}

static int64_t
next_look_ms(const struct Outbox *outbox, int64_t now)
{
    int64_t wait = outbox->next_claim_ms - now, least = outbox->worker.settings.config->poll_ms;

    if (outbox->settled.count > 0 && now < outbox->report_ms)
        return outbox->report_ms - now;
    return wait > least ? wait : least;
}

/* What is most urgent, where the connection is free; otherwise whoever frees it comes here again. */
static void
step(struct Outbox *outbox)
{
    int64_t now = clock_now_ms();
    int unreported = outbox->finish_trouble.failures > 0 ? outbox->settled.count : 0; /* memory is bounded */
    int slots = outbox->worker.settings.config->max_parallel - outbox->flying.count - unreported;

    loop_timer_off(&outbox->worker.timer);
    if (!conn_free(&outbox->worker.conn))
        return;
    if (may_report(outbox, now)) {
        outbox->results = make_report(outbox);
        if (outbox->results != NULL) {
            outbox->values[0] = outbox->results;
            conn_call(&outbox->worker.conn,
                      &(struct ConnCall){.sql = "SELECT {crm}.finish_deliveries($1::jsonb)",
                                         .value_count = 1,
                                         .values = outbox->values,
                                         .done = on_reported,
                                         .arg = outbox});
            return;
        }
    }
    if (!outbox->worker.settings.once && !outbox->worker.stopping && now >= outbox->next_beat_ms)
        beat(outbox);
    else if (!outbox->worker.settings.once && !outbox->worker.stopping && now >= outbox->next_forget_ms)
        forget(outbox);
    else if (outbox->worker.settings.config->metrics_listen[0] != '\0' && !outbox->worker.stopping &&
             now >= outbox->next_watch_ms)
        watch(outbox);
    else if (may_claim(outbox, slots, now))
        claim(outbox, slots);
    else
        loop_timer_in(&outbox->worker.timer, next_look_ms(outbox, now));
}

static void
on_due(void *arg)
{
    step(arg);
}

static void
on_ready(void *arg)
{
    struct Outbox *outbox = arg;

    outbox->next_beat_ms = 0; /* the table may be another one now */
    step(outbox);
}

static void
configure(struct Worker *worker)
{
    struct Outbox *outbox = (struct Outbox *) worker;

    worker->statement_timeout_ms = STATEMENT_TIMEOUT_MS;
    snprintf(outbox->lease, sizeof outbox->lease, "%d seconds", worker->settings.config->lease_s);
}

static void
stop(struct Worker *worker)
{
    step((struct Outbox *) worker);
}

static bool
is_idle(const struct Worker *worker)
{
    const struct Outbox *outbox = (const struct Outbox *) worker;

    return worker->conn.state != CONN_BUSY && outbox->flying.count == 0 && outbox->settled.count == 0 &&
           outbox->reported.count == 0;
}

static void
close_outbox(struct Worker *worker)
{
    struct Outbox *outbox = (struct Outbox *) worker;

    free_reported(outbox);
    while (outbox->flying.count > 0)
        deliver_free(&outbox->deliver, pop(&outbox->flying));
    while (outbox->settled.count > 0)
        deliver_free(&outbox->deliver, pop(&outbox->settled));
    free(outbox->results);
    outbox->results = NULL;
}

void
outbox_wake(struct Outbox *outbox)
{
    outbox->next_claim_ms = 0;
    loop_timer_in(&outbox->worker.timer, 0);
}

const struct WorkerKind outbox_kind = {.name = "outbox",
                                       .configure = configure,
                                       .connected = on_ready,
                                       .due = on_due,
                                       .stop = stop,
                                       .idle = is_idle,
                                       .close = close_outbox};
