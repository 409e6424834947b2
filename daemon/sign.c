#include "sign.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define PREFIX "whsec_"

/* OpenSSL's decoder takes whole blocks and counts the padding as bytes; it also skips white space, which we refuse. */
enum Status
sign_key_parse(struct SignKey *key, const char *text, struct Problem *problem)
{
    unsigned char decoded[(SIGN_KEY_MAX + 2) / 3 * 3 + 3];
    size_t length, padding = 0;
    int count;

    problem_set(problem, "a key is " PREFIX " and the base64 of %d to %d bytes", SIGN_KEY_MIN, SIGN_KEY_MAX);
    if (strncmp(text, PREFIX, strlen(PREFIX)) != 0)
        return STATUS_INVALID;
    text += strlen(PREFIX);
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
    if (key->length < SIGN_KEY_MIN || key->length > SIGN_KEY_MAX)
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
