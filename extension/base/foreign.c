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

PG_FUNCTION_INFO_V1(crm_read_as_owner);

/*
 * crm.read_as_owner(relation, query) → the rows of a query, read with the rights of the table's owner. rows_as_owner is the
 * same for a caller who names the columns; their types are the query's own. Rows go straight into the result, which spills: they may
 * be many.
 */
Datum
crm_read_as_owner(PG_FUNCTION_ARGS)
{
    Relation relation = crm_given_table_open(PG_GETARG_OID(0), AccessShareLock);
    const char *query = text_to_cstring(PG_GETARG_TEXT_PP(1));
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    SPIExecuteOptions options = {.read_only = true};
    CrmRights rights;

    InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
    SPI_connect();
    options.dest = CreateTuplestoreDestReceiver();
    SetTuplestoreDestReceiverParams(options.dest, result->setResult, result->econtext->ecxt_per_query_memory,
                                    false, result->setDesc, "the query has other columns than are expected");
    rights = crm_rights_enter(relation->rd_rel->relowner);
    if (SPI_execute_extended(query, &options) != SPI_OK_SELECT)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("read_as_owner takes a query"));
    crm_rights_leave(rights);
    SPI_finish();
    table_close(relation, NoLock);
    return (Datum) 0;
}
