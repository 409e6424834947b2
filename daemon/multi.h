/*
 * multi.h: one multi handle of libcurl, driven by the loop. Knows nothing of the transfers in it.
 */
#ifndef CRMD_MULTI_H
#define CRMD_MULTI_H

#include <curl/curl.h>

#include "loop.h"
#include "status.h"

struct Multi {
    CURLM *handle;
    /* Called each time the library has gone on: some transfer may be over. May close the multi. */
    void (*driven)(void *arg);
    void *arg;

    /* the module's own */
    struct Loop *loop; /* NULL: closed */
    struct LoopTimer timer;
};

/* On failure multi_close is still to be called. */
enum Status multi_open(struct Multi *multi, struct Loop *loop, void (*driven)(void *arg),
                       void *arg) MUST_CHECK;

/* No transfer may be under way. Nothing happens where it was never opened. */
void multi_close(struct Multi *multi);

#endif
