/*
 * count_array.c: see count_array.h.
 */
#include "base/aggregate.h"
#include "base/error.h"
#include "funnel/count_array.h"

#include "catalog/pg_type.h"

ArrayType *
crm_counts_new(MemoryContext context, int count)
{
    Size size = ARR_OVERHEAD_NONULLS(1) + sizeof(int64) * (Size) count;
    ArrayType *array = MemoryContextAllocZero(context, size);

    SET_VARSIZE(array, size);
    array->ndim = 1;
    array->elemtype = INT8OID;
    ARR_DIMS(array)[0] = count;
    ARR_LBOUND(array)[0] = 1;
    return array;
}

int64 *
crm_counts(ArrayType *state, int count, const char *message)
{
    if (ARR_NDIM(state) != 1 || ARR_DIMS(state)[0] != count || ARR_ELEMTYPE(state) != INT8OID ||
        ARR_HASNULL(state))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("%s", message));
    return (int64 *) ARR_DATA_PTR(state);
}

Datum
crm_counts_add(FunctionCallInfo fcinfo, const char *message)
{
    ArrayType *left = PG_GETARG_ARRAYTYPE_P(0);
    ArrayType *right = PG_GETARG_ARRAYTYPE_P(1);
    int count = ARR_NDIM(right) == 1 ? ARR_DIMS(right)[0] : 0;
    int64 *sum;
    const int64 *more;

    (void) crm_aggregate_context(fcinfo); /* left is changed in place */
    sum = crm_counts(left, count, message);
    more = crm_counts(right, count, message);
    for (int i = 0; i < count; i++)
        sum[i] += more[i];
    PG_RETURN_ARRAYTYPE_P(left);
}
