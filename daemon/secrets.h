/*
 * secrets.h: where receivers are and what messages to them are signed with: the secrets file.
 *
 *     [deals-hook]
 *     url = https://hooks.example.com/crm
 *     key = whsec_...            or: keys = whsec_new whsec_old
 *     routing_key = ...          PagerDuty's, which stands in the body
 *
 * A section is what an endpoint of the database calls its secret_ref. The file must belong to the daemon's user (or
 * root) and be readable by nobody else; it is refused otherwise. In the folder of systemd's credentials its group may read it. Addresses count as secrets: with many services
 * whoever knows one can post.
 */
#ifndef CRMD_SECRETS_H
#define CRMD_SECRETS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sign.h"
#include "status.h"

#define SECRETS_KEYS_MAX 4

struct Secret {
    char *ref;
    char *url;
    char *keys_text;
    char *routing_key; /* of PagerDuty; NULL: none */
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

/*
 * Sets what a section says, and writes the file anew in one step with mode 0600. what is REF, with `name = value`
 * lines in input that replace the section, or REF.url, REF.key, REF.keys, REF.routing_key, with the value alone in input.
 */
enum Status secrets_set(const char *path, const char *what, FILE *input, struct Problem *problem) MUST_CHECK;

/* Prints the public keys of a section's asymmetric ones, for the receiver. */
enum Status secrets_print_public(const char *path, const char *ref, FILE *out,
                                 struct Problem *problem) MUST_CHECK;

/* Overwrites with asterisks what text repeats of any key and of any address beyond its host. */
void secrets_redact(const struct Secrets *secrets, char *text);

#endif
