/*
 * token_key.h: the keys that tokens are signed with, the file they stand in, and base64url.
 *
 * Pure: neither Postgres nor files. A key file has one key a line, "HS256 KID SECRET" or "EdDSA KID PUBLIC-KEY", the
 * last word in base64url; empty lines and lines that begin with # count for nothing. Every key of it is live, and
 * the first HS256 key signs. One bad line makes the whole file unusable, so that a key that was meant to be
 * there is missed at once.
 */
#ifndef CRM_ORG_TOKEN_KEY_H
#define CRM_ORG_TOKEN_KEY_H

#include <stdbool.h>
#include <stddef.h>

#define CRM_TOKEN_KEYS_MAX 16
#define CRM_TOKEN_KEY_ID_MAX 64    /* bytes; no space, no control character */
#define CRM_TOKEN_SECRET_MIN 32    /* bytes of an HS256 key, as RFC 7518 asks for */
#define CRM_TOKEN_SECRET_MAX 256   /* bytes */
#define CRM_TOKEN_PUBLIC_KEY 32    /* bytes of an Ed25519 key */
#define CRM_TOKEN_HMAC_LENGTH 32   /* bytes of an HS256 signature */
#define CRM_TOKEN_SIGNATURE_MAX 64 /* bytes of the longest signature, EdDSA's */
/* Characters that base64url makes of so many bytes. */
#define CRM_BASE64URL_LENGTH(bytes) (((bytes) *4 + 2) / 3)

typedef enum CrmTokenAlgorithm { CRM_TOKEN_HS256, CRM_TOKEN_EDDSA } CrmTokenAlgorithm;

typedef struct CrmTokenKey {
    CrmTokenAlgorithm algorithm;
    char id[CRM_TOKEN_KEY_ID_MAX + 1];
    unsigned char bytes[CRM_TOKEN_SECRET_MAX];
    size_t length;
} CrmTokenKey;

typedef struct CrmTokenKeys {
    int count;
    CrmTokenKey keys[CRM_TOKEN_KEYS_MAX];
} CrmTokenKeys;

/* 0, or the number of the line that cannot be used; *problem then says why, without anything of the line. */
extern int crm_token_keys_parse(CrmTokenKeys *keys, const char *text, size_t length, const char **problem);
/* The one that signs; NULL where there is none. */
extern const CrmTokenKey *crm_token_keys_signing(const CrmTokenKeys *keys);
/* "HS256" or "EdDSA"; false where the name is another one. */
extern bool crm_token_algorithm_parse(const char *name, CrmTokenAlgorithm *algorithm);
extern const char *crm_token_algorithm_name(CrmTokenAlgorithm algorithm);

/* HMAC-SHA256 of the text. False where the key is none of HS256, or the crypto library refuses. */
extern bool crm_token_key_sign(const CrmTokenKey *key, const void *text, size_t length,
                               unsigned char signature[CRM_TOKEN_HMAC_LENGTH]);
/* Whether the signature is this key's. Takes the same time wherever a wrong one differs. */
extern bool crm_token_key_verify(const CrmTokenKey *key, const void *text, size_t length,
                                 const unsigned char *signature, size_t signature_length);

/* Writes CRM_BASE64URL_LENGTH(length) characters and a NUL. */
extern void crm_base64url_encode(const void *bytes, size_t length, char *out);
/* False for what does not fit into size, for padding and other alphabets, and where a bit too many is set: each
 * value has one form. */
extern bool crm_base64url_decode(const char *text, size_t length, unsigned char *out, size_t size,
                                 size_t *decoded);

#endif
