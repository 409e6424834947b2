/*
 * rolling.c: weights come from whole horizons, since those are what is asked for; errors from the horizon of each day.
 */
#include "kpi/rolling.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* The first origin whose days up to `day` were over at another. */
static size_t
first_judge(const Rolling *rolling, size_t origin, size_t day)
{
    return origin + (day + rolling->step) / rolling->step;
}

static double
at(const Rolling *rolling, const double *array, size_t origin, size_t day)
{
    return array[origin * rolling->ahead + day];
}

static double
squared_error(const Rolling *rolling, const double *path, size_t origin, size_t *count)
{
    size_t day = rolling->ahead - 1;
    double sum = 0;

    *count = 0;
    for (size_t judge = first_judge(rolling, origin, day); judge < rolling->origins; judge++) {
        double error = at(rolling, rolling->actual, judge, day) - at(rolling, path, judge, day);

        if (isnan(error))
            continue;
        sum += error * error;
        ++*count;
    }
    return *count > 0 ? sum / (double) *count : NAN;
}

void
rolling_weights(const Rolling *rolling, size_t origin, double *weight)
{
    double sum = 0;
    bool enough = true;

    for (int source = 0; source < rolling->sources; source++) {
        size_t count;
        double error = squared_error(rolling, rolling->path[source], origin, &count);
        bool knows = !isnan(at(rolling, rolling->path[source], origin, rolling->ahead - 1));

        weight[source] = knows ? 1 / ((count > 0 ? error : 0) + DBL_MIN) : 0;
        enough = enough && (!knows || count >= ROLLING_ORIGINS_MIN);
    }
    for (int source = 0; source < rolling->sources; source++) {
        if (!enough)
            weight[source] = weight[source] > 0;
        sum += weight[source];
    }
    for (int source = 0; source < rolling->sources && sum > 0; source++)
        weight[source] = isinf(sum) ? isinf(weight[source]) : weight[source] / sum;
}

static double
combined(const Rolling *rolling, size_t origin, size_t day, const double *weight)
{
    double value = 0;

    for (int source = 0; source < rolling->sources; source++)
        if (weight[source] > 0)
            value += weight[source] * at(rolling, rolling->path[source], origin, day);
    return value;
}

static int
ascending(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}

/* Errors are in units of the root of what was expected, as long as anything was: what counts twice as much varies half as much more again. */
static double
unit_of(const Rolling *rolling, size_t origin, size_t day, bool scaled)
{
    return scaled ? sqrt(at(rolling, rolling->size, origin, day)) : 1;
}

/* Horizons that overlap are off together: so many errors are worth no more than there are horizons side by side. */
static double
side_by_side(const Rolling *rolling, size_t errors, size_t day)
{
    double apart = (double) rolling->step / (double) (day + 1);

    return (double) errors * fmin(1, apart);
}

/* Of so many errors in order the one, from 1 on, that an interval ends with: one more is to come, which may be the outermost. */
static size_t
place_of(size_t errors, double independent, double tail)
{
    double beyond = fmax(0, ((independent + 1) * tail - 1) / independent);

    return 1 + (size_t) floor((double) errors * beyond + 1e-9);
}

RollingForecast
rolling_forecast(const Rolling *rolling, size_t origin, size_t day, const double *weight)
{
    RollingForecast forecast = {combined(rolling, origin, day, weight), NAN, NAN, 0};
    size_t first = first_judge(rolling, origin, day);
    bool scaled = rolling->size != NULL && at(rolling, rolling->size, origin, day) > 0;
    double independent;
    size_t place;

    for (size_t judge = first; scaled && judge < rolling->origins; judge++)
        scaled = !(at(rolling, rolling->size, judge, day) <= 0);
    for (size_t judge = first; judge < rolling->origins; judge++) {
        double error = at(rolling, rolling->actual, judge, day) - combined(rolling, judge, day, weight);

        if (!isnan(error))
            rolling->errors[forecast.errors++] = error / unit_of(rolling, judge, day, scaled);
    }
    independent = side_by_side(rolling, forecast.errors, day);
    if (independent * (1 - rolling->share) < 1 + rolling->share - 1e-9)
        return forecast; /* not even from the lowest to the highest would hold so many */
    place = place_of(forecast.errors, independent, (1 - rolling->share) / 2);
    qsort(rolling->errors, forecast.errors, sizeof(double), ascending);
    forecast.low = forecast.value + rolling->errors[place - 1] * unit_of(rolling, origin, day, scaled);
    forecast.high =
        forecast.value + rolling->errors[forecast.errors - place] * unit_of(rolling, origin, day, scaled);
    forecast.low = fmin(forecast.low, forecast.value);
    forecast.high = fmax(forecast.high, forecast.value);
    return forecast;
}
