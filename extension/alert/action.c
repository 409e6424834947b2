/*
 * action.c: what a button of a message is signed with, and acting as the principal whom it was sent to.
 *
 * Signed with the first HS256 key of the key file of tokens, verified with each of them: rotate_token_key() twice voids what is out
 * there. What is signed begins with words and a line break, which no JSON Web Token does, and names the database (or crm.token_audience):
 * a signature is never good for the other kind, or for a copy of the database under another name.
 */
#include "base/compat.h"
#include "base/error.h"
#include "alert/lend.h"
#include "base/schema.h"
#include "org/token_file.h"
#include "org/token_setting.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(crm_sign_action);
PG_FUNCTION_INFO_V1(crm_verify_action);
PG_FUNCTION_INFO_V1(crm_act_as);

static StringInfo
signed_text(const text *what)
{
    StringInfo signed_one = makeStringInfo();

    appendStringInfo(signed_one, "crm action\n%s\n%s", crm_token_audience(), text_to_cstring(what));
    return signed_one;
}

/* sign_action(what text) returns text; NULL where the server has no key */
Datum
crm_sign_action(PG_FUNCTION_ARGS)
{
    StringInfo what = signed_text(PG_GETARG_TEXT_PP(0));
    uint64 version;
    const CrmTokenKey *key = crm_token_keys_signing(crm_token_file_keys(&version));
    unsigned char signature[CRM_TOKEN_HMAC_LENGTH];
    char encoded[CRM_BASE64URL_LENGTH(CRM_TOKEN_HMAC_LENGTH) + 1];

    if (key == NULL)
        PG_RETURN_NULL();
    if (!crm_token_key_sign(key, what->data, (size_t) what->len, signature))
        elog(ERROR, "the crypto library could not sign an action");
    crm_base64url_encode(signature, sizeof signature, encoded);
    PG_RETURN_TEXT_P(cstring_to_text(encoded));
}

/* verify_action(what text, signature text) returns boolean */
Datum
crm_verify_action(PG_FUNCTION_ARGS)
{
    StringInfo what = signed_text(PG_GETARG_TEXT_PP(0));
    char *encoded = text_to_cstring(PG_GETARG_TEXT_PP(1));
    uint64 version;
    const CrmTokenKeys *keys = crm_token_file_keys(&version);
    unsigned char signature[CRM_TOKEN_HMAC_LENGTH];
    size_t length;
    bool good = false;

    if (!crm_base64url_decode(encoded, strlen(encoded), signature, sizeof signature, &length))
        PG_RETURN_BOOL(false);
    for (int i = 0; i < keys->count && !good; i++)
        good = keys->keys[i].algorithm == CRM_TOKEN_HS256 &&
               crm_token_key_verify(&keys->keys[i], what->data, (size_t) what->len, signature, length);
    PG_RETURN_BOOL(good);
}

/*
 * act_as(token text, role oid, action bigint, verb text, comment text) returns text. For the time of the action the token says who
 * asks, and the principal's database role (0: none) what Postgres' own rights are.
 */
Datum
crm_act_as(PG_FUNCTION_ARGS)
{
    CrmLent lent = {0};
    char *sql = psprintf("SELECT %s.perform_action($1, $2, $3)", crm_schema_quoted());
    Oid types[] = {INT8OID, TEXTOID, TEXTOID};
    Datum values[] = {PG_GETARG_DATUM(2), PG_GETARG_DATUM(3),
                      PG_ARGISNULL(4) ? (Datum) 0 : PG_GETARG_DATUM(4)};
    char nulls[] = {' ', ' ', PG_ARGISNULL(4) ? 'n' : ' '};

    for (int i = 0; i < 4; i++)
        if (PG_ARGISNULL(i))
            ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                    errmsg("act_as needs a token, a role, an action and a verb"));
    lent.token = text_to_cstring(PG_GETARG_TEXT_PP(0));
    lent.role = PG_GETARG_OID(1);
    PG_RETURN_DATUM(crm_lend_query(&lent, sql, 3, types, values, nulls));
}
