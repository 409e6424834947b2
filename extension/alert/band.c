/*
 * band.c: see band.h.
 */
#include "alert/band.h"

#include <math.h>
#include <stdlib.h>

#define SCORE_MOST 1e6

/* Every step-th is compared with, where there are at least so many before it (history), and so many of those to use (used). */
typedef struct Season {
    size_t step, history, used;
} Season;

static const Season seasons[][2] = {
    [CRM_DAYS] = {{7, 42, 6}, {1, 0, 14}},
    [CRM_HOURS] = {{7 * 24, 42 * 24, 6}, {24, 0, 14}},
};

static int
compare(const void *a, const void *b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}

static double
median_of(double *number, size_t count)
{
    qsort(number, count, sizeof(double), compare);
    return count % 2 == 1 ? number[count / 2] : number[count / 2 - 1] / 2 + number[count / 2] / 2;
}

/* Every step-th before the last that is not left out. */
static size_t
gather(const double *value, size_t count, size_t step, double *work)
{
    size_t used = 0;

    for (size_t back = step; back < count; back += step)
        if (!isnan(value[count - 1 - back]))
            work[used++] = value[count - 1 - back];
    return used;
}

/* How far a count is from another in what chance makes of it. */
static double
chance(double value, double middle)
{
    return 2 * (sqrt(fmax(value, 0) + 0.375) - sqrt(fmax(middle, 0) + 0.375));
}

int
crm_band_judge(CrmGrain grain, int counted, const double *value, size_t count, double *work, CrmBand *band)
{
    size_t used = 0;
    double middle, spread, sum = 0, off;
    const Season *season = seasons[grain];

    if (count == 0 || isnan(value[count - 1]))
        return 0;
    if (count > season->history)
        used = gather(value, count, season->step, work);
    if (used < season->used) {
        season++;
        used = gather(value, count, season->step, work);
        if (used < season->used)
            return 0;
    }
    middle = median_of(work, used);
    for (size_t i = 0; i < used; i++) {
        work[i] = fabs(work[i] - middle);
        sum += work[i];
    }
    spread = 1.4826 * median_of(work, used);
    if (!(spread > 0))
        spread = 1.2533 * sum / (double) used;
    off = value[count - 1] - middle;
    band->middle = middle;
    band->spread = spread;
    band->used = used;
    if (off == 0)
        band->score = 0;
    else if (fabs(off) >= SCORE_MOST * spread)
        band->score = off > 0 ? SCORE_MOST : -SCORE_MOST;
    else
        band->score = off / spread;
    if (counted && fabs(chance(value[count - 1], middle)) < fabs(band->score))
        band->score = chance(value[count - 1], middle);
    return 1;
}
