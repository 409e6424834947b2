/*
 * retention.c: the aggregate retention(VARIADIC conditions): which conditions held for a subject whose first one did.
 *
 * The state is a boolean[] changed in place: for each condition whether it was true in any row.
 */
#include "base/aggregate.h"
#include "base/error.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"

/* The elements of an array of conditions that has no NULL, all in a row. */
static bool *
elements(ArrayType *array)
{
    return (bool *) ARR_DATA_PTR(array);
}

static int
length(ArrayType *array)
{
    return ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
}

static ArrayType *
new_state(MemoryContext context, int count)
{
    MemoryContext before = MemoryContextSwitchTo(context);
    Datum *values = palloc0(sizeof(Datum) * (Size) count);
    ArrayType *state = construct_array(values, count, BOOLOID, 1, true, TYPALIGN_CHAR);

    pfree(values);
    MemoryContextSwitchTo(before);
    return state;
}

PG_FUNCTION_INFO_V1(crm_retention_step);

/* (state, conditions) */
Datum
crm_retention_step(PG_FUNCTION_ARGS)
{
    MemoryContext context = crm_aggregate_context(fcinfo);
    ArrayType *state = PG_ARGISNULL(0) ? NULL : PG_GETARG_ARRAYTYPE_P(0);
    Datum *values;
    bool *nulls;
    int count;

    if (PG_ARGISNULL(1))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("retention takes conditions, not NULL"));
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), BOOLOID, 1, true, TYPALIGN_CHAR, &values, &nulls, &count);
    if (count < 1)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("retention takes a condition at least"));
    if (state == NULL)
        state = new_state(context, count);
    if (count != length(state))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("retention got %d conditions and then %d", length(state), count));
    for (int i = 0; i < count; i++)
        elements(state)[i] |= !nulls[i] && DatumGetBool(values[i]);
    pfree(values);
    pfree(nulls);
    PG_RETURN_ARRAYTYPE_P(state);
}

PG_FUNCTION_INFO_V1(crm_retention_combine);

/* (state, state) */
Datum
crm_retention_combine(PG_FUNCTION_ARGS)
{
    ArrayType *left = PG_GETARG_ARRAYTYPE_P(0);
    ArrayType *right = PG_GETARG_ARRAYTYPE_P(1);

    (void) crm_aggregate_context(fcinfo); /* left is changed in place */
    if (length(left) != length(right))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("retention got %d conditions and then %d", length(left), length(right)));
    for (int i = 0; i < length(left); i++)
        elements(left)[i] |= elements(right)[i];
    PG_RETURN_ARRAYTYPE_P(left);
}

PG_FUNCTION_INFO_V1(crm_retention_final);

/* Without the first condition none counts. */
Datum
crm_retention_final(PG_FUNCTION_ARGS)
{
    ArrayType *state = PG_GETARG_ARRAYTYPE_P_COPY(0);

    if (!elements(state)[0])
        memset(elements(state), 0, (Size) length(state));
    PG_RETURN_ARRAYTYPE_P(state);
}
