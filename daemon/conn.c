/*
 * conn.c: libpq without blocking. A call with a transaction takes three steps, BEGIN, the statement, COMMIT or ROLLBACK;
 * one without takes the second alone. After every event the socket is watched anew, because libpq may have exchanged it
 * for another with the same number.
 */
#include "conn.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "metrics.h"
#include "schedule.h"
#include "version.h"

#define RETRY_BASE_MS 100
#define RETRY_CAP_MS 10000
#define READ_ONLY_TRANSACTION "25006"
#define NOT_ASKED "the server answers what was not asked"
#define PREPARED_COLUMNS 6
#define READ_ONLY "this server can only be read (default_transaction_read_only)"

enum { STEP_BEGIN, STEP_STATEMENT, STEP_COMMIT, STEP_ROLLBACK };

static void on_socket(void *arg, int fd, uint32_t events);
static void on_timer(void *arg);

/* Message and SQLSTATE of a result or of the connection, in one line. */
static void
note_error(struct Conn *conn, const PGresult *result)
{
    const char *message = result ? PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY) : NULL;
    const char *sqlstate = result ? PQresultErrorField(result, PG_DIAG_SQLSTATE) : NULL;

    if (message == NULL || *message == '\0')
        message = conn->pg ? PQerrorMessage(conn->pg) : "no memory for a connection";
    snprintf(conn->error, sizeof conn->error, "%s", message);
    for (char *c = conn->error; *c != '\0'; c++)
        if (*c == '\n' || *c == '\t')
            *c = c[1] == '\0' ? '\0' : ' ';
    snprintf(conn->sqlstate, sizeof conn->sqlstate, "%s", sqlstate ? sqlstate : "");
}

static void
unwatch(struct Conn *conn)
{
    if (conn->watched_fd >= 0)
        loop_unwatch(conn->loop, conn->watched_fd);
    conn->watched_fd = -1;
}

static enum Status
watch(struct Conn *conn, uint32_t events)
{
    int fd = PQsocket(conn->pg);

    if (fd != conn->watched_fd)
        unwatch(conn);
    if (fd < 0)
        return STATUS_SYSTEM;
    conn->watched_fd = fd;
    return loop_watch(conn->loop, fd, events, on_socket, conn);
}

static void
drop(struct Conn *conn)
{
    unwatch(conn);
    PQclear(conn->held);
    PQclear(conn->latest);
    conn->held = conn->latest = NULL;
    PQfinish(conn->pg);
    conn->pg = NULL;
    dbhost_drop(&conn->hosts);
    conn->state = CONN_DOWN;
}

static void
answer(struct Conn *conn, enum ConnOutcome outcome, PGresult *result)
{
    struct ConnAnswer told = {.outcome = outcome,
                              .result = outcome == CONN_DONE ? result : NULL,
                              .error = outcome == CONN_DONE ? NULL : conn->error,
                              .sqlstate = outcome == CONN_DONE ? "" : conn->sqlstate};
    ConnDone done = conn->call.done;

    conn->call.done = NULL;
    if (done != NULL)
        done(conn->call.arg, &told);
}

/* The connection is of no more use: error is noted already. */
static void
lose(struct Conn *conn)
{
    bool asked = conn->state == CONN_BUSY;
    int64_t wait;

    if (conn->state >= CONN_READY)
        conn->down_ms = clock_now_ms();
    metrics_add(METRIC_CONNECTION_LOSSES, 1, conn->settings.name, NULL);
    drop(conn);
    conn->doomed = false;
    conn->failures++;
    wait =
        schedule_backoff_ms(conn->failures, RETRY_BASE_MS, RETRY_CAP_MS, schedule_seed(conn->settings.name));
    if (conn->settings.once) {
        conn->gone = true;
        loop_timer_off(&conn->timer);
    } else
        loop_timer_in(&conn->timer, wait);
    log_warning("connection-lost", LOG_TEXT("connection", conn->settings.name),
                LOG_TEXT("error", conn->error), LOG_NUMBER("failures", conn->failures),
                LOG_NUMBER("retry_ms", conn->settings.once ? -1 : wait));
    if (asked)
        answer(conn, CONN_LOST, NULL);
}

/* The same, but from the loop: who has just made a call must not be called back from inside it. */
static void
lose_soon(struct Conn *conn)
{
    note_error(conn, NULL);
    conn->doomed = true;
    loop_timer_in(&conn->timer, 0);
}

/* Writes what libpq has buffered as far as the socket takes it. */
static void
flush(struct Conn *conn)
{
    int rest = PQflush(conn->pg);

    if (rest < 0 || watch(conn, LOOP_READ | (rest > 0 ? LOOP_WRITE : 0u)) != STATUS_OK)
        lose_soon(conn);
}

static void
ignore_notice(void *arg, const PGresult *notice)
{
    const struct Conn *conn = arg;

    log_debug("notice", LOG_TEXT("connection", conn->settings.name),
              LOG_TEXT("message", PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY)));
}

int
conn_keywords(const char *name, const char *dsn, const char **keys, const char **values)
{
    /* what stands before dbname is a default that the dsn may change; what stands behind it is ours */
    const char *const pairs[][2] = {
        {"fallback_application_name", name},
        {"target_session_attrs", "read-write"},
        {"keepalives_idle", "30"},
        {"keepalives_interval", "10"},
        {"keepalives_count", "3"},
        {"tcp_user_timeout", "30000"},
        {"dbname", dsn},
        {"client_encoding", "UTF8"},
    };
    int count = (int) (sizeof pairs / sizeof pairs[0]);

    for (int i = 0; i < count; i++) {
        keys[i] = pairs[i][0];
        values[i] = pairs[i][1];
    }
    keys[count] = values[count] = NULL;
    return count;
}

static void
connect_now(struct Conn *conn)
{
    char name[64];
    const char *keys[CONN_KEYS_MAX], *values[CONN_KEYS_MAX];
    int count;

    snprintf(name, sizeof name, "crmd %s", conn->settings.name);
    count = conn_keywords(name, conn->settings.dsn, keys, values);
    dbhost_keywords(&conn->hosts, keys + count, values + count);
    conn->renew = false;
    conn->pg = PQconnectStartParams(keys, values, 1);
    dbhost_drop(&conn->hosts);
    if (conn->pg == NULL || PQstatus(conn->pg) == CONNECTION_BAD || watch(conn, LOOP_WRITE) != STATUS_OK) {
        note_error(conn, NULL);
        lose(conn);
        return;
    }
    PQsetNoticeReceiver(conn->pg, ignore_notice, conn);
    conn->state = CONN_CONNECTING;
}

static void
on_hosts(void *arg)
{
    struct Conn *conn = arg;

    if (conn->hosts.error[0] == '\0') {
        connect_now(conn);
        return;
    }
    snprintf(conn->error, sizeof conn->error, "%s", conn->hosts.error);
    lose(conn);
}

/* A name server that is silent takes half of the time: of several hosts others may be there. */
static void
start(struct Conn *conn)
{
    conn->sqlstate[0] = '\0';
    conn->state = CONN_RESOLVING;
    loop_timer_in(&conn->timer, conn->settings.connect_timeout_ms);
    if (dbhost_find(&conn->hosts, conn->settings.dns, conn->settings.dsn,
                    conn->settings.connect_timeout_ms / 2, on_hosts, conn))
        on_hosts(conn);
}

/* Comes up again with the settings as they are now. Nothing is under way. */
static void
make_anew(struct Conn *conn)
{
    if (conn->state >= CONN_READY) {
        log_info("reconnecting", LOG_TEXT("connection", conn->settings.name));
        conn->down_ms = clock_now_ms();
    }
    drop(conn);
    dbhost_turn_back(&conn->hosts);
    conn->doomed = false;
    conn->failures = 0;
    loop_timer_in(&conn->timer, 0);
}

void
conn_change(struct Conn *conn, const char *dsn, int connect_timeout_ms, int statement_timeout_ms, bool anew)
{
    conn->settings.dsn = dsn;
    conn->settings.connect_timeout_ms = connect_timeout_ms;
    conn->settings.statement_timeout_ms = statement_timeout_ms;
    if (anew && conn->state == CONN_BUSY)
        conn->renew = true;
    else if (anew && !conn->gone)
        make_anew(conn);
}

/* Qualifies and sends the statement of the call. */
static int
send_statement(struct Conn *conn)
{
    char sql[CONN_SQL_MAX];
    const char *rest = conn->call.sql, *mark;
    size_t length = 0;

    while ((mark = strstr(rest, "{crm}")) != NULL) {
        length += (size_t) snprintf(sql + length, sizeof sql - length, "%.*s%s", (int) (mark - rest), rest,
                                    conn->schema);
        if (length >= sizeof sql)
            return 0;
        rest = mark + strlen("{crm}");
    }
    if ((size_t) snprintf(sql + length, sizeof sql - length, "%s", rest) >= sizeof sql - length)
        return 0;
    return PQsendQueryParams(conn->pg, sql, conn->call.value_count, NULL, conn->call.values, NULL, NULL, 0);
}

static void
send_step(struct Conn *conn, int step)
{
    int sent;

    conn->step = step;
    if (conn->settings.statement_timeout_ms > 0) /* the server gives up before: it is not there any more */
        loop_timer_in(&conn->timer, conn->settings.statement_timeout_ms + conn->settings.connect_timeout_ms);
    if (step == STEP_STATEMENT)
        sent = send_statement(conn);
    else
        sent = PQsendQuery(conn->pg, step == STEP_BEGIN    ? conn->call.begin
                                     : step == STEP_COMMIT ? "COMMIT"
                                                           : "ROLLBACK");
    if (sent)
        flush(conn);
    else
        lose_soon(conn);
}

static bool
is_good(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    return status == PGRES_TUPLES_OK || status == PGRES_COMMAND_OK;
}

/* None of our statements copies: a server, or what stands in between, that begins to would go on for ever. */
static bool
is_copy(const PGresult *result)
{
    ExecStatusType status = PQresultStatus(result);

    return status == PGRES_COPY_OUT || status == PGRES_COPY_IN || status == PGRES_COPY_BOTH;
}

/* The server says so by itself whenever it changes: a primary that became a standby, or was switched to reading. */
static bool
is_read_only(const struct Conn *conn)
{
    const char *standby = PQparameterStatus(conn->pg, "in_hot_standby");
    const char *read_only = PQparameterStatus(conn->pg, "default_transaction_read_only");

    return (standby != NULL && strcmp(standby, "on") == 0) ||
           (read_only != NULL && strcmp(read_only, "on") == 0);
}

/* Between two calls: whether this connection is still the one to have. */
static void
look_around(struct Conn *conn)
{
    if (conn->renew)
        make_anew(conn);
    else if (is_read_only(conn)) { /* perhaps another host can be written to */
        snprintf(conn->error, sizeof conn->error, READ_ONLY);
        lose(conn);
    }
}

/* A statement of the call has ended with this result, which becomes ours. */
static void
end_step(struct Conn *conn, PGresult *result)
{
    bool good = is_good(result);

    conn->answered_ms = clock_now_ms();
    if (!good && conn->step != STEP_ROLLBACK)
        note_error(conn, result);
    if (!good && strcmp(conn->sqlstate, READ_ONLY_TRANSACTION) == 0 && is_read_only(conn)) {
        PQclear(result);
        lose(conn);
        return;
    }
    if (good && conn->step == STEP_BEGIN) {
        PQclear(result);
        send_step(conn, STEP_STATEMENT);
        return;
    }
    if (conn->call.begin != NULL && conn->step == STEP_STATEMENT && good) {
        conn->held = result;
        send_step(conn, STEP_COMMIT);
        return;
    }
    if (conn->call.begin != NULL && !good && PQtransactionStatus(conn->pg) == PQTRANS_INERROR) {
        PQclear(result);
        send_step(conn, STEP_ROLLBACK);
        return;
    }
    conn->state = CONN_READY;
    loop_timer_off(&conn->timer);
    /* COMMIT of a transaction that failed answers ROLLBACK and is no success */
    if (good && conn->step == STEP_COMMIT) {
        PQclear(result);
        result = conn->held;
        conn->held = NULL;
    }
    good = good && conn->step != STEP_ROLLBACK;
    if (!good)
        metrics_add(METRIC_STATEMENTS_FAILED, 1, conn->settings.name, NULL);
    answer(conn, good ? CONN_DONE : CONN_ERROR, result);
    PQclear(result);
    if (conn->state == CONN_READY)
        look_around(conn);
}

/* The first question of a connection: where the extension is, and whether this server can be written to. */
static void
prepare(struct Conn *conn)
{
    char timeout[24];
    const char *const values[] = {timeout};
    static const char sql[] =
        "SELECT pg_catalog.set_config('search_path', 'pg_catalog', false),"
        " pg_catalog.set_config('statement_timeout', $1, false),"
        " (SELECT pg_catalog.quote_ident(n.nspname) FROM pg_catalog.pg_extension e"
        "    JOIN pg_catalog.pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'crm') AS schema,"
        " (SELECT e.extversion FROM pg_catalog.pg_extension e WHERE e.extname = 'crm') AS version,"
        " pg_catalog.pg_is_in_recovery() AS standby, pg_catalog.current_setting('transaction_read_only') AS "
        "read_only";

    snprintf(timeout, sizeof timeout, "%d", conn->settings.statement_timeout_ms);
    conn->state = CONN_PREPARING;
    if (PQsendQueryParams(conn->pg, sql, 1, NULL, values, NULL, NULL, 0))
        flush(conn);
    else
        lose_soon(conn);
}

static void
end_prepare(struct Conn *conn, PGresult *result)
{
    char advice[200];

    if (!is_good(result)) {
        note_error(conn, result);
        goto refuse;
    }
    if (PQntuples(result) != 1 || PQnfields(result) != PREPARED_COLUMNS) {
        snprintf(conn->error, sizeof conn->error, NOT_ASKED);
        goto refuse;
    }
    if (PQgetisnull(result, 0, 2)) {
        snprintf(conn->error, sizeof conn->error, "the extension crm is not installed in this database");
        goto refuse;
    }
    if (strcmp(PQgetvalue(result, 0, 4), "t") == 0) {
        snprintf(conn->error, sizeof conn->error, "this server is a standby");
        goto refuse;
    }
    if (strcmp(PQgetvalue(result, 0, 5), "on") == 0) {
        snprintf(conn->error, sizeof conn->error, READ_ONLY);
        goto refuse;
    }
    snprintf(conn->schema, sizeof conn->schema, "%s", PQgetvalue(result, 0, 2));
    snprintf(conn->version, sizeof conn->version, "%s", PQgetvalue(result, 0, 3));
    PQclear(result);
    loop_timer_off(&conn->timer);
    conn->failures = 0;
    conn->state = CONN_READY;
    conn->answered_ms = clock_now_ms();
    metrics_add(METRIC_CONNECTIONS, 1, conn->settings.name, NULL);
    log_info("connected", LOG_TEXT("connection", conn->settings.name), LOG_TEXT("database", PQdb(conn->pg)),
             LOG_TEXT("role", PQuser(conn->pg)), LOG_TEXT("extension", conn->version));
    if (version_differs(conn->version, CRM_VERSION, advice, sizeof advice))
        log_warning("versions_differ", LOG_TEXT("connection", conn->settings.name),
                    LOG_TEXT("extension", conn->version), LOG_TEXT("detail", advice));
    conn->ready(conn->arg);
    return;
refuse:
    PQclear(result);
    lose(conn);
}

static void
go_on_connecting(struct Conn *conn)
{
    switch (PQconnectPoll(conn->pg)) {
    case PGRES_POLLING_READING:
        if (watch(conn, LOOP_READ) == STATUS_OK)
            return;
        break;
    case PGRES_POLLING_WRITING:
        if (watch(conn, LOOP_WRITE) == STATUS_OK)
            return;
        break;
    case PGRES_POLLING_OK:
        if (PQsetnonblocking(conn->pg, 1) == 0) {
            prepare(conn);
            return;
        }
        break;
    default:
        break;
    }
    note_error(conn, NULL);
    lose(conn);
}

/* Takes what has arrived; a statement ends when libpq has no more results for it. */
static void
go_on_reading(struct Conn *conn)
{
    PGresult *result;

    if (!PQconsumeInput(conn->pg)) {
        note_error(conn, NULL);
        lose(conn);
        return;
    }
    while (!PQisBusy(conn->pg)) {
        result = PQgetResult(conn->pg);
        if (is_copy(result)) {
            PQclear(result);
            snprintf(conn->error, sizeof conn->error, NOT_ASKED);
            lose(conn);
            return;
        }
        if (result != NULL) {
            if (conn->latest == NULL ||
                is_good(conn->latest)) { /* the first error of several statements stays */
                PQclear(conn->latest);
                conn->latest = result;
            } else
                PQclear(result);
            continue;
        }
        if (PQstatus(conn->pg) == CONNECTION_BAD) {
            note_error(conn, conn->latest);
            lose(conn);
            return;
        }
        result = conn->latest;
        conn->latest = NULL;
        if (result == NULL) { /* nothing was asked: the server tells something by itself */
            if (conn->state == CONN_READY)
                look_around(conn);
            return;
        }
        if (conn->state == CONN_PREPARING)
            end_prepare(conn, result);
        else if (conn->state == CONN_BUSY)
            end_step(conn, result);
        else
            PQclear(result);
        return;
    }
}

static void
on_socket(void *arg, int fd, uint32_t events)
{
    struct Conn *conn = arg;

    (void) fd;
    if (conn->state == CONN_CONNECTING) {
        go_on_connecting(conn);
        return;
    }
    if (events & LOOP_WRITE)
        flush(conn);
    if (events & (LOOP_READ | LOOP_ERROR))
        go_on_reading(conn);
}

/* Connecting or an answer has taken too long, or it is time to connect again. */
static void
on_timer(void *arg)
{
    struct Conn *conn = arg;

    if (conn->closed)
        return;
    if (conn->state == CONN_DOWN) {
        start(conn);
        return;
    }
    if (!conn->doomed && conn->state == CONN_BUSY)
        snprintf(conn->error, sizeof conn->error, "no answer after %d ms",
                 conn->settings.statement_timeout_ms + conn->settings.connect_timeout_ms);
    else if (!conn->doomed) {
        dbhost_turn(&conn->hosts, conn->pg);
        snprintf(conn->error, sizeof conn->error, "no connection after %d ms",
                 conn->settings.connect_timeout_ms);
    }
    lose(conn);
}

void
conn_open(struct Conn *conn, struct Loop *loop, const struct ConnSettings *settings, void (*ready)(void *arg),
          void *arg)
{
    memset(conn, 0, sizeof *conn);
    conn->loop = loop;
    conn->settings = *settings;
    conn->ready = ready;
    conn->arg = arg;
    conn->watched_fd = -1;
    conn->down_ms = clock_now_ms();
    conn->timer.due = on_timer;
    conn->timer.arg = conn;
    loop_timer_add(loop, &conn->timer);
    loop_timer_in(&conn->timer, 0);
}

void
conn_close(struct Conn *conn)
{
    conn->closed = true;
    loop_timer_off(&conn->timer);
    drop(conn);
    dbhost_turn_back(&conn->hosts);
}

bool
conn_free(const struct Conn *conn)
{
    return conn->state == CONN_READY;
}

void
conn_call(struct Conn *conn, const struct ConnCall *call)
{
    conn->call = *call;
    conn->state = CONN_BUSY;
    send_step(conn, call->begin != NULL ? STEP_BEGIN : STEP_STATEMENT);
}

void
conn_cancel(struct Conn *conn)
{
    char error[256];
    PGcancel *cancel = conn->state == CONN_BUSY ? PQgetCancel(conn->pg) : NULL;

    if (cancel != NULL && !PQcancel(cancel, error, sizeof error))
        log_warning("not-cancelled", LOG_TEXT("error", error));
    PQfreeCancel(cancel);
}

void
conn_log_failed(const struct ConnAnswer *answer, const char *call)
{
    log_error("call-failed", LOG_TEXT("call", call), LOG_TEXT("sqlstate", answer->sqlstate),
              LOG_TEXT("error", answer->error));
}

int64_t
conn_number(const struct ConnAnswer *answer)
{
    return PQntuples(answer->result) == 1 && PQnfields(answer->result) > 0
               ? strtoll(PQgetvalue(answer->result, 0, 0), NULL, 10)
               : 0;
}
