/*
 * serve.h: a small HTTP server inside the loop, for this machine alone: libmicrohttpd without a thread, its descriptor (an epoll of its
 * own) nested in the loop's. What is answered is up to the handlers.
 */
#ifndef CRMD_SERVE_H
#define CRMD_SERVE_H

#include <microhttpd.h>

#include "loop.h"
#include "status.h"

struct ServeSettings {
    const char *option;  /* that names the place, for messages */
    const char *address; /* as listen_address takes it */
    unsigned connections_max, timeout_s;
    MHD_AccessHandlerCallback handle;
    MHD_RequestCompletedCallback done; /* may be NULL */
    void *arg;
};

/* All zero is closed. */
struct Serve {
    struct Loop *loop;
    struct MHD_Daemon *server;
    int watched_fd;
    struct LoopTimer timer;
};

struct ServeHeader {
    const char *name, *value;
};

/* On failure, why stands in problem, and nothing is open. The timer stays with the loop: open it once. */
enum Status serve_open(struct Serve *serve, struct Loop *loop, const struct ServeSettings *settings,
                       struct Problem *problem) MUST_CHECK;

/* Requests that are suspended must have been resumed. */
void serve_close(struct Serve *serve);

/* After a request was resumed: goes on with it at the loop's next turn. */
void serve_soon(struct Serve *serve);

/* Queues an answer; body is copied. headers ends with a name of NULL; "Allow" is added to a 405. */
enum MHD_Result serve_answer(struct MHD_Connection *connection, unsigned status, const char *body,
                             size_t length, const struct ServeHeader *headers, const char *allow);

#endif
