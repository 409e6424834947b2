/*
 * row_state.c: rows with a time and conditions, kept for a final function. See row_state.h.
 */
#include "base/aggregate.h"
#include "base/error.h"
#include "funnel/row_state.h"

#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/memutils.h"
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
    state->events[state->count++] = (WindowEvent){.at = at, .steps = steps};
}

RowConditions
crm_row_conditions(FunctionCallInfo fcinfo, const char *aggregate)
{
    RowConditions result = {0};
    ArrayType *array;
    const bits8 *present;
    const char *value;

    if (PG_ARGISNULL(PG_NARGS() - 1))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("%s takes conditions, not NULL", aggregate));
    array = PG_GETARG_ARRAYTYPE_P(PG_NARGS() - 1);
    result.count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    if (result.count < 1 || result.count > WINDOW_STEPS_MAX)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("%s takes 1 to %d conditions and got %d", aggregate, WINDOW_STEPS_MAX, result.count));
    present = ARR_NULLBITMAP(array);
    value = ARR_DATA_PTR(array);
    for (int i = 0; i < result.count; i++)
        if (present == NULL || (present[i / 8] >> (i % 8) & 1))
            result.true_ones |= (uint64) (*value++ != 0) << i;
    return result;
}

RowConditions
crm_row_conditions_listed(FunctionCallInfo fcinfo, int first)
{
    RowConditions result = {.count = PG_NARGS() - first};

    for (int i = 0; i < result.count; i++)
        result.true_ones |= (uint64) (!PG_ARGISNULL(first + i) && PG_GETARG_BOOL(first + i)) << i;
    return result;
}

RowState *
crm_row_state(FunctionCallInfo fcinfo, const char *aggregate, int conditions, bool *is_new)
{
    RowState *state = PG_ARGISNULL(0) ? NULL : (RowState *) PG_GETARG_POINTER(0);

    *is_new = state == NULL;
    if (*is_new) {
        state = new_state(crm_aggregate_context(fcinfo));
        state->conditions = conditions;
    } else if (conditions != state->conditions)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("%s got %d conditions and then %d", aggregate, state->conditions, conditions));
    return state;
}

void
crm_row_state_add(FunctionCallInfo fcinfo, RowState *state, int time, uint64 true_ones)
{
    if ((true_ones == 0 && !state->keeps_all) || PG_ARGISNULL(time))
        return;
    if (state->count == state->capacity)
        reserve(state, 1, crm_aggregate_context(fcinfo));
    append(state, PG_GETARG_TIMESTAMPTZ(time), true_ones);
}

typedef struct Arrival {
    WindowEvent event;
    uint64 order;
} Arrival;

static int
compare_arrivals(const void *left, const void *right)
{
    const Arrival *a = left;
    const Arrival *b = right;

    if (a->event.at != b->event.at)
        return a->event.at < b->event.at ? -1 : 1;
    return (a->order > b->order) - (a->order < b->order);
}

const WindowEvent *
crm_row_state_sorted(const RowState *state)
{
    Arrival *arrivals;
    WindowEvent *sorted;

    if (state->sorted)
        return state->events;
    arrivals = MemoryContextAllocHuge(CurrentMemoryContext, state->count * sizeof(Arrival));
    for (uint64 i = 0; i < state->count; i++)
        arrivals[i] = (Arrival){.event = state->events[i], .order = i};
    qsort(arrivals, state->count, sizeof(Arrival), compare_arrivals);
    sorted = MemoryContextAllocHuge(CurrentMemoryContext, state->count * sizeof(WindowEvent));
    for (uint64 i = 0; i < state->count; i++)
        sorted[i] = arrivals[i].event;
    pfree(arrivals);
    return sorted;
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
    if (right->count > 0) {
        reserve(left, right->count, context);
        left->sorted = left->sorted && right->sorted &&
                       (left->count == 0 || left->events[left->count - 1].at <= right->events[0].at);
        memcpy(left->events + left->count, right->events, right->count * sizeof(WindowEvent));
        left->count += right->count;
    }
    PG_RETURN_POINTER(left);
}

/*
 * As bytes: the state as it lies, the events, the pattern with its end. They go from a worker to its leader, of one program, and are
 * nowhere kept; a leader takes in a state for each group, so this is a copy and no more.
 */
PG_FUNCTION_INFO_V1(crm_row_state_serialize);

Datum
crm_row_state_serialize(PG_FUNCTION_ARGS)
{
    RowState *state = (RowState *) PG_GETARG_POINTER(0);
    Size events = mul_size(state->count, sizeof(WindowEvent));
    Size pattern = state->pattern == NULL ? 0 : strlen(state->pattern) + 1;
    Size size = add_size(add_size(VARHDRSZ + sizeof(RowState), events), pattern);
    bytea *result;
    char *to;

    if (!AllocSizeIsValid(size))
        ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                errmsg("a group of " UINT64_FORMAT " rows is too large for a parallel plan", state->count),
                errhint("SET max_parallel_workers_per_gather = 0."));
    result = palloc(size);
    SET_VARSIZE(result, size);
    to = VARDATA(result);
    memcpy(to, state, sizeof(RowState));
    if (events > 0)
        memcpy(to + sizeof(RowState), state->events, events);
    if (pattern > 0)
        memcpy(to + sizeof(RowState) + events, state->pattern, pattern);
    PG_RETURN_BYTEA_P(result);
}

PG_FUNCTION_INFO_V1(crm_row_state_deserialize);

Datum
crm_row_state_deserialize(PG_FUNCTION_ARGS)
{
    bytea *bytes = PG_GETARG_BYTEA_PP(0);
    const char *from = VARDATA_ANY(bytes);
    Size size = VARSIZE_ANY_EXHDR(bytes);
    RowState *state = palloc(size); /* combine copies what it keeps */

    memcpy(state, from, size);
    state->events = (WindowEvent *) (state + 1);
    state->capacity = state->count;
    if (state->pattern != NULL)
        state->pattern = (char *) (state->events + state->count);
    PG_RETURN_POINTER(state);
}
