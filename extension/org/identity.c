/*
 * identity.c: see identity.h.
 */
#include "base/compat.h"
#include "base/caller.h"
#include "base/error.h"
#include "base/nearest.h"
#include "base/schema.h"
#include "org/change.h"
#include "org/identity.h"

#include "access/xact.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

PGDLLEXPORT Datum crm_current_principal(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_resolve_principal(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_resolve_unit(PG_FUNCTION_ARGS);

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

void
crm_identity_current(const CrmOrganisation *organisation, CrmIdentity *identity)
{
    Oid role = crm_caller_oid();

    identity->principal = bound_principal(organisation, role);
    identity->outside = OidIsValid(role) && has_bypassrls_privilege(role);
}

void
crm_identity_missing(const CrmOrganisation *organisation)
{
    Oid role = crm_caller_oid();
    char *name;

    if (!OidIsValid(role))
        ereport(ERROR, errcode(ERRCODE_CRM_NO_IDENTITY),
                errmsg("nobody asks inside the maintenance of a table"),
                errdetail("What an index or a mapping evaluates has no access to protected rows."),
                errhint("Take the query of protected tables out of the function that an index uses."));
    name = GetUserNameFromId(role, false);
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
    CrmIdentity identity;

    crm_identity_current(organisation, &identity);
    if (identity.principal < 0)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(organisation->principals[identity.principal].key));
}

PG_FUNCTION_INFO_V1(crm_resolve_principal);
Datum
crm_resolve_principal(PG_FUNCTION_ARGS)
{
    text *value = PG_GETARG_TEXT_PP(0);
    CrmOrganisation *organisation = organisation_for(fcinfo);
    int principal = crm_value_map_text(organisation->principal_values, VARDATA_ANY(value),
                                       (int) VARSIZE_ANY_EXHDR(value));

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
    unit = crm_value_map_text(map, VARDATA_ANY(value), (int) VARSIZE_ANY_EXHDR(value));
    if (unit < 0)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(organisation->units[unit].key));
}
