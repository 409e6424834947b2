/*
 * retention_agg.c: the aggregate retention_counts: of the subjects that began in a period, how many came back in each later one.
 *
 * The state is a bigint[] of as many elements as there are periods, squared, changed in place: element (c - 1) * periods + n + 1
 * counts the subjects of cohort c that came back n periods later, n = 0 all of the cohort.
 */
#include "base/aggregate.h"
#include "base/error.h"
#include "funnel/count_array.h"
#include "funnel/journey_value.h"

#include "utils/array.h"
#include "utils/timestamp.h"

#define PERIODS_MAX 1000

/* The limits of the periods, one more than there are periods. */
static const TimestampTz *
read_bounds(ArrayType *array, int *periods)
{
    const TimestampTz *bounds = (const TimestampTz *) ARR_DATA_PTR(array);

    *periods = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) - 1;
    if (*periods < 1 || *periods > PERIODS_MAX || array_contains_nulls(array))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("retention takes the limits of 1 to %d periods", PERIODS_MAX),
                errhint("Type period_bounds('month', '2026-01-01', '2026-07-01')."));
    for (int i = 0; i < *periods; i++)
        if (bounds[i] >= bounds[i + 1])
            ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                    errmsg("the limits of periods do not ascend"));
    return bounds;
}

/* Which of a journey's distinct positions are among those of an argument; NULL means any. */
static bool *
find_wanted(FunctionCallInfo fcinfo, int n, const int32 *positions, uint32 distinct)
{
    bool *wanted = palloc_extended(distinct + 1, MCXT_ALLOC_HUGE);
    int count;
    const int32 *given = crm_positions_argument(fcinfo, n, &count);

    for (uint32 i = 0; i < distinct; i++)
        wanted[i] = given == NULL || crm_position_is_among(given, count, positions[i]);
    return wanted;
}

/* Counts a journey: its first event of a wanted position makes the cohort. */
static void
count_journey(FunctionCallInfo fcinfo, struct varlena *journey, const TimestampTz *bounds, int periods,
              int64 *counts)
{
    JourneyReader reader;
    int32 *positions;
    bool *starts;
    bool *returns;
    int cohort = -1;
    int period = 0;
    int counted = -1;
    uint32 index;

    crm_journey_open(&reader, journey);
    positions = crm_journey_distinct(&reader);
    starts = find_wanted(fcinfo, 3, positions, reader.distinct);
    returns = find_wanted(fcinfo, 4, positions, reader.distinct);
    for (int64 at; crm_journey_next(&reader, &at, &index) && at < bounds[periods];) {
        bool begins = cohort < 0 && starts[index];

        if (begins && at < bounds[0])
            return;
        if (!begins && (cohort < 0 || !returns[index]))
            continue;
        while (at >= bounds[period + 1])
            period++;
        if (begins)
            cohort = counted = period;
        else if (period == counted)
            continue;
        counted = period;
        counts[cohort * periods + period - cohort]++;
    }
}

static const char *const differ = "the periods of retention differ in number from row to row";

PG_FUNCTION_INFO_V1(crm_retention_counts_step);

/* (state, journey, bounds timestamptz[], starts integer[], returns integer[]) */
Datum
crm_retention_counts_step(PG_FUNCTION_ARGS)
{
    MemoryContext context = crm_aggregate_context(fcinfo);
    ArrayType *state;
    int64 *counts;
    const TimestampTz *bounds;
    int periods;

    if (PG_ARGISNULL(2))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("the limits of periods are NULL"));
    bounds = read_bounds(PG_GETARG_ARRAYTYPE_P(2), &periods);
    state = PG_ARGISNULL(0) ? crm_counts_new(context, periods * periods) : PG_GETARG_ARRAYTYPE_P(0);
    counts = crm_counts(state, periods * periods, differ);
    if (!PG_ARGISNULL(1))
        count_journey(fcinfo, PG_GETARG_JOURNEY_PP(1), bounds, periods, counts);
    PG_RETURN_ARRAYTYPE_P(state);
}

PG_FUNCTION_INFO_V1(crm_retention_counts_combine);

Datum
crm_retention_counts_combine(PG_FUNCTION_ARGS)
{
    return crm_counts_add(fcinfo, differ);
}
