/*
 * foreign.c: see foreign.h.
 */
#include "base/compat.h"
#include "base/foreign.h"

#include "access/htup_details.h"
#include "catalog/dependency.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "nodes/nodeFuncs.h"
#include "nodes/primnodes.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

CrmRights
crm_rights_enter(Oid role)
{
    CrmRights rights;

    GetUserIdAndSecContext(&rights.user, &rights.context);
    SetUserIdAndSecContext(role,
                           rights.context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_RESTRICTED_OPERATION);
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

static bool
search_walker(Node *node, void *context)
{
    CrmForeign *found = context;

    if (node == NULL)
        return false;
    if (check_functions_in_node(node, function_is_foreign, NULL))
        *found = CRM_FOREIGN_FUNCTION;
    else if ((IsA(node, Const) || IsA(node, CoerceToDomain) || IsA(node, CoerceViaIO) || IsA(node, RowExpr) ||
              IsA(node, ConvertRowtypeExpr)) &&
             type_is_foreign(exprType(node)))
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
