/*
 * aggregate.c: see aggregate.h.
 */
#include "base/aggregate.h"

#include "utils/memutils.h"

#define FIRST_CAPACITY 8

MemoryContext
crm_aggregate_context(FunctionCallInfo fcinfo)
{
    MemoryContext context;

    if (!AggCheckCallContext(fcinfo, &context))
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                errmsg("a function of an aggregate is called outside of it"),
                errhint("Call the aggregate that it belongs to."));
    return context;
}

void *
crm_enlarge(MemoryContext context, void *array, Size element, uint64 needed, uint64 *capacity)
{
    *capacity = Max(Max(2 * *capacity, FIRST_CAPACITY), needed);
    return array == NULL ? MemoryContextAllocHuge(context, *capacity * element)
                         : repalloc_huge(array, *capacity * element);
}
