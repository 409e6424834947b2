/*
 * act.c: a request is suspended in the server while the database is asked, and resumed with its page. A request whose connection breaks
 * while its answer is awaited is forgotten by the server first (done_with) and by us when the answer is there.
 */
#include "act.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "listen.h"
#include "log.h"
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
drive(void *arg)
{
    struct Act *act = arg;
    MHD_UNSIGNED_LONG_LONG wait;

    (void) MHD_run(act->server);
    if (MHD_get_timeout(act->server, &wait) == MHD_YES)
        loop_timer_in(&act->worker.timer, wait < 60000 ? (int64_t) wait : 60000);
    else
        loop_timer_off(&act->worker.timer);
}

static void
on_ready(void *arg, int fd, uint32_t events)
{
    (void) fd;
    (void) events;
    drive(arg);
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
    loop_timer_in(&act->worker.timer, 0);
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
    static const char *const headers[][2] = {
        {"Content-Type", "text/html; charset=utf-8"},
        {"Cache-Control", "no-store"},
        {"Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; form-action 'self'; "
                                    "frame-ancestors 'none'; base-uri 'none'"},
        {"X-Frame-Options", "DENY"},
        {"X-Content-Type-Options", "nosniff"},
        {"Referrer-Policy", "no-referrer"},
        {"X-Robots-Tag", "noindex, nofollow"},
    };
    struct MHD_Response *response =
        MHD_create_response_from_buffer(length, (void *) (uintptr_t) html, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = response == NULL ? MHD_NO : MHD_YES;

    for (size_t i = 0; result == MHD_YES && i < sizeof headers / sizeof headers[0]; i++)
        result = MHD_add_response_header(response, headers[i][0], headers[i][1]);
    if (result == MHD_YES && status == 405)
        result = MHD_add_response_header(response, "Allow", "GET, HEAD, POST");
    if (result == MHD_YES)
        result = MHD_queue_response(connection, status, response);
    if (response != NULL)
        MHD_destroy_response(response);
    return result;
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
    struct sockaddr_storage address;
    const union MHD_DaemonInfo *info;

    if (!listen_address(worker->settings.config->act_listen, &address)) {
        problem_set(problem, "act_listen is no address of this machine: 127.0.0.1:PORT or [::1]:PORT");
        return STATUS_INVALID;
    }
    act->server = MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | (address.ss_family == AF_INET6 ? MHD_USE_IPv6 : 0u), 0,
        NULL, NULL, on_request, act, MHD_OPTION_SOCK_ADDR, (struct sockaddr *) (void *) &address,
        MHD_OPTION_NOTIFY_COMPLETED, done_with, act, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS_MAX,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t) 16 * 1024, MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S,
        MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_END);
    info = act->server == NULL ? NULL : MHD_get_daemon_info(act->server, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL || info->epoll_fd < 0 ||
        loop_watch(worker->settings.loop, info->epoll_fd, LOOP_READ, on_ready, act) != STATUS_OK) {
        problem_set(problem, "cannot listen at %s: %s", worker->settings.config->act_listen, strerror(errno));
        return STATUS_SYSTEM;
    }
    act->watched_fd = info->epoll_fd;
    return STATUS_OK;
}

static void
configure(struct Worker *worker)
{
    struct Act *act = (struct Act *) worker;

    act->watched_fd = -1;
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
    if (act->watched_fd >= 0)
        loop_unwatch(worker->settings.loop, act->watched_fd);
    if (act->server != NULL)
        MHD_stop_daemon(act->server);
    act->server = NULL;
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
                                    .due = drive,
                                    .idle = is_idle,
                                    .close = close_act};
