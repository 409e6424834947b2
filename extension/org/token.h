/*
 * token.h: a JSON Web Token in compact form: its parts, its signature, its claims.
 *
 * Pure, never raises, allocates nothing: it runs where a setting is checked, on what anybody may send. Functions
 * return NULL or why the token is refused, a sentence that holds nothing of the token. What depends on the clock, the
 * database or the principals is left to the caller.
 */
#ifndef CRM_ORG_TOKEN_H
#define CRM_ORG_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "org/token_key.h"

#define CRM_TOKEN_MAX 8192          /* bytes of the whole */
#define CRM_TOKEN_HEADER_MAX 512    /* bytes of the header, decoded */
#define CRM_TOKEN_SUBJECT_MAX 200   /* bytes: a principal's key or alias is no longer */
#define CRM_TOKEN_AUDIENCE_MAX 1024 /* bytes of all audiences together */
#define CRM_TOKEN_NO_TIME INT64_MIN

/* Points into the token. */
typedef struct CrmTokenParts {
    CrmTokenAlgorithm algorithm;
    bool has_key_id;
    char key_id[CRM_TOKEN_KEY_ID_MAX + 1];
    const char *signed_text; /* header and payload, as they stand */
    size_t signed_length;
    const char *payload;
    size_t payload_length;
    unsigned char signature[CRM_TOKEN_SIGNATURE_MAX];
    size_t signature_length;
} CrmTokenParts;

/* Instants are microseconds since 1970 UTC. */
typedef struct CrmTokenClaims {
    char subject[CRM_TOKEN_SUBJECT_MAX + 1]; /* UTF-8 */
    int64_t expires_us;
    int64_t not_before_us; /* CRM_TOKEN_NO_TIME where it has none, here and below */
    int64_t issued_us;
    size_t audiences_length;
    char audiences[CRM_TOKEN_AUDIENCE_MAX]; /* each with a NUL behind it */
} CrmTokenClaims;

extern const char *crm_token_split(const char *token, size_t length, CrmTokenParts *parts);
/* Whether one of the keys signed it: the one it names, or where it names none any of its algorithm. */
extern const char *crm_token_verify(const CrmTokenParts *parts, const CrmTokenKeys *keys);
extern const char *crm_token_claims(const CrmTokenParts *parts, CrmTokenClaims *claims);
extern bool crm_token_is_for(const CrmTokenClaims *claims, const char *audience);

#endif
