/*
 * duration.c: see duration.h.
 *
 * The product-limit estimate multiplies, at each duration at which some end, by the share of those still there that do not.
 * Between two censored durations these factors cancel to a quotient of two counts, and are taken so: without censoring the
 * estimate is the plain share, exactly.
 */
#include "funnel/duration.h"

#include <math.h>
#include <stdlib.h>

/* What is left of rounding when an estimate that should equal a share is compared with it. */
#define SAME 1e-12

static void
swap(double *a, double *b)
{
    double kept = *a;

    *a = *b;
    *b = kept;
}

/* Hoare's selection, by the median of three: after it, values[k] is the k-th least and none after it is less. */
static void
select_value(double *values, size_t count, size_t k)
{
    size_t low = 0;
    size_t high = count - 1;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        size_t i = low;
        size_t j = high;
        double pivot;

        if (values[middle] < values[low])
            swap(&values[middle], &values[low]);
        if (values[high] < values[low])
            swap(&values[high], &values[low]);
        if (values[high] < values[middle])
            swap(&values[high], &values[middle]);
        pivot = values[middle];
        for (;;) {
            while (values[i] < pivot)
                i++;
            while (pivot < values[j])
                j--;
            if (i >= j)
                break;
            swap(&values[i++], &values[j--]);
        }
        if (k <= j)
            high = j;
        else
            low = j + 1;
    }
}

double
duration_quantile(double *values, size_t count, double q)
{
    double place = q * (double) (count - 1);
    size_t lower = (size_t) floor(place);
    double next = INFINITY;

    select_value(values, count, lower);
    if (place <= (double) lower)
        return values[lower];
    for (size_t i = lower + 1; i < count; i++)
        next = fmin(next, values[i]);
    return values[lower] + (place - (double) lower) * (next - values[lower]);
}

double
duration_mean(const double *values, size_t count)
{
    long double sum = 0; /* exact for whole numbers, so that their order makes no difference */

    for (size_t i = 0; i < count; i++)
        sum += values[i];
    return (double) (sum / count);
}

static int
compare(const void *left, const void *right)
{
    double a = *(const double *) left;
    double b = *(const double *) right;

    return (a > b) - (a < b);
}

void
survival_sort(Survival *survival)
{
    if (survival->ended_count > 0)
        qsort(survival->ended, survival->ended_count, sizeof(double), compare);
    if (survival->open_count > 0)
        qsort(survival->open, survival->open_count, sizeof(double), compare);
}

/* The estimate as it stands after all that ended up to some duration. */
typedef struct Estimate {
    double share;
    double base; /* share and how many were there when somebody was censored last */
    size_t base_there;
    size_t there;
    size_t ended; /* how many are counted */
    size_t open;
} Estimate;

static Estimate
begin(const Survival *survival)
{
    size_t all = survival->ended_count + survival->open_count;

    return (Estimate){1, 1, all, all, 0, 0};
}

/* Goes on to the next duration at which some end. */
static double
advance(const Survival *survival, Estimate *estimate)
{
    double at = survival->ended[estimate->ended];
    size_t open = estimate->open;

    while (open < survival->open_count && survival->open[open] < at)
        open++;
    if (open > estimate->open) {
        estimate->there -= open - estimate->open;
        estimate->open = open;
        estimate->base = estimate->share;
        estimate->base_there = estimate->there;
    }
    for (; estimate->ended < survival->ended_count && survival->ended[estimate->ended] <= at;
         estimate->ended++)
        estimate->there--;
    estimate->share = estimate->base * ((double) estimate->there / (double) estimate->base_there);
    return at;
}

double
survival_quantile(const Survival *survival, double q)
{
    Estimate estimate = begin(survival);

    while (estimate.ended < survival->ended_count) {
        double at = advance(survival, &estimate);

        if (estimate.share <= 1 - q + SAME)
            return at;
    }
    return INFINITY;
}

double
survival_share(const Survival *survival, double duration)
{
    Estimate estimate = begin(survival);

    while (estimate.ended < survival->ended_count && survival->ended[estimate.ended] <= duration)
        (void) advance(survival, &estimate);
    if (estimate.ended == survival->ended_count && estimate.share > 0 &&
        (survival->open_count == 0 || survival->open[survival->open_count - 1] < duration))
        return NAN;
    return estimate.share;
}
