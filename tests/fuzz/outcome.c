// links: daemon/outcome.c daemon/routing.c daemon/utf8.c
/* What receivers answer: cleaned it is UTF-8 of one line; how long to wait is within bounds; secrets in a body are where they belong. */
#include "fuzz.h"
#include "outcome.h"
#include "routing.h"

TARGET(outcome)
{
    struct Input input = {data, size};
    int64_t seconds = (int64_t) take_number(&input, 8);
    long status = (long) take_number(&input, 2);
    char *text = take_text(&input, 5000, NULL), *copy = strdup(text), *body;
    static const char *const kinds[] = {"telegram", "slack", "webhook", "pagerduty"};
    size_t length;

    CHECK(copy != NULL);
    for (int i = 0; i < 4; i++) {
        int64_t wait = outcome_retry_after_said(kinds[i], text);

        CHECK(wait >= -1);
        wait = outcome_retry_after_ms(status, wait);
        CHECK(wait >= -1 && wait <= INT64_C(86400000));
    }
    CHECK(outcome_retry_after_ms(status, seconds) >= -1 &&
          outcome_retry_after_ms(status, seconds) <= INT64_C(86400000));
    CHECK(outcome_name(outcome_of(status)) != NULL &&
          outcome_name(outcome_of_mail(status, (seconds & 1) != 0)) != NULL);
    CHECK((outcome_of(status) == OUTCOME_DELIVERED) == (status >= 200 && status < 300));
    outcome_clean(text);
    CHECK(strlen(text) == strlen(copy) || strlen(text) < strlen(copy));
    CHECK(is_utf8(text, strlen(text)) && !has_control(text, strlen(text)));
    (void) outcome_plain(text);
    CHECK(is_plain_ascii(text, strlen(text)));
    if (routing_key_is_good(copy)) {
        body = routing_fill("{\"routing_key\":\"{routing_key}\",\"x\":1}", "routing_key", copy);
        CHECK(body == NULL || strstr(body, copy) != NULL);
        free(body);
    }
    (void) routing_chat_is_good(copy);
    body = routing_fill(copy, "chat_id", "-100123");
    length = body == NULL ? 0 : strlen(body);
    CHECK(body == NULL || length <= strlen(copy) + 7);
    free(body);
    free(text);
    free(copy);
}
