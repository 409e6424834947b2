/*
 * caller.c: the role on whose behalf a statement runs. See caller.h.
 */
#include "base/compat.h"
#include "base/caller.h"

#include "fmgr.h"
#include "miscadmin.h"

PG_FUNCTION_INFO_V1(crm_caller);

Oid
crm_caller_oid(void)
{
    return GetOuterUserId();
}

Datum
crm_caller(PG_FUNCTION_ARGS)
{
    PG_RETURN_OID(crm_caller_oid());
}
