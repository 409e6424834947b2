/*
 * identity.c: see identity.h.
 */
#include "base/compat.h"
#include "base/error.h"
#include "base/nearest.h"
#include "base/schema.h"
#include "org/change.h"
#include "org/identity.h"
#include "org/token_setting.h"

#include "access/xact.h"
#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "fmgr.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

PGDLLEXPORT Datum crm_current_principal(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_current_identity(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_resolve_principal(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_resolve_unit(PG_FUNCTION_ARGS);

CrmMoment
crm_moment_now(void)
{
    return (CrmMoment){crm_identity_changes, GetCurrentStatementStartTimestamp(), crm_caller_now()};
}

bool
crm_moment_holds(const CrmMoment *moment)
{
    CrmCaller caller = crm_caller_now();

    return moment->changes == crm_identity_changes &&
           moment->statement == GetCurrentStatementStartTimestamp() && moment->caller.role == caller.role &&
           moment->caller.maintains == caller.maintains;
}

/* Number of the principal bound to a database role, or -1. */
static int
bound_principal(const CrmOrganisation *organisation, Oid role)
{
    char *name = OidIsValid(role) ? GetUserNameFromId(role, true) : NULL;
    int principal = crm_names_get(organisation->bound_roles, name);

    if (name != NULL)
        pfree(name);
    return principal;
}

/* Whether the token says who asks, and not the database role. */
static bool
asks_by_token(void)
{
    return crm_token_is_set() && !crm_caller_now().maintains;
}

/* A claim in the database's encoding; NULL where it has characters that the encoding lacks. */
static char *
from_utf8(const char *claim)
{
    int length = (int) strlen(claim);
    int encoding = GetDatabaseEncoding();
    int size = length * MAX_CONVERSION_GROWTH + 1;
    char *converted;
    Oid conversion;

    if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
        return pstrdup(claim);
    conversion = FindDefaultConversionProc(PG_UTF8, encoding);
    if (!OidIsValid(conversion))
        return NULL;
    converted = palloc((Size) size);
    if (pg_do_encoding_conversion_buf(conversion, PG_UTF8, encoding,
                                      unconstify(unsigned char *, (const unsigned char *) claim), length,
                                      (unsigned char *) converted, size, true) < length)
        return NULL;
    return converted;
}

/* Number of the principal that the token names, or -1 and (where problem is not NULL) why. */
static int
token_principal(const CrmOrganisation *organisation, const char **problem)
{
    const CrmTokenClaims *claims = crm_token_now(problem);
    char *subject;
    int principal = -1;

    if (claims == NULL)
        return -1;
    subject = from_utf8(claims->subject);
    if (subject != NULL)
        principal = crm_value_map_text(organisation->identities, subject, (int) strlen(subject));
    if (principal < 0 && problem != NULL)
        *problem = psprintf("The token's subject \"%s\" is neither key nor alias of a principal.",
                            subject != NULL ? subject : "?");
    return principal;
}

static CrmIdentity
find_identity(const CrmOrganisation *organisation)
{
    Oid role = crm_caller_oid();

    if (asks_by_token())
        return (CrmIdentity){token_principal(organisation, NULL), false};
    return (CrmIdentity){bound_principal(organisation, role),
                         OidIsValid(role) && has_bypassrls_privilege(role)};
}

const CrmIdentity *
crm_identity_current(const CrmOrganisation *organisation)
{
    static CrmMoment moment;
    static CrmIdentity identity;

    if (!crm_moment_holds(&moment)) {
        CrmMoment now = crm_moment_now(); /* what is heard of meanwhile counts as not known */

        moment.changes = 0;
        identity = find_identity(organisation);
        moment = now;
    }
    return &identity;
}

CRM_NORETURN static void
token_missing(const CrmOrganisation *organisation)
{
    const char *problem = NULL;

    token_principal(organisation, &problem);
    ereport(ERROR, errcode(ERRCODE_CRM_NO_IDENTITY), errmsg("the token in crm.token identifies nobody"),
            problem != NULL ? errdetail("%s", problem) : 0,
            errhint("Set crm.token to a valid token, or type RESET crm.token; to ask as the database role."));
}

void
crm_identity_missing(const CrmOrganisation *organisation)
{
    Oid role = crm_caller_oid();
    char *name;

    if (asks_by_token())
        token_missing(organisation);
    if (!OidIsValid(role))
        ereport(ERROR, errcode(ERRCODE_CRM_NO_IDENTITY),
                errmsg("nobody asks inside the maintenance of a table"),
                errdetail("What an index or a mapping evaluates has no access to protected rows."),
                errhint("Take the query of protected tables out of the function that an index uses."));
    name = GetUserNameFromId(role, true);
    if (name == NULL)
        ereport(ERROR, errcode(ERRCODE_CRM_NO_IDENTITY),
                errmsg("the database role of this session was dropped"),
                errdetail("Access is decided by the units and roles of a principal."),
                errhint("Connect again, as another role."));
    ereport(ERROR, errcode(ERRCODE_CRM_NO_IDENTITY), errmsg("database role \"%s\" is no principal", name),
            errdetail("Access is decided by the units and roles of a principal."),
            errhint("An administrator may type: SELECT %s.create_principal(%s, role_name => %s);",
                    crm_schema_quoted(), quote_literal_cstr(name), quote_literal_cstr(name)));
}

int
crm_identity_named(const CrmOrganisation *organisation, const char *key)
{
    CrmNearest nearest = {key};
    int principal = crm_names_get(organisation->principal_names, key);

    if (principal >= 0)
        return principal;
    for (int i = 0; i < organisation->principal_count; i++)
        crm_nearest_try(&nearest, organisation->principals[i].key);
    ereport(ERROR, errcode(ERRCODE_CRM_UNKNOWN_NAME), errmsg("principal \"%s\" does not exist", key),
            nearest.best != NULL ? errhint("Perhaps you meant \"%s\".", nearest.best) : 0);
}

/* The organisation, with what other sessions committed taken in at the first row of a statement. */
static CrmOrganisation *
organisation_for(FunctionCallInfo fcinfo)
{
    TimestampTz *statement = fcinfo->flinfo->fn_extra;

    if (statement == NULL)
        statement = fcinfo->flinfo->fn_extra =
            MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(TimestampTz));
    if (*statement != GetCurrentStatementStartTimestamp()) {
        crm_change_accept();
        *statement = GetCurrentStatementStartTimestamp();
    }
    return crm_organisation();
}

PG_FUNCTION_INFO_V1(crm_current_principal);
Datum
crm_current_principal(PG_FUNCTION_ARGS)
{
    CrmOrganisation *organisation = organisation_for(fcinfo);
    int principal = crm_identity_current(organisation)->principal;

    if (principal < 0)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(organisation->principals[principal].key));
}

/* current_identity(OUT identified_by, OUT until, OUT problem) */
PG_FUNCTION_INFO_V1(crm_current_identity);
Datum
crm_current_identity(PG_FUNCTION_ARGS)
{
    CrmOrganisation *organisation = organisation_for(fcinfo);
    const char *problem = NULL;
    Datum values[3] = {0};
    bool nulls[3] = {false, true, true};
    TupleDesc desc;

    if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "current_identity returns a row");
    values[0] = PointerGetDatum(cstring_to_text(asks_by_token() ? "token" : "role"));
    if (asks_by_token()) {
        if (token_principal(organisation, &problem) >= 0) {
            values[1] = TimestampTzGetDatum(crm_token_expires_at());
            nulls[1] = false;
        } else if (problem != NULL) {
            values[2] = PointerGetDatum(cstring_to_text(problem));
            nulls[2] = false;
        }
    }
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

PG_FUNCTION_INFO_V1(crm_resolve_principal);
Datum
crm_resolve_principal(PG_FUNCTION_ARGS)
{
    text *value = PG_GETARG_TEXT_PP(0);
    CrmOrganisation *organisation = organisation_for(fcinfo);
    int principal = crm_value_map_value(organisation->principal_values, value);

    if (principal < 0)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(organisation->principals[principal].key));
}

PG_FUNCTION_INFO_V1(crm_resolve_unit);
Datum
crm_resolve_unit(PG_FUNCTION_ARGS)
{
    CrmOrganisation *organisation = organisation_for(fcinfo);
    CrmValueMap *map;
    text *value;
    int unit;

    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    map =
        crm_organisation_units(organisation, PG_ARGISNULL(1) ? NULL : text_to_cstring(PG_GETARG_TEXT_PP(1)));
    value = PG_GETARG_TEXT_PP(0);
    unit = crm_value_map_value(map, value);
    if (unit < 0)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(organisation->units[unit].key));
}
