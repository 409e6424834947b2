/*
 * below.c: the predicate for totals: a unit with all below it. Units are numbered in preorder, so that is a range; a
 * range of ten thousand costs less than the look-up of one in SQL.
 */
#include "base/compat.h"
#include "org/ask.h"

#include "fmgr.h"

PGDLLEXPORT Datum crm_visible_below(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_principal_visible_below(PG_FUNCTION_ARGS);

static const CrmShape below_shape = {-1, 1, 2, -1, -1, -1};
static const CrmShape principal_below_shape = {0, 2, 3, -1, -1, -1};

static bool
all_below_pass(const CrmAsked *asked, int unit)
{
    const CrmOrganisation *organisation = asked->organisation;
    const CrmAccess *access = asked->question->access;

    if (unit < 0)
        return crm_access_unit(access, unit); /* while there is no unit */
    for (int i = unit; i <= organisation->units[unit].last; i++) {
        if (!crm_access_unit(access, i))
            return false;
    }
    return true;
}

static Datum
visible_below(FunctionCallInfo fcinfo, const CrmShape *shape, int arg)
{
    const CrmAsked *asked = crm_ask(fcinfo, shape);
    int unit = CRM_NO_VALUE;

    if (asked == NULL)
        PG_RETURN_NULL();
    if (asked->question->everything)
        PG_RETURN_BOOL(true);
    if (!PG_ARGISNULL(arg))
        unit = crm_value_map_value(asked->question->units, PG_GETARG_TEXT_PP(arg));
    PG_RETURN_BOOL(all_below_pass(asked, unit >= 0 ? unit : asked->question->fallback));
}

PG_FUNCTION_INFO_V1(crm_visible_below);
Datum
crm_visible_below(PG_FUNCTION_ARGS)
{
    return visible_below(fcinfo, &below_shape, 0);
}

PG_FUNCTION_INFO_V1(crm_principal_visible_below);
Datum
crm_principal_visible_below(PG_FUNCTION_ARGS)
{
    return visible_below(fcinfo, &principal_below_shape, 1);
}
