/*
 * token_recall.c: see token_recall.h. A token has one place, by its hash; two that share one take turns. Whoever guesses
 * at somebody else's token learns nothing from the time that it takes: the hash has a seed of its own in each session,
 * and bytes are compared to the end.
 */
#include "base/compat.h"
#include "org/token_recall.h"

#include "common/hashfn.h"

#include <openssl/crypto.h>

#define PLACES 256

typedef struct Known {
    char *token; /* malloc'd; NULL where the place is free */
    size_t length;
    uint64 keys_version;
    CrmTokenClaims claims;
} Known;

static Known *places[PLACES]; /* malloc'd when first used */

static Known **
place_of(const char *token, size_t length)
{
    static uint64 seed;

    if (seed == 0 && (!pg_strong_random(&seed, sizeof seed) || seed == 0))
        seed = 1;
    return &places[hash_bytes_extended((const unsigned char *) token, (int) length, seed) % PLACES];
}

static bool
is_of(const Known *known, const char *token, size_t length)
{
    return known != NULL && known->length == length && CRYPTO_memcmp(known->token, token, length) == 0;
}

static void
forget(Known *known)
{
    if (known != NULL)
        free(known->token);
    free(known);
}

bool
crm_token_recall(const char *token, uint64 *keys_version, CrmTokenClaims *claims)
{
    size_t length = strlen(token);
    const Known *known;

    if (length > CRM_TOKEN_MAX)
        return false;
    known = *place_of(token, length);
    if (!is_of(known, token, length))
        return false;
    *keys_version = known->keys_version;
    *claims = known->claims;
    return true;
}

void
crm_token_remember(const char *token, uint64 keys_version, const CrmTokenClaims *claims)
{
    size_t length = strlen(token);
    Known **place = place_of(token, length);
    Known *known;

    if (is_of(*place, token, length)) {
        (*place)->keys_version = keys_version;
        return;
    }
    forget(*place);
    *place = NULL;
    known = malloc(sizeof(Known));
    if (known == NULL)
        return;
    *known = (Known){strdup(token), length, keys_version, *claims};
    if (known->token == NULL)
        forget(known);
    else
        *place = known;
}
