/*
 * kept_plan.c: see kept_plan.h.
 */
#include "base/compat.h"
#include "base/schema.h"
#include "base/kept_plan.h"

#include "nodes/parsenodes.h"

static SPIPlanPtr
prepare(const char *query, int count, Oid *types, int options)
{
    SPIPlanPtr made = SPI_prepare_cursor(query, count, types, options);

    if (made == NULL)
        elog(ERROR, "SPI_prepare returned %s", SPI_result_code_string(SPI_result));
    return made;
}

SPIPlanPtr
plan_prepare(const char *query, int count, Oid *types)
{
    return prepare(query, count, types, 0);
}

bool
kept_plan_ready(KeptPlan *kept)
{
    if (kept->plan != NULL && kept->extension != crm_extension_oid()) {
        SPI_freeplan(kept->plan);
        kept->plan = NULL;
    }
    return kept->plan != NULL;
}

void
kept_plan_make(KeptPlan *kept, const char *query, int count, Oid *types)
{
    SPIPlanPtr made = prepare(query, count, types, CURSOR_OPT_GENERIC_PLAN);

    SPI_keepplan(made);
    kept->plan = made;
    kept->extension = crm_extension_oid();
}
