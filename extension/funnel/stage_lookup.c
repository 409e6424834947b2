/*
 * stage_lookup.c: what the short form of a stage, funnel:key, means in the catalogue. See stage.h.
 */
#include "base/compat.h"
#include "base/error.h"
#include "base/kept_plan.h"
#include "base/nearest.h"
#include "base/schema.h"
#include "funnel/stage.h"

#include "catalog/pg_type.h"
#include "utils/builtins.h"
#include "utils/snapmgr.h"

static SPIPlanPtr
get_find_plan(void)
{
    static KeptPlan plan;
    Oid types[] = {TEXTOID, TEXTOID};
    const char *schema = crm_schema_quoted();

    if (!kept_plan_ready(&plan))
        kept_plan_make(&plan,
                       psprintf("SELECT s.stage, s.\"position\" FROM %s.funnel_stage s "
                                "WHERE s.funnel OPERATOR(pg_catalog.=) $1 "
                                "AND s.stage OPERATOR(pg_catalog.=) %s.resolve_stage($1, $2)",
                                schema, schema),
                       2, types);
    return plan.plan;
}

/* The nearest stage of the funnel; where there is no such funnel, the nearest funnel and *funnel_exists
 * false. */
static char *
find_nearest(const char *funnel, const char *key, bool *funnel_exists)
{
    const char *schema = crm_schema_quoted();
    Datum arguments[] = {CStringGetTextDatum(funnel)};
    Oid types[] = {TEXTOID};
    CrmNearest nearest = {.name = key};
    char *query =
        psprintf("SELECT s.stage FROM %s.funnel_stage s WHERE s.funnel OPERATOR(pg_catalog.=) $1", schema);

    if (SPI_execute_with_args(query, 1, types, arguments, NULL, true, 0) != SPI_OK_SELECT)
        elog(ERROR, "could not read the stages of a funnel");
    *funnel_exists = SPI_processed > 0;
    if (!*funnel_exists) {
        nearest.name = funnel;
        query = psprintf("SELECT f.funnel FROM %s.funnel f", schema);
        if (SPI_execute(query, true, 0) != SPI_OK_SELECT)
            elog(ERROR, "could not read the funnels");
    }
    for (uint64 i = 0; i < SPI_processed; i++)
        crm_nearest_try(&nearest, SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
    return nearest.best ? pstrdup(nearest.best) : NULL;
}

/* Copies what is needed after SPI_finish into the caller's context. */
static bool
find_stage(CrmStageParts *parts, Datum *arguments, MemoryContext caller)
{
    bool is_null;
    char *key;

    if (SPI_execute_plan(get_find_plan(), arguments, NULL, true, 1) != SPI_OK_SELECT)
        elog(ERROR, "could not look up a stage");
    if (SPI_processed == 0)
        return false;
    key = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
    parts->key = MemoryContextStrdup(caller, key);
    parts->key_length = (int) strlen(key);
    parts->position = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &is_null));
    return true;
}

bool
crm_stage_look_up(CrmStageParts *parts, Node *error_context)
{
    char *funnel = pnstrdup(parts->funnel, (Size) parts->funnel_length);
    char *key = pnstrdup(parts->key, (Size) parts->key_length);
    Datum arguments[] = {CStringGetTextDatum(funnel), CStringGetTextDatum(key)};
    MemoryContext caller = CurrentMemoryContext;
    bool found;
    bool funnel_exists = true;
    char *near = NULL;
    bool pushed = !ActiveSnapshotSet();

    if (pushed)
        PushActiveSnapshot(GetTransactionSnapshot());
    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "SPI_connect failed");
    found = find_stage(parts, arguments, caller);
    if (!found) {
        near = find_nearest(funnel, key, &funnel_exists);
        if (near != NULL)
            near = MemoryContextStrdup(caller, near);
    }
    SPI_finish();
    if (pushed)
        PopActiveSnapshot();
    if (found)
        return true;
    if (!funnel_exists)
        crm_input_error(error_context, false, errcode(ERRCODE_CRM_UNKNOWN_NAME),
                        errmsg("funnel \"%s\" does not exist", funnel),
                        near ? errhint("Perhaps you meant \"%s\".", near)
                             : errhint("The table funnel lists the funnels; create_funnel makes one."));
    crm_input_error(
        error_context, false, errcode(ERRCODE_CRM_UNKNOWN_NAME),
        errmsg("stage \"%s\" of funnel \"%s\" does not exist", key, funnel),
        near ? errhint("Perhaps you meant \"%s:%s\".", funnel, near)
             : errhint("The table funnel_stage lists the stages; add_stage_alias gives one another name."));
}
