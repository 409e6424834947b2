#include "deliver.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "redact.h"
#include "routing.h"
#include "sign.h"

#define MESSAGE_ID_CHARACTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

struct Delivery *
deliver_new(const struct DeliveryRow *row, int64_t taken_ms, int64_t deadline_ms)
{
    struct Delivery *delivery = calloc(1, sizeof *delivery);

    if (delivery == NULL)
        return NULL;
    delivery->id = strtoll(row->id, NULL, 10);
    delivery->epoch = strtoll(row->epoch, NULL, 10);
    delivery->attempt = (int) strtol(row->attempt, NULL, 10);
    delivery->taken_ms = taken_ms;
    delivery->request.deadline_ms = deadline_ms;
    delivery->request.fresh = row->fresh[0] == 't';
    delivery->retry_after_ms = -1;
    delivery->message_id = strdup(row->message_id);
    delivery->endpoint = strdup(row->endpoint);
    delivery->kind = strdup(row->kind);
    delivery->secret_ref = strdup(row->secret_ref);
    delivery->body = strdup(row->body);
    if (delivery->message_id == NULL || delivery->endpoint == NULL || delivery->kind == NULL ||
        delivery->secret_ref == NULL || delivery->body == NULL) {
        deliver_free(NULL, delivery);
        return NULL;
    }
    return delivery;
}

static void
drop_request(struct Delivery *delivery)
{
    mail_drop(&delivery->mail); /* its part of the request, too */
    http_drop(&delivery->request);
}

void
deliver_free(struct Deliver *deliver, struct Delivery *delivery)
{
    if (deliver != NULL)
        drop_request(delivery);
    letter_forget_from(&delivery->people);
    letter_forget_to(&delivery->people);
    free(delivery->message_id);
    free(delivery->endpoint);
    free(delivery->kind);
    free(delivery->secret_ref);
    free(delivery->body);
    free(delivery);
}

static void
set_result(struct Delivery *delivery, enum Outcome outcome, const char *detail)
{
    delivery->outcome = outcome;
    snprintf(delivery->detail, sizeof delivery->detail, "%s", detail);
    redact_secrets(delivery->deliver->secrets, delivery->detail);
    outcome_clean(delivery->detail);
}

/* Hands the result over; it is freed there. */
static void
settle(struct Delivery *delivery)
{
    drop_request(delivery);
    delivery->settled(delivery->arg, delivery);
}

static void
on_answer(void *arg, const struct HttpAnswer *answer)
{
    struct Delivery *delivery = arg;

    delivery->http_status = (int) answer->status;
    delivery->retry_after_ms = outcome_retry_after_ms(
        answer->status, answer->retry_after_s >= 0 ? answer->retry_after_s
                                                   : outcome_retry_after_said(delivery->kind, answer->body));
    if (answer->status == 0)
        set_result(delivery, answer->sent ? OUTCOME_UNANSWERED : OUTCOME_RETRY, answer->error);
    else if (outcome_of(answer->status) == OUTCOME_DELIVERED)
        set_result(delivery, OUTCOME_DELIVERED, ""); /* what a receiver says to a success concerns nobody */
    else
        set_result(delivery, outcome_of(answer->status), answer->body);
    settle(delivery);
}

static void
on_mail_answer(void *arg, const struct HttpAnswer *answer)
{
    struct Delivery *delivery = arg;

    delivery->http_status = (int) answer->status;
    set_result(delivery, outcome_of_mail(answer->status, answer->sent), answer->error);
    if (delivery->outcome == OUTCOME_DELIVERED)
        delivery->detail[0] = '\0';
    settle(delivery);
}

/* One signature for each key, with a space between. */
static enum Status
add_signatures(struct Delivery *delivery, const struct Secret *secret, int64_t timestamp_s)
{
    char signatures[SECRETS_KEYS_MAX * (SIGN_MAX + 1)];
    size_t length = 0;
    enum Status status;

    for (size_t i = 0; i < secret->key_count; i++) {
        if (i > 0)
            signatures[length++] = ' ';
        status = sign_message(&secret->keys[i], delivery->message_id, timestamp_s, delivery->body,
                              strlen(delivery->body), signatures + length);
        if (status != STATUS_OK)
            return status;
        length += strlen(signatures + length);
    }
    return secret->key_count == 0 ? STATUS_OK
                                  : http_header(&delivery->request, "webhook-signature", signatures);
}

/* Puts into the body what the secrets file says; whatever is signed and sent is this. False, with the result, where it cannot. */
static bool
fill_body(struct Delivery *delivery, const struct Secret *secret)
{
    const char *value, *place = secrets_in_body(secret, delivery->kind, &value);
    char detail[64];
    char *filled;

    if (place == NULL)
        return true;
    filled = routing_fill(delivery->body, place, value);
    if (filled == NULL) {
        snprintf(detail, sizeof detail, "the body has no place for the %s", place);
        set_result(delivery, OUTCOME_DEAD, detail);
        return false;
    }
    free(delivery->body);
    delivery->body = filled;
    return true;
}

/* Makes the body a letter. False, with the result, where it is none. */
static bool
write_letter(struct Delivery *delivery, const struct Secret *secret)
{
    struct Problem problem;
    char *letter = NULL;
    enum Status status = letter_copy_people(&delivery->people, &secret->people);

    if (status == STATUS_OK)
        status = letter_write(&delivery->people, delivery->endpoint, delivery->message_id, delivery->body,
                              &letter, &problem);
    if (status == STATUS_INVALID)
        set_result(delivery, OUTCOME_DEAD, problem.text);
    else if (status != STATUS_OK)
        set_result(delivery, OUTCOME_RETRY, "the message could not be put together; is memory short?");
    if (status != STATUS_OK)
        return false;
    free(delivery->body);
    delivery->body = letter;
    return true;
}

static enum Status
post(struct Delivery *delivery, const struct Secret *secret)
{
    int64_t timestamp_s = clock_wall_ms() / 1000;
    struct HttpRequest *request = &delivery->request;
    char timestamp[24];
    enum Status status;

    snprintf(timestamp, sizeof timestamp, "%" PRId64, timestamp_s);
    status = http_header(request, "webhook-id", delivery->message_id);
    if (status == STATUS_OK)
        status = http_header(request, "webhook-timestamp", timestamp);
    if (status == STATUS_OK)
        status = add_signatures(delivery, secret, timestamp_s);
    if (status == STATUS_OK)
        status = http_header(request, "content-type",
                             strcmp(delivery->kind, "cloudevents") == 0 ? "application/cloudevents+json"
                                                                        : "application/json");
    if (status == STATUS_OK)
        status = http_header(request, "user-agent", "crmd/" CRM_VERSION);
    return status == STATUS_OK ? http_post(delivery->deliver->http, request, secret->url) : status;
}

bool
deliver_start(struct Deliver *deliver, struct Delivery *delivery,
              void (*settled)(void *arg, struct Delivery *delivery), void *arg)
{
    const struct Secret *secret = secrets_find(deliver->secrets, delivery->secret_ref);
    const char *id = delivery->message_id, *lacking;
    char detail[256];
    enum Status status;
    bool mail;

    delivery->deliver = deliver;
    delivery->settled = settled;
    delivery->arg = arg;
    if (id[0] == '\0' || strlen(id) > 128 || id[strspn(id, MESSAGE_ID_CHARACTERS)] != '\0') {
        set_result(delivery, OUTCOME_DEAD, "the message id holds characters that no header may hold");
        return false;
    }
    if (secret == NULL) {
        snprintf(detail, sizeof detail, "the secrets file has no section [%.100s]", delivery->secret_ref);
        set_result(delivery, OUTCOME_RETRY, detail);
        return false;
    }
    lacking = secrets_lacks(secret, delivery->kind);
    if (lacking != NULL) {
        snprintf(detail, sizeof detail, "[%.100s] of the secrets file has no %s", delivery->secret_ref,
                 lacking);
        set_result(delivery, OUTCOME_RETRY, detail);
        return false;
    }
    mail = strcmp(delivery->kind, "email") == 0;
    if (mail ? !write_letter(delivery, secret) : !fill_body(delivery, secret))
        return false;
    delivery->request.body = delivery->body;
    delivery->request.body_length = strlen(delivery->body);
    delivery->request.done = mail ? on_mail_answer : on_answer;
    delivery->request.arg = delivery;
    status = mail ? mail_send(deliver->http, &delivery->mail, &delivery->request, secret, &delivery->people,
                              delivery->body)
                  : post(delivery, secret);
    if (status == STATUS_OK)
        return true;
    drop_request(delivery);
    set_result(delivery, OUTCOME_RETRY,
               status == STATUS_INVALID && delivery->request.answer.error[0] != '\0'
                   ? delivery->request.answer.error
                   : "the request could not be put together; is memory short?");
    return false;
}
