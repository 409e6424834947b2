/*
 * window_funnel.c: the aggregate window_funnel(within, at, VARIADIC steps).
 *
 * The state keeps the events that count for any step, in order of arrival, and notices whether they came in order of
 * time. Where they did not, the final function sorts a copy. Events of the same time keep the order in which they came;
 * states of parallel workers are joined one after the other.
 */
#include "base/compat.h"
#include "base/error.h"
#include "funnel/window.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#define FIRST_CAPACITY 8

typedef struct WindowState {
    int steps;
    int64 within;
    bool sorted;
    uint32 count;
    uint32 capacity;
    WindowEvent *events;
} WindowState;

static MemoryContext
aggregate_context(FunctionCallInfo fcinfo)
{
    MemoryContext context;

    if (!AggCheckCallContext(fcinfo, &context))
        elog(ERROR, "window_funnel is called outside an aggregate");
    return context;
}

static int64
read_within(Interval *within)
{
    int64 result;

    if (within->month != 0)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("a window cannot be given in months or years"),
                errdetail("Their length depends on when they begin."), errhint("Type interval '30 days'."));
    if (pg_mul_s64_overflow(within->day, USECS_PER_DAY, &result) ||
        pg_add_s64_overflow(result, within->time, &result) || result < 0)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("a window cannot be negative"),
                errhint("Type interval '30 days', or NULL for no limit."));
    return result;
}

/* Room for more events; the size is checked by repalloc_huge's limit. */
static void
reserve(WindowState *state, uint32 more, MemoryContext context)
{
    uint64 needed = (uint64) state->count + more;
    uint64 capacity = Max(state->capacity, FIRST_CAPACITY);

    if (needed <= state->capacity)
        return;
    while (capacity < needed)
        capacity *= 2;
    if (capacity > PG_UINT32_MAX)
        ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many events of one subject"));
    if (state->events == NULL)
        state->events = MemoryContextAllocHuge(context, capacity * sizeof(WindowEvent));
    else
        state->events = repalloc_huge(state->events, capacity * sizeof(WindowEvent));
    state->capacity = (uint32) capacity;
}

static void
append(WindowState *state, TimestampTz at, uint32 steps)
{
    if (state->count > 0 && state->events[state->count - 1].at > at)
        state->sorted = false;
    state->events[state->count] = (WindowEvent){.at = at, .order = state->count, .steps = steps};
    state->count++;
}

static WindowState *
new_state(MemoryContext context, int steps, int64 within)
{
    WindowState *state = MemoryContextAllocZero(context, sizeof(WindowState));

    state->steps = steps;
    state->within = within;
    state->sorted = true;
    return state;
}

/* The steps whose condition is true, as bits. */
static uint32
read_steps(ArrayType *array, int *count)
{
    Datum *values;
    bool *nulls;
    uint32 steps = 0;

    deconstruct_array(array, BOOLOID, 1, true, TYPALIGN_CHAR, &values, &nulls, count);
    if (*count < 1 || *count > WINDOW_STEPS_MAX)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("window_funnel takes 1 to %d steps and got %d", WINDOW_STEPS_MAX, *count));
    for (int i = 0; i < *count; i++)
        if (!nulls[i] && DatumGetBool(values[i]))
            steps |= UINT32_C(1) << i;
    pfree(values);
    pfree(nulls);
    return steps;
}

PG_FUNCTION_INFO_V1(crm_window_funnel_step);

Datum
crm_window_funnel_step(PG_FUNCTION_ARGS)
{
    MemoryContext context = aggregate_context(fcinfo);
    WindowState *state = PG_ARGISNULL(0) ? NULL : (WindowState *) PG_GETARG_POINTER(0);
    uint32 steps;
    int count;

    if (PG_ARGISNULL(3))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("window_funnel takes steps, not NULL"));
    steps = read_steps(PG_GETARG_ARRAYTYPE_P(3), &count);
    if (state == NULL)
        state = new_state(context, count,
                          PG_ARGISNULL(1) ? WINDOW_UNLIMITED : read_within(PG_GETARG_INTERVAL_P(1)));
    if (count != state->steps)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("window_funnel got %d steps and then %d", state->steps, count));
    if (steps != 0 && !PG_ARGISNULL(2)) {
        reserve(state, 1, context);
        append(state, PG_GETARG_TIMESTAMPTZ(2), steps);
    }
    PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(crm_window_funnel_combine);

Datum
crm_window_funnel_combine(PG_FUNCTION_ARGS)
{
    MemoryContext context = aggregate_context(fcinfo);
    WindowState *left = PG_ARGISNULL(0) ? NULL : (WindowState *) PG_GETARG_POINTER(0);
    WindowState *right = PG_ARGISNULL(1) ? NULL : (WindowState *) PG_GETARG_POINTER(1);

    if (right == NULL) {
        if (left == NULL)
            PG_RETURN_NULL();
        PG_RETURN_POINTER(left);
    }
    if (left == NULL)
        left = new_state(context, right->steps, right->within);
    reserve(left, right->count, context);
    left->sorted = left->sorted && right->sorted;
    for (uint32 i = 0; i < right->count; i++)
        append(left, right->events[i].at, right->events[i].steps);
    PG_RETURN_POINTER(left);
}

PG_FUNCTION_INFO_V1(crm_window_funnel_serialize);

Datum
crm_window_funnel_serialize(PG_FUNCTION_ARGS)
{
    WindowState *state = (WindowState *) PG_GETARG_POINTER(0);
    StringInfoData message;

    pq_begintypsend(&message);
    pq_sendint32(&message, (uint32) state->steps);
    pq_sendint64(&message, (uint64) state->within);
    pq_sendint32(&message, state->count);
    for (uint32 i = 0; i < state->count; i++) {
        pq_sendint64(&message, (uint64) state->events[i].at);
        pq_sendint32(&message, state->events[i].steps);
    }
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

PG_FUNCTION_INFO_V1(crm_window_funnel_deserialize);

Datum
crm_window_funnel_deserialize(PG_FUNCTION_ARGS)
{
    MemoryContext context = CurrentMemoryContext; /* combine copies what it keeps */
    bytea *bytes = PG_GETARG_BYTEA_PP(0);
    WindowState *state;
    StringInfoData message;
    uint32 count;
    int steps;

    initStringInfo(&message);
    appendBinaryStringInfo(&message, VARDATA_ANY(bytes), (int) VARSIZE_ANY_EXHDR(bytes));
    steps = (int) pq_getmsgint(&message, 4);
    state = new_state(context, steps, pq_getmsgint64(&message));
    count = pq_getmsgint(&message, 4);
    reserve(state, count, context);
    for (uint32 i = 0; i < count; i++) {
        int64 at = pq_getmsgint64(&message);

        append(state, at, pq_getmsgint(&message, 4));
    }
    pq_getmsgend(&message);
    pfree(message.data);
    PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(crm_window_funnel_final);

Datum
crm_window_funnel_final(PG_FUNCTION_ARGS)
{
    WindowState *state = PG_ARGISNULL(0) ? NULL : (WindowState *) PG_GETARG_POINTER(0);
    WindowEvent *events;
    int depth;

    if (state == NULL || state->count == 0)
        PG_RETURN_INT32(0);
    if (state->sorted)
        PG_RETURN_INT32(window_depth(state->events, state->count, state->steps, state->within));
    events = MemoryContextAllocHuge(CurrentMemoryContext, state->count * sizeof(WindowEvent));
    memcpy(events, state->events, state->count * sizeof(WindowEvent));
    qsort(events, state->count, sizeof(WindowEvent), window_event_compare);
    depth = window_depth(events, state->count, state->steps, state->within);
    pfree(events);
    PG_RETURN_INT32(depth);
}
