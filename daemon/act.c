/*
 * act.c: a request is suspended in the server while the database is asked, and resumed with its page. A request whose connection breaks
 * while its answer is awaited is forgotten by the server first (done_with) and by us when the answer is there.
 */
#include "act.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"
#include "metrics.h"
#include "page.h"

#define TOKEN_MAX 80
#define FIELD_MAX 4096 /* bytes of a comment of 1,000 characters */
#define BODY_MAX (16 * 1024)
#define WAITING_MAX 32
#define CONNECTIONS_MAX 64
#define TIMEOUT_S 10
#define STATEMENT_TIMEOUT_MS 5000

struct Field {
    char text[FIELD_MAX + 1];
    bool given;
};

struct ActRequest {
    struct MHD_Connection *connection; /* NULL: gone */
    struct MHD_PostProcessor *post;
    bool is_post, complete, too_large, queued;
    size_t received;
    char token[TOKEN_MAX + 1];
    struct Field verb, look, comment;
    const char *values[4];
    struct Page page;
    unsigned status; /* 0: not known yet */
    struct ActRequest *next;
};

static void ask(struct Act *act);

static void
free_request(struct ActRequest *request)
{
    if (request->post != NULL)
        (void) MHD_destroy_post_processor(request->post);
    free(request->page.html);
    free(request);
}

static void
take_waiting(struct Act *act, const struct ActRequest *request)
{
    struct ActRequest **link = &act->first;

    while (*link != NULL && *link != request)
        link = &(*link)->next;
    if (*link != NULL) {
        *link = request->next;
        act->waiting--;
    }
}

static void
on_answered(void *arg, const struct ConnAnswer *answer)
{
    struct Act *act = arg;
    struct ActRequest *request = act->asked;
    bool good = answer->outcome == CONN_DONE && PQntuples(answer->result) == 1 &&
                page_make(&request->page, PQgetvalue(answer->result, 0, 0));

    act->asked = NULL;
    if (answer->outcome == CONN_ERROR)
        conn_log_failed(answer, "action_page");
    if (good)
        log_info("answered", LOG_TEXT("method", request->is_post ? "POST" : "GET"),
                 LOG_NUMBER("status", request->page.status));
    request->status = good ? request->page.status : 503;
    if (request->connection == NULL)
        free_request(request);
    else
        MHD_resume_connection(request->connection);
    while (answer->outcome == CONN_LOST && act->first != NULL) { /* nobody knows when it comes back */
        struct ActRequest *waiting = act->first;

        take_waiting(act, waiting);
        waiting->status = 503;
        MHD_resume_connection(waiting->connection);
    }
    ask(act);
    serve_soon(&act->serve);
}

static void
ask(struct Act *act)
{
    struct ActRequest *request = act->first;

    if (request == NULL || act->asked != NULL || !conn_free(&act->worker.conn))
        return;
    take_waiting(act, request);
    act->asked = request;
    request->values[0] = request->token;
    request->values[1] = request->is_post && request->verb.given ? request->verb.text : NULL;
    request->values[2] = request->look.given ? request->look.text : NULL;
    request->values[3] = request->comment.given ? request->comment.text : NULL;
    conn_call(&act->worker.conn,
              &(struct ConnCall){.sql = "SELECT {crm}.action_page($1::text, $2::text, $3::text, $4::text)",
                                 .value_count = 4,
                                 .values = request->values,
                                 .done = on_answered,
                                 .arg = act});
}

static void
on_connected(void *arg)
{
    ask(arg);
}

static enum MHD_Result
take_field(void *arg, enum MHD_ValueKind kind, const char *key, const char *filename,
           const char *content_type, const char *encoding, const char *data, uint64_t offset, size_t size)
{
    struct ActRequest *request = arg;
    struct Field *field = strcmp(key, "verb") == 0      ? &request->verb
                          : strcmp(key, "look") == 0    ? &request->look
                          : strcmp(key, "comment") == 0 ? &request->comment
                                                        : NULL;

    (void) kind;
    (void) filename;
    (void) content_type;
    (void) encoding;
    if (field == NULL)
        return MHD_YES;
    /* a NUL would end the text early: what is behind it would be looked at by nobody */
    if (offset + size > FIELD_MAX || memchr(data, '\0', size) != NULL) {
        request->too_large = true;
        return MHD_YES;
    }
    memcpy(field->text + offset, data, size);
    field->text[offset + size] = '\0';
    field->given = true;
    return MHD_YES;
}

static enum MHD_Result
reply(struct MHD_Connection *connection, unsigned status, const char *html, size_t length)
{
    static const struct ServeHeader headers[] = {
        {"Content-Type", "text/html; charset=utf-8"},
        {"Cache-Control", "no-store"},
        {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
                                    "frame-ancestors 'none'; base-uri 'none'"},
        {"X-Frame-Options", "DENY"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"X-Robots-Tag", "noindex, nofollow"},
        {NULL, NULL},
    };
    char code[12];

    snprintf(code, sizeof code, "%u", status);
    metrics_add(METRIC_PAGES, 1, code, NULL);
    return serve_answer(connection, status, html, length, headers, "GET, HEAD, POST");
}

static enum MHD_Result
reply_plain(struct MHD_Connection *connection, unsigned status)
{
    return reply(connection, status, page_plain(status), strlen(page_plain(status)));
}

/* The request is whole: what can be said at once, or a question to the database. */
static enum MHD_Result
decide(struct Act *act, struct ActRequest *request, struct MHD_Connection *connection)
{
    if (request->status != 0)
        return request->page.html == NULL
                   ? reply_plain(connection, request->status)
                   : reply(connection, request->status, request->page.html, request->page.length);
    if (request->too_large)
        return reply_plain(connection, 413);
    if (act->waiting >= WAITING_MAX || act->worker.stopping || act->worker.conn.state < CONN_READY)
        return reply_plain(connection, 503);
    for (struct ActRequest **link = &act->first;; link = &(*link)->next)
        if (*link == NULL) {
            *link = request;
            break;
        }
    act->waiting++;
    MHD_suspend_connection(connection);
    ask(act);
    return MHD_YES;
}

static enum MHD_Result
on_request(void *arg, struct MHD_Connection *connection, const char *url, const char *method,
           const char *version, const char *data, size_t *size, void **state)
{
    struct Act *act = arg;
    struct ActRequest *request = *state;
    const char *token = strncmp(url, "/act/", 5) == 0 ? url + 5 : NULL;

    (void) version;
    if (request == NULL) {
        request = calloc(1, sizeof *request);
        if (request == NULL)
            return MHD_NO;
        *state = request;
        request->connection = connection;
        request->is_post = strcmp(method, "POST") == 0;
        if (request->is_post)
            request->post = MHD_create_post_processor(connection, 1024, take_field, request);
        return MHD_YES;
    }
    if (*size > 0) {
        request->received += *size;
        if (request->received > BODY_MAX)
            request->too_large = true;
        else if (request->post != NULL)
            (void) MHD_post_process(request->post, data, *size);
        *size = 0;
        return MHD_YES;
    }
    if (!request->is_post && strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return reply_plain(connection, 405);
    if (token == NULL || token[0] == '\0' || strlen(token) > TOKEN_MAX)
        return reply_plain(connection, 404);
    if (request->is_post && request->post == NULL)
        return reply_plain(connection, 400); /* no form */
    snprintf(request->token, sizeof request->token, "%s", token);
    return decide(act, request, connection);
}

static void
done_with(void *arg, struct MHD_Connection *connection, void **state, enum MHD_RequestTerminationCode code)
{
    struct Act *act = arg;
    struct ActRequest *request = *state;

    (void) connection;
    (void) code;
    *state = NULL;
    if (request == NULL)
        return;
    take_waiting(act, request);
    if (act->asked == request)
        request->connection = NULL;
    else
        free_request(request);
}

static enum Status
start_server(struct Worker *worker, struct Problem *problem)
{
    struct Act *act = (struct Act *) worker;
    struct ServeSettings settings = {.option = "act_listen",
                                     .address = worker->settings.config->act_listen,
                                     .connections_max = CONNECTIONS_MAX,
                                     .timeout_s = TIMEOUT_S,
                                     .handle = on_request,
                                     .done = done_with,
                                     .arg = act};

    return serve_open(&act->serve, worker->settings.loop, &settings, problem);
}

static void
configure(struct Worker *worker)
{
    worker->statement_timeout_ms = STATEMENT_TIMEOUT_MS;
}

static void
close_act(struct Worker *worker)
{
    struct Act *act = (struct Act *) worker;

    if (act->asked != NULL) {
        act->asked->status = 503;
        if (act->asked->connection != NULL)
            MHD_resume_connection(act->asked->connection);
        else
            free_request(act->asked);
        act->asked = NULL;
    }
    for (struct ActRequest *request = act->first, *next; request != NULL; request = next) {
        next = request->next;
        request->status = 503;
        MHD_resume_connection(request->connection);
    }
    act->first = NULL;
    serve_close(&act->serve);
}

/* What is asked may end; new requests are refused. */
static bool
is_idle(const struct Worker *worker)
{
    const struct Act *act = (const struct Act *) worker;

    return act->asked == NULL && act->first == NULL;
}

const struct WorkerKind act_kind = {.name = "act",
                                    .configure = configure,
                                    .open = start_server,
                                    .connected = on_connected,
                                    .idle = is_idle,
                                    .close = close_act};
