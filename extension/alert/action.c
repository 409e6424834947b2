/*
 * action.c: what a button of a message is signed with, and acting as the principal whom it was sent to.
 *
 * Signed with the first HS256 key of the key file of tokens, verified with each of them: rotate_token_key() twice voids what is out
 * there. What is signed begins with words and a line break, which no JSON Web Token does, and names the database (or crm.token_audience):
 * a signature is never good for the other kind, or for a copy of the database under another name.
 */
#include "base/compat.h"
#include "base/caller.h"
#include "base/schema.h"
#include "org/token_file.h"
#include "org/token_setting.h"

#include "catalog/pg_type_d.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/guc.h"

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

static Datum
perform(Datum action, Datum verb, Datum comment, bool no_comment, MemoryContext result_context)
{
    char *sql = psprintf("SELECT %s.perform_action($1, $2, $3)", crm_schema_quoted());
    Oid types[] = {INT8OID, TEXTOID, TEXTOID};
    Datum values[] = {action, verb, comment};
    char nulls[] = {' ', ' ', no_comment ? 'n' : ' '};
    MemoryContext before;
    Datum result;
    bool is_null;

    SPI_connect();
    if (SPI_execute_with_args(sql, 3, types, values, nulls, false, 1) != SPI_OK_SELECT || SPI_processed != 1)
        elog(ERROR, "perform_action did not answer");
    result = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &is_null);
    if (is_null)
        elog(ERROR, "perform_action answered nothing");
    before = MemoryContextSwitchTo(result_context);
    result = PointerGetDatum(DatumGetTextPCopy(result));
    MemoryContextSwitchTo(before);
    SPI_finish();
    return result;
}

/*
 * act_as(token text, role oid, action bigint, verb text, comment text) returns text. For the time of the action the token says who
 * asks, and the principal's database role (0: none) what Postgres' own rights are; both end with it, also where it fails.
 */
Datum
crm_act_as(PG_FUNCTION_ARGS)
{
    char *token = text_to_cstring(PG_GETARG_TEXT_PP(0));
    Oid before = crm_caller_lend(InvalidOid);
    int nest = NewGUCNestLevel();
    Datum result = (Datum) 0;

    PG_TRY()
        ;
        {
            (void) set_config_option("crm.token", token, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true,
                                     ERROR, false);
            /* a worker would not know what is lent */
            (void) set_config_option("max_parallel_workers_per_gather", "0", PGC_USERSET, PGC_S_SESSION,
                                     GUC_ACTION_SAVE, true, ERROR, false);
            (void) crm_caller_lend(PG_GETARG_OID(1));
            result = perform(PG_GETARG_DATUM(2), PG_GETARG_DATUM(3),
                             PG_ARGISNULL(4) ? (Datum) 0 : PG_GETARG_DATUM(4), PG_ARGISNULL(4),
                             CurrentMemoryContext);
        }
        PG_FINALLY();
        {
            (void) crm_caller_lend(before);
        }
    PG_END_TRY();
    AtEOXact_GUC(true, nest);
    PG_RETURN_DATUM(result);
}
