/*
 * outcome.h: what an answer means for a delivery. Pure.
 *
 * 2xx is delivered. 410 is gone: the receiver says never again. Other 4xx are refused: the request itself is wrong, and
 * once more is enough; but for 408, 425 and 429, which ask for patience. Everything else is to be tried again, after as
 * long as the receiver asked for (429 and 503 with Retry-After, at most a day) or as the database's own schedule says.
 * Unanswered is what was sent without an answer: whether it arrived is not known.
 */
#ifndef CRMD_OUTCOME_H
#define CRMD_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum Outcome {
    OUTCOME_DELIVERED,
    OUTCOME_RETRY,
    OUTCOME_UNANSWERED,
    OUTCOME_REFUSED,
    OUTCOME_GONE,
    OUTCOME_DEAD
};

const char *outcome_name(enum Outcome outcome);

enum Outcome outcome_of(long http_status);

/* By the code of a mail server's reply that decided (0: none did): 2yz delivered, 4yz retry, 5yz refused. */
enum Outcome outcome_of_mail(long code, bool handed_over);

/* How many seconds a body asks to wait where its kind of receiver says so there (Telegram); -1: it does not. */
int64_t outcome_retry_after_said(const char *kind, const char *body);

/* Milliseconds, or -1 where the database decides. */
int64_t outcome_retry_after_ms(long http_status, int64_t retry_after_s);

/* Makes text fit for a jsonb value and a log line: valid UTF-8, no control characters; the rest becomes '?'. */
void outcome_clean(char *text);

/* Leaves ASCII alone, for a database whose encoding lacks other letters. Whether there were any. */
bool outcome_plain(char *text);

#endif
