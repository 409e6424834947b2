/*
 * act.h: serves the small page behind the buttons of messages, on this machine alone; a proxy in front brings TLS.
 *
 * Owns the HTTP server (libmicrohttpd, without a thread, its descriptor inside the loop) and a connection of its own. GET asks the database
 * what to show and changes nothing; POST hands verb, comment and the mark of the look to it. Requests wait for the database one after
 * the other; there is a limit to how many, how large and how long.
 */
#ifndef CRMD_ACT_H
#define CRMD_ACT_H

#include <microhttpd.h>

#include "conn.h"
#include "worker.h"

struct ActRequest;

struct Act {
    struct WorkerSettings settings;
    struct Conn conn;
    struct MHD_Daemon *server;
    int watched_fd;
    struct LoopTimer timer;
    struct ActRequest *first, *asked; /* waiting, oldest first; the one whose answer is awaited */
    int waiting;
    bool stopping;
};

/* Listens at config->act_listen. On failure, why stands in problem, and act_close is still to be called. */
enum Status act_open(struct Act *act, const struct WorkerSettings *settings,
                     struct Problem *problem) MUST_CHECK;
void act_close(struct Act *act);

/* Takes no new connections; what is asked may end. */
void act_stop(struct Act *act);
bool act_idle(const struct Act *act);

#endif
