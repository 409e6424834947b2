/*
 * clock.c: clocks of service levels for SQL. What a clock is stands in clock_run.h; a calendar that is not given, or has no working
 * hours, counts all time.
 */
#include "base/compat.h"
#include "base/business_calendar.h"
#include "base/error.h"
#include "kpi/clock_run.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "funcapi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PGDLLEXPORT Datum crm_clock_run(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_clock_between(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_clock_deadline(PG_FUNCTION_ARGS);

#define LAST (END_TIMESTAMP - USECS_PER_DAY)

enum { RESULT_USED, RESULT_FIRST_USED, RESULT_PAUSED, RESULT_DUE, RESULT_WARNING, RESULTS };

static const BusinessCalendar *
calendar_argument(FunctionCallInfo fcinfo, int n)
{
    return PG_ARGISNULL(n) ? NULL : crm_business_calendar(fcinfo, PG_GETARG_TEXT_PP(n));
}

static TimestampTz
require_finite(TimestampTz at)
{
    if (TIMESTAMP_NOT_FINITE(at))
        ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
                errmsg("a clock does not run from or to infinity"));
    return at;
}

static Datum
interval_of(int64_t time)
{
    Interval *interval = palloc0(sizeof *interval);

    interval->time = time;
    return IntervalPGetDatum(interval);
}

static int64_t
time_of(const Interval *span)
{
    if (span->month != 0 || span->day != 0)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("the time of a clock is given in hours"),
                errdetail("How long a day or month of work is depends on the calendar."),
                errhint("For two days of eight hours write interval '16 hours'."));
    return span->time;
}

static ClockChange *
read_changes(ArrayType *at, ArrayType *runs, size_t *count)
{
    Datum *times;
    Datum *flags;
    bool *no_times;
    bool *no_flags;
    int time_count;
    int flag_count;
    ClockChange *changes;

    deconstruct_array(at, TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &times,
                      &no_times, &time_count);
    deconstruct_array(runs, BOOLOID, sizeof(bool), true, TYPALIGN_CHAR, &flags, &no_flags, &flag_count);
    if (time_count != flag_count)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("times and states of a clock differ in number"),
                errhint("Give one state for each time."));
    changes = palloc(sizeof *changes * (Size) (time_count + 1));
    *count = 0;
    for (int i = 0; i < time_count; i++)
        if (!no_times[i] && !no_flags[i])
            changes[(*count)++] =
                (ClockChange){require_finite(DatumGetTimestampTz(times[i])), DatumGetBool(flags[i])};
    return changes;
}

static void
set_instant(Datum *values, bool *nulls, int place, int64_t at)
{
    values[place] = TimestampTzGetDatum(at);
    nulls[place] = at == BUSINESS_NEVER;
}

PG_FUNCTION_INFO_V1(crm_clock_run);

/*
 * crm.clock_run(calendar, started, stopped, at timestamptz[], runs boolean[], first_stop, target, warning) → used, first_used,
 * paused_since, due_at, warning_at.
 */
Datum
crm_clock_run(PG_FUNCTION_ARGS)
{
    Datum values[RESULTS];
    bool nulls[RESULTS] = {false};
    ClockRun run = {.last = LAST, .stopped = BUSINESS_NEVER};
    TupleDesc desc;

    if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "clock_run gives a record");
    if (PG_ARGISNULL(1) || PG_ARGISNULL(3) || PG_ARGISNULL(4))
        PG_RETURN_NULL();
    run.calendar = calendar_argument(fcinfo, 0);
    run.started = require_finite(PG_GETARG_TIMESTAMPTZ(1));
    if (!PG_ARGISNULL(2))
        run.stopped = require_finite(PG_GETARG_TIMESTAMPTZ(2));
    run.changes = read_changes(PG_GETARG_ARRAYTYPE_P(3), PG_GETARG_ARRAYTYPE_P(4), &run.count);
    set_instant(values, nulls, RESULT_PAUSED, clock_paused(&run));
    nulls[RESULT_USED] = run.stopped == BUSINESS_NEVER && nulls[RESULT_PAUSED];
    if (!nulls[RESULT_USED]) /* until a clock that stands still was stopped, or began to stand still */
        values[RESULT_USED] = interval_of(clock_used(&run, LAST));
    nulls[RESULT_FIRST_USED] = PG_ARGISNULL(5);
    if (!nulls[RESULT_FIRST_USED])
        values[RESULT_FIRST_USED] = interval_of(clock_used(&run, require_finite(PG_GETARG_TIMESTAMPTZ(5))));
    for (int i = 0; i < 2; i++)
        set_instant(values, nulls, RESULT_DUE + i,
                    PG_ARGISNULL(6 + i) ? BUSINESS_NEVER
                                        : clock_due(&run, time_of(PG_GETARG_INTERVAL_P(6 + i))));
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

PG_FUNCTION_INFO_V1(crm_clock_between);

/* crm.clock_between(calendar, since, until): time that counts, below zero where until comes first. */
Datum
crm_clock_between(PG_FUNCTION_ARGS)
{
    const BusinessCalendar *calendar = calendar_argument(fcinfo, 0);
    int64_t since;
    int64_t until;

    if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
        PG_RETURN_NULL();
    since = require_finite(PG_GETARG_TIMESTAMPTZ(1));
    until = require_finite(PG_GETARG_TIMESTAMPTZ(2));
    PG_RETURN_DATUM(interval_of(since <= until ? clock_between(calendar, since, until)
                                               : -clock_between(calendar, until, since)));
}

PG_FUNCTION_INFO_V1(crm_clock_deadline);

/* crm.clock_deadline(calendar, since, span): when so much time has passed; since itself for a span of zero or less. */
Datum
crm_clock_deadline(PG_FUNCTION_ARGS)
{
    const BusinessCalendar *calendar = calendar_argument(fcinfo, 0);
    TimestampTz since;
    int64_t time;
    int64_t due;

    if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
        PG_RETURN_NULL();
    since = require_finite(PG_GETARG_TIMESTAMPTZ(1));
    time = time_of(PG_GETARG_INTERVAL_P(2));
    due = time <= 0 ? since : clock_after(calendar, since, time, LAST);
    if (due == BUSINESS_NEVER)
        PG_RETURN_NULL();
    PG_RETURN_TIMESTAMPTZ(due);
}
