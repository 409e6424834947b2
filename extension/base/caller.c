/*
 * caller.c: see caller.h.
 */
#include "base/compat.h"
#include "base/caller.h"

#include "fmgr.h"
#include "miscadmin.h"

PG_FUNCTION_INFO_V1(crm_caller);

static Oid lent = InvalidOid;

Oid
crm_caller_lend(Oid role)
{
    Oid before = lent;

    lent = role;
    return before;
}

CrmCaller
crm_caller_now(void)
{
    Oid user;
    int context;

    GetUserIdAndSecContext(&user, &context);
    if ((context & SECURITY_RESTRICTED_OPERATION) == 0)
        return (CrmCaller){OidIsValid(lent) ? lent : GetOuterUserId(), false};
    /* The table's owner, unless a SECURITY DEFINER function changed the user too: which of both came first
     * cannot be told, and its owner's rights are not those of the function in the index that called it. */
    return (CrmCaller){(context & SECURITY_LOCAL_USERID_CHANGE) == 0 ? user : InvalidOid, true};
}

Oid
crm_caller_oid(void)
{
    return crm_caller_now().role;
}

Datum
crm_caller(PG_FUNCTION_ARGS)
{
    PG_RETURN_OID(crm_caller_oid());
}
