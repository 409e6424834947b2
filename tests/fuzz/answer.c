// links: daemon/http.c daemon/multi.c daemon/loop.c daemon/dns.c daemon/resolve.c daemon/address.c daemon/nameserver.c daemon/clock.c daemon/log.c daemon/metrics.c daemon/outcome.c daemon/utf8.c daemon/status.c
/* What a receiver answers to a POST, status, headers and body, in pieces: it ends once, within the room that there is, and says how long to wait within bounds. */
#include "http.h"
#include "outcome.h"
#include "socket.h"

static struct Loop loop;
static struct Http http;
static struct Input rest;
static int listener, connection = -1, told;
static size_t piece;

/* The request is thrown away; a piece of the answer each time. */
static void
on_talk(void *arg, int fd, uint32_t events)
{
    char request[4096];
    size_t size = rest.size < piece ? rest.size : piece;

    (void) arg;
    if (events & LOOP_READ)
        while (recv(fd, request, sizeof request, 0) > 0)
            ;
    if (size > 0 && send(fd, rest.data, size, MSG_NOSIGNAL) == (ssize_t) size) {
        rest.data += size;
        rest.size -= size;
    } else
        rest.size = 0;
    if (rest.size > 0) {
        CHECK(loop_watch(&loop, fd, LOOP_WRITE, on_talk, NULL) == STATUS_OK);
        return;
    }
    (void) shutdown(fd, SHUT_WR);
    loop_unwatch(&loop, fd);
}

static void
on_connection(void *arg, int fd, uint32_t events)
{
    (void) arg;
    (void) events;
    CHECK(connection == -1);
    connection = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    CHECK(connection >= 0 && loop_watch(&loop, connection, LOOP_READ, on_talk, NULL) == STATUS_OK);
}

static void
on_done(void *arg, const struct HttpAnswer *answer)
{
    char body[HTTP_KEEP_MAX + 1];
    int64_t wait = outcome_retry_after_ms(answer->status, answer->retry_after_s);

    (void) arg;
    told++;
    CHECK(memchr(answer->body, '\0', sizeof answer->body) != NULL &&
          memchr(answer->error, '\0', sizeof answer->error) != NULL);
    CHECK(answer->status == 0 ? answer->error[0] != '\0' : answer->status >= 200 && answer->sent);
    CHECK(wait >= -1 && wait <= INT64_C(86400000));
    memcpy(body, answer->body, sizeof body);
    outcome_clean(body);
    CHECK(is_utf8(body, strlen(body)) && !has_control(body, strlen(body)));
    CHECK(outcome_name(outcome_of(answer->status)) != NULL);
    loop_stop(&loop);
}

TARGET(answer)
{
    static char url[64];
    struct HttpRequest request = {.body = "{}", .body_length = 2, .fresh = true, .done = on_done};
    int port;

    if (url[0] == '\0') {
        struct HttpSettings settings = {.ca_file = "",
                                        .policy = {.allow_http = true, .allow_private = true},
                                        .timeout_ms = 20000,
                                        .connect_timeout_ms = 20000};

        CHECK(curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK && loop_open(&loop) == STATUS_OK);
        CHECK(http_open(&http, &loop, &settings) == STATUS_OK);
        listener = open_socket(SOCK_STREAM, &port);
        snprintf(url, sizeof url, "http://127.0.0.1:%d/hook", port);
        CHECK(loop_watch(&loop, listener, LOOP_READ, on_connection, NULL) == STATUS_OK);
    }
    rest = (struct Input){data, size};
    piece = (size_t) take_number(&rest, 1) + 1;
    told = 0;
    loop.stopped = false;
    CHECK(http_post(&http, &request, url) == STATUS_OK);
    CHECK(loop_run(&loop, nothing, NULL) == STATUS_OK && told == 1);
    http_drop(&request);
    if (connection >= 0) {
        loop_unwatch(&loop, connection);
        break_off(connection);
        connection = -1;
    }
}
