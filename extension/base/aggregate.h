/*
 * aggregate.h: what the functions of an aggregate have in common.
 */
#ifndef CRM_BASE_AGGREGATE_H
#define CRM_BASE_AGGREGATE_H

#include "base/compat.h"

#include "fmgr.h"

/* Where the state of the aggregate lives that this function is called for; an error where it is called otherwise. */
extern MemoryContext crm_aggregate_context(FunctionCallInfo fcinfo);

#endif
