/*
 * foreign.c: see foreign.h.
 */
#include "base/compat.h"
#include "base/error.h"
#include "base/foreign.h"
#include "base/schema.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/dependency.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "executor/tstoreReceiver.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/plancache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

CrmRights
crm_rights_enter(Oid role)
{
    CrmRights rights;

    GetUserIdAndSecContext(&rights.user, &rights.context);
    SetUserIdAndSecContext(role, rights.context | SECURITY_LOCAL_USERID_CHANGE |
                                     SECURITY_RESTRICTED_OPERATION | SECURITY_NOFORCE_RLS);
    rights.level = NewGUCNestLevel();
    return rights;
}

void
crm_rights_leave(CrmRights rights)
{
    AtEOXact_GUC(false, rights.level);
    SetUserIdAndSecContext(rights.user, rights.context);
}

/* Membership of an extension alone says little: ALTER EXTENSION ... ADD is open to whoever created a trusted one. */
static bool
belongs_to_trusted_extension(Oid class, Oid object, Oid owner)
{
    return OidIsValid(getExtensionOfObject(class, object)) && superuser_arg(owner);
}

static bool
function_is_foreign(Oid function, void *context)
{
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
    const FormData_pg_proc *form;
    bool foreign;

    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for function %u", function);
    form = (Form_pg_proc) GETSTRUCT(tuple);
    foreign = form->pronamespace != PG_CATALOG_NAMESPACE &&
              !belongs_to_trusted_extension(ProcedureRelationId, function, form->proowner);
    ReleaseSysCache(tuple);
    return foreign;
}

static bool
type_is_foreign(Oid type)
{
    Oid element = get_element_type(type);
    HeapTuple tuple;
    const FormData_pg_type *form;
    bool foreign;

    if (OidIsValid(element))
        return type_is_foreign(element);
    tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for type %u", type);
    form = (Form_pg_type) GETSTRUCT(tuple);
    foreign = form->typnamespace != PG_CATALOG_NAMESPACE &&
              !belongs_to_trusted_extension(TypeRelationId, type, form->typowner);
    ReleaseSysCache(tuple);
    return foreign;
}

/*
 * Whether a node makes a value of its type, which may run the type's own code, rather than handing on one that is there. Functions of
 * trusted extensions (populate_record of hstore) and of the system make values of whatever type they are given, so they count, too.
 */
static bool
makes_value(Node *node)
{
    switch (nodeTag(node)) {
    case T_Const:
    case T_CoerceToDomain:
    case T_CoerceViaIO:
    case T_ArrayCoerceExpr:
    case T_ConvertRowtypeExpr:
    case T_RowExpr:
    case T_FuncExpr:
    case T_OpExpr:
        return true;
    default:
        return crm_makes_json(node);
    }
}

static bool
search_walker(Node *node, void *context)
{
    CrmForeign *found = context;

    if (node == NULL)
        return false;
    if (check_functions_in_node(node, function_is_foreign, NULL))
        *found = CRM_FOREIGN_FUNCTION;
    else if (makes_value(node) && type_is_foreign(exprType(node)))
        *found = CRM_FOREIGN_TYPE;
    return *found != CRM_FOREIGN_NONE || expression_tree_walker(node, search_walker, context);
}

CrmForeign
crm_foreign_find(Node *expression)
{
    CrmForeign found = CRM_FOREIGN_NONE;

    (void) search_walker(expression, &found);
    return found;
}

void
crm_rows_return(ReturnSetInfo *result)
{
    TupleDesc desc = SPI_tuptable->tupdesc;
    Datum *values;
    bool *nulls;

    if (desc->natts != result->setDesc->natts)
        elog(ERROR, "the query has %d columns, %d are expected", desc->natts, result->setDesc->natts);
    for (int i = 0; i < desc->natts; i++)
        if (TupleDescAttr(desc, i)->atttypid != TupleDescAttr(result->setDesc, i)->atttypid)
            elog(ERROR, "column %d of the query is %s and not %s", i + 1,
                 format_type_be(TupleDescAttr(desc, i)->atttypid),
                 format_type_be(TupleDescAttr(result->setDesc, i)->atttypid));
    values = palloc(mul_size(sizeof(Datum), desc->natts));
    nulls = palloc(mul_size(sizeof(bool), desc->natts));
    for (uint64 i = 0; i < SPI_processed; i++) {
        heap_deform_tuple(SPI_tuptable->vals[i], desc, values, nulls);
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
}

static void
raise_other_table(Relation relation, const char *what)
{
    ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
            errmsg("table %s %s", RelationGetRelationName(relation), what), errhint("Read again."));
}

/* A query is written by a table's name. By the time it is read the name may be another's, whose rows an older snapshot does not see. */
static void
require_read(SPIPlanPtr plan, Relation relation)
{
    List *read = ((CachedPlanSource *) linitial(SPI_plan_get_plan_sources(plan)))->relationOids;

    if (read != NIL && !list_member_oid(read, RelationGetRelid(relation)))
        raise_other_table(relation, "was replaced while it was waited for");
}

/* Which partitions there are is not of the snapshot, and so no reader is kept from a table by one that comes. */
static void
require_members(Relation relation)
{
    Oid types[] = {REGCLASSOID};
    Datum values[] = {ObjectIdGetDatum(RelationGetRelid(relation))};
    bool isnull;

    if (relation->rd_rel->relkind != RELKIND_PARTITIONED_TABLE)
        return;
    if (SPI_execute_with_args(psprintf("SELECT %s.members_changed($1)", crm_schema_quoted()), 1, types,
                              values, NULL, true, 1) != SPI_OK_SELECT)
        elog(ERROR, "members_changed could not be asked");
    if (DatumGetBool(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull)))
        raise_other_table(relation, "got or lost a partition while it was read");
}

PG_FUNCTION_INFO_V1(crm_read_as_owner);

/*
 * crm.read_as_owner(relation, query) → the rows of a query, read with the rights of the table's owner. rows_as_owner is the
 * same for a caller who names the columns; their types are the query's own. Rows go straight into the result, which spills: they may
 * be many. All are of the table, and of its partitions, as the snapshot has them; else 40001.
 */
Datum
crm_read_as_owner(PG_FUNCTION_ARGS)
{
    Relation relation = crm_given_table_open(PG_GETARG_OID(0), AccessShareLock);
    const char *query = text_to_cstring(PG_GETARG_TEXT_PP(1));
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    SPIExecuteOptions options = {.read_only = true};
    SPIPlanPtr plan;
    CrmRights rights;

    InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
    SPI_connect();
    options.dest = CreateTuplestoreDestReceiver();
    SetTuplestoreDestReceiverParams(options.dest, result->setResult, result->econtext->ecxt_per_query_memory,
                                    false, result->setDesc, "the query has other columns than are expected");
    rights = crm_rights_enter(relation->rd_rel->relowner);
    plan = SPI_prepare_cursor(query, 0, NULL, CURSOR_OPT_PARALLEL_OK);
    if (plan == NULL || list_length(SPI_plan_get_plan_sources(plan)) != 1)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("read_as_owner takes a query"));
    require_read(plan, relation);
    if (SPI_execute_plan_extended(plan, &options) != SPI_OK_SELECT)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("read_as_owner takes a query"));
    crm_rights_leave(rights);
    require_members(relation);
    SPI_finish();
    table_close(relation, NoLock);
    return (Datum) 0;
}
