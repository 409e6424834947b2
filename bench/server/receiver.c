/*
 * A receiver of webhooks that is not what a measurement waits for: one thread, epoll, connections kept, HTTP or HTTPS.
 *
 *   receiver COUNT LOG [CERTIFICATE KEY]
 *
 * It listens on COUNT free ports of 127.0.0.1, prints them in one line and serves until SIGTERM. Every request is answered with 200 at
 * once, but one whose path begins with /hang never is. Of each arrival a line "microseconds connection path webhook-id" goes to LOG;
 * microseconds by the clock of the day, which is the database's too.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define REQUEST_MAX 65536
#define FD_MAX 8192

static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok";

struct Peer {
    SSL *ssl;
    size_t length;
    char data[REQUEST_MAX + 1];
};

static struct Peer *peers[FD_MAX];
static bool listening[FD_MAX];
static volatile sig_atomic_t stopped;
static SSL_CTX *tls;
static int epoll_fd;
static FILE *log_file;

static void
stop(int signal)
{
    (void) signal;
    stopped = 1;
}

static void
fail(const char *what)
{
    fprintf(stderr, "receiver: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void
watch(int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.fd = fd};

    if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0)
        fail("epoll_ctl");
}

static void
listen_once(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    if (fd < 0 || fd >= FD_MAX || bind(fd, (struct sockaddr *) &address, sizeof address) != 0 ||
        listen(fd, 1024) != 0 || getsockname(fd, (struct sockaddr *) &address, &length) != 0)
        fail("listen");
    listening[fd] = true;
    watch(fd);
    printf("%d ", ntohs(address.sin_port));
}

static void
take_peer(int listener)
{
    int one = 1, fd;

    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        if (fd >= FD_MAX || (peers[fd] = calloc(1, sizeof *peers[fd])) == NULL) {
            close(fd);
            continue;
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (tls != NULL) {
            peers[fd]->ssl = SSL_new(tls);
            SSL_set_fd(peers[fd]->ssl, fd);
            SSL_set_accept_state(peers[fd]->ssl);
        }
        watch(fd);
    }
}

static void
drop_peer(int fd)
{
    SSL_free(peers[fd]->ssl);
    free(peers[fd]);
    peers[fd] = NULL;
    close(fd);
}

/* What was read; 0 for nothing now, -1 for the end. */
static ssize_t
read_some(int fd, struct Peer *peer)
{
    char *to = peer->data + peer->length;
    size_t room = REQUEST_MAX - peer->length;
    ssize_t count;

    if (peer->ssl != NULL) {
        int code;

        ERR_clear_error();
        count = SSL_read(peer->ssl, to, (int) room);
        if (count > 0)
            return count;
        code = SSL_get_error(peer->ssl, (int) count);
        return code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE ? 0 : -1;
    }
    count = read(fd, to, room);
    if (count < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    return count == 0 ? -1 : count;
}

/* Answers the request at the start of what was read, if all of it is there; false where it is not. */
static bool
take_request(int fd, struct Peer *peer)
{
    char *end, *id, *path, *at;
    size_t whole, length = 0;
    struct timespec now;

    peer->data[peer->length] = '\0';
    end = strstr(peer->data, "\r\n\r\n");
    if (end == NULL)
        return false;
    at = strcasestr(peer->data, "\r\ncontent-length:");
    if (at != NULL && at < end)
        length = strtoul(at + 17, NULL, 10);
    whole = (size_t) (end - peer->data) + 4 + length;
    if (peer->length < whole)
        return false;
    clock_gettime(CLOCK_REALTIME, &now);
    path = strchr(peer->data, ' ');
    path = path ? path + 1 : peer->data;
    id = strcasestr(peer->data, "\r\nwebhook-id: ");
    id = id && id < end ? id + 14 : path;
    fprintf(log_file, "%lld %d %.*s %.*s\n", (long long) now.tv_sec * 1000000 + now.tv_nsec / 1000, fd,
            (int) strcspn(path, " \r"), path, (int) strcspn(id, " \r"), id);
    if (strncmp(path, "/hang", 5) != 0) {
        ssize_t sent = peer->ssl != NULL ? SSL_write(peer->ssl, answer, sizeof answer - 1)
                                         : write(fd, answer, sizeof answer - 1);

        if (sent != (ssize_t) sizeof answer - 1)
            fprintf(stderr, "receiver: an answer was cut\n");
    }
    memmove(peer->data, peer->data + whole, peer->length - whole);
    peer->length -= whole;
    return true;
}

static void
serve(int fd)
{
    struct Peer *peer = peers[fd];
    ssize_t count;

    while ((count = read_some(fd, peer)) > 0) {
        peer->length += (size_t) count;
        while (take_request(fd, peer))
            ;
        if (peer->length >= REQUEST_MAX)
            count = -1;
        if (count < 0 || peer->ssl == NULL)
            break;
    }
    if (count < 0)
        drop_peer(fd);
}

int
main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = stop};
    struct epoll_event events[256];

    if (argc != 3 && argc != 5) {
        fprintf(stderr, "usage: receiver COUNT LOG [CERTIFICATE KEY]\n");
        return 2;
    }
    sigaction(SIGTERM, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
    log_file = fopen(argv[2], "we");
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (log_file == NULL || epoll_fd < 0)
        fail(argv[2]);
    if (argc == 5) {
        tls = SSL_CTX_new(TLS_server_method());
        if (tls == NULL || SSL_CTX_use_certificate_chain_file(tls, argv[3]) != 1 ||
            SSL_CTX_use_PrivateKey_file(tls, argv[4], SSL_FILETYPE_PEM) != 1) {
            ERR_print_errors_fp(stderr);
            return 1;
        }
    }
    for (int i = 0; i < atoi(argv[1]); i++)
        listen_once();
    printf("\n");
    fflush(stdout);
    while (!stopped) {
        int count = epoll_wait(epoll_fd, events, 256, 100);

        if (count == 0)
            fflush(log_file);
        for (int i = 0; i < count; i++) {
            int fd = events[i].data.fd;

            if (listening[fd])
                take_peer(fd);
            else if (peers[fd] != NULL)
                serve(fd);
        }
    }
    fclose(log_file);
    return 0;
}
