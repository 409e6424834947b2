/*
 * count_array.h: a bigint[] as the state of an aggregate, whose counts are changed in place.
 */
#ifndef CRM_FUNNEL_COUNT_ARRAY_H
#define CRM_FUNNEL_COUNT_ARRAY_H

#include "base/compat.h"

#include "fmgr.h"
#include "utils/array.h"

/* So many zeros. */
extern ArrayType *crm_counts_new(MemoryContext context, int count);
/* The counts of a state; RM005 with the message where they are not so many. */
extern int64 *crm_counts(ArrayType *state, int count, const char *message);
/* For a combine function: argument 1 is added to argument 0. */
extern Datum crm_counts_add(FunctionCallInfo fcinfo, const char *message);

#endif
