// links: extension/org/token.c extension/org/token_json.c extension/org/token_key.c
/* Tokens that a stranger made: split, verified, their claims read; base64url has one form for each value. */
#include "fuzz.h"
#include "org/token.h"
#include "org/token_json.h"

static void
check_claims(const CrmTokenParts *parts)
{
    CrmTokenClaims claims;

    if (crm_token_claims(parts, &claims) != NULL)
        return;
    CHECK(strlen(claims.subject) <= CRM_TOKEN_SUBJECT_MAX && is_utf8(claims.subject, strlen(claims.subject)));
    CHECK(claims.audiences_length <= sizeof claims.audiences);
    CHECK(claims.audiences_length == 0 || claims.audiences[claims.audiences_length - 1] == '\0');
    for (size_t at = 0; at < claims.audiences_length; at += strlen(claims.audiences + at) + 1)
        CHECK(crm_token_is_for(&claims, claims.audiences + at));
}

/* The input as a payload, in a token that is well formed and well signed. */
static void
sign_payload(const uint8_t *data, size_t size)
{
    CrmTokenKeys keys = {.count = 1, .keys = {{.algorithm = CRM_TOKEN_HS256, .id = "k", .length = 32}}};
    unsigned char signature[CRM_TOKEN_HMAC_LENGTH];
    char *token;
    size_t length;
    CrmTokenParts parts;

    if (size > 4000)
        return;
    token = malloc(8192);
    CHECK(token != NULL);
    crm_base64url_encode("{\"alg\":\"HS256\",\"kid\":\"k\"}", 25, token);
    memcpy(token + strlen(token), ".", 2);
    crm_base64url_encode(data, size, token + strlen(token));
    CHECK(crm_token_key_sign(&keys.keys[0], token, strlen(token), signature));
    memcpy(token + strlen(token), ".", 2);
    crm_base64url_encode(signature, sizeof signature, token + strlen(token));
    length = strlen(token);
    if (crm_token_split(token, length, &parts) == NULL) {
        CHECK(crm_token_verify(&parts, &keys) == NULL);
        check_claims(&parts);
        keys.keys[0].bytes[0] ^= 1;
        CHECK(crm_token_verify(&parts, &keys) != NULL);
    } else
        CHECK(size == 0);
    free(token);
}

TARGET(token)
{
    char *bytes = copy_bytes(data, size), *out = malloc(size * 4 / 3 + 8), *back = malloc(size + 8);
    CrmTokenParts parts;
    size_t length;

    CHECK(out != NULL && back != NULL);
    if (crm_token_split(bytes, size, &parts) == NULL) {
        CHECK(size <= CRM_TOKEN_MAX && parts.signed_length < size);
        check_claims(&parts);
    }
    if (crm_base64url_decode(bytes, size, (unsigned char *) back, size + 8, &length)) {
        crm_base64url_encode(back, length, out);
        CHECK(strlen(out) == size && memcmp(out, bytes, size) == 0);
    }
    crm_base64url_encode(bytes, size, out);
    CHECK(strlen(out) == CRM_BASE64URL_LENGTH(size));
    CHECK(crm_base64url_decode(out, strlen(out), (unsigned char *) back, size, &length) || size == 0);
    CHECK(size == 0 || (length == size && memcmp(back, bytes, size) == 0));
    free(bytes);
    free(out);
    free(back);
    sign_payload(data, size);
}
