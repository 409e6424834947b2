/*
 * listen.h: where the daemon may listen: on this machine alone, since what it serves has no TLS of its own. Pure.
 */
#ifndef CRMD_LISTEN_H
#define CRMD_LISTEN_H

#include <stdbool.h>
#include <sys/socket.h>

/* 127.0.0.1:PORT or [::1]:PORT. False for anything else, other machines' addresses too. */
bool listen_address(const char *text, struct sockaddr_storage *address);

#endif
