// links: daemon/dns.c daemon/loop.c daemon/clock.c daemon/log.c daemon/nameserver.c daemon/utf8.c daemon/status.c
/* What a name server answers: who asked is told once, of addresses that are some, or why there are none. */
#include "dns.h"
#include "log.h"
#include "loop.h"
#include "socket.h"

#define QUESTION_AT 12

static struct Loop loop;
static struct Input reply;
static int told;

/* First the input as the answer, with the question and its number where the input wants them; then that there is no such name, which ends it. */
static void
on_query(void *arg, int fd, uint32_t events)
{
    uint8_t query[512], said[2600];
    struct sockaddr_storage from;
    socklen_t from_length = sizeof from;
    ssize_t length;
    size_t at = 0;
    struct Input input = reply;
    uint64_t how = take_number(&input, 1);

    (void) arg;
    (void) events;
    length = recvfrom(fd, query, sizeof query, 0, (struct sockaddr *) &from, &from_length);
    if (length < QUESTION_AT)
        return;
    CHECK(input.size <= 2000);
    if (how & 1) { /* number, flags and counts of the input, the question as it was asked */
        memcpy(said, query, 2);
        memset(said + 2, 0, QUESTION_AT - 2);
        at = input.size < QUESTION_AT - 2 ? input.size : QUESTION_AT - 2;
        if (at > 0)
            memcpy(said + 2, input.data, at);
        if (how & 2) { /* one question, no error, some answers */
            said[2] = 0x81;
            said[3] = 0x80;
            said[4] = 0;
            said[5] = 1;
            said[6] = 0;
        }
        input.data += at;
        input.size -= at;
        memcpy(said + QUESTION_AT, query + QUESTION_AT, (size_t) length - QUESTION_AT);
        at = (size_t) length;
    }
    if (input.size > 0)
        memcpy(said + at, input.data, input.size);
    (void) sendto(fd, said, at + input.size, 0, (struct sockaddr *) &from, from_length);
    query[2] = 0x81;
    query[3] = 0x83;
    (void) sendto(fd, query, (size_t) length, 0, (struct sockaddr *) &from, from_length);
}

static void
on_done(void *arg, const struct DnsAnswer *answer)
{
    (void) arg;
    told++;
    CHECK(answer->count >= 0 && answer->count <= DNS_ADDRESSES_MAX);
    for (int i = 0; i < answer->count; i++)
        CHECK((answer->list[i].any.sa_family == AF_INET &&
               answer->list[i].length == sizeof answer->list[i].v4) ||
              (answer->list[i].any.sa_family == AF_INET6 &&
               answer->list[i].length == sizeof answer->list[i].v6));
    CHECK(memchr(answer->why, '\0', sizeof answer->why) != NULL &&
          (answer->why[0] == '\0') == (answer->count > 0));
    CHECK(!has_control(answer->why, strlen(answer->why)) && is_plain_ascii(answer->why, strlen(answer->why)));
    loop_stop(&loop);
}

TARGET(dns)
{
    static char server[32];
    static int fd;
    struct Dns dns;
    struct DnsQuestion question = {.done = on_done};
    struct DnsAnswer answer;
    int port;

    if (size > 2000)
        return;
    if (server[0] == '\0') {
        fd = open_socket(SOCK_DGRAM, &port);
        snprintf(server, sizeof server, "127.0.0.1:%d", port);
        log_set_level(LOG_ERROR);
    }
    CHECK(loop_open(&loop) == STATUS_OK && loop_watch(&loop, fd, LOOP_READ, on_query, NULL) == STATUS_OK);
    reply = (struct Input){data, size};
    told = 0;
    CHECK(dns_open(&dns, &loop, server, 10000) == STATUS_OK);
    CHECK(dns_ask(&dns, "name.test.", 10000, &question, &answer) == DNS_LATER);
    CHECK(loop_run(&loop, nothing, NULL) == STATUS_OK && told == 1);
    dns_close(&dns);
    loop_unwatch(&loop, fd);
    loop_close(&loop);
}
