/*
 * notify.h: tells systemd how it goes (sd_notify's protocol: a datagram to $NOTIFY_SOCKET) and that the loop still runs (its watchdog).
 *
 * Where there is no such socket nothing is told and nothing fails. The beat is a timer of the loop: a loop that hangs does not beat.
 */
#ifndef CRMD_NOTIFY_H
#define CRMD_NOTIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "loop.h"

struct Notify {
    int fd; /* -1: nobody listens */
    struct sockaddr_un address;
    socklen_t length;
    struct LoopTimer timer;
    int64_t beat_ms; /* 0: no watchdog */
    char status[256];
};

/* Reads NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID, and begins to beat. */
void notify_open(struct Notify *notify, struct Loop *loop);
void notify_close(struct Notify *notify);

/* Lines such as READY=1; what cannot be told is not. */
void notify_tell(const struct Notify *notify, const char *lines);

/* Begins a reload, which ends with READY=1. */
void notify_reloading(const struct Notify *notify);

/* What `systemctl status` shows; told where it changed. */
void notify_status(struct Notify *notify, const char *words);

/* Pure: the address of a socket's name: a path, or @ and the name of an abstract one. False where it is neither. */
bool notify_address(const char *name, struct sockaddr_un *address, socklen_t *length);

#endif
