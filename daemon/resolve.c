#include "resolve.h"

#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

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
        return "is another machine's and the url is http; use https or allow_http = yes";
    return NULL;
}

static curl_socket_t
open_socket(void *arg, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct ResolveGuard *guard = arg;
    const char *why = objection(guard, &address->addr, (socklen_t) address->addrlen);
    char host[NI_MAXHOST] = "address";

    (void) purpose;
    if (why == NULL)
        return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    (void) getnameinfo(&address->addr, (socklen_t) address->addrlen, host, sizeof host, NULL, 0,
                       NI_NUMERICHOST);
    snprintf(guard->refused, sizeof guard->refused, "not sent: %.60s %s", host, why);
    return CURL_SOCKET_BAD;
}

enum Status
resolve_guard(struct ResolveGuard *guard, const struct ResolvePolicy *policy, CURL *easy, const char *url)
{
    guard->policy = policy;
    guard->plain = strncasecmp(url, "https:", 6) != 0;
    guard->refused[0] = '\0';
    if (curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_OPENSOCKETDATA, guard) != CURLE_OK)
        return STATUS_SYSTEM;
    return STATUS_OK;
}
