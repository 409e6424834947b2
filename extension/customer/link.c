/*
 * link.c: clusters of records for SQL. See link.h; the logic is in cluster.c.
 */
#include "base/compat.h"
#include "base/error.h"
#include "customer/cluster.h"
#include "customer/link.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"

PG_FUNCTION_INFO_V1(crm_cluster_records);
PG_FUNCTION_INFO_V1(crm_assign_customers);

/* The elements of an array without NULLs and with at most one dimension. They may lie in the array itself. */
static void *
elements(ArrayType *array, int *count)
{
    if (ARR_NDIM(array) > 1 || ARR_HASNULL(array))
        ereport(ERROR,
                (errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("arrays must have one dimension and no NULL"),
                 errhint("This function is called by resolve; use that.")));
    *count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    return ARR_DATA_PTR(array);
}

/* Node numbers of SQL, which begin at 1, as those of C. */
static int *
nodes(ArrayType *array, int limit, int *count)
{
    const int32 *numbers = elements(array, count);
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

/* Pairs are two nodes one after the other, which is what a ClusterPair is. */
static ClusterPair *
pairs(ArrayType *array, int limit, int *count)
{
    int *flat = nodes(array, limit, count);

    StaticAssertStmt(sizeof(ClusterPair) == 2 * sizeof(int), "a pair is two integers");
    if (*count % 2 != 0)
        ereport(ERROR, (errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("pairs need an even number of nodes"),
                        errhint("This function is called by resolve; use that.")));
    *count /= 2;
    return (ClusterPair *) flat;
}

static ArrayType *
make_array(const void *values, int count, Oid type, int size)
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

static void
link_by_keys(ClusterSet *set, const int32 *keys, const int *members, int count)
{
    for (int start = 0, end; start < count; start = end) {
        CHECK_FOR_INTERRUPTS();
        for (end = start; end < count && keys[end] == keys[start];)
            end++;
        cluster_link_all(set, members + start, end - start);
    }
}

Datum
crm_cluster_records(PG_FUNCTION_ARGS)
{
    ClusterSet set;
    const int16 *kinds = elements(PG_GETARG_ARRAYTYPE_P(0), &set.count);
    int key_count;
    int member_count;
    int same_count;
    const int32 *keys = elements(PG_GETARG_ARRAYTYPE_P(1), &key_count);
    int *members = nodes(PG_GETARG_ARRAYTYPE_P(2), set.count, &member_count);
    ClusterPair *same = pairs(PG_GETARG_ARRAYTYPE_P(3), set.count, &same_count);
    Size count = (Size) Max(set.count, 1);
    int *label;

    if (key_count != member_count)
        ereport(ERROR, (errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("keys and nodes differ in number"),
                        errhint("This function is called by resolve; use that.")));
    set.pairs = pairs(PG_GETARG_ARRAYTYPE_P(4), set.count, &set.pair_count);
    set.parent = palloc_extended(sizeof(int) * count, MCXT_ALLOC_HUGE);
    set.kind = palloc_extended(count, MCXT_ALLOC_HUGE);
    set.apart = palloc_extended(sizeof(bool) * count, MCXT_ALLOC_HUGE);
    label = palloc_extended(sizeof(int) * count, MCXT_ALLOC_HUGE);
    for (int i = 0; i < set.count; i++)
        set.kind[i] = kinds[i] == CLUSTER_PERSON         ? CLUSTER_PERSON
                      : kinds[i] == CLUSTER_ORGANISATION ? CLUSTER_ORGANISATION
                                                         : CLUSTER_ANY;
    cluster_init(&set);
    for (int i = 0; i < same_count; i++)
        (void) cluster_link(&set, same[i].a, same[i].b, true);
    link_by_keys(&set, keys, members, key_count);
    cluster_label(&set, label);
    for (int i = 0; i < set.count; i++)
        label[i]++;
    PG_RETURN_ARRAYTYPE_P(make_array(label, set.count, INT4OID, sizeof(int32)));
}

Datum
crm_assign_customers(PG_FUNCTION_ARGS)
{
    int count;
    int held_count;
    const int32 *numbers = elements(PG_GETARG_ARRAYTYPE_P(0), &count);
    int *label = nodes(PG_GETARG_ARRAYTYPE_P(0), count, &count);
    const int64 *held = elements(PG_GETARG_ARRAYTYPE_P(1), &held_count);
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
    values[0] = PointerGetDatum(make_array(assigned, count, INT8OID, sizeof(int64)));
    values[1] = PointerGetDatum(make_array(heir, count, INT4OID, sizeof(int32)));
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}
