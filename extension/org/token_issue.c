/*
 * token_issue.c: what administrators do with keys: signing a token, and a new key in place of an older one.
 *
 * The claims are composed here and not by the caller, so that an administrator of one database cannot sign for
 * another one of the same server. SQL reaches this through functions that are not open to PUBLIC.
 */
#include "base/compat.h"
#include "base/schema.h"
#include "org/token_file.h"
#include "org/token_setting.h"

#include "access/xact.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/timestamp.h"

PGDLLEXPORT Datum crm_sign_token(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_rotate_token_key(PG_FUNCTION_ARGS);

#define ID_BYTES 16 /* of a token's jti */

static void
random_bytes(void *out, size_t length)
{
    if (!pg_strong_random(out, length))
        ereport(ERROR, errcode(ERRCODE_INTERNAL_ERROR), errmsg("could not generate random bytes"));
}

static const CrmTokenKey *
signing_key(void)
{
    uint64 version;
    const CrmTokenKey *key = crm_token_keys_signing(crm_token_file_keys(&version));
    const char *problem = crm_token_file_problem();

    if (key == NULL)
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                errmsg("there is no key to sign a token with"),
                errdetail("%s", problem != NULL ? problem : "The key file has no HS256 key."),
                errhint("An administrator may type: SELECT %s.rotate_token_key();", crm_schema_quoted()));
    return key;
}

static int64
unix_seconds(TimestampTz instant, bool round_up)
{
    int64 us = instant + (POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * USECS_PER_DAY;

    return (us + (round_up ? USECS_PER_SEC - 1 : 0)) / USECS_PER_SEC;
}

/* JSON is UTF-8, whatever the database's encoding. */
static void
append_part(StringInfo token, const char *json)
{
    char *utf8 = pg_server_to_any(json, (int) strlen(json), PG_UTF8);
    size_t length = strlen(utf8);
    char *encoded = palloc(CRM_BASE64URL_LENGTH(length) + 1);

    crm_base64url_encode(utf8, length, encoded);
    appendStringInfoString(token, encoded);
}

static char *
claims_json(const char *subject, TimestampTz expires_at)
{
    unsigned char id[ID_BYTES];
    char id_text[CRM_BASE64URL_LENGTH(ID_BYTES) + 1];
    StringInfoData json;

    random_bytes(id, sizeof id);
    crm_base64url_encode(id, sizeof id, id_text);
    initStringInfo(&json);
    appendStringInfoString(&json, "{\"sub\":");
    escape_json(&json, subject);
    appendStringInfoString(&json, ",\"aud\":");
    escape_json(&json, crm_token_audience());
    appendStringInfo(&json, ",\"iat\":" INT64_FORMAT ",\"exp\":" INT64_FORMAT ",\"jti\":\"%s\"}",
                     unix_seconds(GetCurrentStatementStartTimestamp(), false), unix_seconds(expires_at, true),
                     id_text);
    return json.data;
}

/* sign_token(subject, expires_at) */
PG_FUNCTION_INFO_V1(crm_sign_token);
Datum
crm_sign_token(PG_FUNCTION_ARGS)
{
    char *subject = text_to_cstring(PG_GETARG_TEXT_PP(0));
    const CrmTokenKey *key = signing_key();
    unsigned char signature[CRM_TOKEN_HMAC_LENGTH];
    char encoded[CRM_BASE64URL_LENGTH(CRM_TOKEN_HMAC_LENGTH) + 1];
    StringInfoData token, header;

    initStringInfo(&header);
    appendStringInfoString(&header, "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":");
    escape_json(&header, key->id);
    appendStringInfoChar(&header, '}');
    initStringInfo(&token);
    append_part(&token, header.data);
    appendStringInfoChar(&token, '.');
    append_part(&token, claims_json(subject, PG_GETARG_TIMESTAMPTZ(1)));
    if (!crm_token_key_sign(key, token.data, (size_t) token.len, signature))
        elog(ERROR, "the crypto library could not sign a token");
    crm_base64url_encode(signature, sizeof signature, encoded);
    appendStringInfo(&token, ".%s", encoded);
    PG_RETURN_TEXT_P(cstring_to_text_with_len(token.data, token.len));
}

/* Named after the second in which it was made, and something random for two in the same. */
static void
make_key(CrmTokenKey *key)
{
    unsigned char mark[3];
    pg_time_t now = timestamptz_to_time_t(GetCurrentTimestamp());
    char second[20];

    random_bytes(key->bytes, CRM_TOKEN_SECRET_MIN);
    random_bytes(mark, sizeof mark);
    key->algorithm = CRM_TOKEN_HS256;
    key->length = CRM_TOKEN_SECRET_MIN;
    pg_strftime(second, sizeof second, "%Y%m%dT%H%M%SZ", pg_gmtime(&now));
    snprintf(key->id, sizeof key->id, "%s-%02x%02x%02x", second, mark[0], mark[1], mark[2]);
}

/* A new key in front, the one that signed until now behind it, and the keys of other issuers (EdDSA) as they are. */
PG_FUNCTION_INFO_V1(crm_rotate_token_key);
Datum
crm_rotate_token_key(PG_FUNCTION_ARGS)
{
    const CrmTokenKeys *before = crm_token_file_open();
    const CrmTokenKey *last = crm_token_keys_signing(before);
    CrmTokenKeys after = {.count = 1};

    make_key(&after.keys[0]);
    for (int i = 0; i < before->count; i++) {
        const CrmTokenKey *key = &before->keys[i];

        if (key != last && key->algorithm != CRM_TOKEN_EDDSA)
            continue;
        if (after.count == CRM_TOKEN_KEYS_MAX)
            ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                    errmsg("the key file has no room for another key"),
                    errhint("Take out an EdDSA key that is no longer used."));
        after.keys[after.count++] = *key;
    }
    crm_token_file_write(&after);
    explicit_bzero(after.keys[0].bytes, sizeof after.keys[0].bytes);
    PG_RETURN_TEXT_P(cstring_to_text(after.keys[0].id));
}
