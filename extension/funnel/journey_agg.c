/*
 * journey_agg.c: the aggregate journey_agg(at, position [, sequence]), which makes a journey of rows.
 *
 * Events go by time, then by sequence, then by position, so the order in which rows and workers come makes no difference.
 */
#include "base/aggregate.h"
#include "base/error.h"
#include "funnel/journey_value.h"

#include "libpq/pqformat.h"
#include "utils/timestamp.h"

typedef struct AggState {
    uint64 count;
    uint64 capacity;
    JourneyArrival *arrivals;
} AggState;

static AggState *
new_state(MemoryContext context)
{
    return MemoryContextAllocZero(context, sizeof(AggState));
}

static void
reserve(AggState *state, MemoryContext context, uint64 more)
{
    state->arrivals =
        crm_reserve(context, state->arrivals, sizeof(JourneyArrival), state->count, more, &state->capacity);
}

PG_FUNCTION_INFO_V1(crm_journey_agg_step);

Datum
crm_journey_agg_step(PG_FUNCTION_ARGS)
{
    MemoryContext context = crm_aggregate_context(fcinfo);
    AggState *state = PG_ARGISNULL(0) ? new_state(context) : (AggState *) PG_GETARG_POINTER(0);
    JourneyArrival arrival = {0};

    if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
        PG_RETURN_POINTER(state);
    arrival.at = PG_GETARG_TIMESTAMPTZ(1);
    arrival.position = PG_GETARG_INT32(2);
    if (PG_NARGS() > 3)
        arrival.sequence = PG_ARGISNULL(3) ? PG_INT64_MAX : PG_GETARG_INT64(3);
    if (arrival.position < 0 || TIMESTAMP_NOT_FINITE(arrival.at))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("an event of a journey has a finite time and a position from 0 to %d", PG_INT32_MAX));
    reserve(state, context, 1);
    state->arrivals[state->count++] = arrival;
    PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(crm_journey_agg_combine);

Datum
crm_journey_agg_combine(PG_FUNCTION_ARGS)
{
    MemoryContext context = crm_aggregate_context(fcinfo);
    AggState *left = PG_ARGISNULL(0) ? NULL : (AggState *) PG_GETARG_POINTER(0);
    AggState *right = PG_ARGISNULL(1) ? NULL : (AggState *) PG_GETARG_POINTER(1);

    if (left == NULL)
        left = new_state(context);
    if (right != NULL && right->count > 0) {
        reserve(left, context, right->count);
        memcpy(left->arrivals + left->count, right->arrivals, right->count * sizeof(JourneyArrival));
        left->count += right->count;
    }
    PG_RETURN_POINTER(left);
}

PG_FUNCTION_INFO_V1(crm_journey_agg_serialize);

Datum
crm_journey_agg_serialize(PG_FUNCTION_ARGS)
{
    AggState *state = (AggState *) PG_GETARG_POINTER(0);
    StringInfoData message;

    pq_begintypsend(&message);
    for (uint64 i = 0; i < state->count; i++) {
        pq_sendint64(&message, (uint64) state->arrivals[i].at);
        pq_sendint64(&message, (uint64) state->arrivals[i].sequence);
        pq_sendint32(&message, (uint32) state->arrivals[i].position);
    }
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

#define SERIALIZED_ARRIVAL (8 + 8 + 4)

PG_FUNCTION_INFO_V1(crm_journey_agg_deserialize);

Datum
crm_journey_agg_deserialize(PG_FUNCTION_ARGS)
{
    bytea *bytes = PG_GETARG_BYTEA_PP(0);
    uint64 count = VARSIZE_ANY_EXHDR(bytes) / SERIALIZED_ARRIVAL;
    AggState *state = new_state(CurrentMemoryContext); /* combine copies what it keeps */
    StringInfoData message = {.data = VARDATA_ANY(bytes), .len = (int) VARSIZE_ANY_EXHDR(bytes)};

    reserve(state, CurrentMemoryContext, count);
    for (; state->count < count; state->count++) {
        JourneyArrival *arrival = &state->arrivals[state->count];

        arrival->at = pq_getmsgint64(&message);
        arrival->sequence = pq_getmsgint64(&message);
        arrival->position = (int32) pq_getmsgint(&message, 4);
    }
    pq_getmsgend(&message);
    PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(crm_journey_agg_final);

Datum
crm_journey_agg_final(PG_FUNCTION_ARGS)
{
    AggState *state = PG_ARGISNULL(0) ? NULL : (AggState *) PG_GETARG_POINTER(0);
    JourneyArrival *arrivals;

    if (state == NULL || state->count == 0)
        PG_RETURN_NULL();
    arrivals = MemoryContextAllocHuge(CurrentMemoryContext, state->count * sizeof(JourneyArrival));
    memcpy(arrivals, state->arrivals, state->count * sizeof(JourneyArrival));
    PG_RETURN_POINTER(crm_journey_arrange(arrivals, state->count));
}
