/*
 * survival_agg.c: the aggregates survival_quantile and survival_share: how long things last, some of which have not ended.
 * See duration.h.
 */
#include "base/aggregate.h"
#include "base/error.h"
#include "funnel/duration.h"
#include "funnel/duration_list.h"
#include "funnel/inquiry.h"

#include "libpq/pqformat.h"
#include "utils/timestamp.h"

#include <math.h>

typedef struct SurvivalState {
    bool asked;
    double question; /* a quantile, or a duration */
    DurationList ended;
    DurationList open;
} SurvivalState;

/* NULL where the row is to be left out: a duration or an end that is not known. */
static SurvivalState *
add(FunctionCallInfo fcinfo, double duration, bool known)
{
    MemoryContext context = crm_aggregate_context(fcinfo);
    SurvivalState *state = PG_ARGISNULL(0) ? NULL : (SurvivalState *) PG_GETARG_POINTER(0);

    if (state == NULL)
        state = MemoryContextAllocZero(context, sizeof(SurvivalState));
    if (!known)
        return state;
    if (!isfinite(duration) || duration < 0)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("a duration is finite and not negative"));
    crm_duration_add_value(PG_GETARG_BOOL(2) ? &state->ended : &state->open, context, duration);
    return state;
}

static void
ask(SurvivalState *state, double question)
{
    if (state->asked && state->question != question)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("what is asked of durations differs from row to row"));
    state->asked = true;
    state->question = question;
}

static void
ask_quantile(SurvivalState *state, FunctionCallInfo fcinfo)
{
    double q = PG_ARGISNULL(3) ? 0 : PG_GETARG_FLOAT8(3);

    if (!(q > 0 && q <= 1))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("a quantile is above 0 and at most 1"),
                errhint("Type 0.5 for the median."));
    ask(state, q);
}

static double
interval_argument(FunctionCallInfo fcinfo, int n)
{
    return (double) crm_window_read(PG_GETARG_INTERVAL_P(n));
}

PG_FUNCTION_INFO_V1(crm_survival_quantile_step);

/* (state, duration double precision, observed, q) */
Datum
crm_survival_quantile_step(PG_FUNCTION_ARGS)
{
    bool known = !PG_ARGISNULL(1) && !PG_ARGISNULL(2);
    SurvivalState *state = add(fcinfo, known ? PG_GETARG_FLOAT8(1) : 0, known);

    ask_quantile(state, fcinfo);
    PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(crm_survival_quantile_interval_step);

/* (state, duration interval, observed, q) */
Datum
crm_survival_quantile_interval_step(PG_FUNCTION_ARGS)
{
    bool known = !PG_ARGISNULL(1) && !PG_ARGISNULL(2);
    SurvivalState *state = add(fcinfo, known ? interval_argument(fcinfo, 1) : 0, known);

    ask_quantile(state, fcinfo);
    PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(crm_survival_share_step);

/* (state, duration double precision, observed, after double precision) */
Datum
crm_survival_share_step(PG_FUNCTION_ARGS)
{
    bool known = !PG_ARGISNULL(1) && !PG_ARGISNULL(2);
    SurvivalState *state = add(fcinfo, known ? PG_GETARG_FLOAT8(1) : 0, known);

    ask(state, PG_ARGISNULL(3) ? 0 : PG_GETARG_FLOAT8(3));
    PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(crm_survival_share_interval_step);

/* (state, duration interval, observed, after interval) */
Datum
crm_survival_share_interval_step(PG_FUNCTION_ARGS)
{
    bool known = !PG_ARGISNULL(1) && !PG_ARGISNULL(2);
    SurvivalState *state = add(fcinfo, known ? interval_argument(fcinfo, 1) : 0, known);

    ask(state, PG_ARGISNULL(3) ? 0 : interval_argument(fcinfo, 3));
    PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(crm_survival_combine);

Datum
crm_survival_combine(PG_FUNCTION_ARGS)
{
    MemoryContext context = crm_aggregate_context(fcinfo);
    SurvivalState *left = PG_ARGISNULL(0) ? NULL : (SurvivalState *) PG_GETARG_POINTER(0);
    const SurvivalState *right = PG_ARGISNULL(1) ? NULL : (const SurvivalState *) PG_GETARG_POINTER(1);

    if (left == NULL)
        left = MemoryContextAllocZero(context, sizeof(SurvivalState));
    if (right != NULL) {
        if (right->asked)
            ask(left, right->question);
        crm_duration_join(&left->ended, context, &right->ended);
        crm_duration_join(&left->open, context, &right->open);
    }
    PG_RETURN_POINTER(left);
}

PG_FUNCTION_INFO_V1(crm_survival_serialize);

Datum
crm_survival_serialize(PG_FUNCTION_ARGS)
{
    const SurvivalState *state = (const SurvivalState *) PG_GETARG_POINTER(0);
    StringInfoData message;

    pq_begintypsend(&message);
    pq_sendbyte(&message, state->asked);
    pq_sendfloat8(&message, state->question);
    crm_duration_send(&message, &state->ended);
    crm_duration_send(&message, &state->open);
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

PG_FUNCTION_INFO_V1(crm_survival_deserialize);

Datum
crm_survival_deserialize(PG_FUNCTION_ARGS)
{
    bytea *bytes = PG_GETARG_BYTEA_PP(0);
    StringInfoData message = {.data = VARDATA_ANY(bytes), .len = (int) VARSIZE_ANY_EXHDR(bytes)};
    SurvivalState *state = palloc0(sizeof(SurvivalState));

    state->asked = pq_getmsgbyte(&message);
    state->question = pq_getmsgfloat8(&message);
    crm_duration_receive(&message, &state->ended, CurrentMemoryContext);
    crm_duration_receive(&message, &state->open, CurrentMemoryContext);
    pq_getmsgend(&message);
    PG_RETURN_POINTER(state);
}

/* False: nothing is known. Sorting changes the state's order, which no other function of it minds. */
static bool
sorted(FunctionCallInfo fcinfo, Survival *survival, double *question)
{
    SurvivalState *state = PG_ARGISNULL(0) ? NULL : (SurvivalState *) PG_GETARG_POINTER(0);

    if (state == NULL || !state->asked || state->ended.count + state->open.count == 0)
        return false;
    *survival = (Survival){state->ended.values, state->ended.count, state->open.values, state->open.count};
    *question = state->question;
    survival_sort(survival);
    return true;
}

PG_FUNCTION_INFO_V1(crm_survival_quantile_final);

Datum
crm_survival_quantile_final(PG_FUNCTION_ARGS)
{
    Survival survival;
    double q;
    double result;

    if (!sorted(fcinfo, &survival, &q))
        PG_RETURN_NULL();
    result = survival_quantile(&survival, q);
    if (!isfinite(result))
        PG_RETURN_NULL();
    PG_RETURN_FLOAT8(result);
}

PG_FUNCTION_INFO_V1(crm_survival_quantile_interval_final);

Datum
crm_survival_quantile_interval_final(PG_FUNCTION_ARGS)
{
    Survival survival;
    double q;
    NullableDatum result;

    if (!sorted(fcinfo, &survival, &q))
        PG_RETURN_NULL();
    result = crm_duration_interval(survival_quantile(&survival, q));
    if (result.isnull)
        PG_RETURN_NULL();
    return result.value;
}

PG_FUNCTION_INFO_V1(crm_survival_share_final);

Datum
crm_survival_share_final(PG_FUNCTION_ARGS)
{
    Survival survival;
    double after;
    double result;

    if (!sorted(fcinfo, &survival, &after))
        PG_RETURN_NULL();
    result = survival_share(&survival, after);
    if (isnan(result))
        PG_RETURN_NULL();
    PG_RETURN_FLOAT8(result);
}
