/*
 * dns.h: names to addresses, in the loop and without blocking it (c-ares): /etc/hosts, then the DNS, with the servers,
 * the search list and the options of /etc/resolv.conf.
 *
 * Knows nothing of which addresses are allowed: whoever asks decides that. Several who ask for one name at once share
 * one question. An answer is kept as long as its TTL says, but for at least DNS_KEEP_LEAST_MS and for at most
 * DNS_KEEP_MOST_MS, for DNS_NAMES_MAX names; a failure is not kept. /etc/resolv.conf is read again when it has changed.
 * Modules of the C library's name service switch (mDNS, LDAP, the machine's own name) are not asked.
 */
#ifndef CRMD_DNS_H
#define CRMD_DNS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "loop.h"
#include "nameserver.h"
#include "status.h"

#define DNS_ADDRESSES_MAX 32 /* of one name; what an answer holds beyond is left out */
#define DNS_NAMES_MAX 256
#define DNS_KEEP_LEAST_MS 1000
#define DNS_KEEP_MOST_MS 60000

struct DnsAddress {
    socklen_t length;
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    };
};

struct DnsAnswer {
    int count;                                 /* 0: why says why */
    bool absent;                               /* there is no such name, or it has no address */
    struct DnsAddress list[DNS_ADDRESSES_MAX]; /* in the order in which they should be tried; ports are 0 */
    char why[320];
};

struct DnsName;

/* One who asks. Belongs to the asker, zeroed before it is used first; asks one thing at a time. */
struct DnsQuestion {
    void (*done)(void *arg, const struct DnsAnswer *answer);
    void *arg;

    /* the module's own */
    struct DnsName *name; /* NULL: nothing is asked */
    int timeout_ms;
    int64_t deadline_ms;
    struct DnsQuestion *next;
};

struct Dns {
    struct Loop *loop;
    void *channel;                      /* of c-ares */
    char servers[NAMESERVERS_LIST_MAX]; /* as nameserver_read writes them; empty: those of /etc/resolv.conf */
    int try_ms;
    struct stat read; /* /etc/resolv.conf when the channel was made */
    struct LoopTimer timer;
    struct DnsName *first;
    bool closing;
};

/* servers is as nameserver_read writes it. timeout_ms is what those who ask usually give. */
enum Status dns_open(struct Dns *dns, struct Loop *loop, const char *servers, int timeout_ms) MUST_CHECK;

/* Nobody is told anything any more. Whatever dns_open said. */
void dns_close(struct Dns *dns);

enum DnsAsked { DNS_KNOWN, DNS_LATER, DNS_NO_MEMORY };

/*
 * Asks for the addresses of host. DNS_KNOWN: answer holds them, done is not called. DNS_LATER: done is called from the
 * loop, never from inside this call, at most timeout_ms from now.
 */
enum DnsAsked dns_ask(struct Dns *dns, const char *host, int timeout_ms, struct DnsQuestion *question,
                      struct DnsAnswer *answer) MUST_CHECK;

/* done is not called any more. Nothing happens where nothing is asked. */
void dns_forget(struct DnsQuestion *question);

/* Other servers: what is under way is asked of them anew, and nothing is kept. On failure the old ones stay. */
enum Status dns_change_servers(struct Dns *dns, const char *servers) MUST_CHECK;

#endif
