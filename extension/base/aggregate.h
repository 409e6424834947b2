/*
 * aggregate.h: what the functions of an aggregate have in common.
 */
#ifndef CRM_BASE_AGGREGATE_H
#define CRM_BASE_AGGREGATE_H

#include "base/compat.h"

#include "fmgr.h"

/* Where the state of the aggregate lives that this function is called for; an error where it is called otherwise. */
extern MemoryContext crm_aggregate_context(FunctionCallInfo fcinfo);

extern void *crm_enlarge(MemoryContext context, void *array, Size element, uint64 needed, uint64 *capacity);

/*
 * An array with room for `more` elements after the first `count`, in the context where it was made; NULL is one without room. It grows
 * by doubling; what is too much is an error.
 */
static inline void *
crm_reserve(MemoryContext context, void *array, Size element, uint64 count, uint64 more, uint64 *capacity)
{
    return count + more <= *capacity ? array : crm_enlarge(context, array, element, count + more, capacity);
}

#endif
