// links: daemon/act.c daemon/monitor.c daemon/serve.c daemon/listen.c daemon/loop.c daemon/clock.c daemon/log.c daemon/metrics.c daemon/page.c daemon/html.c daemon/utf8.c daemon/status.c
/*
 * What a browser, or who says to be one, sends to the page behind a message's buttons and to the page of measurements: any bytes, in pieces.
 * The database is asked with texts within their bounds, once for each request; every page that it answers carries what keeps others out of it.
 */
#include <errno.h>

#include "act.h"
#include "log.h"
#include "monitor.h"
#include "socket.h"

#define TURNS 40

static struct Act act;
static struct Monitor monitor;
static struct ConnCall asked;
static bool busy, refuse;
static int questions;

/* In place of the connection to the database: what it is asked is answered in the next turn. */
bool
conn_free(const struct Conn *conn)
{
    (void) conn;
    return !busy;
}

void
conn_call(struct Conn *conn, const struct ConnCall *call)
{
    (void) conn;
    CHECK(!busy && call->value_count == 4 && call->values[0] != NULL);
    CHECK(strlen(call->values[0]) >= 1 && strlen(call->values[0]) <= 80);
    for (int i = 1; i < 4; i++)
        CHECK(call->values[i] == NULL || strlen(call->values[i]) <= 4096);
    asked = *call;
    busy = true;
    questions++;
}

void
conn_log_failed(const struct ConnAnswer *answer, const char *call)
{
    CHECK(answer->outcome == CONN_ERROR && strcmp(call, "action_page") == 0);
}

static void
answer_question(void)
{
    static PGresult *page;
    static char name[] = "page", json[] = "{\"status\":200,\"language\":\"en\",\"title\":\"Yes?\",\"lines\":["
                                          "\"a < b\"],\"form\":{\"look\":\"l\",\"comment\":\"Why\","
                                          "\"verbs\":[[\"accept\",\"Accept\"]]}}";
    PGresAttDesc column = {.name = name, .typid = 25, .typlen = -1, .atttypmod = -1};
    struct ConnAnswer answer = {
        .outcome = refuse ? CONN_ERROR : CONN_DONE, .error = "no", .sqlstate = "57014"};

    if (page == NULL) {
        page = PQmakeEmptyPGresult(NULL, PGRES_TUPLES_OK);
        CHECK(page != NULL && PQsetResultAttrs(page, 1, &column) &&
              PQsetvalue(page, 0, 0, json, (int) strlen(json)));
    }
    answer.result = refuse ? NULL : page;
    busy = false;
    asked.done(asked.arg, &answer);
}

/* One page's server gets a free port in the end, where another program is faster. */
static int
start(struct Loop *loop, struct Config *config, bool page)
{
    struct Problem problem;

    for (int i = 0; i < 20; i++) {
        static char place[32];
        int port;

        close(open_socket(SOCK_STREAM, &port));
        snprintf(place, sizeof place, "127.0.0.1:%d", port);
        config->act_listen = place;
        if ((page ? act_kind.open(&act.worker, &problem) : monitor_open(&monitor, loop, place, &problem)) ==
            STATUS_OK)
            return port;
    }
    CHECK(!"a server starts");
    return 0;
}

static size_t
take_answer(int fd, char *answer, size_t room, size_t length, bool *open)
{
    while (length < room) {
        ssize_t got = recv(fd, answer + length, room - length, MSG_DONTWAIT);

        if (got <= 0) {
            *open = got < 0 && errno == EAGAIN;
            break;
        }
        length += (size_t) got;
    }
    return length;
}

TARGET(server)
{
    static struct Loop loop;
    static struct Config config;
    static int ports[2];
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct Input input = {data, size};
    uint64_t how = take_number(&input, 1);
    size_t piece = 1 + (how >> 2) * (how >> 2), length = 0, room = 65535;
    struct MHD_Daemon *server;
    char *answer = malloc(room + 1);
    bool open = true, ended = false;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0 && answer != NULL);
    if (ports[0] == 0) {
        log_set_level(LOG_ERROR);
        CHECK(loop_open(&loop) == STATUS_OK);
        act.worker.settings.config = &config;
        act.worker.settings.loop = &loop;
        act.worker.conn.state = CONN_READY;
        monitor.outbox = calloc(1, sizeof *monitor.outbox);
        ports[0] = start(&loop, &config, true);
        ports[1] = start(&loop, &config, false);
    }
    server = how & 1 ? monitor.serve.server : act.serve.server;
    place.sin_port = htons((uint16_t) ports[how & 1]);
    refuse = (how & 2) != 0;
    questions = 0;
    CHECK(connect(fd, (struct sockaddr *) &place, sizeof place) == 0);
    for (int turn = 0; open && (turn < TURNS || input.size > 0); turn++) {
        size_t now = input.size < piece ? input.size : piece;

        if (now > 0 && send(fd, input.data, now, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
            input.size = now = 0;
        input.data += now;
        input.size -= now;
        if (input.size == 0 && !ended)
            ended = shutdown(fd, SHUT_WR) == 0 || true;
        CHECK(MHD_run(server) == MHD_YES);
        if (busy)
            answer_question();
        length = take_answer(fd, answer, room, length, &open);
    }
    answer[length] = '\0';
    CHECK(length == 0 || strncmp(answer, "HTTP/1.", 7) == 0);
    if (strstr(answer, "<form") != NULL)
        CHECK(questions > 0 && !refuse && strstr(answer, "frame-ancestors 'none'") != NULL &&
              strstr(answer, "Cache-Control: no-store") != NULL);
    CHECK(!(how & 1) || questions == 0);
    break_off(fd);
    for (int turn = 0; turn < TURNS && (turn < 3 || act.first != NULL || act.asked != NULL); turn++) {
        CHECK(MHD_run(server) == MHD_YES);
        if (busy)
            answer_question();
    }
    CHECK(act.waiting == 0 && act.first == NULL && act.asked == NULL && !busy);
    free(answer);
}
