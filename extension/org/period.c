/*
 * period.c: see period.h.
 */
#include "base/compat.h"
#include "org/period.h"

#include "catalog/pg_type.h"
#include "utils/rangetypes.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

static void
note_change(TimestampTz at, TimestampTz now, TimestampTz *next_change)
{
    if (at > now && at < *next_change)
        *next_change = at;
}

bool
crm_period_holds(Datum period, TimestampTz now, TimestampTz *next_change)
{
    RangeBound lower;
    RangeBound upper;
    bool empty;
    TimestampTz from; /* first instant inside */
    TimestampTz to;   /* first instant after */

    range_deserialize(lookup_type_cache(TSTZRANGEOID, TYPECACHE_RANGE_INFO), DatumGetRangeTypeP(period),
                      &lower, &upper, &empty);
    if (empty)
        return false;
    from = lower.infinite ? DT_NOBEGIN : DatumGetTimestampTz(lower.val);
    if (!lower.infinite && !lower.inclusive && !TIMESTAMP_NOT_FINITE(from))
        from++;
    to = upper.infinite ? DT_NOEND : DatumGetTimestampTz(upper.val);
    if (!upper.infinite && upper.inclusive && !TIMESTAMP_NOT_FINITE(to))
        to++;
    note_change(from, now, next_change);
    note_change(to, now, next_change);
    return from <= now && now < to;
}
