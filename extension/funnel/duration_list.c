/*
 * duration_list.c: see duration_list.h.
 */
#include "base/aggregate.h"
#include "funnel/duration.h"
#include "funnel/duration_list.h"

#include "libpq/pqformat.h"
#include "utils/timestamp.h"

#include <math.h>

static void
reserve(DurationList *list, MemoryContext context, uint64 more)
{
    list->values = crm_reserve(context, list->values, sizeof(double), list->count, more, &list->capacity);
}

void
crm_duration_add_value(DurationList *list, MemoryContext context, double value)
{
    reserve(list, context, 1);
    list->values[list->count++] = value;
}

void
crm_duration_add(DurationList *list, MemoryContext context, int64 since, int64 until)
{
    crm_duration_add_value(list, context, (double) ((uint64) until - (uint64) since));
}

void
crm_duration_join(DurationList *list, MemoryContext context, const DurationList *more)
{
    if (more->count == 0)
        return;
    reserve(list, context, more->count);
    memcpy(list->values + list->count, more->values, more->count * sizeof(double));
    list->count += more->count;
}

void
crm_duration_send(StringInfo message, const DurationList *list)
{
    pq_sendint64(message, list->count);
    for (uint64 i = 0; i < list->count; i++)
        pq_sendfloat8(message, list->values[i]);
}

void
crm_duration_receive(StringInfo message, DurationList *list, MemoryContext context)
{
    uint64 count = (uint64) pq_getmsgint64(message);

    reserve(list, context, count);
    for (; list->count < count; list->count++)
        list->values[list->count] = pq_getmsgfloat8(message);
}

NullableDatum
crm_duration_interval(double microseconds)
{
    Interval *interval;

    if (!isfinite(microseconds))
        return (NullableDatum){.isnull = true};
    if (microseconds >= (double) PG_INT64_MAX)
        ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("interval out of range"));
    interval = palloc0(sizeof(Interval));
    interval->time = (TimeOffset) rint(microseconds);
    return (NullableDatum){.value = IntervalPGetDatum(interval)};
}

NullableDatum
crm_duration_quantile(DurationList *list, double q)
{
    return crm_duration_interval(list->count == 0 ? NAN : duration_quantile(list->values, list->count, q));
}

NullableDatum
crm_duration_mean(const DurationList *list)
{
    return crm_duration_interval(list->count == 0 ? NAN : duration_mean(list->values, list->count));
}
