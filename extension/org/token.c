/*
 * token.c: see token.h. Members that crm does not know are passed over, but for "crit", which says that they must
 * not be; one that it knows may stand there once.
 */
#include "org/token.h"

#include <string.h>

#include "org/token_json.h"

#define SECONDS_MAX 253402300799.0 /* the end of the year 9999 */
#define PAYLOAD_MAX (CRM_TOKEN_MAX * 3 / 4)

typedef struct Header {
    CrmTokenParts *parts;
    bool has_algorithm;
    const char *problem; /* where it is another one than "no header" */
} Header;

typedef struct Claims {
    CrmTokenClaims *claims;
    bool has_subject;
    bool has_expires;
    bool has_not_before;
    bool has_issued;
    bool has_audience;
    const char *problem;
} Claims;

static bool
read_header_member(CrmJsonReader *reader, const char *name, void *target)
{
    Header *header = target;
    CrmTokenParts *parts = header->parts;

    if (strcmp(name, "alg") == 0) {
        char algorithm[16];

        header->problem = "The token's algorithm is neither HS256 nor EdDSA.";
        if (header->has_algorithm || !crm_json_string(reader, algorithm, sizeof algorithm) ||
            !crm_token_algorithm_parse(algorithm, &parts->algorithm))
            return false;
        header->has_algorithm = true;
    } else if (strcmp(name, "kid") == 0) {
        header->problem = "The token names a key that is not in the key file.";
        if (parts->has_key_id || !crm_json_string(reader, parts->key_id, sizeof parts->key_id))
            return false;
        parts->has_key_id = true;
    } else if (strcmp(name, "crit") == 0) {
        header->problem = "The token has critical extensions, and none is known.";
        return false;
    } else if (!crm_json_skip(reader))
        return false;
    header->problem = NULL;
    return true;
}

static const char *
read_header(const char *text, size_t length, CrmTokenParts *parts)
{
    unsigned char decoded[CRM_TOKEN_HEADER_MAX];
    size_t decoded_length;
    Header header = {.parts = parts};

    if (!crm_base64url_decode(text, length, decoded, sizeof decoded, &decoded_length))
        return "The token's header is not base64url, or longer than 512 bytes.";
    if (!crm_json_object(decoded, decoded_length, read_header_member, &header))
        return header.problem != NULL ? header.problem : "The token's header is no JSON object.";
    return header.has_algorithm ? NULL : "The token's header names no algorithm.";
}

const char *
crm_token_split(const char *token, size_t length, CrmTokenParts *parts)
{
    const char *first, *second;
    size_t signature_length;

    memset(parts, 0, sizeof *parts);
    if (length > CRM_TOKEN_MAX)
        return "The token is longer than 8192 bytes.";
    first = memchr(token, '.', length);
    second = first == NULL ? NULL : memchr(first + 1, '.', length - (size_t) (first + 1 - token));
    if (second == NULL || memchr(second + 1, '.', length - (size_t) (second + 1 - token)) != NULL)
        return "The token is not three parts with dots between them.";
    parts->signed_text = token;
    parts->signed_length = (size_t) (second - token);
    parts->payload = first + 1;
    parts->payload_length = (size_t) (second - parts->payload);
    signature_length = length - parts->signed_length - 1;
    if (!crm_base64url_decode(second + 1, signature_length, parts->signature, sizeof parts->signature,
                              &parts->signature_length))
        return "The token's signature is not base64url, or longer than 64 bytes.";
    return read_header(token, (size_t) (first - token), parts);
}

/* A key of another algorithm is never tried: a public key must not serve as a secret. */
const char *
crm_token_verify(const CrmTokenParts *parts, const CrmTokenKeys *keys)
{
    bool named = false;

    for (int i = 0; i < keys->count; i++) {
        const CrmTokenKey *key = &keys->keys[i];

        if (parts->has_key_id && strcmp(parts->key_id, key->id) != 0)
            continue;
        named = true;
        if (key->algorithm == parts->algorithm &&
            crm_token_key_verify(key, parts->signed_text, parts->signed_length, parts->signature,
                                 parts->signature_length))
            return NULL;
    }
    return named || !parts->has_key_id ? "No key of the key file made the token's signature."
                                       : "The token names a key that is not in the key file.";
}

static bool
read_time(CrmJsonReader *reader, bool *seen, int64_t *instant_us)
{
    double seconds;

    if (*seen || !crm_json_number(reader, 0, SECONDS_MAX, &seconds))
        return false;
    *seen = true;
    *instant_us = (int64_t) (seconds * 1000000.0);
    return true;
}

static bool
read_audience(CrmJsonReader *reader, const char *name, void *target)
{
    CrmTokenClaims *claims = target;
    char *out = claims->audiences + claims->audiences_length;

    (void) name;
    if (claims->audiences_length == sizeof claims->audiences ||
        !crm_json_string(reader, out, sizeof claims->audiences - claims->audiences_length))
        return false;
    claims->audiences_length += strlen(out) + 1;
    return true;
}

static bool
read_claim(CrmJsonReader *reader, const char *name, void *target)
{
    Claims *read = target;
    CrmTokenClaims *claims = read->claims;
    bool good;

    if (strcmp(name, "sub") == 0) {
        read->problem = "The token's subject (sub) is not one text of 1 to 200 bytes.";
        good = !read->has_subject && crm_json_string(reader, claims->subject, sizeof claims->subject) &&
               claims->subject[0] != '\0';
        read->has_subject = true;
    } else if (strcmp(name, "exp") == 0) {
        read->problem = "The token's expiry (exp) is not one number of seconds up to the year 9999.";
        good = read_time(reader, &read->has_expires, &claims->expires_us);
    } else if (strcmp(name, "nbf") == 0) {
        read->problem = "The token's beginning (nbf) is not one number of seconds up to the year 9999.";
        good = read_time(reader, &read->has_not_before, &claims->not_before_us);
    } else if (strcmp(name, "iat") == 0) {
        read->problem = "The token's time of issue (iat) is not one number of seconds up to the year 9999.";
        good = read_time(reader, &read->has_issued, &claims->issued_us);
    } else if (strcmp(name, "aud") == 0) {
        read->problem = "The token's audience (aud) is not one text or array of texts of up to 1024 bytes.";
        good =
            !read->has_audience && (crm_json_is_array(reader) ? crm_json_array(reader, read_audience, claims)
                                                              : read_audience(reader, "", claims));
        read->has_audience = true;
    } else {
        read->problem = NULL;
        return crm_json_skip(reader);
    }
    if (good)
        read->problem = NULL;
    return good;
}

const char *
crm_token_claims(const CrmTokenParts *parts, CrmTokenClaims *claims)
{
    unsigned char decoded[PAYLOAD_MAX];
    size_t decoded_length;
    Claims read = {.claims = claims};

    memset(claims, 0, sizeof *claims);
    claims->not_before_us = claims->issued_us = CRM_TOKEN_NO_TIME;
    if (!crm_base64url_decode(parts->payload, parts->payload_length, decoded, sizeof decoded,
                              &decoded_length))
        return "The token's payload is not base64url.";
    if (!crm_json_object(decoded, decoded_length, read_claim, &read))
        return read.problem != NULL ? read.problem : "The token's payload is no JSON object.";
    if (!read.has_subject)
        return "The token names no subject (sub).";
    if (!read.has_expires)
        return "The token has no expiry (exp).";
    if (!read.has_audience)
        return "The token names no audience (aud).";
    return NULL;
}

bool
crm_token_is_for(const CrmTokenClaims *claims, const char *audience)
{
    const char *end = claims->audiences + claims->audiences_length;

    for (const char *at = claims->audiences; at < end; at += strlen(at) + 1) {
        if (strcmp(at, audience) == 0)
            return true;
    }
    return false;
}
