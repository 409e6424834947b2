/*
 * fold.c: a cycle is a chain of calls, each started by the answer to the one before: what is filling, fill one, resolve,
 * fold, count. A step that failed is left out until its time has come again; the chain goes on.
 */
#include "fold.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "metrics.h"

enum { TROUBLE_FILLING, TROUBLE_RESOLVE, TROUBLE_FOLD, TROUBLE_COUNT };

#define COUNT_EVERY_MS 60000 /* asks whether a table is due; each is once a day */

#define BACKFILL_BEGIN "BEGIN ISOLATION LEVEL REPEATABLE READ"

static void ask_resolve(struct Fold *fold);
static void ask_fold(struct Fold *fold);
static void ask_count(struct Fold *fold);
static void end_cycle(struct Fold *fold);

static void
ask(struct Fold *fold, const char *begin, const char *sql, int value_count, ConnDone done)
{
    conn_call(&fold->worker.conn, &(struct ConnCall){.begin = begin,
                                                     .sql = sql,
                                                     .value_count = value_count,
                                                     .values = fold->values,
                                                     .done = done,
                                                     .arg = fold});
}

static struct FoldRoom *
find_failed(struct Fold *fold, const char *table_id, const char *room)
{
    for (int i = 0; i < fold->failed_count; i++)
        if (strcmp(fold->failed[i].table_id, table_id) == 0 && strcmp(fold->failed[i].room, room) == 0)
            return &fold->failed[i];
    return NULL;
}

static void
forget_failed(struct Fold *fold, struct FoldRoom *room)
{
    if (room != NULL)
        *room = fold->failed[--fold->failed_count];
}

/* Where the list is full the room is simply tried again in the next cycle. */
static void
note_failed(struct Fold *fold, const struct ConnAnswer *answer)
{
    struct FoldRoom *room = find_failed(fold, fold->room.table_id, fold->room.room);

    if (room == NULL && fold->failed_count < FOLD_ROOMS_MAX) {
        room = &fold->failed[fold->failed_count++];
        *room = fold->room;
        room->trouble = (struct Trouble){0};
    }
    schedule_failed(room != NULL ? &room->trouble : &fold->trouble[TROUBLE_FILLING], clock_now_ms(),
                    schedule_seed(fold->room.name));
    fold->worker.failures++;
    metrics_add(METRIC_BACKFILLS, 1, "failed", NULL);
    log_error("backfill-failed", LOG_TEXT("relation", fold->room.name), LOG_TEXT("room", fold->room.room),
              LOG_TEXT("sqlstate", answer->sqlstate), LOG_TEXT("error", answer->error));
}

static void
on_filled(void *arg, const struct ConnAnswer *answer)
{
    struct Fold *fold = arg;

    if (worker_lost(&fold->worker, answer))
        return;
    if (answer->outcome == CONN_ERROR)
        note_failed(fold, answer);
    else if (PQgetisnull(answer->result, 0,
                         0)) { /* the database has noted why, and does not offer it again */
        fold->worker.failures++;
        metrics_add(METRIC_BACKFILLS, 1, "failed", NULL);
        log_error("backfill-failed", LOG_TEXT("relation", fold->room.name), LOG_TEXT("room", fold->room.room),
                  LOG_TEXT("error", "see the view status"));
    } else {
        fold->found_work = true;
        metrics_add(METRIC_BACKFILLS, 1, "ok", NULL);
        metrics_add(METRIC_BACKFILLED_ROWS, (double) conn_number(answer), NULL, NULL);
        forget_failed(fold, find_failed(fold, fold->room.table_id, fold->room.room));
        log_info("filled", LOG_TEXT("relation", fold->room.name), LOG_TEXT("room", fold->room.room),
                 LOG_NUMBER("rows", conn_number(answer)));
    }
    fold->filled = true;
    ask_resolve(fold);
}

/* Starts the first backfill that is not waiting for its next try. */
static bool
fill_first(struct Fold *fold, const PGresult *rooms)
{
    for (int i = 0; i < PQntuples(rooms); i++) {
        const char *table_id = PQgetvalue(rooms, i, 0), *room = PQgetvalue(rooms, i, 2);
        const struct FoldRoom *failed = find_failed(fold, table_id, room);

        if (failed != NULL && !schedule_allows(&failed->trouble, clock_now_ms()))
            continue;
        snprintf(fold->room.table_id, sizeof fold->room.table_id, "%s", table_id);
        snprintf(fold->room.name, sizeof fold->room.name, "%s", PQgetvalue(rooms, i, 1));
        snprintf(fold->room.room, sizeof fold->room.room, "%s", room);
        fold->values[0] = fold->room.table_id;
        fold->values[1] = fold->room.room;
        ask(fold, BACKFILL_BEGIN, "SELECT {crm}.backfill_room($1::oid::regclass, $2::text)", 2, on_filled);
        return true;
    }
    return false;
}

static void
on_filling(void *arg, const struct ConnAnswer *answer)
{
    struct Fold *fold = arg;

    fold->filled = false;
    if (answer->outcome != CONN_DONE) {
        if (worker_survives(&fold->worker, &fold->trouble[TROUBLE_FILLING], "filling_next", answer))
            ask_resolve(fold);
        return;
    }
    schedule_worked(&fold->trouble[TROUBLE_FILLING]);
    if (!fill_first(fold, answer->result))
        ask_resolve(fold);
}

static void
ask_filling(struct Fold *fold)
{
    if (schedule_allows(&fold->trouble[TROUBLE_FILLING], clock_now_ms()))
        ask(fold, NULL, "SELECT relation::oid, relation, room FROM {crm}.filling_next()", 0, on_filling);
    else
        ask_resolve(fold);
}

static void
on_resolved(void *arg, const struct ConnAnswer *answer)
{
    struct Fold *fold = arg;

    if (answer->outcome == CONN_DONE) {
        schedule_worked(&fold->trouble[TROUBLE_RESOLVE]);
        fold->found_work = fold->found_work || conn_number(answer) > 0;
    } else if (!worker_survives(&fold->worker, &fold->trouble[TROUBLE_RESOLVE], "resolve_pending", answer))
        return;
    ask_fold(fold);
}

static void
ask_resolve(struct Fold *fold)
{
    if (fold->worker.stopping)
        end_cycle(fold);
    else if (schedule_allows(&fold->trouble[TROUBLE_RESOLVE], clock_now_ms()))
        ask(fold, NULL, "SELECT {crm}.resolve_pending() + {crm}.settle_transitions()", 0, on_resolved);
    else
        ask_fold(fold);
}

static void
on_folded(void *arg, const struct ConnAnswer *answer)
{
    struct Fold *fold = arg;

    if (answer->outcome == CONN_DONE) {
        schedule_worked(&fold->trouble[TROUBLE_FOLD]);
        metrics_add(METRIC_FOLDS, 1, "ok", NULL);
        metrics_add(METRIC_FOLDED_CHANGES, (double) conn_number(answer), NULL, NULL);
        metrics_set(METRIC_FOLD_SUCCESS, (double) clock_wall_ms() / 1000, NULL, NULL);
        fold->found_work = fold->found_work || conn_number(answer) > 0;
        if (conn_number(answer) > 0)
            log_debug("folded", LOG_NUMBER("changes", conn_number(answer)));
    } else if (!worker_survives(&fold->worker, &fold->trouble[TROUBLE_FOLD], "fold", answer))
        return;
    else
        metrics_add(METRIC_FOLDS, 1, "failed", NULL);
    ask_count(fold);
}

static void
ask_fold(struct Fold *fold)
{
    if (fold->worker.stopping)
        end_cycle(fold);
    else if (schedule_allows(&fold->trouble[TROUBLE_FOLD], clock_now_ms()))
        ask(fold, NULL, "SELECT {crm}.fold_due()", 0, on_folded);
    else
        ask_count(fold);
}

/* One table a cycle: where one was due, another may be. */
static void
on_counted(void *arg, const struct ConnAnswer *answer)
{
    struct Fold *fold = arg;

    if (answer->outcome == CONN_DONE) {
        schedule_worked(&fold->trouble[TROUBLE_COUNT]);
        if (conn_number(answer) == 0)
            fold->count_due_ms = clock_now_ms() + COUNT_EVERY_MS;
    } else if (!worker_survives(&fold->worker, &fold->trouble[TROUBLE_COUNT], "count_unmapped_due", answer))
        return;
    end_cycle(fold);
}

static void
ask_count(struct Fold *fold)
{
    int64_t now_ms = clock_now_ms();

    if (!fold->worker.stopping && now_ms >= fold->count_due_ms &&
        schedule_allows(&fold->trouble[TROUBLE_COUNT], now_ms))
        ask(fold, NULL, "SELECT {crm}.count_unmapped_due()", 0, on_counted);
    else
        end_cycle(fold);
}

static void
end_cycle(struct Fold *fold)
{
    const struct Config *config = fold->worker.settings.config;

    fold->worker.busy = false;
    if (fold->found_work)
        fold->worked(fold->arg);
    /* one pass is over when nothing was left to fill: then links and changes were taken in after the last backfill */
    if (fold->worker.settings.once && !fold->filled)
        fold->worker.drained = true;
    else if (!fold->worker.stopping)
        loop_timer_in(&fold->worker.timer, fold->filled       ? 0
                                           : fold->found_work ? config->poll_ms
                                                              : config->idle_ms);
}

static void
begin_cycle(void *arg)
{
    struct Fold *fold = arg;

    if (!worker_may_begin(&fold->worker))
        return;
    fold->worker.busy = true;
    fold->found_work = fold->filled = false;
    ask_filling(fold);
}

const struct WorkerKind fold_kind = {.name = "fold", .connected = begin_cycle, .due = begin_cycle};
