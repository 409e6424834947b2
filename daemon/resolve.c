#include "resolve.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define HOST_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

/* Why this address may not be connected to, or NULL. */
static const char *
objection(const struct ResolveGuard *guard, const struct sockaddr *address, socklen_t length)
{
    enum AddressKind kind = address_kind(address, length);
    bool named = address_in_networks(&guard->policy->networks, address, length);

    if (kind == ADDRESS_UNUSABLE)
        return "is no address to send to";
    if (kind == ADDRESS_SERVICE && !named)
        return "is link-local or a service of the cloud for this machine; only allow_networks allows it";
    if (kind != ADDRESS_PUBLIC && !named && !guard->policy->allow_private)
        return "is private or this machine's own; allow_networks or allow_private = yes allows it";
    if (guard->plain && kind != ADDRESS_LOOPBACK && !guard->policy->allow_http)
        return "is another machine's and nothing would be encrypted; use https or TLS, or allow_http = yes";
    return NULL;
}

static void
refuse(struct ResolveGuard *guard, const struct sockaddr *address, socklen_t length, const char *why)
{
    char host[NI_MAXHOST] = "address";

    (void) getnameinfo(address, length, host, sizeof host, NULL, 0, NI_NUMERICHOST);
    if (guard->literal)
        snprintf(guard->refused, sizeof guard->refused, "not sent: %.60s %s", host, why);
    else
        snprintf(guard->refused, sizeof guard->refused, "not sent: %.60s, the address of %.150s, %s", host,
                 guard->host, why);
}

static bool
is_pinned(const struct ResolveGuard *guard, const struct sockaddr *address, socklen_t length)
{
    for (int i = 0; i < guard->pinned_count; i++)
        if (address_same(&guard->pinned[i].any, guard->pinned[i].length, address, length))
            return true;
    return false;
}

static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct ResolveGuard *guard = arg;
    socklen_t length = (socklen_t) address->addrlen;
    const char *why = objection(guard, &address->addr, length);

    (void) purpose;
    if (why == NULL && !guard->literal && !is_pinned(guard, &address->addr, length))
        why = "is none that the name was resolved to";
    if (why == NULL)
        return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    refuse(guard, &address->addr, length, why);
    return CURL_SOCKET_BAD;
}

/* The library is about to resolve something by itself: only an address may be "resolved". */
static int
start_resolving(void *resolver, void *reserved, void *arg)
{
    struct ResolveGuard *guard = arg;

    (void) resolver;
    (void) reserved;
    if (guard->literal)
        return 0;
    snprintf(guard->refused, sizeof guard->refused, "not sent: the addresses of %.150s were not at hand",
             guard->host);
    return 1;
}

/* What the library was built with is more: each transfer allows fewer yet, with CURLOPT_PROTOCOLS_STR. */
static bool
is_spoken(const char *scheme)
{
    static const char *const schemes[] = {"http", "https", "smtp", "smtps"};

    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (strcasecmp(scheme, schemes[i]) == 0)
            return true;
    return false;
}

/* The library's own reading of the url, so that both see the same host: it makes one of all spellings of an address. */
static enum Status
read_place(struct ResolveGuard *guard, const char *url)
{
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL, *port = NULL;
    enum Status status = parts == NULL ? STATUS_MEMORY : STATUS_OK;
    size_t length;

    if (status == STATUS_OK &&
        (curl_url_set(parts, CURLUPART_URL, url, 0) != CURLUE_OK ||
         curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) != CURLUE_OK ||
         curl_url_get(parts, CURLUPART_HOST, &host, 0) != CURLUE_OK ||
         curl_url_get(parts, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) != CURLUE_OK)) {
        snprintf(guard->refused, sizeof guard->refused,
                 "not sent: the url has no host and port to connect to");
        status = STATUS_INVALID;
    }
    if (status == STATUS_OK && !is_spoken(scheme)) {
        snprintf(guard->refused, sizeof guard->refused,
                 "not sent: the url begins with none of http, https, smtp and smtps");
        status = STATUS_INVALID;
    }
    if (status == STATUS_OK) {
        length = strlen(host);
        if (host[0] == '[' && host[length - 1] == ']')
            snprintf(guard->host, sizeof guard->host, "%.*s", (int) (length - 2), host + 1);
        else
            snprintf(guard->host, sizeof guard->host, "%s", host);
        guard->literal = address_is_number(guard->host);
        guard->port = strtol(port, NULL, 10);
        if (!guard->literal &&
            (length == 0 || length >= sizeof guard->host || host[strspn(host, HOST_CHARACTERS)] != '\0')) {
            snprintf(guard->refused, sizeof guard->refused,
                     "not sent: the host in the url is neither an address nor a name of letters, digits, "
                     "dots and hyphens; "
                     "write a name with other letters as xn--...");
            status = STATUS_INVALID;
        }
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parts);
    return status;
}

enum Status
resolve_guard(struct ResolveGuard *guard, const struct ResolvePolicy *policy, CURL *easy, const char *url,
              bool plain)
{
    enum Status status;

    memset(guard, 0, sizeof *guard);
    guard->policy = policy;
    guard->plain = plain;
    status = read_place(guard, url);
    if (status != STATUS_OK)
        return status;
    if (curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, guard) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, start_resolving) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, guard) != CURLE_OK)
        return STATUS_SYSTEM;
    return STATUS_OK;
}

enum Status
resolve_pin(struct ResolveGuard *guard, CURL *easy, const struct DnsAnswer *answer)
{
    /* + says that the library may forget it after a while: it keeps pins for all its transfers */
    char pin[sizeof guard->host + DNS_ADDRESSES_MAX * (INET6_ADDRSTRLEN + 3) + 16];
    size_t length = (size_t) snprintf(pin, sizeof pin, "+%s:%ld:", guard->host, guard->port);

    guard->refused[0] = '\0';
    guard->pinned_count = 0;
    for (int i = 0; i < answer->count; i++) {
        const struct DnsAddress *address = &answer->list[i];
        const char *why = objection(guard, &address->any, address->length);
        bool v6 = address->any.sa_family == AF_INET6;
        char number[INET6_ADDRSTRLEN];

        if (why != NULL) {
            if (guard->refused[0] == '\0')
                refuse(guard, &address->any, address->length, why);
            continue;
        }
        if (!address_number(&address->any, address->length, number))
            continue;
        length += (size_t) snprintf(pin + length, sizeof pin - length, "%s%s%s%s",
                                    guard->pinned_count > 0 ? "," : "", v6 ? "[" : "", number, v6 ? "]" : "");
        guard->pinned[guard->pinned_count++] = *address;
    }
    if (guard->pinned_count == 0)
        return STATUS_INVALID;
    guard->refused[0] = '\0';
    guard->pins = curl_slist_append(NULL, pin);
    if (guard->pins == NULL)
        return STATUS_MEMORY;
    return curl_easy_setopt(easy, CURLOPT_RESOLVE, guard->pins) == CURLE_OK ? STATUS_OK : STATUS_SYSTEM;
}

bool
resolve_fits(const struct ResolveGuard *guard, const char *remote)
{
    struct DnsAddress address = {.length = sizeof address.v4};

    address.v4.sin_family = AF_INET;
    if (inet_pton(AF_INET, remote, &address.v4.sin_addr) != 1) {
        memset(&address.v6, 0, sizeof address.v6);
        address.length = sizeof address.v6;
        address.v6.sin6_family = AF_INET6;
        if (inet_pton(AF_INET6, remote, &address.v6.sin6_addr) != 1)
            return false;
    }
    return objection(guard, &address.any, address.length) == NULL &&
           (guard->literal || is_pinned(guard, &address.any, address.length));
}

void
resolve_drop(struct ResolveGuard *guard)
{
    curl_slist_free_all(guard->pins);
    guard->pins = NULL;
}
