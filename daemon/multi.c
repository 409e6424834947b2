/*
 * multi.c: the library says which descriptors it waits for and until when. Nothing is done to it from inside its callbacks.
 */
#include "multi.h"

#include <string.h>

static void
drive(struct Multi *multi, curl_socket_t fd, int events)
{
    int running;

    (void) curl_multi_socket_action(multi->handle, fd, events, &running);
    multi->driven(multi->arg);
}

static void
on_ready(void *arg, int fd, uint32_t events)
{
    int happened = (events & LOOP_READ ? CURL_CSELECT_IN : 0) | (events & LOOP_WRITE ? CURL_CSELECT_OUT : 0) |
                   (events & LOOP_ERROR ? CURL_CSELECT_ERR : 0);

    drive(arg, fd, happened);
}

static void
on_due(void *arg)
{
    drive(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int
set_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
    struct Multi *multi = arg;
    uint32_t events = (what & CURL_POLL_IN ? LOOP_READ : 0u) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0u);

    (void) easy;
    (void) socket_arg;
    if (what == CURL_POLL_REMOVE) {
        loop_unwatch(multi->loop, fd);
        return 0;
    }
    return loop_watch(multi->loop, fd, events, on_ready, multi) == STATUS_OK ? 0 : -1;
}

static int
set_timer(CURLM *handle, long timeout_ms, void *arg)
{
    struct Multi *multi = arg;

    (void) handle;
    if (timeout_ms < 0)
        loop_timer_off(&multi->timer);
    else
        loop_timer_in(&multi->timer, timeout_ms);
    return 0;
}

enum Status
multi_open(struct Multi *multi, struct Loop *loop, void (*driven)(void *arg), void *arg)
{
    memset(multi, 0, sizeof *multi);
    multi->driven = driven;
    multi->arg = arg;
    multi->loop = loop;
    multi->timer.due = on_due;
    multi->timer.arg = multi;
    loop_timer_add(loop, &multi->timer);
    multi->handle = curl_multi_init();
    if (multi->handle == NULL ||
        curl_multi_setopt(multi->handle, CURLMOPT_SOCKETFUNCTION, set_socket) != CURLM_OK ||
        curl_multi_setopt(multi->handle, CURLMOPT_SOCKETDATA, multi) != CURLM_OK ||
        curl_multi_setopt(multi->handle, CURLMOPT_TIMERFUNCTION, set_timer) != CURLM_OK ||
        curl_multi_setopt(multi->handle, CURLMOPT_TIMERDATA, multi) != CURLM_OK)
        return STATUS_SYSTEM;
    return STATUS_OK;
}

void
multi_close(struct Multi *multi)
{
    if (multi->loop == NULL)
        return;
    if (multi->handle != NULL)
        (void) curl_multi_cleanup(multi->handle);
    loop_timer_remove(multi->loop, &multi->timer);
    multi->handle = NULL;
    multi->loop = NULL;
}
