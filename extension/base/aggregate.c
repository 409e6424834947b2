/*
 * aggregate.c: see aggregate.h.
 */
#include "base/aggregate.h"

MemoryContext
crm_aggregate_context(FunctionCallInfo fcinfo)
{
    MemoryContext context;

    if (!AggCheckCallContext(fcinfo, &context))
        elog(ERROR, "a function of an aggregate is called outside of it");
    return context;
}
