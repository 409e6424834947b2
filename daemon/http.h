/*
 * http.h: POSTs many requests at once, in the loop; keeps connections alive between them.
 *
 * Follows no redirect, uses no proxy and no cookie, verifies certificates, reads at most HTTP_READ_MAX bytes of an
 * answer's headers and as many of its body, and keeps the first HTTP_KEEP_MAX. Status and headers are the answer: what
 * goes wrong after them changes nothing. A connection that a receiver closed while it was kept may make the library
 * send a request twice, unless the request asks for a fresh one; receivers know it by its webhook-id.
 */
#ifndef CRMD_HTTP_H
#define CRMD_HTTP_H

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "multi.h"
#include "resolve.h"
#include "status.h"

#define HTTP_READ_MAX (64 * 1024)
#define HTTP_KEEP_MAX 512
#define HTTP_ERROR_MAX 512

struct HttpAnswer {
    long status;           /* 0: there was no answer; error says why */
    bool sent;             /* or partly, or perhaps: it may have arrived */
    bool cut;              /* the answer was longer than is read */
    int64_t retry_after_s; /* from the header; -1: none */
    char body[HTTP_KEEP_MAX + 1];
    char error[HTTP_ERROR_MAX]; /* the library asks for CURL_ERROR_SIZE */
};

/* One transfer. Belongs to the caller, who keeps it, and body, until done is called. */
struct HttpRequest {
    const char *body;
    size_t body_length;
    bool fresh;          /* on a connection of its own */
    int64_t deadline_ms; /* by clock_now_ms: nothing is sent after it; 0: none */
    void (*done)(void *arg, const struct HttpAnswer *answer);
    void *arg;

    /* the module's own */
    struct curl_slist *headers;
    CURL *easy;
    CURLM *multi;
    struct Http *http;
    struct ResolveGuard guard;
    struct DnsQuestion question;
    int64_t started_ms;
    bool stale; /* the kept connection leads to an address that is not to be used (any more) */
    struct HttpAnswer answer;
    size_t received, kept, header_bytes;
    bool headers_over;
    bool no_status; /* where its number should stand */
};

struct Http {
    struct Multi multi;
    struct Dns *dns;
    const char *ca_file;
    struct ResolvePolicy policy;
    int timeout_ms, connect_timeout_ms;
};

struct HttpSettings {
    struct Dns *dns;     /* outlives the Http, as ca_file does */
    const char *ca_file; /* authorities that are trusted beside the machine's; empty: none */
    struct ResolvePolicy policy;
    int timeout_ms, connect_timeout_ms;
    int max_kept; /* connections kept open */
};

enum Status http_open(struct Http *http, struct Loop *loop, const struct HttpSettings *settings) MUST_CHECK;
/* Other settings, for requests from now on; what is not yet connected is judged by the new policy. */
enum Status http_configure(struct Http *http, const struct HttpSettings *settings) MUST_CHECK;
void http_close(struct Http *http); /* no request may be under way */

/* Adds a header; name and value are printable ASCII, which is checked: no CR or LF. Before http_post. */
enum Status http_header(struct HttpRequest *request, const char *name, const char *value) MUST_CHECK;

/*
 * Starts the transfer: done is called later, never from inside this call. On failure done is not called and http_drop is
 * still to be called; STATUS_INVALID: the url leads nowhere where something may be sent, answer.error says why.
 */
enum Status http_post(struct Http *http, struct HttpRequest *request, const char *url) MUST_CHECK;

/*
 * http_post in two steps, for another protocol that sets its own options in between, and may set its own multi; plain: what is sent can
 * be read on the way. What http_post says goes for both.
 */
enum Status http_begin(struct Http *http, struct HttpRequest *request, const char *url,
                       bool plain) MUST_CHECK;
enum Status http_start(struct HttpRequest *request) MUST_CHECK;

/* Why it is too late to send anything, or NULL. */
const char *http_too_late(const struct HttpRequest *request);

/* Frees what the request holds; ends the transfer where it is still under way, without calling done. */
void http_drop(struct HttpRequest *request);

#endif
