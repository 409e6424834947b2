/*
 * sign.h: the signature of Standard Webhooks, symmetric form: v1,base64(HMAC-SHA256(key, id "." timestamp "." body)).
 *
 * Pure. Keys are written whsec_ and base64. Several keys give several signatures, separated by a space, so that a
 * receiver can change its key without losing a message.
 */
#ifndef CRMD_SIGN_H
#define CRMD_SIGN_H

#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define SIGN_KEY_MAX 128 /* bytes of a decoded key */
#define SIGN_KEY_MIN 16
#define SIGN_V1_LENGTH 47 /* "v1," and 44 characters */

struct SignKey {
    unsigned char bytes[SIGN_KEY_MAX];
    size_t length;
};

/* Refuses anything but whsec_ and the base64 of SIGN_KEY_MIN to SIGN_KEY_MAX bytes. */
enum Status sign_key_parse(struct SignKey *key, const char *text, struct Problem *problem) MUST_CHECK;

/* Writes "v1,..." with its NUL into signature. STATUS_SYSTEM where the crypto library refuses. */
enum Status sign_v1(const struct SignKey *key, const char *id, int64_t timestamp_s, const char *body,
                    size_t body_length, char signature[SIGN_V1_LENGTH + 1]) MUST_CHECK;

#endif
