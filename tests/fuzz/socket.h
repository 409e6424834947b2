/* socket.h: sockets at 127.0.0.1, of ports that are free, for targets whose other side is a program of the network. */
#ifndef FUZZ_SOCKET_H
#define FUZZ_SOCKET_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"

/* Not blocking; a stream listens. */
static inline int
open_socket(int type, int *port)
{
    struct sockaddr_in place = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof place;
    int fd = socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0 && bind(fd, (struct sockaddr *) &place, sizeof place) == 0);
    CHECK(type != SOCK_STREAM || listen(fd, 16) == 0);
    CHECK(getsockname(fd, (struct sockaddr *) &place, &length) == 0);
    *port = ntohs(place.sin_port);
    return fd;
}

/* Ends a connection without one of its ports being kept for a minute. */
static inline void
break_off(int fd)
{
    struct linger now = {.l_onoff = 1};

    CHECK(setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
    close(fd);
}

/* What a loop has to do after each turn. */
static inline void
nothing(void *arg)
{
    (void) arg;
}

#endif
