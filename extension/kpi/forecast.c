/*
 * forecast.c: the SQL function behind forecast() and backtest_forecast(): from the days of a KPI and the stays of its deals to expected values.
 *
 * Every forecast is worked out at each origin, a week apart, as it would have been worked out then; how far it was off gives the weights
 * and the interval. What somebody without a model would say is among the sources, so that a model that is worse has little to say. What
 * sources there are depends on the KPI: see docs/kpi.md.
 */
#include "base/compat.h"

#include <math.h>

#include "catalog/pg_type_d.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/date.h"

#include "base/error.h"
#include "kpi/pipeline.h"
#include "kpi/rolling.h"
#include "kpi/seasonal.h"

#define STEP 7          /* days between origins: each has the same weekdays ahead */
#define ORIGINS_MAX 260 /* five years back */
#define HISTORY_MIN 28  /* days, before a forecast is worth judging */
#define AHEAD_MAX 400
#define YEAR 364 /* of the same weekdays */

enum { NAIVE_LAST, NAIVE_WEEK, NAIVE_YEAR, NAIVES };

typedef struct Series {
    double *numerator,
        *denominator; /* denominator is NULL where there is none; of a stock numerator is the change of the day */
    double *level; /* of a stock */
    size_t count;
    long first_day;
    size_t elapsed; /* days of the period that are over */
} Series;

typedef struct Forecast {
    Series series;
    Pipeline pipeline;
    bool by_amount;
    double *arrived; /* counted deals that started, by day */
    Rolling rolling;
    double *actual, *size, *run_rate, *other, *naive[NAIVES];
    double *expected, *expected_below, *arrivals, *work;
} Forecast;

static double *
doubles_of(FunctionCallInfo fcinfo, int argument, size_t *count)
{
    ArrayType *array;

    *count = 0;
    if (PG_ARGISNULL(argument))
        return NULL;
    array = PG_GETARG_ARRAYTYPE_P(argument);
    if (ARR_ELEMTYPE(array) != FLOAT8OID || ARR_NDIM(array) > 1 || array_contains_nulls(array))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("a series is an array of numbers without NULL"));
    *count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    return (double *) ARR_DATA_PTR(array);
}

static size_t
size_of(const Forecast *forecast)
{
    return forecast->rolling.origins * forecast->rolling.ahead;
}

static double *
numbers(size_t count)
{
    return palloc0(mul_size(count > 0 ? count : 1, sizeof(double)));
}

static double
sum_of(const double *day, size_t since, size_t until)
{
    double sum = 0;

    for (size_t i = since; i < until; i++)
        sum += day[i];
    return sum;
}

/* The KPI over the days of the period before an origin and some after it. */
static double
value_of(const Series *series, size_t known, double numerator, double denominator)
{
    double above = sum_of(series->numerator, known - series->elapsed, known) + numerator;

    if (series->level != NULL)
        return series->level[known - 1] + numerator;
    if (series->denominator == NULL)
        return above;
    denominator += sum_of(series->denominator, known - series->elapsed, known);
    return denominator != 0 ? above / denominator : NAN;
}

static void
fill_actual(Forecast *forecast, size_t origin, size_t known)
{
    const Series *series = &forecast->series;
    size_t ahead = forecast->rolling.ahead;
    double numerator = 0, denominator = 0;

    for (size_t j = 0; j < ahead; j++) {
        if (known + j >= series->count) {
            forecast->actual[origin * ahead + j] = NAN;
            continue;
        }
        numerator += series->numerator[known + j];
        denominator += series->denominator != NULL ? series->denominator[known + j] : 0;
        forecast->actual[origin * ahead + j] = value_of(series, known, numerator, denominator);
    }
}

static void
fill_run_rate(Forecast *forecast, size_t origin, size_t known)
{
    const Series *series = &forecast->series;
    size_t ahead = forecast->rolling.ahead;
    double numerator = 0, denominator = 0;

    seasonal_expect(series->numerator, known, series->first_day, ahead, forecast->expected);
    if (series->denominator != NULL)
        seasonal_expect(series->denominator, known, series->first_day, ahead, forecast->expected_below);
    for (size_t j = 0; j < ahead; j++) {
        numerator += forecast->expected[j];
        denominator += series->denominator != NULL ? forecast->expected_below[j] : 0;
        forecast->run_rate[origin * ahead + j] = value_of(series, known, numerator, denominator);
        if (forecast->size != NULL)
            forecast->size[origin * ahead + j] = numerator;
    }
}

/* The second source: of a stock that it stays as it is, of deals the pipeline. */
static void
fill_other(Forecast *forecast, size_t origin, size_t known)
{
    const Series *series = &forecast->series;
    const Pipeline *pipeline = &forecast->pipeline;
    size_t ahead = forecast->rolling.ahead;
    double *path = forecast->other + origin * ahead;

    if (series->level != NULL) {
        for (size_t j = 0; j < ahead; j++)
            path[j] = series->level[known - 1];
        return;
    }
    if (pipeline->start_count == 0 || pipeline->starts[0].entered + HISTORY_MIN > (int64_t) known) {
        for (size_t j = 0; j < ahead; j++)
            path[j] = NAN;
        return;
    }
    seasonal_expect(forecast->arrived, known, series->first_day, ahead, forecast->arrivals);
    pipeline_expect(pipeline, (int32_t) known - 1, ahead, forecast->by_amount, forecast->arrivals,
                    forecast->work, path);
    for (size_t j = 0; j < ahead; j++)
        path[j] = value_of(series, known, path[j], 0);
}

/* The day that somebody without a model would expect again on day j ahead; a negative one is not known. */
static long
like_day(size_t known, size_t ahead, size_t j, int which)
{
    switch (which) {
    case NAIVE_LAST: /* the last days, as many as are asked for, in their order */
        return (long) known - (long) ahead + (long) j;
    case NAIVE_WEEK:
        return (long) known - 7 + (long) (j % 7);
    default: /* the same days of last year */
        return j < YEAR ? (long) known + (long) j - YEAR : -1;
    }
}

/* What would be said without a model. Of a stock, what there is, or was a year before. */
static void
fill_naive(Forecast *forecast, size_t origin, size_t known, int which)
{
    const Series *series = &forecast->series;
    size_t ahead = forecast->rolling.ahead;
    double *path = forecast->naive[which] + origin * ahead;
    double numerator = 0, denominator = 0;

    for (size_t j = 0; j < ahead; j++) {
        long like = series->level != NULL && which != NAIVE_YEAR ? (long) known - 1
                                                                 : like_day(known, ahead, j, which);

        if (like < 0 || (series->level == NULL && isnan(numerator))) {
            path[j] = numerator = NAN;
            continue;
        }
        numerator += series->numerator[like];
        denominator += series->denominator != NULL ? series->denominator[like] : 0;
        path[j] =
            series->level != NULL ? series->level[like] : value_of(series, known, numerator, denominator);
    }
}

static void
read_series(FunctionCallInfo fcinfo, Series *series)
{
    size_t below;
    double *given = doubles_of(fcinfo, 0, &series->count);
    double *denominator = doubles_of(fcinfo, 1, &below);
    bool stock = PG_GETARG_BOOL(2);

    series->first_day = PG_GETARG_DATEADT(3);
    series->elapsed = stock ? 0 : (size_t) Max(PG_GETARG_INT32(4), 0);
    if (series->count == 0 || (denominator != NULL && below != series->count) ||
        series->elapsed > series->count)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("a forecast needs days, the same of both sides"));
    series->numerator = given;
    series->denominator = denominator;
    if (!stock)
        return;
    series->level = given;
    series->numerator = numbers(series->count);
    for (size_t i = 1; i < series->count; i++)
        series->numerator[i] = given[i] - given[i - 1];
}

static const void *
column_of(FunctionCallInfo fcinfo, int argument, Oid type, size_t count)
{
    ArrayType *array = PG_GETARG_ARRAYTYPE_P(argument);

    if (ARR_ELEMTYPE(array) != type || array_contains_nulls(array) ||
        (size_t) ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array)) != count)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("stays are arrays of one length without NULL"));
    return ARR_DATA_PTR(array);
}

/* Stays come ordered by stage and day; those that start are put in order of days, by counting. */
static void
read_stays(FunctionCallInfo fcinfo, Forecast *forecast, int argument)
{
    Pipeline *pipeline = &forecast->pipeline;
    ArrayType *first = PG_GETARG_ARRAYTYPE_P(argument);
    size_t count = ArrayGetNItems(ARR_NDIM(first), ARR_DIMS(first));
    const int32 *number[4];
    const bool *flag[3];
    const double *amount = column_of(fcinfo, argument + 7, FLOAT8OID, count);
    PipelineStay *stays = palloc0(mul_size(Max(count, 1), sizeof(PipelineStay)));
    PipelineStay *starts = palloc0(mul_size(Max(count, 1), sizeof(PipelineStay)));
    const int32 *order = column_of(fcinfo, argument + 8, INT4OID, count);

    for (int i = 0; i < 4; i++)
        number[i] = column_of(fcinfo, argument + i, INT4OID, count);
    for (int i = 0; i < 3; i++)
        flag[i] = column_of(fcinfo, argument + 4 + i, BOOLOID, count);
    for (size_t i = 0; i < count; i++)
        stays[i] = (PipelineStay){.stage = number[0][i],
                                  .entered = number[1][i],
                                  .left = number[2][i],
                                  .decided = number[3][i],
                                  .won = flag[0][i],
                                  .starts = flag[1][i],
                                  .counted = flag[2][i],
                                  .amount = amount[i]};
    for (size_t i = 0; i < count; i++) {
        if (order[i] < 1 || (size_t) order[i] > count)
            ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                    errmsg("the order of stays has a number that is none of theirs"));
        if (stays[order[i] - 1].starts)
            starts[pipeline->start_count++] = stays[order[i] - 1];
    }
    pipeline->stays = stays;
    pipeline->starts = starts;
    pipeline->count = count;
    forecast->arrived = numbers(forecast->series.count);
    for (size_t i = 0; i < pipeline->start_count; i++)
        if (starts[i].counted && starts[i].entered >= 0 &&
            (size_t) starts[i].entered < forecast->series.count)
            forecast->arrived[starts[i].entered]++;
}

static void
plan_origins(Forecast *forecast)
{
    const Series *series = &forecast->series;
    size_t least = Max(series->elapsed, HISTORY_MIN);
    Rolling *rolling = &forecast->rolling;

    rolling->step = STEP;
    rolling->origins = 1 + (series->count > least ? Min((series->count - least) / STEP, ORIGINS_MAX) : 0);
    forecast->actual = numbers(size_of(forecast));
    forecast->run_rate = numbers(size_of(forecast));
    forecast->expected = numbers(rolling->ahead);
    forecast->expected_below = numbers(rolling->ahead);
    forecast->arrivals = numbers(rolling->ahead);
    forecast->work = numbers(4 * (rolling->ahead + 2));
    if (series->denominator == NULL && series->level == NULL)
        forecast->size = numbers(size_of(forecast));
    if (series->level != NULL || forecast->pipeline.count > 0)
        forecast->other = numbers(size_of(forecast));
    rolling->actual = forecast->actual;
    rolling->size = forecast->size;
    rolling->path[rolling->sources++] = forecast->run_rate;
    if (forecast->other != NULL)
        rolling->path[rolling->sources++] = forecast->other;
    rolling->models = rolling->sources;
    for (int naive = 0; naive < NAIVES; naive++) {
        forecast->naive[naive] = numbers(size_of(forecast));
        if (series->level == NULL) /* of a stock there is one already, that it stays as it is */
            rolling->path[rolling->sources++] = forecast->naive[naive];
    }
    rolling->errors = numbers(rolling->origins);
}

static void
fill(Forecast *forecast)
{
    for (size_t origin = 0; origin < forecast->rolling.origins; origin++) {
        size_t known = forecast->series.count - origin * STEP;

        CHECK_FOR_INTERRUPTS();
        fill_actual(forecast, origin, known);
        fill_run_rate(forecast, origin, known);
        if (forecast->other != NULL)
            fill_other(forecast, origin, known);
        for (int naive = 0; naive < NAIVES; naive++)
            fill_naive(forecast, origin, known, naive);
    }
}

static bool
never_negative(const double *day, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (day[i] < 0)
            return false;
    return true;
}

/* What has been attained cannot be lost again where no day ever took anything away. */
static double
floor_of(const Forecast *forecast, size_t known)
{
    const Series *series = &forecast->series;

    if (series->level != NULL)
        return never_negative(series->level, series->count) ? 0 : -INFINITY;
    if (!never_negative(series->numerator, series->count))
        return -INFINITY;
    return series->denominator == NULL                          ? value_of(series, known, 0, 0)
           : never_negative(series->denominator, series->count) ? 0
                                                                : -INFINITY;
}

enum {
    OUT_ORIGIN,
    OUT_DAY,
    OUT_VALUE,
    OUT_LOW,
    OUT_HIGH,
    OUT_ACTUAL,
    OUT_RUN_RATE,
    OUT_OTHER,
    OUT_LAST,
    OUT_WEEK,
    OUT_YEAR,
    OUT_WEIGHT,
    OUT_ERRORS,
    OUT_COLUMNS
};

static void
put_number(Datum *values, bool *nulls, int column, double value)
{
    nulls[column] = isnan(value) || isinf(value);
    values[column] = Float8GetDatum(nulls[column] ? 0 : value);
}

static void
put_row(ReturnSetInfo *result, const Forecast *forecast, size_t origin, size_t day)
{
    const Rolling *rolling = &forecast->rolling;
    size_t known = forecast->series.count - origin * STEP, place = origin * rolling->ahead + day;
    double weight[ROLLING_SOURCES_MAX];
    double least = floor_of(forecast, known);
    RollingForecast found;
    Datum values[OUT_COLUMNS];
    bool nulls[OUT_COLUMNS] = {0};

    rolling_weights(rolling, origin, weight);
    found = rolling_forecast(rolling, origin, day, weight);
    values[OUT_ORIGIN] = Int32GetDatum((int32) origin);
    values[OUT_DAY] = Int32GetDatum((int32) day + 1);
    put_number(values, nulls, OUT_VALUE, found.value);
    put_number(values, nulls, OUT_LOW,
               isnan(found.low) ? found.low : Max(found.low, Min(least, found.value)));
    put_number(values, nulls, OUT_HIGH, found.high);
    put_number(values, nulls, OUT_ACTUAL, rolling->actual[place]);
    put_number(values, nulls, OUT_RUN_RATE, forecast->run_rate[place]);
    put_number(values, nulls, OUT_OTHER, forecast->other != NULL ? forecast->other[place] : NAN);
    for (int naive = 0; naive < NAIVES; naive++)
        put_number(values, nulls, OUT_LAST + naive,
                   origin > 0 && day == rolling->ahead - 1 ? forecast->naive[naive][place] : NAN);
    put_number(values, nulls, OUT_WEIGHT, weight[0]);
    values[OUT_ERRORS] = Int32GetDatum((int32) found.errors);
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

PG_FUNCTION_INFO_V1(crm_forecast_path);

/*
 * crm.forecast_path(numerator, denominator, stock, first_day, elapsed, ahead, share, back, by_amount, stages, entered, left_on, decided, won, starts,
 * counted, amounts, by_day): rows of the days ahead, or with `back` one for the whole horizon at each origin that is past.
 */
Datum
crm_forecast_path(PG_FUNCTION_ARGS)
{
    Forecast forecast = {.by_amount = PG_GETARG_BOOL(8)};
    Rolling *rolling = &forecast.rolling;
    int32 ahead = PG_GETARG_INT32(5);

    rolling->share = PG_GETARG_FLOAT8(6);
    if (ahead < 1 || ahead > AHEAD_MAX || !(rolling->share > 0 && rolling->share < 1))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("a forecast is of 1 to %d days", AHEAD_MAX), errhint("Ask for an earlier day."));
    rolling->ahead = (size_t) ahead;
    read_series(fcinfo, &forecast.series);
    if (!PG_ARGISNULL(9))
        read_stays(fcinfo, &forecast, 9);
    plan_origins(&forecast);
    fill(&forecast);
    InitMaterializedSRF(fcinfo, 0);
    if (PG_GETARG_BOOL(7))
        for (size_t origin = rolling->origins - 1; origin > 0; origin--)
            put_row((ReturnSetInfo *) fcinfo->resultinfo, &forecast, origin, rolling->ahead - 1);
    else
        for (size_t day = 0; day < rolling->ahead; day++)
            put_row((ReturnSetInfo *) fcinfo->resultinfo, &forecast, 0, day);
    return (Datum) 0;
}
