/*
 * row_state.c: rows with a time and conditions, kept for a final function. See row_state.h.
 */
#include "base/aggregate.h"
#include "base/error.h"
#include "funnel/row_state.h"

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/timestamp.h"

static RowState *
new_state(MemoryContext context)
{
    RowState *state = MemoryContextAllocZero(context, sizeof(RowState));

    state->sorted = true;
    return state;
}

static void
reserve(RowState *state, uint64 more, MemoryContext context)
{
    state->events =
        crm_reserve(context, state->events, sizeof(WindowEvent), state->count, more, &state->capacity);
}

static void
append(RowState *state, TimestampTz at, uint64 steps)
{
    if (state->count > 0 && state->events[state->count - 1].at > at)
        state->sorted = false;
    state->events[state->count] = (WindowEvent){.at = at, .order = state->count, .steps = steps};
    state->count++;
}

/* The conditions that are true, as bits. */
static uint64
read_conditions(FunctionCallInfo fcinfo, int *count)
{
    Datum *values;
    bool *nulls;
    uint64 result = 0;

    deconstruct_array(PG_GETARG_ARRAYTYPE_P(PG_NARGS() - 1), BOOLOID, 1, true, TYPALIGN_CHAR, &values, &nulls,
                      count);
    for (int i = 0; i < *count && i < WINDOW_STEPS_MAX; i++)
        if (!nulls[i] && DatumGetBool(values[i]))
            result |= UINT64_C(1) << i;
    pfree(values);
    pfree(nulls);
    return result;
}

RowState *
crm_row_state(FunctionCallInfo fcinfo, const char *aggregate, bool *is_new)
{
    MemoryContext context = crm_aggregate_context(fcinfo);
    RowState *state = PG_ARGISNULL(0) ? NULL : (RowState *) PG_GETARG_POINTER(0);
    ArrayType *array;
    int count;

    if (PG_ARGISNULL(PG_NARGS() - 1))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("%s takes conditions, not NULL", aggregate));
    array = PG_GETARG_ARRAYTYPE_P(PG_NARGS() - 1);
    count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    *is_new = state == NULL;
    if (*is_new) {
        if (count < 1 || count > WINDOW_STEPS_MAX)
            ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                    errmsg("%s takes 1 to %d conditions and got %d", aggregate, WINDOW_STEPS_MAX, count));
        state = new_state(context);
        state->conditions = count;
    } else if (count != state->conditions)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("%s got %d conditions and then %d", aggregate, state->conditions, count));
    return state;
}

void
crm_row_state_add(FunctionCallInfo fcinfo, RowState *state, int time)
{
    int count;
    uint64 conditions = read_conditions(fcinfo, &count);

    if ((conditions == 0 && !state->keeps_all) || PG_ARGISNULL(time))
        return;
    reserve(state, 1, crm_aggregate_context(fcinfo));
    append(state, PG_GETARG_TIMESTAMPTZ(time), conditions);
}

const WindowEvent *
crm_row_state_sorted(const RowState *state)
{
    WindowEvent *copy;

    if (state->sorted)
        return state->events;
    copy = MemoryContextAllocHuge(CurrentMemoryContext, state->count * sizeof(WindowEvent));
    memcpy(copy, state->events, state->count * sizeof(WindowEvent));
    qsort(copy, state->count, sizeof(WindowEvent), window_event_compare);
    return copy;
}

static void
copy_options(RowState *to, const RowState *from, MemoryContext context)
{
    to->conditions = from->conditions;
    to->within = from->within;
    to->modes = from->modes;
    to->keeps_all = from->keeps_all;
    if (from->pattern != NULL)
        to->pattern = MemoryContextStrdup(context, from->pattern);
}

PG_FUNCTION_INFO_V1(crm_row_state_combine);

Datum
crm_row_state_combine(PG_FUNCTION_ARGS)
{
    MemoryContext context = crm_aggregate_context(fcinfo);
    RowState *left = PG_ARGISNULL(0) ? NULL : (RowState *) PG_GETARG_POINTER(0);
    RowState *right = PG_ARGISNULL(1) ? NULL : (RowState *) PG_GETARG_POINTER(1);

    if (right == NULL) {
        if (left == NULL)
            PG_RETURN_NULL();
        PG_RETURN_POINTER(left);
    }
    if (left == NULL) {
        left = new_state(context);
        copy_options(left, right, context);
    }
    reserve(left, right->count, context);
    left->sorted = left->sorted && right->sorted;
    for (uint64 i = 0; i < right->count; i++)
        append(left, right->events[i].at, right->events[i].steps);
    PG_RETURN_POINTER(left);
}

PG_FUNCTION_INFO_V1(crm_row_state_serialize);

Datum
crm_row_state_serialize(PG_FUNCTION_ARGS)
{
    RowState *state = (RowState *) PG_GETARG_POINTER(0);
    StringInfoData message;

    pq_begintypsend(&message);
    pq_sendint32(&message, (uint32) state->conditions);
    pq_sendint64(&message, (uint64) state->within);
    pq_sendint32(&message, state->modes);
    pq_sendbyte(&message, state->keeps_all);
    pq_sendbyte(&message, state->pattern != NULL);
    if (state->pattern != NULL)
        pq_sendbytes(&message, state->pattern, (int) strlen(state->pattern) + 1);
    pq_sendint64(&message, state->count);
    for (uint64 i = 0; i < state->count; i++) {
        pq_sendint64(&message, (uint64) state->events[i].at);
        pq_sendint64(&message, state->events[i].steps);
    }
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

PG_FUNCTION_INFO_V1(crm_row_state_deserialize);

Datum
crm_row_state_deserialize(PG_FUNCTION_ARGS)
{
    MemoryContext context = CurrentMemoryContext; /* combine copies what it keeps */
    bytea *bytes = PG_GETARG_BYTEA_PP(0);
    StringInfoData message = {.data = VARDATA_ANY(bytes), .len = (int) VARSIZE_ANY_EXHDR(bytes)};
    RowState *state = new_state(context);
    uint64 count;

    state->conditions = (int) pq_getmsgint(&message, 4);
    state->within = pq_getmsgint64(&message);
    state->modes = pq_getmsgint(&message, 4);
    state->keeps_all = pq_getmsgbyte(&message) != 0;
    if (pq_getmsgbyte(&message))
        state->pattern = pstrdup(pq_getmsgrawstring(&message));
    count = (uint64) pq_getmsgint64(&message);
    reserve(state, count, context);
    for (uint64 i = 0; i < count; i++) {
        int64 at = pq_getmsgint64(&message);

        append(state, at, (uint64) pq_getmsgint64(&message));
    }
    pq_getmsgend(&message);
    PG_RETURN_POINTER(state);
}
