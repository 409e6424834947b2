/*
 * secrets.h: where receivers are and what messages to them are signed with: the secrets file.
 *
 *     [deals-hook]
 *     url = https://hooks.example.com/crm
 *     key = whsec_...            or: keys = whsec_new whsec_old
 *     routing_key = ...          PagerDuty's, which stands in the body
 *     chat_id = ...              Telegram's, which stands in the body
 *
 *     [deals-mail]
 *     url = smtps://mail.example.com:465     or smtp://, with STARTTLS
 *     from = Alerts <alerts@example.com>
 *     to = anna@example.com, ben@example.com
 *     user = ...  password = ...  starttls = no
 *
 * A section is what an endpoint of the database calls its secret_ref. The file must belong to the daemon's user (or
 * root) and be readable by nobody else; it is refused otherwise. In the folder of systemd's credentials its group may read it. Addresses count as secrets: with many services
 * whoever knows one can post.
 */
#ifndef CRMD_SECRETS_H
#define CRMD_SECRETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "letter.h"
#include "sign.h"
#include "status.h"

#define SECRETS_KEYS_MAX 4

struct Secret {
    char *ref;
    char *url;
    char *keys_text;
    char *routing_key; /* of PagerDuty; NULL: none */
    char *chat_id;     /* of Telegram; NULL: none */
    char *from_text, *to_text, *starttls_text;
    struct LetterPeople people;
    char *user, *password; /* both or none */
    bool no_starttls;      /* to a mail server in the clear, and then without a password */
    struct SignKey keys[SECRETS_KEYS_MAX];
    size_t key_count;
    struct Secret *next;
};

struct Secrets {
    struct Secret *first;
    struct Secret *retired; /* answers may still repeat what they say */
    int64_t retired_ms;     /* when the last of them was retired */
};

/* Reads and checks the file; on failure secrets stays as it was. STATUS_MISSING where there is no file. */
enum Status secrets_read(struct Secrets *secrets, const char *path, struct Problem *problem) MUST_CHECK;
void secrets_free(struct Secrets *secrets);

/*
 * fresh, which becomes empty, takes the place of what secrets said. The old ones are kept for redaction, for keep_ms at least: what was sent
 * with them may still be answered.
 */
void secrets_replace(struct Secrets *secrets, struct Secrets *fresh, int64_t now_ms, int64_t keep_ms);

/* NULL where there is no such section. Valid until the next secrets_read. */
const struct Secret *secrets_find(const struct Secrets *secrets, const char *ref);

/* What a body for that kind of endpoint has a place for, by its name in body and section; NULL: nothing. value is the section's. */
const char *secrets_in_body(const struct Secret *secret, const char *kind, const char **value);

/* What an endpoint of that kind needs and the section does not say, as words after "has no"; NULL: nothing. */
const char *secrets_lacks(const struct Secret *secret, const char *kind);

/*
 * Sets what a section says, and writes the file anew in one step with mode 0600. what is REF, with `name = value`
 * lines in input that replace the section, or REF.NAME for one of them, with the value alone in input.
 */
enum Status secrets_set(const char *path, const char *what, FILE *input, struct Problem *problem) MUST_CHECK;

/* Prints the public keys of a section's asymmetric ones, for the receiver. */
enum Status secrets_print_public(const char *path, const char *ref, FILE *out,
                                 struct Problem *problem) MUST_CHECK;

#endif
