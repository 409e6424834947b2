/*
 * resolve.h: which sockets the HTTP library may open for a request: names to addresses, and which addresses are allowed.
 *
 * Today the library's own resolver turns names into addresses (in a thread of its own), and the check is made on the
 * address that is about to be connected to, when the socket is opened: no second answer of a name server can slip in
 * between. Another resolver would be put in here and nowhere else.
 */
#ifndef CRMD_RESOLVE_H
#define CRMD_RESOLVE_H

#include <curl/curl.h>
#include <stdbool.h>

#include "address.h"
#include "status.h"

struct ResolvePolicy {
    bool allow_http;                 /* http:// to other machines */
    bool allow_private;              /* loopback and private addresses */
    struct AddressNetworks networks; /* allowed whatever they are */
};

/* One request's guard; lives as long as its transfer. */
struct ResolveGuard {
    const struct ResolvePolicy *policy;
    bool plain;        /* the address is http:// */
    char refused[256]; /* why an address was refused; "" where none was */
};

enum Status resolve_guard(struct ResolveGuard *guard, const struct ResolvePolicy *policy, CURL *easy,
                          const char *url) MUST_CHECK;

#endif
