/*
 * rule.c: the state machine of a rule, and what is usual of a day or an hour, for SQL.
 */
#include "base/compat.h"

#include "access/htup_details.h"
#include "alert/band.h"
#include "alert/machine.h"
#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/float.h"
#include "utils/timestamp.h"

#include <math.h>

PG_FUNCTION_INFO_V1(crm_rule_step_sql);

static const char *const phase_name[] = {"ok", "pending", "firing", "held"};
static const char *const reading_name[] = {"none", "clear", "between", "breach"};

static int
find_name(const char *const *names, int count, const text *value, const char *what)
{
    char *name = text_to_cstring(value);

    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown %s of a rule: \"%s\"", what, name)));
    return 0;
}

/* A month counts as 30 days, as interval comparison has it. Far beyond any rule it saturates. */
static int64_t
interval_ms(const Interval *span)
{
    double ms =
        (double) span->time / 1000.0 + ((double) span->month * DAYS_PER_MONTH + span->day) * 86400000.0;

    return ms > 9e18 ? INT64_MAX : ms < 0 ? 0 : (int64_t) ms;
}

/* rule_step(phase text, reading text, lasted interval, hold_for interval, clear_for interval) returns text */
Datum
crm_rule_step_sql(PG_FUNCTION_ARGS)
{
    int phase = find_name(phase_name, lengthof(phase_name), PG_GETARG_TEXT_PP(0), "phase");
    int reading = find_name(reading_name, lengthof(reading_name), PG_GETARG_TEXT_PP(1), "reading");
    int64_t lasted_ms = interval_ms(PG_GETARG_INTERVAL_P(2));
    int64_t hold_ms = interval_ms(PG_GETARG_INTERVAL_P(3));
    int64_t clear_ms = interval_ms(PG_GETARG_INTERVAL_P(4));
    CrmRulePhase next =
        crm_rule_step((CrmRulePhase) phase, (CrmRuleReading) reading, lasted_ms, hold_ms, clear_ms);

    PG_RETURN_TEXT_P(cstring_to_text(phase_name[next]));
}

/* The numbers of an array, NaN for NULL. */
static double *
read_numbers(ArrayType *array, int *count)
{
    Datum *number;
    bool *missing;
    double *value;

    deconstruct_array(array, FLOAT8OID, sizeof(float8), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &number, &missing,
                      count);
    value = palloc(mul_size(*count + 1, sizeof(double)));
    for (int i = 0; i < *count; i++)
        value[i] = missing[i] ? get_float8_nan() : DatumGetFloat8(number[i]);
    pfree(number);
    pfree(missing);
    return value;
}

static void
put_band(const CrmBand *band, Datum *result, bool *absent)
{
    result[0] = Float8GetDatum(band->middle);
    result[1] = Float8GetDatum(band->spread);
    result[2] = Float8GetDatum(band->score);
    result[3] = Int32GetDatum((int32) band->used);
    memset(absent, 0, 4 * sizeof *absent);
}

PG_FUNCTION_INFO_V1(crm_usual_day_sql);

/*
 * usual_day(days float8[], OUT middle float8, OUT spread float8, OUT score float8, OUT used integer): the last of the days against those
 * before it; a NULL is a day that is left out. NULL in all columns where there is too little to judge by.
 */
Datum
crm_usual_day_sql(PG_FUNCTION_ARGS)
{
    int count;
    double *value = read_numbers(PG_GETARG_ARRAYTYPE_P(0), &count);
    double *work = palloc(mul_size(count + 1, sizeof(double)));
    Datum result[4];
    bool absent[4] = {true, true, true, true};
    CrmBand band;
    TupleDesc desc;

    if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "usual_day returns a row");
    if (crm_band_judge(CRM_DAYS, false, value, (size_t) count, work, &band))
        put_band(&band, result, absent);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), result, absent)));
}

PG_FUNCTION_INFO_V1(crm_usual_hours_sql);

/*
 * usual_hours(hours float8[], counted boolean, begins integer, since integer, until integer, depth integer) returns setof (n, value, middle,
 * spread, score, used): the since-th to until-th each against those before it, from the begins-th on and up to depth of them.
 */
Datum
crm_usual_hours_sql(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *set = (ReturnSetInfo *) fcinfo->resultinfo;
    int count;
    double *value = read_numbers(PG_GETARG_ARRAYTYPE_P(0), &count);
    double *work = palloc(mul_size(count + 1, sizeof(double)));
    bool counted = PG_GETARG_BOOL(1);
    int begins = Max(PG_GETARG_INT32(2), 1);
    int since = Max(PG_GETARG_INT32(3), 1);
    int until = Min(PG_GETARG_INT32(4), count);
    int depth = Max(PG_GETARG_INT32(5), 0);

    InitMaterializedSRF(fcinfo, 0);
    for (int n = since; n <= until; n++) {
        int first = Max(begins, n - Min(depth, n - 1));
        Datum result[6] = {Int32GetDatum(n), Float8GetDatum(value[n - 1])};
        bool absent[6] = {false, isnan(value[n - 1]), true, true, true, true};
        CrmBand band;

        CHECK_FOR_INTERRUPTS();
        if (first <= n &&
            crm_band_judge(CRM_HOURS, counted, value + first - 1, (size_t) (n - first + 1), work, &band))
            put_band(&band, result + 2, absent + 2);
        tuplestore_putvalues(set->setResult, set->setDesc, result, absent);
    }
    return (Datum) 0;
}
