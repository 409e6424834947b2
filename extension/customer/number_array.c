/*
 * number_array.c: see number_array.h.
 */
#include "base/compat.h"
#include "base/error.h"
#include "customer/number_array.h"

void *
number_array_elements(ArrayType *array, int *count)
{
    if (ARR_NDIM(array) > 1 || ARR_HASNULL(array))
        ereport(ERROR,
                (errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("arrays must have one dimension and no NULL"),
                 errhint("This function is called by resolve; use that.")));
    *count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    return ARR_DATA_PTR(array);
}

ArrayType *
number_array_make(const void *values, int count, Oid type, int size)
{
    ArrayType *result;
    Size bytes = (Size) ARR_OVERHEAD_NONULLS(1) + (Size) size * (Size) count;

    if (count == 0)
        return construct_empty_array(type);
    result = palloc0(bytes);
    SET_VARSIZE(result, bytes);
    result->ndim = 1;
    result->elemtype = type;
    ARR_DIMS(result)[0] = count;
    ARR_LBOUND(result)[0] = 1;
    memcpy(ARR_DATA_PTR(result), values, (Size) size * (Size) count);
    return result;
}

int
number_compare(const void *a, const void *b)
{
    int64 x = *(const int64 *) a;
    int64 y = *(const int64 *) b;

    return x < y ? -1 : x > y;
}
