/*
 * journey_access.c: what a journey holds, and journeys made of others. See journey_value.h.
 */
#include "base/error.h"
#include "funnel/journey_value.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(crm_journey_length);

Datum
crm_journey_length(PG_FUNCTION_ARGS)
{
    JourneyReader reader;

    crm_journey_open(&reader, PG_GETARG_JOURNEY_PP(0));
    PG_RETURN_INT32((int32) reader.left);
}

PG_FUNCTION_INFO_V1(crm_journey_events);

Datum
crm_journey_events(PG_FUNCTION_ARGS)
{
    uint64 count;
    JourneyEvent *events = crm_journey_unpack(PG_GETARG_JOURNEY_PP(0), &count);
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;

    InitMaterializedSRF(fcinfo, 0);
    for (uint64 i = 0; i < count; i++) {
        Datum values[] = {TimestampTzGetDatum(events[i].at), Int32GetDatum(events[i].position)};
        bool nulls[] = {false, false};

        CHECK_FOR_INTERRUPTS();
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return (Datum) 0;
}

PG_FUNCTION_INFO_V1(crm_journey_positions);

/* Each position that occurs, ascending. */
Datum
crm_journey_positions(PG_FUNCTION_ARGS)
{
    JourneyReader reader;
    int32 *positions;
    Datum *values;

    crm_journey_open(&reader, PG_GETARG_JOURNEY_PP(0));
    positions = crm_journey_distinct(&reader);
    values = palloc_extended(sizeof(Datum) * (reader.distinct + 1), MCXT_ALLOC_HUGE);
    for (uint32 i = 0; i < reader.distinct; i++)
        values[i] = Int32GetDatum(positions[i]);
    PG_RETURN_ARRAYTYPE_P(
        construct_array(values, (int) reader.distinct, INT4OID, sizeof(int32), true, TYPALIGN_INT));
}

PG_FUNCTION_INFO_V1(crm_journey_begin);

Datum
crm_journey_begin(PG_FUNCTION_ARGS)
{
    JourneyReader reader;
    int64 at;
    uint32 index;

    crm_journey_open(&reader, PG_GETARG_JOURNEY_PP(0));
    if (!crm_journey_next(&reader, &at, &index))
        PG_RETURN_NULL();
    PG_RETURN_TIMESTAMPTZ(at);
}

PG_FUNCTION_INFO_V1(crm_journey_end);

Datum
crm_journey_end(PG_FUNCTION_ARGS)
{
    JourneyReader reader;
    int64 at = 0;
    uint32 index;
    bool any = false;

    crm_journey_open(&reader, PG_GETARG_JOURNEY_PP(0));
    while (crm_journey_next(&reader, &at, &index))
        any = true;
    if (!any)
        PG_RETURN_NULL();
    PG_RETURN_TIMESTAMPTZ(at);
}

PG_FUNCTION_INFO_V1(crm_stage_at);

/* The position of the last event that is not after a time. */
Datum
crm_stage_at(PG_FUNCTION_ARGS)
{
    TimestampTz when = PG_GETARG_TIMESTAMPTZ(1);
    JourneyReader reader;
    uint32 found = UINT32_MAX;
    int64 at;
    uint32 index;

    crm_journey_open(&reader, PG_GETARG_JOURNEY_PP(0));
    while (crm_journey_next(&reader, &at, &index) && at <= when)
        found = index;
    if (found == UINT32_MAX)
        PG_RETURN_NULL();
    PG_RETURN_INT32(crm_journey_distinct(&reader)[found]);
}

PG_FUNCTION_INFO_V1(crm_stage_since);

/* When the stay began that lasts at a time: the first of its events, which follow each other at one position. */
Datum
crm_stage_since(PG_FUNCTION_ARGS)
{
    TimestampTz when = PG_GETARG_TIMESTAMPTZ(1);
    JourneyReader reader;
    uint32 found = UINT32_MAX;
    int64 since = 0;
    int64 at;
    uint32 index;

    crm_journey_open(&reader, PG_GETARG_JOURNEY_PP(0));
    while (crm_journey_next(&reader, &at, &index) && at <= when) {
        if (index != found)
            since = at;
        found = index;
    }
    if (found == UINT32_MAX)
        PG_RETURN_NULL();
    PG_RETURN_TIMESTAMPTZ(since);
}

/* Which of the reader's distinct positions a position is; UINT32_MAX: none. */
static uint32
find_position(const JourneyReader *reader, const int32 *positions, int32 position)
{
    for (uint32 i = 0; i < reader->distinct; i++)
        if (positions[i] == position)
            return i;
    return UINT32_MAX;
}

PG_FUNCTION_INFO_V1(crm_time_in_stage);

/* From each event of the position to the next event; after the last one up to a time, where one is given. */
Datum
crm_time_in_stage(PG_FUNCTION_ARGS)
{
    JourneyReader reader;
    Interval *result = palloc0(sizeof(Interval));
    uint32 wanted;
    uint32 index;
    bool in_stage = false;
    int64 since = 0;
    int64 at;

    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        PG_RETURN_NULL();
    crm_journey_open(&reader, PG_GETARG_JOURNEY_PP(0));
    wanted = find_position(&reader, crm_journey_distinct(&reader), PG_GETARG_INT32(1));
    if (wanted == UINT32_MAX)
        PG_RETURN_NULL();
    while (crm_journey_next(&reader, &at, &index)) {
        if (in_stage && pg_add_s64_overflow(result->time, at - since, &result->time))
            ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("interval out of range"));
        in_stage = index == wanted;
        since = at;
    }
    if (in_stage && !PG_ARGISNULL(2) && PG_GETARG_TIMESTAMPTZ(2) > since &&
        pg_add_s64_overflow(result->time, PG_GETARG_TIMESTAMPTZ(2) - since, &result->time))
        ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("interval out of range"));
    PG_RETURN_INTERVAL_P(result);
}

PG_FUNCTION_INFO_V1(crm_journey_contains);

/* Whether every position of an array occurs. */
Datum
crm_journey_contains(PG_FUNCTION_ARGS)
{
    struct varlena *journey = PG_GETARG_JOURNEY_PP(0);
    ArrayType *array = PG_GETARG_ARRAYTYPE_P(1);
    JourneyReader reader;
    const int32 *positions;
    uint64 bitmap;
    int count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    const int32 *wanted = (const int32 *) ARR_DATA_PTR(array);

    crm_journey_open(&reader, journey);
    if (array_contains_nulls(array))
        PG_RETURN_BOOL(false);
    bitmap = journey_bitmap((const uint8 *) VARDATA_ANY(journey));
    for (int i = 0; i < count; i++)
        if ((bitmap & journey_bit(wanted[i])) == 0)
            PG_RETURN_BOOL(false);
    positions = crm_journey_distinct(&reader);
    for (int i = 0; i < count; i++)
        if (find_position(&reader, positions, wanted[i]) == UINT32_MAX)
            PG_RETURN_BOOL(false);
    PG_RETURN_BOOL(true);
}

PG_FUNCTION_INFO_V1(crm_journey_concat);

/* In order of time; of equal times those of the first journey go before. */
Datum
crm_journey_concat(PG_FUNCTION_ARGS)
{
    uint64 left_count;
    uint64 right_count;
    JourneyEvent *left = crm_journey_unpack(PG_GETARG_JOURNEY_PP(0), &left_count);
    JourneyEvent *right = crm_journey_unpack(PG_GETARG_JOURNEY_PP(1), &right_count);
    JourneyEvent *both =
        palloc_extended(sizeof(JourneyEvent) * (left_count + right_count + 1), MCXT_ALLOC_HUGE);
    uint64 i = 0;
    uint64 k = 0;

    while (i < left_count || k < right_count) {
        bool from_left = k == right_count || (i < left_count && left[i].at <= right[k].at);

        both[i + k] = from_left ? left[i] : right[k];
        i += from_left;
        k += !from_left;
    }
    PG_RETURN_POINTER(crm_journey_make(both, left_count + right_count));
}

PG_FUNCTION_INFO_V1(crm_journey_slice);

/* The events from one time until before another; NULL: no limit. */
Datum
crm_journey_slice(PG_FUNCTION_ARGS)
{
    uint64 count;
    JourneyEvent *events;
    uint64 from = 0;

    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    events = crm_journey_unpack(PG_GETARG_JOURNEY_PP(0), &count);
    while (!PG_ARGISNULL(1) && from < count && events[from].at < PG_GETARG_TIMESTAMPTZ(1))
        from++;
    while (!PG_ARGISNULL(2) && count > from && events[count - 1].at >= PG_GETARG_TIMESTAMPTZ(2))
        count--;
    PG_RETURN_POINTER(crm_journey_make(events + from, count - from));
}
