#include "sign.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "whsec_"
#define PREFIX_SEED "whsk_"
#define PREFIX_PUBLIC "whpk_"
#define SEED_LENGTH 32

/* OpenSSL's decoder takes whole blocks and counts the padding as bytes; it also skips white space, which we refuse. */
enum Status
sign_key_parse(struct SignKey *key, const char *text, struct Problem *problem)
{
    unsigned char decoded[(SIGN_KEY_MAX + 2) / 3 * 3 + 3];
    size_t length, padding = 0;
    int count;

    key->asymmetric = strncmp(text, PREFIX_SEED, strlen(PREFIX_SEED)) == 0;
    if (key->asymmetric)
        problem_set(problem, "a key of v1a is " PREFIX_SEED " and the base64 of 32 or 64 bytes");
    else
        problem_set(problem, "a key is " PREFIX " and the base64 of %d to %d bytes", SIGN_KEY_MIN,
                    SIGN_KEY_MAX);
    if (!key->asymmetric && strncmp(text, PREFIX, strlen(PREFIX)) != 0)
        return STATUS_INVALID;
    text += key->asymmetric ? strlen(PREFIX_SEED) : strlen(PREFIX);
    length = strlen(text);
    while (padding < 2 && padding < length && text[length - 1 - padding] == '=')
        padding++;
    if (length % 4 != 0 || length / 4 * 3 > sizeof decoded ||
        strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") != length - padding)
        return STATUS_INVALID;
    count = EVP_DecodeBlock(decoded, (const unsigned char *) text, (int) length);
    if (count < 0 || (size_t) count < padding)
        return STATUS_INVALID;
    key->length = (size_t) count - padding;
    if (key->length < SIGN_KEY_MIN || key->length > SIGN_KEY_MAX ||
        (key->asymmetric && key->length != SEED_LENGTH && key->length != 2 * (size_t) SEED_LENGTH))
        return STATUS_INVALID;
    memcpy(key->bytes, decoded, key->length);
    return STATUS_OK;
}

enum Status
sign_v1(const struct SignKey *key, const char *id, int64_t timestamp_s, const char *body, size_t body_length,
        char signature[SIGN_V1_LENGTH + 1])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    char timestamp[24];
    size_t digest_length = 0;
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_HMAC, NULL, key->bytes, key->length);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    enum Status status = STATUS_SYSTEM;

    snprintf(timestamp, sizeof timestamp, ".%" PRId64 ".", timestamp_s);
    if (pkey == NULL || context == NULL || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, pkey) != 1 ||
        EVP_DigestSignUpdate(context, id, strlen(id)) != 1 ||
        EVP_DigestSignUpdate(context, timestamp, strlen(timestamp)) != 1 ||
        EVP_DigestSignUpdate(context, body, body_length) != 1)
        goto done;
    digest_length = sizeof digest;
    if (EVP_DigestSignFinal(context, digest, &digest_length) != 1 || digest_length != 32)
        goto done;
    memcpy(signature, "v1,", 3);
    EVP_EncodeBlock((unsigned char *) signature + 3, digest, (int) digest_length);
    status = STATUS_OK;
done:
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    return status;
}

/* Ed25519 takes its input in one piece. */
static enum Status
sign_v1a(const struct SignKey *key, const char *id, int64_t timestamp_s, const char *body, size_t body_length,
         char signature[SIGN_MAX + 1])
{
    unsigned char raw[64];
    size_t raw_length = sizeof raw, room = strlen(id) + 24 + body_length, head;
    unsigned char *input = malloc(room);
    EVP_PKEY *pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->bytes, SEED_LENGTH);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    enum Status status = STATUS_SYSTEM;

    if (input == NULL || pkey == NULL || context == NULL)
        goto done;
    head = (size_t) snprintf((char *) input, room, "%s.%" PRId64 ".", id, timestamp_s);
    memcpy(input + head, body, body_length);
    if (EVP_DigestSignInit(context, NULL, NULL, NULL, pkey) != 1 ||
        EVP_DigestSign(context, raw, &raw_length, input, head + body_length) != 1 || raw_length != sizeof raw)
        goto done;
    memcpy(signature, "v1a,", 4);
    EVP_EncodeBlock((unsigned char *) signature + 4, raw, (int) raw_length);
    status = STATUS_OK;
done:
    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    free(input);
    return status;
}

enum Status
sign_message(const struct SignKey *key, const char *id, int64_t timestamp_s, const char *body,
             size_t body_length, char signature[SIGN_MAX + 1])
{
    return key->asymmetric ? sign_v1a(key, id, timestamp_s, body, body_length, signature)
                           : sign_v1(key, id, timestamp_s, body, body_length, signature);
}

enum Status
sign_public(const struct SignKey *key, char text[SIGN_PUBLIC_LENGTH + 1])
{
    unsigned char raw[SEED_LENGTH];
    size_t length = sizeof raw;
    EVP_PKEY *pkey;
    enum Status status = STATUS_SYSTEM;

    if (!key->asymmetric)
        return STATUS_INVALID;
    pkey = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, key->bytes, SEED_LENGTH);
    if (pkey != NULL && EVP_PKEY_get_raw_public_key(pkey, raw, &length) == 1 && length == sizeof raw) {
        memcpy(text, PREFIX_PUBLIC, strlen(PREFIX_PUBLIC));
        EVP_EncodeBlock((unsigned char *) text + strlen(PREFIX_PUBLIC), raw, (int) length);
        status = STATUS_OK;
    }
    EVP_PKEY_free(pkey);
    return status;
}
