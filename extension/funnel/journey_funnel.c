/*
 * journey_funnel.c: funnels of journeys: how far each came, when, and how many came how far. See inquiry.h.
 */
#include "base/aggregate.h"
#include "funnel/count_array.h"
#include "funnel/inquiry.h"
#include "funnel/journey_value.h"

#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(crm_funnel_depth);

/* funnel_depth(journey, steps, within, mode, anchor, gap) integer */
Datum
crm_funnel_depth(PG_FUNCTION_ARGS)
{
    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    PG_RETURN_INT32(crm_inquiry_depth(crm_inquiry(fcinfo, 1), PG_GETARG_JOURNEY_PP(0)));
}

PG_FUNCTION_INFO_V1(crm_funnel_steps);

/* funnel_steps(journey, steps, within, mode, anchor, gap) timestamptz[] */
Datum
crm_funnel_steps(PG_FUNCTION_ARGS)
{
    Inquiry *inquiry;
    Attempt attempt;
    Datum values[ATTEMPT_STEPS];
    bool nulls[ATTEMPT_STEPS];
    int count;
    int lower = 1;

    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    inquiry = crm_inquiry(fcinfo, 1);
    count = crm_inquiry_steps(inquiry);
    crm_inquiry_attempt(inquiry, PG_GETARG_JOURNEY_PP(0), &attempt);
    for (int k = 0; k < count; k++) {
        nulls[k] = (attempt.taken >> k & 1) == 0;
        values[k] = nulls[k] ? (Datum) 0 : TimestampTzGetDatum(attempt.at[k]);
    }
    PG_RETURN_ARRAYTYPE_P(construct_md_array(values, nulls, 1, &count, &lower, TIMESTAMPTZOID,
                                             sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}

static const char *const differ = "the steps of a funnel differ in number from row to row";

PG_FUNCTION_INFO_V1(crm_funnel_counts_step);

/* funnel_counts_step(bigint[], journey, steps ...) bigint[]: the state is changed in place. */
Datum
crm_funnel_counts_step(PG_FUNCTION_ARGS)
{
    Inquiry *inquiry = crm_inquiry(fcinfo, 2);
    int count = crm_inquiry_steps(inquiry);
    MemoryContext context = crm_aggregate_context(fcinfo);
    ArrayType *state;
    int64 *counts;

    state = PG_ARGISNULL(0) ? crm_counts_new(context, count) : PG_GETARG_ARRAYTYPE_P(0);
    counts = crm_counts(state, count, differ);
    if (!PG_ARGISNULL(1))
        for (uint64 reached = crm_inquiry_reached(inquiry, PG_GETARG_JOURNEY_PP(1)); reached != 0;
             reached &= reached - 1)
            counts[__builtin_ctzll(reached)]++;
    PG_RETURN_ARRAYTYPE_P(state);
}

PG_FUNCTION_INFO_V1(crm_funnel_counts_combine);

/* funnel_counts_combine(bigint[], bigint[]) bigint[] */
Datum
crm_funnel_counts_combine(PG_FUNCTION_ARGS)
{
    return crm_counts_add(fcinfo, differ);
}
