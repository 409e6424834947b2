#include "listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

bool
listen_address(const char *text, struct sockaddr_storage *address)
{
    struct sockaddr_in *v4 = (struct sockaddr_in *) (void *) address;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *) (void *) address;
    const char *colon = strrchr(text, ':');
    char *end;
    long port;

    memset(address, 0, sizeof *address);
    if (colon == NULL || colon[1] < '0' || colon[1] > '9')
        return false;
    errno = 0;
    port = strtol(colon + 1, &end, 10);
    if (errno != 0 || *end != '\0' || port < 1 || port > 65535)
        return false;
    if (strncmp(text, "127.0.0.1:", 10) == 0 && colon == text + 9) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t) port);
        v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        return true;
    }
    if (strncmp(text, "[::1]:", 6) == 0 && colon == text + 5) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t) port);
        v6->sin6_addr = in6addr_loopback;
        return true;
    }
    return false;
}
