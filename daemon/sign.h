/*
 * sign.h: the signatures of Standard Webhooks over id "." timestamp "." body: v1,base64(HMAC-SHA256) where sender and
 * receiver know one key, and v1a,base64(Ed25519) where the receiver knows the public key only.
 *
 * Pure. Keys of v1 are written whsec_ and base64, those of v1a whsk_ and base64 (the seed of 32 bytes, or the 64 of seed
 * and public key), public ones whpk_. Several keys give several signatures, separated by a space, so that a receiver can
 * change its key without losing a message.
 */
#ifndef CRMD_SIGN_H
#define CRMD_SIGN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "status.h"

#define SIGN_KEY_MAX 128 /* bytes of a decoded key */
#define SIGN_KEY_MIN 16
#define SIGN_V1_LENGTH 47     /* "v1," and 44 characters */
#define SIGN_MAX 92           /* "v1a," and 88 */
#define SIGN_PUBLIC_LENGTH 49 /* "whpk_" and 44 */

struct SignKey {
    unsigned char bytes[SIGN_KEY_MAX];
    size_t length;
    bool asymmetric;
};

/* Refuses anything but whsec_ and the base64 of SIGN_KEY_MIN to SIGN_KEY_MAX bytes, or whsk_ and that of 32 or 64. */
enum Status sign_key_parse(struct SignKey *key, const char *text, struct Problem *problem) MUST_CHECK;

/* Writes "v1,..." with its NUL into signature. STATUS_SYSTEM where the crypto library refuses. */
enum Status sign_v1(const struct SignKey *key, const char *id, int64_t timestamp_s, const char *body,
                    size_t body_length, char signature[SIGN_V1_LENGTH + 1]) MUST_CHECK;

/* Writes the signature that the key is for, with its NUL. */
enum Status sign_message(const struct SignKey *key, const char *id, int64_t timestamp_s, const char *body,
                         size_t body_length, char signature[SIGN_MAX + 1]) MUST_CHECK;

/* The public key of an asymmetric one, whpk_ and base64. STATUS_INVALID where the key is none. */
enum Status sign_public(const struct SignKey *key, char text[SIGN_PUBLIC_LENGTH + 1]) MUST_CHECK;

#endif
