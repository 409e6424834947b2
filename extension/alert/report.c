/*
 * report.c: the report of a principal, read as that principal and writing nothing.
 */
#include "base/compat.h"
#include "base/error.h"
#include "alert/lend.h"
#include "base/schema.h"

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "utils/builtins.h"

#define ASKED 5 /* principal, since, until, unit, language */

PG_FUNCTION_INFO_V1(crm_report_as);

/* report_as(token text, role oid, principal text, since date, until date, unit text, language text) returns jsonb */
Datum
crm_report_as(PG_FUNCTION_ARGS)
{
    CrmLent lent = {.read_only = true};
    Oid types[ASKED] = {TEXTOID, DATEOID, DATEOID, TEXTOID, TEXTOID};
    Datum values[ASKED];
    char nulls[ASKED];
    char *sql;

    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("report_as needs a token and a role"));
    lent.token = text_to_cstring(PG_GETARG_TEXT_PP(0));
    lent.role = PG_GETARG_OID(1);
    for (int i = 0; i < ASKED; i++) {
        nulls[i] = PG_ARGISNULL(i + 2) ? 'n' : ' ';
        values[i] = PG_ARGISNULL(i + 2) ? (Datum) 0 : PG_GETARG_DATUM(i + 2);
    }
    sql = psprintf("SELECT %s.report_document($1, $2, $3, $4, $5)", crm_schema_quoted());
    PG_RETURN_DATUM(crm_lend_query(&lent, sql, ASKED, types, values, nulls));
}
