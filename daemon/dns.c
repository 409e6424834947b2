/*
 * dns.c: c-ares says which sockets it waits for and until when, as curl does. Its callback only writes down what was
 * answered: who asked is told after c-ares has returned, so that they may ask again, forget, and have the channel made
 * anew, none of which it bears from inside. Only calls that c-ares 1.18 and 1.34 have in common are used.
 */
#include "dns.h"

#include <ares.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/time.h>

#include "clock.h"
#include "log.h"

#define RESOLV_CONF "/etc/resolv.conf"
#define TRIES 3
#define TRY_MOST_MS 2000

struct DnsName {
    struct Dns *dns;
    struct DnsName *next;
    bool asking;    /* c-ares has not answered yet */
    bool again;     /* its channel went away: to be asked of the new one */
    int status;     /* what c-ares said last */
    int64_t end_ms; /* of what is in list */
    int count;
    struct DnsAddress *list;
    struct DnsQuestion *waiting;
    char host[];
};

static void
free_name(struct DnsName *name)
{
    free(name->list);
    free(name);
}

/* --- the channel --------------------------------------------------------------------------------------------------- */

static void on_ready(void *arg, int fd, uint32_t events);

static void
watch_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
    struct Dns *dns = arg;
    uint32_t events = (readable ? LOOP_READ : 0u) | (writable ? LOOP_WRITE : 0u);

    if (events == 0)
        loop_unwatch(dns->loop, fd);
    else if (loop_watch(dns->loop, fd, events, on_ready, dns) != STATUS_OK)
        log_error("out-of-memory",
                  LOG_TEXT("for", "a socket to a name server")); /* the question runs out of time */
}

static enum Status
make_channel(struct Dns *dns, const char *servers, ares_channel *channel)
{
    struct ares_options options = {
        .sock_state_cb = watch_socket, .sock_state_cb_data = dns, .timeout = dns->try_ms, .tries = TRIES};
    int mask = ARES_OPT_SOCK_STATE_CB | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES;

#ifdef ARES_OPT_QUERY_CACHE /* newer c-ares has a cache of its own, which knows nothing of our limits */
    options.qcache_max_ttl = 0;
    mask |= ARES_OPT_QUERY_CACHE;
#endif
#ifdef ARES_OPT_UDP_MAX_QUERIES
    /* newer c-ares fails all questions of a socket at which a malformed answer comes; and a port is harder to guess */
    options.udp_max_queries = 1;
    mask |= ARES_OPT_UDP_MAX_QUERIES;
#endif
    if (ares_init_options(channel, &options, mask) != ARES_SUCCESS)
        return STATUS_SYSTEM;
    if (servers[0] != '\0' && ares_set_servers_ports_csv(*channel, servers) != ARES_SUCCESS) {
        ares_destroy(*channel);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}

static void ask_channel(struct DnsName *name);

/* Exchanges the channel; questions that the old one had under way are asked of the new one. */
static enum Status
exchange_channel(struct Dns *dns, const char *servers)
{
    ares_channel fresh, old = dns->channel;
    enum Status status = make_channel(dns, servers, &fresh);

    if (status != STATUS_OK)
        return status;
    dns->channel = fresh;
    ares_destroy(old); /* answers all that it was asked */
    for (struct DnsName *name = dns->first; name != NULL; name = name->next)
        if (name->again)
            ask_channel(name);
    return STATUS_OK;
}

static void
note_file(struct stat *file)
{
    if (stat(RESOLV_CONF, file) != 0)
        memset(file, 0, sizeof *file);
}

/* c-ares reads the file once, and a machine may come into another network while the daemon runs. */
static void
follow_file(struct Dns *dns)
{
    struct stat now;

    note_file(&now);
    if (now.st_ino == dns->read.st_ino && now.st_dev == dns->read.st_dev &&
        now.st_size == dns->read.st_size && now.st_mtim.tv_sec == dns->read.st_mtim.tv_sec &&
        now.st_mtim.tv_nsec == dns->read.st_mtim.tv_nsec)
        return;
    if (exchange_channel(dns, dns->servers) == STATUS_OK)
        dns->read = now;
}

/* --- answers ------------------------------------------------------------------------------------------------------- */

/* Takes the addresses, and returns for how many seconds they are good. */
static int
take_addresses(struct DnsName *name, const struct ares_addrinfo *info)
{
    int ttl_s = INT_MAX, count = 0;

    for (const struct ares_addrinfo_cname *alias = info->cnames; alias != NULL; alias = alias->next)
        ttl_s = alias->ttl < ttl_s ? alias->ttl : ttl_s;
    for (const struct ares_addrinfo_node *node = info->nodes; node != NULL; node = node->ai_next)
        count++;
    count = count < DNS_ADDRESSES_MAX ? count : DNS_ADDRESSES_MAX;
    name->list = count == 0 ? NULL : calloc((size_t) count, sizeof *name->list);
    if (name->list == NULL)
        return 0;
    for (const struct ares_addrinfo_node *node = info->nodes; node != NULL && name->count < count;
         node = node->ai_next) {
        struct DnsAddress *address = &name->list[name->count];

        if ((node->ai_family == AF_INET && node->ai_addrlen >= (ares_socklen_t) sizeof address->v4) ||
            (node->ai_family == AF_INET6 && node->ai_addrlen >= (ares_socklen_t) sizeof address->v6)) {
            address->length =
                node->ai_family == AF_INET ? (socklen_t) sizeof address->v4 : (socklen_t) sizeof address->v6;
            memcpy(&address->any, node->ai_addr, address->length);
            ttl_s = node->ai_ttl < ttl_s ? node->ai_ttl : ttl_s;
            name->count++;
        }
    }
    return ttl_s;
}

static void
on_answer(void *arg, int status, int timeouts, struct ares_addrinfo *info)
{
    struct DnsName *name = arg;
    int64_t keep_ms = 0;

    (void) timeouts;
    if (name->dns->closing || status == ARES_EDESTRUCTION)
        name->again = !name->dns->closing;
    else {
        name->asking = false;
        name->status = status;
        if (status == ARES_SUCCESS) {
            keep_ms = (int64_t) take_addresses(name, info) * 1000;
            name->status = name->count > 0 ? ARES_SUCCESS : info->nodes ? ARES_ENOMEM : ARES_ENODATA;
        }
        keep_ms = keep_ms < DNS_KEEP_LEAST_MS ? DNS_KEEP_LEAST_MS : keep_ms;
        name->end_ms = clock_now_ms() + (keep_ms > DNS_KEEP_MOST_MS ? DNS_KEEP_MOST_MS : keep_ms);
    }
    if (info != NULL)
        ares_freeaddrinfo(info);
}

static void
ask_channel(struct DnsName *name)
{
    static const struct ares_addrinfo_hints hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};

    free(name->list);
    name->list = NULL;
    name->count = 0;
    name->asking = true;
    name->again = false;
    ares_getaddrinfo(name->dns->channel, name->host, NULL, &hints, on_answer, name);
}

static void
explain(const struct DnsName *name, struct DnsAnswer *answer)
{
    const char *said = NULL;

    answer->absent = name->status == ARES_ENOTFOUND || name->status == ARES_ENODATA;
    switch (name->status) {
    case ARES_ENOTFOUND:
        snprintf(answer->why, sizeof answer->why, "there is no name %s", name->host);
        return;
    case ARES_ENODATA:
        snprintf(answer->why, sizeof answer->why, "the name %s has no address", name->host);
        return;
    case ARES_ETIMEOUT:
        said = "no name server answers";
        break;
    case ARES_ECONNREFUSED: /* old c-ares says so of SERVFAIL and REFUSED, too */
        said = "the name servers cannot be reached, or fail";
        break;
    case ARES_ESERVFAIL:
        said = "the name server failed";
        break;
    case ARES_EREFUSED:
        said = "the name server refuses to answer";
        break;
    default:
        said = ares_strerror(name->status);
    }
    snprintf(answer->why, sizeof answer->why, "the name %s could not be resolved: %s", name->host, said);
}

static void
fill_answer(const struct DnsName *name, struct DnsAnswer *answer)
{
    memset(answer, 0, sizeof *answer);
    answer->count = name->count;
    if (name->count > 0)
        memcpy(answer->list, name->list, (size_t) name->count * sizeof *name->list);
    else
        explain(name, answer);
}

/* --- who asks ------------------------------------------------------------------------------------------------------ */

static void
take_out(struct DnsQuestion *question)
{
    struct DnsQuestion **link = &question->name->waiting;

    while (*link != question)
        link = &(*link)->next;
    *link = question->next;
    question->name = NULL;
}

/* Tells one of those who are to be told, and takes it out; false where there is nobody. */
static bool
tell_one(struct Dns *dns)
{
    int64_t now = clock_now_ms();
    struct DnsQuestion *question = NULL;
    struct DnsAnswer answer;

    for (const struct DnsName *name = dns->first; name != NULL && question == NULL; name = name->next)
        for (question = name->waiting; question != NULL; question = question->next)
            if (!name->asking || question->deadline_ms <= now)
                break;
    if (question == NULL)
        return false;
    if (question->name->asking) {
        memset(&answer, 0, sizeof answer);
        snprintf(answer.why, sizeof answer.why, "the name %s could not be resolved within %d ms",
                 question->name->host, question->timeout_ms);
    } else
        fill_answer(question->name, &answer);
    take_out(question);
    question->done(question->arg, &answer);
    return true;
}

/* Frees failures that all have been told of; what is kept beyond that and ends first, where there is too much of it. */
static void
tidy(struct Dns *dns)
{
    struct DnsName **link, **first_to_end;
    int kept;

    do {
        link = &dns->first;
        first_to_end = NULL;
        kept = 0;
        while (*link != NULL) {
            struct DnsName *name = *link;

            if (name->asking || name->waiting != NULL)
                link = &name->next;
            else if (name->count == 0) {
                *link = name->next;
                free_name(name);
            } else {
                kept++;
                if (first_to_end == NULL || name->end_ms < (*first_to_end)->end_ms)
                    first_to_end = link;
                link = &name->next;
            }
        }
        if (kept >= DNS_NAMES_MAX) {
            struct DnsName *name = *first_to_end;

            *first_to_end = name->next;
            free_name(name);
        }
    } while (kept > DNS_NAMES_MAX);
}

static void
set_timer(struct Dns *dns)
{
    int64_t now = clock_now_ms(), wait = -1;
    struct timeval left, *next = ares_timeout(dns->channel, NULL, &left);

    if (next != NULL)
        wait = (int64_t) next->tv_sec * 1000 + (next->tv_usec + 999) / 1000;
    for (const struct DnsName *name = dns->first; name != NULL; name = name->next)
        for (const struct DnsQuestion *question = name->waiting; question != NULL;
             question = question->next) {
            int64_t rest = name->asking ? question->deadline_ms - now : 0;

            if (wait < 0 || rest < wait)
                wait = rest < 0 ? 0 : rest;
        }
    if (wait < 0)
        loop_timer_off(&dns->timer);
    else
        loop_timer_in(&dns->timer, wait);
}

static void
process(struct Dns *dns, ares_socket_t read, ares_socket_t write)
{
    ares_process_fd(dns->channel, read, write);
    while (tell_one(dns))
        ;
    set_timer(dns);
}

static void
on_ready(void *arg, int fd, uint32_t events)
{
    process(arg, events & (LOOP_READ | LOOP_ERROR) ? fd : ARES_SOCKET_BAD,
            events & (LOOP_WRITE | LOOP_ERROR) ? fd : ARES_SOCKET_BAD);
}

static void
on_due(void *arg)
{
    process(arg, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
}

static struct DnsName *
find_or_make(struct Dns *dns, const char *host)
{
    struct DnsName *name = dns->first;
    size_t size = strlen(host) + 1;

    while (name != NULL && strcasecmp(name->host, host) != 0)
        name = name->next;
    if (name != NULL)
        return name;
    tidy(dns);
    name = calloc(1, sizeof *name + size);
    if (name == NULL)
        return NULL;
    memcpy(name->host, host, size);
    name->dns = dns;
    name->next = dns->first;
    dns->first = name;
    return name;
}

enum DnsAsked
dns_ask(struct Dns *dns, const char *host, int timeout_ms, struct DnsQuestion *question,
        struct DnsAnswer *answer)
{
    struct DnsName *name = find_or_make(dns, host);

    if (name == NULL)
        return DNS_NO_MEMORY;
    if (!name->asking && (name->count == 0 || clock_now_ms() >= name->end_ms)) {
        follow_file(dns);
        ask_channel(name); /* /etc/hosts answers at once */
    }
    if (!name->asking && name->count > 0) {
        fill_answer(name, answer);
        return DNS_KNOWN;
    }
    question->name = name;
    question->timeout_ms = timeout_ms;
    question->deadline_ms = clock_now_ms() + timeout_ms;
    question->next = name->waiting;
    name->waiting = question;
    set_timer(dns);
    return DNS_LATER;
}

void
dns_forget(struct DnsQuestion *question)
{
    if (question->name != NULL)
        take_out(question);
}

enum Status
dns_change_servers(struct Dns *dns, const char *servers)
{
    enum Status status = exchange_channel(dns, servers);

    if (status != STATUS_OK)
        return status;
    snprintf(dns->servers, sizeof dns->servers, "%s", servers);
    for (struct DnsName *name = dns->first; name != NULL; name = name->next)
        name->end_ms = 0;
    set_timer(dns);
    return STATUS_OK;
}

enum Status
dns_open(struct Dns *dns, struct Loop *loop, const char *servers, int timeout_ms)
{
    ares_channel channel;
    enum Status status;

    memset(dns, 0, sizeof *dns);
    dns->loop = loop;
    snprintf(dns->servers, sizeof dns->servers, "%s", servers);
    dns->try_ms = timeout_ms / 5; /* a server that is down leaves time for the next one */
    dns->try_ms = dns->try_ms > TRY_MOST_MS ? TRY_MOST_MS : dns->try_ms;
    dns->timer.due = on_due;
    dns->timer.arg = dns;
    loop_timer_add(loop, &dns->timer);
    if (ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS)
        return STATUS_SYSTEM;
    note_file(&dns->read);
    status = make_channel(dns, servers, &channel);
    if (status == STATUS_OK)
        dns->channel = channel;
    return status;
}

void
dns_close(struct Dns *dns)
{
    dns->closing = true;
    if (dns->channel != NULL)
        ares_destroy(dns->channel);
    dns->channel = NULL;
    while (dns->first != NULL) {
        struct DnsName *name = dns->first;

        dns->first = name->next;
        while (name->waiting != NULL)
            take_out(name->waiting);
        free_name(name);
    }
    if (dns->loop != NULL) {
        loop_timer_off(&dns->timer);
        ares_library_cleanup();
    }
}
