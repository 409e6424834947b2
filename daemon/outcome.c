#include "outcome.h"

#include <jansson.h>
#include <string.h>

#include "utf8.h"

#define RETRY_AFTER_MAX_S 86400

const char *
outcome_name(enum Outcome outcome)
{
    static const char *const names[] = {"delivered", "retry", "unanswered", "refused", "gone", "dead"};

    return names[outcome];
}

enum Outcome
outcome_of(long http_status)
{
    if (http_status >= 200 && http_status <= 299)
        return OUTCOME_DELIVERED;
    if (http_status == 410)
        return OUTCOME_GONE;
    if (http_status >= 400 && http_status <= 499 && http_status != 408 && http_status != 425 &&
        http_status != 429)
        return OUTCOME_REFUSED;
    return OUTCOME_RETRY;
}

enum Outcome
outcome_of_mail(long code, bool handed_over)
{
    if (code >= 200 && code <= 299)
        return OUTCOME_DELIVERED;
    if (code >= 400 && code <= 499)
        return OUTCOME_RETRY;
    if (code >= 500 && code <= 599)
        return OUTCOME_REFUSED;
    return handed_over ? OUTCOME_UNANSWERED : OUTCOME_RETRY;
}

int64_t
outcome_retry_after_said(const char *kind, const char *body)
{
    json_t *said = strcmp(kind, "telegram") == 0 ? json_loads(body, 0, NULL) : NULL;
    const json_t *seconds = json_object_get(json_object_get(said, "parameters"), "retry_after");
    int64_t wait =
        json_is_integer(seconds) && json_integer_value(seconds) >= 0 ? json_integer_value(seconds) : -1;

    json_decref(said);
    return wait;
}

int64_t
outcome_retry_after_ms(long http_status, int64_t retry_after_s)
{
    if ((http_status != 429 && http_status != 503) || retry_after_s < 0)
        return -1;
    return (retry_after_s < RETRY_AFTER_MAX_S ? retry_after_s : RETRY_AFTER_MAX_S) * 1000;
}

void
outcome_clean(char *text)
{
    unsigned char *c = (unsigned char *) text;

    while (*c != '\0') {
        size_t length = utf8_length(c);

        if (*c == '\n' || *c == '\r' || *c == '\t')
            *c++ = ' ';
        else if (length == 0 || *c < 0x20 || *c == 0x7f)
            *c++ = '?';
        else
            c += length;
    }
}

bool
outcome_plain(char *text)
{
    bool changed = false;

    for (char *c = text; *c != '\0'; c++)
        if ((unsigned char) *c >= 0x80) {
            *c = '?';
            changed = true;
        }
    return changed;
}
