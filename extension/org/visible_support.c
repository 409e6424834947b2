/*
 * visible_support.c: tells the planner which share of the rows passes visible.
 *
 * An estimate for whoever plans: the units reached, as a share of all, as if rows were spread evenly over
 * units. No index condition is offered: rows of NULL and unknown units belong to the fallback unit and cannot
 * be listed in an array, and a cached plan may later run for somebody who reaches it.
 */
#include "base/compat.h"
#include "org/access.h"
#include "org/identity.h"

#include "fmgr.h"
#include "nodes/primnodes.h"
#include "nodes/supportnodes.h"
#include "utils/builtins.h"

PGDLLEXPORT Datum crm_visible_support(PG_FUNCTION_ARGS);

static char *
constant_string(List *args, int n)
{
    Node *node = n < list_length(args) ? list_nth(args, n) : NULL;

    if (node == NULL || !IsA(node, Const) || ((Const *) node)->constisnull)
        return NULL;
    return TextDatumGetCString(((Const *) node)->constvalue);
}

static bool
estimate(SupportRequestSelectivity *request)
{
    char *object = constant_string(request->args, 1);
    char *privilege = constant_string(request->args, 2);
    CrmOrganisation *organisation;
    const CrmAccess *access;
    CrmIdentity identity;

    if (request->is_join || object == NULL || privilege == NULL)
        return false;
    organisation = crm_organisation();
    crm_identity_current(organisation, &identity);
    if (identity.outside) {
        request->selectivity = 1.0;
        return true;
    }
    if (identity.principal < 0 || organisation->unit_count == 0)
        return false;
    access = crm_access(organisation, identity.principal, object, crm_privilege_parse(privilege));
    request->selectivity = access->all ? 1.0 : (Selectivity) access->count / organisation->unit_count;
    return true;
}

PG_FUNCTION_INFO_V1(crm_visible_support);
Datum
crm_visible_support(PG_FUNCTION_ARGS)
{
    Node *request = (Node *) PG_GETARG_POINTER(0);

    if (IsA(request, SupportRequestSelectivity) && estimate((SupportRequestSelectivity *) request))
        PG_RETURN_POINTER(request);
    PG_RETURN_POINTER(NULL);
}
