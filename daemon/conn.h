/*
 * conn.h: one connection to the database as a state machine in the loop: connects, asks one thing at a time, comes
 * back after the server went away.
 *
 * Owns the PGconn, its place in the loop and its timers. ready() is called whenever the connection has come up and the
 * extension was found: at the start and after each loss. A call in progress when the connection is lost ends with
 * CONN_LOST; whether it took effect is then unknown. Nothing here blocks: host names are resolved before libpq
 * is asked to connect (dbhost.h says which are not).
 */
#ifndef CRMD_CONN_H
#define CRMD_CONN_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "dbhost.h"
#include "loop.h"
#include "status.h"

#define CONN_SQL_MAX 1024
#define CONN_PARAMS_MAX 4

enum ConnState { CONN_DOWN, CONN_RESOLVING, CONN_CONNECTING, CONN_PREPARING, CONN_READY, CONN_BUSY };

enum ConnOutcome {
    CONN_DONE,  /* result is what the call returned; where it had a transaction, that is committed */
    CONN_ERROR, /* the server refused; error says why; a transaction is rolled back */
    CONN_LOST   /* the connection is gone */
};

struct ConnAnswer {
    enum ConnOutcome outcome;
    const PGresult *result; /* only CONN_DONE */
    const char *error;      /* one line, not for CONN_DONE */
    const char *sqlstate;   /* five characters, "" where unknown */
};

/* Logs what a call ended with that did not work. */
void conn_log_failed(const struct ConnAnswer *answer, const char *call);

/* The number that a call returned, which is done; 0 where it returned no row. */
int64_t conn_number(const struct ConnAnswer *answer);

typedef void (*ConnDone)(void *arg, const struct ConnAnswer *answer);

/* What to ask. In sql, {crm} stands for the extension's schema. The values stay the caller's until done is called. */
struct ConnCall {
    const char *begin; /* NULL: no transaction but the statement's own */
    const char *sql;
    int value_count;
    const char *const *values;
    ConnDone done;
    void *arg;
};

struct ConnSettings {
    const char *name; /* for the log and application_name */
    const char *dsn;
    struct Dns *dns;
    int connect_timeout_ms;
    int statement_timeout_ms; /* 0: none */
    bool once;                /* do not try again: gone stays true after the first failure */
};

struct Conn {
    struct Loop *loop;
    struct ConnSettings settings;
    void (*ready)(void *arg);
    void *arg;

    struct DbHosts hosts;
    PGconn *pg;
    enum ConnState state;
    int watched_fd; /* -1: none */
    struct LoopTimer timer;
    int failures;
    bool closed, gone;
    int64_t answered_ms; /* when the server answered last; 0: never */
    int64_t down_ms;     /* while it is not ready: since when */
    bool doomed;         /* lost, and to be told of it by the timer */
    bool renew;          /* to be made anew when the call in progress is over */
    char schema[140];    /* quoted */
    char version[32];

    struct ConnCall call;
    int step;         /* of the call: see conn.c */
    PGresult *held;   /* the answer, while COMMIT is under way */
    PGresult *latest; /* of the statement under way */
    char error[512];
    char sqlstate[6];
};

void conn_open(struct Conn *conn, struct Loop *loop, const struct ConnSettings *settings,
               void (*ready)(void *arg), void *arg);
void conn_close(struct Conn *conn);

/*
 * Settings that hold from now on; name and once stay. With anew the connection is made anew: at once, or when the call in progress
 * is over.
 */
void conn_change(struct Conn *conn, const char *dsn, int connect_timeout_ms, int statement_timeout_ms,
                 bool anew);

/*
 * How a connection of the daemon is made, for PQconnectStartParams and PQconnectdbParams with expand_dbname: what the dsn says, and
 * where it says nothing a server that can be written to, and a half-open connection that is noticed. Fills keys and values,
 * CONN_KEYS_MAX of each, and returns how many there are; a NULL follows.
 */
#define CONN_KEYS_MAX 16
int conn_keywords(const char *name, const char *dsn, const char **keys, const char **values);

/* Whether a call can be made now. */
bool conn_free(const struct Conn *conn);

/* Only where conn_free. done is called later, never from inside; a loss is reported through it as well. */
void conn_call(struct Conn *conn, const struct ConnCall *call);

/*
 * Asks the server to give up the call in progress, which then ends as it ends: with an error mostly. This connects to the server
 * a second time and waits for that, so it is for the end of the program.
 */
void conn_cancel(struct Conn *conn);

#endif
