/*
 * condition.c: the SQL function condition_value. A condition of a team's own is a function; it runs with the rights of its owner, whoever
 * asks, and can neither take those of crm nor leave a setting behind. What it is is looked up at each call: it may have been replaced.
 */
#include "base/compat.h"

#include "access/htup_details.h"
#include "base/error.h"
#include "base/foreign.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/regproc.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(crm_condition_value);

static bool
is_condition(const FormData_pg_proc *form)
{
    static const Oid types[] = {TEXTOID, DATEOID, DATEOID};

    return form->prokind == PROKIND_FUNCTION && !form->proretset && form->prorettype == NUMERICOID &&
           form->provolatile != PROVOLATILE_VOLATILE && form->pronargs == 3 &&
           memcmp(form->proargtypes.values, types, sizeof types) == 0;
}

/* condition_value(condition regprocedure, unit text, since date, until date) returns numeric */
Datum
crm_condition_value(PG_FUNCTION_ARGS)
{
    LOCAL_FCINFO(call, 3);
    FmgrInfo function;
    Oid condition = PG_GETARG_OID(0), owner;
    HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(condition));
    const FormData_pg_proc *form;
    bool fits;
    CrmRights rights;
    Datum value;

    if (!HeapTupleIsValid(tuple))
        ereport(ERROR, errcode(ERRCODE_UNDEFINED_FUNCTION), errmsg("function %u does not exist", condition));
    form = (const FormData_pg_proc *) GETSTRUCT(tuple);
    owner = form->proowner;
    fits = is_condition(form);
    ReleaseSysCache(tuple);
    if (!fits)
        ereport(
            ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
            errmsg("%s cannot be a condition", format_procedure(condition)),
            errdetail(
                "A condition is a function (unit text, since date, until date) that returns numeric and is "
                "STABLE or IMMUTABLE."),
            errhint("For example CREATE FUNCTION stuck(unit text, since date, until date) RETURNS numeric "
                    "STABLE ..."));
    fmgr_info(condition, &function);
    InitFunctionCallInfoData(*call, &function, 3, DEFAULT_COLLATION_OID, NULL, NULL);
    for (int i = 0; i < 3; i++) {
        call->args[i].value = PG_GETARG_DATUM(i + 1);
        call->args[i].isnull = false;
    }
    rights = crm_rights_enter(owner);
    value = FunctionCallInvoke(call);
    crm_rights_leave(rights);
    if (call->isnull)
        PG_RETURN_NULL();
    PG_RETURN_DATUM(value);
}
