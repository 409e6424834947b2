/*
 * assign.c: which ids customers keep, for SQL; the logic is in cluster.c.
 *
 *   assign_customers(labels integer[], held bigint[], OUT assigned bigint[], OUT heirs integer[])
 *
 * Nodes are 1 .. cardinality(labels), a label is a node of its own cluster. No array may hold a NULL.
 */
#include "base/compat.h"
#include "base/error.h"
#include "customer/assign.h"
#include "customer/cluster.h"
#include "customer/number_array.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"

PG_FUNCTION_INFO_V1(crm_assign_customers);

/* Node numbers of SQL, which begin at 1, as those of C. */
static int *
nodes(ArrayType *array, int limit, int *count)
{
    const int32 *numbers = number_array_elements(array, count);
    int *result = palloc_extended(sizeof(int) * (Size) Max(*count, 1), MCXT_ALLOC_HUGE);

    for (int i = 0; i < *count; i++) {
        if (numbers[i] < 1 || numbers[i] > limit)
            ereport(ERROR, (errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("there is no node %d", numbers[i]),
                            errdetail("Nodes are 1 to %d.", limit),
                            errhint("This function is called by resolve; use that.")));
        result[i] = numbers[i] - 1;
    }
    return result;
}

Datum
crm_assign_customers(PG_FUNCTION_ARGS)
{
    int count;
    int held_count;
    const int32 *numbers = number_array_elements(PG_GETARG_ARRAYTYPE_P(0), &count);
    int *label = nodes(PG_GETARG_ARRAYTYPE_P(0), count, &count);
    const int64 *held = number_array_elements(PG_GETARG_ARRAYTYPE_P(1), &held_count);
    Size room = (Size) Max(count, 1);
    int64_t *held_copy;
    int64_t *assigned;
    int *heir;
    ClusterHold *holds;
    TupleDesc descriptor;
    Datum values[2];
    bool nulls[2] = {false, false};

    if (count != held_count)
        ereport(ERROR, (errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("labels and ids differ in number"),
                        errhint("This function is called by resolve; use that.")));
    for (int i = 0; i < count; i++)
        if (numbers[label[i]] != numbers[i])
            ereport(ERROR, (errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                            errmsg("label %d is no node of its own cluster", numbers[i]),
                            errhint("This function is called by resolve; use that.")));
    if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    assigned = palloc_extended(sizeof(int64_t) * room, MCXT_ALLOC_HUGE);
    held_copy = palloc_extended(sizeof(int64_t) * room, MCXT_ALLOC_HUGE);
    heir = palloc_extended(sizeof(int) * room, MCXT_ALLOC_HUGE);
    holds = palloc_extended(sizeof(ClusterHold) * room, MCXT_ALLOC_HUGE);
    for (int i = 0; i < count; i++)
        held_copy[i] = held[i];
    cluster_assign(count, label, held_copy, assigned, heir, holds);
    for (int i = 0; i < count; i++)
        heir[i]++;
    values[0] = PointerGetDatum(number_array_make(assigned, count, INT8OID, sizeof(int64)));
    values[1] = PointerGetDatum(number_array_make(heir, count, INT4OID, sizeof(int32)));
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
