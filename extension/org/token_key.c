/*
 * token_key.c: see token_key.h. The arithmetic is libcrypto's, but for HMAC's two sums, which its own interface
 * makes seventeen times slower.
 */
#include "org/token_key.h"

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <string.h>

#define SHA256_BLOCK 64 /* bytes */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char *const algorithm_names[] = {"HS256", "EdDSA"};

void
crm_base64url_encode(const void *bytes, size_t length, char *out)
{
    const unsigned char *in = bytes;
    unsigned bits = 0;
    int count = 0; /* bits that wait */

    for (size_t i = 0; i < length; i++) {
        bits = (bits << 8 | in[i]) & 0xffff;
        for (count += 8; count >= 6; count -= 6)
            *out++ = alphabet[bits >> (count - 6) & 63];
    }
    if (count > 0)
        *out++ = alphabet[bits << (6 - count) & 63];
    *out = '\0';
}

bool
crm_base64url_decode(const char *text, size_t length, unsigned char *out, size_t size, size_t *decoded)
{
    unsigned bits = 0;
    int count = 0;

    *decoded = 0;
    if (length % 4 == 1)
        return false;
    for (size_t i = 0; i < length; i++) {
        const char *at = text[i] == '\0' ? NULL : strchr(alphabet, text[i]);

        if (at == NULL)
            return false;
        bits = (bits << 6 | (unsigned) (at - alphabet)) & 0xffff;
        count += 6;
        if (count >= 8) {
            count -= 8;
            if (*decoded == size)
                return false;
            out[(*decoded)++] = (unsigned char) (bits >> count);
        }
    }
    return (bits & ((1u << count) - 1)) == 0;
}

bool
crm_token_algorithm_parse(const char *name, CrmTokenAlgorithm *algorithm)
{
    for (int i = 0; i < 2; i++) {
        if (strcmp(name, algorithm_names[i]) == 0) {
            *algorithm = (CrmTokenAlgorithm) i;
            return true;
        }
    }
    return false;
}

const char *
crm_token_algorithm_name(CrmTokenAlgorithm algorithm)
{
    return algorithm_names[algorithm];
}

/* The next word of a line, NULL at its end. */
static const char *
next_word(const char **at, const char *end, size_t *length)
{
    const char *word;

    while (*at < end && (**at == ' ' || **at == '\t' || **at == '\r'))
        (*at)++;
    word = *at;
    while (*at < end && **at != ' ' && **at != '\t' && **at != '\r')
        (*at)++;
    *length = (size_t) (*at - word);
    return *length > 0 ? word : NULL;
}

static bool
copy_word(char *out, size_t size, const char *word, size_t length)
{
    if (word == NULL || length >= size)
        return false;
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char) word[i] <= 0x20 || (unsigned char) word[i] >= 0x7f)
            return false;
    }
    memcpy(out, word, length);
    out[length] = '\0';
    return true;
}

static bool
has_id(const CrmTokenKeys *keys, const char *id)
{
    for (int i = 0; i < keys->count; i++) {
        if (strcmp(keys->keys[i].id, id) == 0)
            return true;
    }
    return false;
}

/* NULL where the line was a key or nothing. */
static const char *
parse_line(CrmTokenKeys *keys, const char *at, const char *end)
{
    size_t length;
    const char *word = next_word(&at, end, &length);
    char name[8];
    CrmTokenKey *key;

    if (word == NULL || *word == '#')
        return NULL;
    if (keys->count == CRM_TOKEN_KEYS_MAX)
        return "there are more than 16 keys";
    key = &keys->keys[keys->count];
    if (!copy_word(name, sizeof name, word, length) || !crm_token_algorithm_parse(name, &key->algorithm))
        return "the first word is neither HS256 nor EdDSA";
    word = next_word(&at, end, &length);
    if (!copy_word(key->id, sizeof key->id, word, length))
        return "the second word is no key id of 1 to 64 visible ASCII characters";
    if (has_id(keys, key->id))
        return "another key has the same id";
    word = next_word(&at, end, &length);
    if (word == NULL || !crm_base64url_decode(word, length, key->bytes, sizeof key->bytes, &key->length))
        return "the third word is not base64url without padding, of at most 256 bytes";
    if (key->algorithm == CRM_TOKEN_HS256 && key->length < CRM_TOKEN_SECRET_MIN)
        return "the secret of an HS256 key has at least 32 bytes";
    if (key->algorithm == CRM_TOKEN_EDDSA && key->length != CRM_TOKEN_PUBLIC_KEY)
        return "the public key of EdDSA (Ed25519) has 32 bytes";
    if (next_word(&at, end, &length) != NULL)
        return "a fourth word is one too many";
    keys->count++;
    return NULL;
}

int
crm_token_keys_parse(CrmTokenKeys *keys, const char *text, size_t length, const char **problem)
{
    const char *end = text + length;

    keys->count = 0;
    for (int line = 1; text < end; line++) {
        const char *line_end = memchr(text, '\n', (size_t) (end - text));

        if (line_end == NULL)
            line_end = end;
        *problem = parse_line(keys, text, line_end);
        if (*problem != NULL) {
            keys->count = 0;
            return line;
        }
        text = line_end < end ? line_end + 1 : end;
    }
    return 0;
}

const CrmTokenKey *
crm_token_keys_signing(const CrmTokenKeys *keys)
{
    for (int i = 0; i < keys->count; i++)
        if (keys->keys[i].algorithm == CRM_TOKEN_HS256)
            return &keys->keys[i];
    return NULL;
}

/* Looked up once: OpenSSL 3 asks its providers each time otherwise, which takes longer than the sum itself. */
static const EVP_MD *
sha256(void)
{
    static const EVP_MD *found = NULL;

    if (found == NULL) {
#if OPENSSL_VERSION_NUMBER >= 0x30000000L
        found = EVP_MD_fetch(NULL, "SHA256", NULL);
#else
        found = EVP_sha256();
#endif
    }
    return found;
}

/* The hash of a key's pad (RFC 2104) and what follows it. */
static bool
hash_padded(EVP_MD_CTX *context, const unsigned char *key, unsigned char pad, const void *text, size_t length,
            unsigned char *hash)
{
    unsigned char block[SHA256_BLOCK];
    unsigned int hash_length;
    bool good;

    for (size_t i = 0; i < sizeof block; i++)
        block[i] = key[i] ^ pad;
    good = EVP_DigestInit_ex(context, sha256(), NULL) == 1 &&
           EVP_DigestUpdate(context, block, sizeof block) == 1 &&
           EVP_DigestUpdate(context, text, length) == 1 &&
           EVP_DigestFinal_ex(context, hash, &hash_length) == 1 && hash_length == CRM_TOKEN_HMAC_LENGTH;
    OPENSSL_cleanse(block, sizeof block);
    return good;
}

bool
crm_token_key_sign(const CrmTokenKey *key, const void *text, size_t length,
                   unsigned char signature[CRM_TOKEN_HMAC_LENGTH])
{
    unsigned char block[SHA256_BLOCK] = {0}, hash[CRM_TOKEN_HMAC_LENGTH];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = key->algorithm == CRM_TOKEN_HS256 && context != NULL && sha256() != NULL;

    if (good && key->length > sizeof block)
        good = EVP_Digest(key->bytes, key->length, block, NULL, sha256(), NULL) == 1;
    else if (good)
        memcpy(block, key->bytes, key->length);
    good = good && hash_padded(context, block, 0x36, text, length, hash) &&
           hash_padded(context, block, 0x5c, hash, sizeof hash, signature);
    OPENSSL_cleanse(block, sizeof block);
    EVP_MD_CTX_free(context);
    if (!good)
        ERR_clear_error(); /* the queue is shared with whoever encrypts the connection */
    return good;
}

static bool
verify_ed25519(const CrmTokenKey *key, const void *text, size_t length, const unsigned char *signature,
               size_t signature_length)
{
    EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, key->bytes, key->length);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = pkey != NULL && context != NULL &&
                EVP_DigestVerifyInit(context, NULL, NULL, NULL, pkey) == 1 &&
                EVP_DigestVerify(context, signature, signature_length, text, length) == 1;

    EVP_MD_CTX_free(context);
    EVP_PKEY_free(pkey);
    if (!good)
        ERR_clear_error();
    return good;
}

bool
crm_token_key_verify(const CrmTokenKey *key, const void *text, size_t length, const unsigned char *signature,
                     size_t signature_length)
{
    unsigned char right[CRM_TOKEN_HMAC_LENGTH];

    if (key->algorithm == CRM_TOKEN_EDDSA)
        return signature_length == CRM_TOKEN_SIGNATURE_MAX &&
               verify_ed25519(key, text, length, signature, signature_length);
    return signature_length == sizeof right && crm_token_key_sign(key, text, length, right) &&
           CRYPTO_memcmp(right, signature, sizeof right) == 0;
}
