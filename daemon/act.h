/*
 * act.h: serves the small page behind the buttons of messages, on this machine alone; a proxy in front brings TLS.
 *
 * Owns its server (serve.h) and a connection of its own. GET asks the database
 * what to show and changes nothing; POST hands verb, comment and the mark of the look to it. Requests wait for the database one after
 * the other; there is a limit to how many, how large and how long.
 */
#ifndef CRMD_ACT_H
#define CRMD_ACT_H

#include "serve.h"
#include "worker.h"

struct ActRequest;

struct Act {
    struct Worker worker;
    struct Serve serve;
    struct ActRequest *first, *asked; /* waiting, oldest first; the one whose answer is awaited */
    int waiting;
};

extern const struct WorkerKind act_kind;

#endif
