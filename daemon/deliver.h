/*
 * deliver.h: one claimed delivery on its way: from a row of claim_deliveries to a signed POST or an e-mail, and from the answer to a
 * result for finish_deliveries.
 *
 * Knows nothing of the database. A delivery is made by deliver_new, started once, and freed by whoever made it.
 */
#ifndef CRMD_DELIVER_H
#define CRMD_DELIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "http.h"
#include "letter.h"
#include "mail.h"
#include "outcome.h"
#include "secrets.h"

#define DELIVER_DETAIL_MAX 640

struct Delivery {
    int64_t id, epoch;
    int attempt;
    char *message_id, *endpoint, *kind, *secret_ref, *body;
    int64_t taken_ms; /* when the claim was asked for: the lease counts from here */

    enum Outcome outcome;
    int http_status;        /* 0: none */
    int64_t retry_after_ms; /* -1: the database decides */
    char detail[DELIVER_DETAIL_MAX];

    struct HttpRequest request;
    struct LetterPeople people; /* of an e-mail, as they were when it was begun */
    struct MailTalk mail;
    struct Deliver *deliver;
    void (*settled)(void *arg, struct Delivery *delivery);
    void *arg;
    struct Delivery *next; /* the owner's */
};

struct Deliver {
    struct Http *http;
    const struct Secrets *secrets;
};

struct DeliveryRow {
    const char *id, *epoch, *message_id, *endpoint, *kind, *secret_ref, *body, *attempt, *fresh;
};

/* NULL where memory is out. Copies the row. Nothing is sent after deadline_ms. */
struct Delivery *deliver_new(const struct DeliveryRow *row, int64_t taken_ms, int64_t deadline_ms);
void deliver_free(struct Deliver *deliver, struct Delivery *delivery);

/*
 * Sends it. settled is called once, later; where it cannot be sent at all (no section in the secrets file, nothing to
 * sign with) the result is already in place and false is returned instead.
 */
bool deliver_start(struct Deliver *deliver, struct Delivery *delivery,
                   void (*settled)(void *arg, struct Delivery *delivery), void *arg);

#endif
