/*
 * http.c: finished transfers are looked for each time the library was driven (multi.h). Nothing is done to the library from inside
 * its callbacks.
 */
#include "http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "clock.h"
#include "metrics.h"

#define CONNECTION_LIFE_S 300L /* so that whoever spreads load by names is heard again */

/* Hands the request to the library. What is left of the two timeouts counts: resolving the name has taken its part. */
static enum Status
add(struct HttpRequest *request)
{
    struct Http *http = request->http;
    int64_t gone = clock_now_ms() - request->started_ms;
    int64_t whole = http->timeout_ms - gone, connect = http->connect_timeout_ms - gone;

    if (curl_easy_setopt(request->easy, CURLOPT_TIMEOUT_MS, (long) (whole > 1 ? whole : 1)) != CURLE_OK ||
        curl_easy_setopt(request->easy, CURLOPT_CONNECTTIMEOUT_MS, (long) (connect > 1 ? connect : 1)) !=
            CURLE_OK ||
        curl_multi_add_handle(request->multi, request->easy) != CURLM_OK)
        return STATUS_SYSTEM;
    return STATUS_OK;
}

/* Begins again on a connection of its own, because the kept one led elsewhere; nothing has been sent. */
static enum Status
start_again(struct HttpRequest *request)
{
    (void) curl_multi_remove_handle(request->multi, request->easy);
    request->stale = false;
    request->answer.error[0] = '\0';
    if (curl_easy_setopt(request->easy, CURLOPT_FRESH_CONNECT, 1L) != CURLE_OK)
        return STATUS_SYSTEM;
    return add(request);
}

static void
collect(void *arg)
{
    struct Http *http = arg;
    CURLMsg *message;
    int rest;

    while ((message = curl_multi_info_read(http->multi.handle, &rest)) != NULL) {
        struct HttpRequest *request = NULL;
        struct HttpAnswer *answer;
        curl_off_t retry_after = 0, took_us = 0;
        CURLcode code = message->data.result;

        if (message->msg != CURLMSG_DONE || curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE,
                                                              (char **) (void *) &request) != CURLE_OK)
            continue;
        answer = &request->answer;
        if (request->stale && start_again(request) == STATUS_OK)
            continue;
        (void) curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &answer->status);
        if (curl_easy_getinfo(request->easy, CURLINFO_RETRY_AFTER, &retry_after) == CURLE_OK &&
            retry_after > 0)
            answer->retry_after_s = retry_after;
        if (curl_easy_getinfo(request->easy, CURLINFO_TOTAL_TIME_T, &took_us) == CURLE_OK)
            metrics_observe(METRIC_POST, (double) took_us / 1e6);
        answer->body[request->kept] = '\0';
        /* Where the library does not know the coding of the body: newer releases end there, the status is known. */
        if (code == CURLE_BAD_CONTENT_ENCODING && answer->status >= 200)
            request->headers_over = true;
        if (!request
                 ->headers_over) { /* a status whose headers break off, or that is no answer yet, says nothing */
            answer->status = 0;
            if (answer->cut)
                snprintf(answer->error, sizeof answer->error, "the headers of the answer are too long");
            else if (request->no_status)
                snprintf(answer->error, sizeof answer->error,
                         "the status of the answer is no number of three digits");
            else if (request->guard.refused[0] != '\0')
                snprintf(answer->error, sizeof answer->error, "%s", request->guard.refused);
            else if (answer->error[0] == '\0')
                snprintf(answer->error, sizeof answer->error, "%s",
                         code == CURLE_OK ? "the answer breaks off" : curl_easy_strerror(code));
        }
        request->done(request->arg, answer);
    }
}

/* "HTTP/1.1 200 OK": newer releases of the library read three digits of a longer number. */
static bool
has_status(const char *line, size_t length)
{
    size_t at = 0, digits = 0;

    while (at < length && line[at] != ' ')
        at++;
    while (at < length && line[at] == ' ')
        at++;
    while (at + digits < length && line[at + digits] >= '0' && line[at + digits] <= '9')
        digits++;
    return digits == 3;
}

/* Called with each line. An interim answer (1xx) has headers of its own before those that count. */
static size_t
take_header(char *data, size_t size, size_t count, void *arg)
{
    struct HttpRequest *request = arg;
    size_t length = size * count;
    long status = 0;

    request->header_bytes += length;
    if (request->header_bytes > HTTP_READ_MAX) {
        request->answer.cut = true;
        return 0;
    }
    if (length > 5 && memcmp(data, "HTTP/", 5) == 0 && !has_status(data, length)) {
        request->no_status = true;
        return 0;
    }
    if (length <= 2 && (data[0] == '\r' || data[0] == '\n'))
        request->headers_over =
            curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK && status >= 200;
    return length;
}

const char *
http_too_late(const struct HttpRequest *request)
{
    return request->deadline_ms > 0 && clock_now_ms() > request->deadline_ms
               ? "not sent: what is left of the lease is shorter than timeout_s"
               : NULL;
}

/* The last moment before anything is sent, on new connections and on kept ones. */
static int
before_sending(void *arg, char *remote, char *local, int remote_port, int local_port)
{
    struct HttpRequest *request = arg;
    const char *too_late = http_too_late(request);

    (void) local;
    (void) remote_port;
    (void) local_port;
    if (too_late != NULL) {
        snprintf(request->guard.refused, sizeof request->guard.refused, "%s", too_late);
        return CURL_PREREQFUNC_ABORT;
    }
    if (!resolve_fits(&request->guard, remote)) {
        request->stale = true;
        return CURL_PREREQFUNC_ABORT;
    }
    request->answer.sent = true;
    return CURL_PREREQFUNC_OK;
}

/* Counts the bytes itself: a Content-Length is only a promise. */
static size_t
take_body(char *data, size_t size, size_t count, void *arg)
{
    struct HttpRequest *request = arg;
    size_t length = size * count, keep = HTTP_KEEP_MAX - request->kept;

    if (keep > length)
        keep = length;
    memcpy(request->answer.body + request->kept, data, keep);
    request->kept += keep;
    request->received += length;
    if (request->received <= HTTP_READ_MAX)
        return length;
    request->answer.cut = true;
    return 0;
}

enum Status
http_configure(struct Http *http, const struct HttpSettings *settings)
{
    http->policy = settings->policy;
    http->ca_file = settings->ca_file;
    http->timeout_ms = settings->timeout_ms;
    http->connect_timeout_ms = settings->connect_timeout_ms;
    return curl_multi_setopt(http->multi.handle, CURLMOPT_MAXCONNECTS, (long) settings->max_kept) == CURLM_OK
               ? STATUS_OK
               : STATUS_SYSTEM;
}

enum Status
http_open(struct Http *http, struct Loop *loop, const struct HttpSettings *settings)
{
    memset(http, 0, sizeof *http);
    http->dns = settings->dns;
    if (multi_open(&http->multi, loop, collect, http) != STATUS_OK)
        return STATUS_SYSTEM;
    return http_configure(http, settings);
}

void
http_close(struct Http *http)
{
    multi_close(&http->multi);
}

enum Status
http_header(struct HttpRequest *request, const char *name, const char *value)
{
    struct curl_slist *list;
    char line[1024];
    int length = snprintf(line, sizeof line, "%s: %s", name, value);

    if (length < 0 || (size_t) length >= sizeof line)
        return STATUS_INVALID;
    for (const char *c = line; *c != '\0'; c++)
        if (*c < ' ' ||
            *c > '~') /* CR and LF would begin another header: the library sends them as they are */
            return STATUS_INVALID;
    list = curl_slist_append(request->headers, line);
    if (list == NULL)
        return STATUS_MEMORY;
    request->headers = list;
    return STATUS_OK;
}

/* Sets one option; after the first refusal the others are skipped. */
#define SET(option, value) (code = code != CURLE_OK ? code : curl_easy_setopt(request->easy, option, value))

/* What goes for every protocol. */
static CURLcode
set_options(const struct Http *http, struct HttpRequest *request, const char *url)
{
    CURLcode code = CURLE_OK;

    SET(CURLOPT_URL, url);
    SET(CURLOPT_PROXY, "");
    SET(CURLOPT_NOSIGNAL, 1L);
    SET(CURLOPT_SSLVERSION, (long) CURL_SSLVERSION_TLSv1_2);
    if (http->ca_file[0] != '\0')
        SET(CURLOPT_CAINFO,
            http->ca_file); /* the folder of certificates that the library was built with stays */
    SET(CURLOPT_NETRC, (long) CURL_NETRC_IGNORED);
    SET(CURLOPT_ERRORBUFFER, request->answer.error);
    SET(CURLOPT_PRIVATE, request);
    return code;
}

static CURLcode
set_post(struct HttpRequest *request)
{
    CURLcode code = CURLE_OK;

    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long) CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_MAXLIFETIME_CONN, CONNECTION_LIFE_S);
    SET(CURLOPT_POST, 1L);
    SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t) request->body_length);
    SET(CURLOPT_POSTFIELDS, request->body);
    SET(CURLOPT_HTTPHEADER, request->headers);
    SET(CURLOPT_HTTP09_ALLOWED, 0L);
    SET(CURLOPT_FRESH_CONNECT, request->fresh ? 1L : 0L);
    SET(CURLOPT_PREREQFUNCTION, before_sending);
    SET(CURLOPT_PREREQDATA, request);
    SET(CURLOPT_HEADERFUNCTION, take_header);
    SET(CURLOPT_HEADERDATA, request);
    SET(CURLOPT_WRITEFUNCTION, take_body);
    SET(CURLOPT_WRITEDATA, request);
    return code;
}

/* The addresses of the name are known, or why not. */
static enum Status
go_to(struct HttpRequest *request, const struct DnsAnswer *addresses)
{
    enum Status status;

    if (addresses->count == 0) {
        snprintf(request->answer.error, sizeof request->answer.error, "not sent: %s", addresses->why);
        return STATUS_INVALID;
    }
    status = resolve_pin(&request->guard, request->easy, addresses);
    if (status == STATUS_INVALID)
        snprintf(request->answer.error, sizeof request->answer.error, "%s", request->guard.refused);
    return status == STATUS_OK ? add(request) : status;
}

static void
on_resolved(void *arg, const struct DnsAnswer *addresses)
{
    struct HttpRequest *request = arg;
    enum Status status = go_to(request, addresses);

    if (status == STATUS_OK)
        return;
    if (status != STATUS_INVALID)
        snprintf(request->answer.error, sizeof request->answer.error,
                 "not sent: the request could not be begun; is memory short?");
    request->done(request->arg, &request->answer);
}

/* Finds out where the request goes; begins it where that is known already. */
enum Status
http_start(struct HttpRequest *request)
{
    const struct Http *http = request->http;
    int timeout_ms =
        http->connect_timeout_ms < http->timeout_ms ? http->connect_timeout_ms : http->timeout_ms;
    struct DnsAnswer addresses;

    if (request->guard.literal)
        return add(request);
    request->question.done = on_resolved;
    request->question.arg = request;
    switch (dns_ask(http->dns, request->guard.host, timeout_ms, &request->question, &addresses)) {
    case DNS_KNOWN:
        return go_to(request, &addresses);
    case DNS_LATER:
        return STATUS_OK;
    case DNS_NO_MEMORY:
        break;
    }
    return STATUS_MEMORY;
}

enum Status
http_begin(struct Http *http, struct HttpRequest *request, const char *url, bool plain)
{
    enum Status status;

    memset(&request->answer, 0, sizeof request->answer);
    request->answer.retry_after_s = -1;
    request->received = request->kept = request->header_bytes = 0;
    request->headers_over = request->stale = request->no_status = false;
    request->http = http;
    request->multi = http->multi.handle;
    request->started_ms = clock_now_ms();
    request->easy = curl_easy_init();
    if (request->easy == NULL)
        return STATUS_MEMORY;
    if (set_options(http, request, url) != CURLE_OK)
        return STATUS_SYSTEM;
    status = resolve_guard(&request->guard, &http->policy, request->easy, url, plain);
    if (status == STATUS_INVALID)
        snprintf(request->answer.error, sizeof request->answer.error, "%s", request->guard.refused);
    return status;
}

enum Status
http_post(struct Http *http, struct HttpRequest *request, const char *url)
{
    enum Status status = http_begin(http, request, url, strncasecmp(url, "https:", 6) != 0);

    if (status == STATUS_OK)
        status = http_header(request, "Expect", "");
    if (status == STATUS_OK && set_post(request) != CURLE_OK)
        status = STATUS_SYSTEM;
    return status == STATUS_OK ? http_start(request) : status;
}

void
http_drop(struct HttpRequest *request)
{
    dns_forget(&request->question);
    if (request->easy != NULL) {
        (void) curl_multi_remove_handle(request->multi, request->easy);
        curl_easy_cleanup(request->easy);
    }
    resolve_drop(&request->guard);
    curl_slist_free_all(request->headers);
    request->easy = NULL;
    request->headers = NULL;
}
