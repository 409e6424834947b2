/*
 * merge.c: see merge.h.
 */
#include "base/compat.h"
#include "customer/merge.h"

#include "access/table.h"
#include "base/error.h"
#include "base/foreign.h"
#include "catalog/namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"
#include "utils/syscache.h"
#include "utils/varlena.h"

/* Who stands at the gate; one at a time. */
static struct {
    bool busy;
    Oid user;
    const char *search_path;
} gate;

/* The function NAME_run of the same arguments, in the schema of the function called. */
static Oid
find_twin(Oid function)
{
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    Form_pg_proc form;
    Oid twin;

    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for function %u", function);
    form = (Form_pg_proc) GETSTRUCT(tuple);
    twin = GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid,
                           CStringGetDatum(psprintf("%s_run", NameStr(form->proname))),
                           PointerGetDatum(&form->proargtypes), ObjectIdGetDatum(form->pronamespace));
    if (!OidIsValid(twin))
        elog(ERROR, "function %s has nothing behind it", NameStr(form->proname));
    ReleaseSysCache(tuple);
    return twin;
}

/*
 * The caller's search_path, for what hangs on his tables. Where he named pg_catalog it is left out, which puts it first again:
 * no function or operator of his stands in for one of Postgres' in the statements of a merge.
 */
static const char *
path_behind_catalogue(void)
{
    List *names;
    ListCell *cell;
    StringInfoData path;

    initStringInfo(&path);
    if (!SplitIdentifierString(pstrdup(namespace_search_path), ',', &names))
        elog(ERROR, "the search_path is no list of names");
    foreach (cell, names)
        if (strcmp(lfirst(cell), "pg_catalog") != 0)
            appendStringInfo(&path, "%s%s", path.len > 0 ? ", " : "", quote_identifier(lfirst(cell)));
    return path.data;
}

/* A function of its own: nothing that the caller knows has to outlast the jump. */
static Datum
call_through_gate(FunctionCallInfo call)
{
    Datum result;

    gate.search_path = path_behind_catalogue();
    gate.user = GetUserId();
    gate.busy = true;
    PG_TRY()
        ;
        {
            result = FunctionCallInvoke(call);
        }
        PG_FINALLY();
        {
            gate.busy = false;
            gate.search_path = NULL;
        }
    PG_END_TRY();
    return result;
}

PG_FUNCTION_INFO_V1(crm_merge_gate);

Datum
crm_merge_gate(PG_FUNCTION_ARGS)
{
    LOCAL_FCINFO(call, FUNC_MAX_ARGS);
    FmgrInfo twin;
    Datum result;
    int level;

    if (gate.busy)
        ereport(ERROR, errcode(ERRCODE_OBJECT_IN_USE),
                errmsg("a merge or an unmerge is running in this session"),
                errhint("A trigger cannot merge while rows are merged."));
    if (InSecurityRestrictedOperation())
        ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                errmsg("rows cannot be merged while a table is maintained"));
    fmgr_info(find_twin(fcinfo->flinfo->fn_oid), &twin);
    twin.fn_expr = fcinfo->flinfo->fn_expr;
    InitFunctionCallInfoData(*call, &twin, fcinfo->nargs, fcinfo->fncollation, NULL, fcinfo->resultinfo);
    memcpy(call->args, fcinfo->args, sizeof(NullableDatum) * (size_t) fcinfo->nargs);
    /* Long statements that run once, and estimates that are made up: to compile them never pays. */
    level = NewGUCNestLevel();
    (void) set_config_option("jit", "off", PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    result = call_through_gate(call);
    AtEOXact_GUC(true, level);
    fcinfo->isnull = call->isnull;
    return result;
}

PG_FUNCTION_INFO_V1(crm_is_merging);

Datum
crm_is_merging(PG_FUNCTION_ARGS)
{
    PG_RETURN_BOOL(gate.busy);
}

static CrmRights
enter_as_caller(void)
{
    CrmRights rights;

    GetUserIdAndSecContext(&rights.user, &rights.context);
    SetUserIdAndSecContext(gate.user, rights.context | SECURITY_LOCAL_USERID_CHANGE);
    rights.level = NewGUCNestLevel();
    (void) set_config_option("search_path", gate.search_path, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                             true, 0, false);
    return rights;
}

/* The last argument is the array of parameters; none of them is NULL. */
static int
read_parameters(ArrayType *array, Oid **types, Datum **values)
{
    int count;

    deconstruct_array(array, JSONBOID, -1, false, TYPALIGN_INT, values, NULL, &count);
    *types = palloc(mul_size(sizeof(Oid), Max(count, 1)));
    for (int i = 0; i < count; i++)
        (*types)[i] = JSONBOID;
    return count;
}

PG_FUNCTION_INFO_V1(crm_merge_rows);

Datum
crm_merge_rows(PG_FUNCTION_ARGS)
{
    bool as_owner = !PG_ARGISNULL(0);
    const char *query;
    Relation relation;
    CrmRights rights;
    Oid *types;
    Datum *values;
    int count, code;

    if (!gate.busy)
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                errmsg("merge_rows works inside of merge and unmerge only"));
    if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
        elog(ERROR, "merge_rows needs a statement and its parameters");
    query = text_to_cstring(PG_GETARG_TEXT_PP(1));
    relation = as_owner ? table_open(PG_GETARG_OID(0), AccessShareLock) : NULL;
    InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
    count = read_parameters(PG_GETARG_ARRAYTYPE_P(2), &types, &values);
    SPI_connect();
    rights = as_owner ? crm_rights_enter(relation->rd_rel->relowner) : enter_as_caller();
    code = SPI_execute_with_args(query, count, types, values, NULL, as_owner, 0);
    crm_rights_leave(rights);
    if (code < 0)
        elog(ERROR, "the statement failed: %s", SPI_result_code_string(code));
    if (code == SPI_OK_SELECT)
        crm_rows_return((ReturnSetInfo *) fcinfo->resultinfo);
    SPI_finish();
    if (relation != NULL)
        table_close(relation, NoLock);
    return (Datum) 0;
}
