/*
 * rolling.c: weights come from whole horizons, since those are what is asked for; errors from the horizon of each day. A weight is the
 * square of how much better than the first a source was: sources that are as good are averaged, one that is three times as far off has
 * next to nothing to say.
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

/* The sums of squared errors of a source and of the first one over the whole horizon, at the origins where both knew something; of how many. */
static size_t
squared_errors(const Rolling *rolling, const double *path, size_t origin, double *error, double *first)
{
    size_t day = rolling->ahead - 1, count = 0;

    *error = *first = 0;
    for (size_t judge = first_judge(rolling, origin, day); judge < rolling->origins; judge++) {
        double actual = at(rolling, rolling->actual, judge, day);
        double off = actual - at(rolling, path, judge, day);
        double first_off = actual - at(rolling, rolling->path[0], judge, day);

        if (isnan(off) || isnan(first_off))
            continue;
        *error += off * off;
        *first += first_off * first_off;
        count++;
    }
    return count;
}

void
rolling_weights(const Rolling *rolling, size_t origin, double *weight)
{
    bool knows[ROLLING_SOURCES_MAX], enough[ROLLING_SOURCES_MAX], any = false;
    double sum = 0;

    for (int source = 0; source < rolling->sources; source++) {
        double error, first, relative;

        knows[source] = !isnan(at(rolling, rolling->path[source], origin, rolling->ahead - 1));
        enough[source] =
            squared_errors(rolling, rolling->path[source], origin, &error, &first) >= ROLLING_ORIGINS_MIN &&
            knows[source];
        any = any || enough[source];
        relative = (error + DBL_MIN) / (first + DBL_MIN);
        weight[source] = 1 / (relative * relative);
    }
    for (int source = 0; source < rolling->sources; source++) {
        if (any ? !enough[source] : !knows[source] || source >= rolling->models)
            weight[source] = 0;
        else if (!any)
            weight[source] = 1;
        sum += weight[source];
    }
    for (int source = 0; source < rolling->sources && sum > 0; source++)
        weight[source] = isinf(sum) ? isinf(weight[source]) : weight[source] / sum;
}

/* Of the sources that know; where some do not, the others stand for them. */
static double
combined(const Rolling *rolling, size_t origin, size_t day, const double *weight)
{
    double value = 0, sum = 0;

    for (int source = 0; source < rolling->sources; source++) {
        double expected = at(rolling, rolling->path[source], origin, day);

        if (weight[source] > 0 && !isnan(expected)) {
            value += weight[source] * expected;
            sum += weight[source];
        }
    }
    return sum > 0 ? value / sum : NAN;
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
