/*
 * resolve.h: which sockets the transfer library may open for a request: from the name in its url to addresses, and which
 * of them are allowed. Knows nothing of what is spoken over the socket.
 *
 * Names are resolved here (dns.h), before the library has the request. The addresses that are allowed are pinned, so
 * that the library does not resolve anything; a name with allowed and forbidden addresses is used with the allowed ones.
 * When the library opens a socket its address is looked at again, and so is that of a kept connection before something is
 * sent over it: a connection made to an address that the name no longer has, or that is no longer allowed, is not used.
 */
#ifndef CRMD_RESOLVE_H
#define CRMD_RESOLVE_H

#include <curl/curl.h>
#include <stdbool.h>

#include "address.h"
#include "dns.h"
#include "status.h"

struct ResolvePolicy {
    bool allow_http;                 /* http:// to other machines */
    bool allow_private;              /* loopback and private addresses */
    struct AddressNetworks networks; /* allowed whatever they are */
};

/* One request's guard; lives as long as its transfer. */
struct ResolveGuard {
    const struct ResolvePolicy *policy;
    bool plain;        /* what is sent can be read on the way */
    bool literal;      /* host is an address */
    char host[256];    /* of the url, without brackets */
    long port;         /* of the url, or its scheme's */
    char refused[400]; /* why nothing is sent; "" where nothing was refused */
    struct curl_slist *pins;
    int pinned_count;
    struct DnsAddress pinned[DNS_ADDRESSES_MAX]; /* where host is a name */
};

/* Reads host and port from the url and puts the guard on the request. STATUS_INVALID: refused says why nothing can be sent. */
enum Status resolve_guard(struct ResolveGuard *guard, const struct ResolvePolicy *policy, CURL *easy,
                          const char *url, bool plain) MUST_CHECK;

/* The request goes to these addresses and no others. STATUS_INVALID: none of them is allowed, refused says why. */
enum Status resolve_pin(struct ResolveGuard *guard, CURL *easy, const struct DnsAnswer *answer) MUST_CHECK;

/* Whether the request may go over a connection to this numeric address. */
bool resolve_fits(const struct ResolveGuard *guard, const char *remote);

/* Frees what the guard holds; after the transfer. */
void resolve_drop(struct ResolveGuard *guard);

#endif
