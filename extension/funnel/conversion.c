/*
 * conversion.c: the aggregate funnel_conversion: how many journeys reach each step, and how long that takes them.
 *
 * Times are those of the attempt that funnel_steps shows. A journey's estimated events, a second journey, count but are not
 * timed: nobody knows when they happened.
 */
#include "base/aggregate.h"
#include "base/error.h"
#include "funnel/duration_list.h"
#include "funnel/inquiry.h"
#include "funnel/journey_value.h"
#include "funnel/row_array.h"

#include "libpq/pqformat.h"

/* What is known of those who reached a step. */
typedef struct StepResult {
    int64 reached;
    DurationList previous; /* times from the required step before */
    DurationList first;
} StepResult;

typedef struct ConversionState {
    int32 steps;
    bool ordered;
    uint64 optional;
    int64 began; /* journeys that reached any step */
    StepResult step[FLEXIBLE_ARRAY_MEMBER];
} ConversionState;

static ConversionState *
new_state(MemoryContext context, int steps)
{
    ConversionState *state = MemoryContextAllocZero(context, offsetof(ConversionState, step) +
                                                                 sizeof(StepResult) * (Size) Max(steps, 1));

    state->steps = steps;
    return state;
}

/* When the attempt began. */
static int64
first_time(const ConversionState *state, const Attempt *attempt)
{
    int64 first = PG_INT64_MAX;

    if (state->ordered)
        return attempt->at[0];
    for (uint64 taken = attempt->taken; taken != 0; taken &= taken - 1)
        first = Min(first, attempt->at[__builtin_ctzll(taken)]);
    return first;
}

/* Of an unordered attempt there is no step before; its first event is known where none of the steps is estimated. */
static void
add_attempt(ConversionState *state, MemoryContext context, const Attempt *attempt, uint64 estimated)
{
    int64 first = first_time(state, attempt);
    bool first_known = state->ordered ? (estimated & 1) == 0 : estimated == 0;
    int previous = 0;

    state->began += attempt->taken != 0;
    for (uint64 taken = attempt->taken; taken != 0; taken &= taken - 1) {
        int k = __builtin_ctzll(taken);
        StepResult *step = &state->step[k];
        bool known = (estimated >> k & 1) == 0;

        step->reached++;
        if (state->ordered && k > 0 && known && (estimated >> previous & 1) == 0)
            crm_duration_add(&step->previous, context, attempt->at[previous], attempt->at[k]);
        if ((k > 0 || !state->ordered) && known && first_known)
            crm_duration_add(&step->first, context, first, attempt->at[k]);
        if ((state->optional >> k & 1) == 0)
            previous = k;
    }
}

PG_FUNCTION_INFO_V1(crm_funnel_conversion_step);

/* (state, journey, steps, within, mode, anchor, gap, estimated), the last ones where the aggregate has them */
Datum
crm_funnel_conversion_step(PG_FUNCTION_ARGS)
{
    Inquiry *inquiry = crm_inquiry(fcinfo, 2);
    const AttemptRule *rule = crm_inquiry_rule(inquiry);
    MemoryContext context = crm_aggregate_context(fcinfo);
    ConversionState *state = PG_ARGISNULL(0) ? NULL : (ConversionState *) PG_GETARG_POINTER(0);
    Attempt attempt;
    uint64 estimated = 0;

    if (state == NULL) {
        state = new_state(context, rule->steps);
        state->ordered = rule->order != ATTEMPT_UNORDERED;
        state->optional = rule->optional;
    }
    if (state->steps != rule->steps)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("the steps of a funnel differ in number from row to row"));
    if (PG_ARGISNULL(1))
        PG_RETURN_POINTER(state);
    crm_inquiry_attempt(inquiry, PG_GETARG_JOURNEY_PP(1), &attempt);
    if (PG_NARGS() > 7 && !PG_ARGISNULL(7))
        estimated = crm_inquiry_taken_at(inquiry, &attempt, PG_GETARG_JOURNEY_PP(7));
    add_attempt(state, context, &attempt, estimated);
    PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(crm_funnel_conversion_combine);

Datum
crm_funnel_conversion_combine(PG_FUNCTION_ARGS)
{
    MemoryContext context = crm_aggregate_context(fcinfo);
    ConversionState *left = PG_ARGISNULL(0) ? NULL : (ConversionState *) PG_GETARG_POINTER(0);
    ConversionState *right = PG_ARGISNULL(1) ? NULL : (ConversionState *) PG_GETARG_POINTER(1);

    if (right == NULL)
        PG_RETURN_POINTER(left);
    if (left == NULL) {
        left = new_state(context, right->steps);
        left->ordered = right->ordered;
        left->optional = right->optional;
    }
    if (left->steps != right->steps)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("the steps of a funnel differ in number from row to row"));
    left->began += right->began;
    for (int k = 0; k < left->steps; k++) {
        left->step[k].reached += right->step[k].reached;
        crm_duration_join(&left->step[k].previous, context, &right->step[k].previous);
        crm_duration_join(&left->step[k].first, context, &right->step[k].first);
    }
    PG_RETURN_POINTER(left);
}

PG_FUNCTION_INFO_V1(crm_funnel_conversion_serialize);

Datum
crm_funnel_conversion_serialize(PG_FUNCTION_ARGS)
{
    const ConversionState *state = (const ConversionState *) PG_GETARG_POINTER(0);
    StringInfoData message;

    pq_begintypsend(&message);
    pq_sendint32(&message, (uint32) state->steps);
    pq_sendbyte(&message, state->ordered);
    pq_sendint64(&message, state->optional);
    pq_sendint64(&message, (uint64) state->began);
    for (int k = 0; k < state->steps; k++) {
        pq_sendint64(&message, (uint64) state->step[k].reached);
        crm_duration_send(&message, &state->step[k].previous);
        crm_duration_send(&message, &state->step[k].first);
    }
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

PG_FUNCTION_INFO_V1(crm_funnel_conversion_deserialize);

Datum
crm_funnel_conversion_deserialize(PG_FUNCTION_ARGS)
{
    bytea *bytes = PG_GETARG_BYTEA_PP(0);
    StringInfoData message = {.data = VARDATA_ANY(bytes), .len = (int) VARSIZE_ANY_EXHDR(bytes)};
    ConversionState *state = new_state(CurrentMemoryContext, (int) pq_getmsgint(&message, 4));

    state->ordered = pq_getmsgbyte(&message);
    state->optional = (uint64) pq_getmsgint64(&message);
    state->began = pq_getmsgint64(&message);
    for (int k = 0; k < state->steps; k++) {
        state->step[k].reached = pq_getmsgint64(&message);
        crm_duration_receive(&message, &state->step[k].previous, CurrentMemoryContext);
        crm_duration_receive(&message, &state->step[k].first, CurrentMemoryContext);
    }
    pq_getmsgend(&message);
    PG_RETURN_POINTER(state);
}

#define COLUMNS 15

static void
add_row(RowArray *rows, ConversionState *state, int k, int previous)
{
    StepResult *step = &state->step[k];
    bool compared = state->ordered && k > 0;
    int64 before = compared ? state->step[previous].reached : 0;
    bool dropped = compared && (state->optional >> k & 1) == 0;
    NullableDatum values[COLUMNS] = {
        CRM_VALUE(Int32GetDatum(k + 1)),
        CRM_VALUE(Int64GetDatum(step->reached)),
        dropped ? CRM_VALUE(Int64GetDatum(before - step->reached)) : CRM_NULL,
        crm_share(step->reached, state->began),
        crm_share(step->reached, before),
        CRM_VALUE(Int64GetDatum((int64) step->previous.count)),
        crm_duration_quantile(&step->previous, 0.5),
        crm_duration_quantile(&step->previous, 0.75),
        crm_duration_quantile(&step->previous, 0.9),
        crm_duration_mean(&step->previous),
        CRM_VALUE(Int64GetDatum((int64) step->first.count)),
        crm_duration_quantile(&step->first, 0.5),
        crm_duration_quantile(&step->first, 0.75),
        crm_duration_quantile(&step->first, 0.9),
        crm_duration_mean(&step->first),
    };

    crm_row_array_add(rows, values);
}

PG_FUNCTION_INFO_V1(crm_funnel_conversion_final);

/* A row for each step. Quantiles put durations into another order, which no other function of the state minds. */
Datum
crm_funnel_conversion_final(PG_FUNCTION_ARGS)
{
    ConversionState *state = PG_ARGISNULL(0) ? NULL : (ConversionState *) PG_GETARG_POINTER(0);
    RowArray rows;
    int previous = 0;

    if (state == NULL)
        PG_RETURN_NULL();
    crm_row_array_begin(&rows, fcinfo, COLUMNS);
    for (int k = 0; k < state->steps; k++) {
        add_row(&rows, state, k, previous);
        if ((state->optional >> k & 1) == 0)
            previous = k;
    }
    return crm_row_array_end(&rows);
}
