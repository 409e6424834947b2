/*
 * band.c: see band.h.
 */
#include "alert/band.h"

#include <math.h>
#include <stdlib.h>

#define WEEK 7
#define SEASONAL_DAYS 42 /* a history of six weeks */
#define SEASONAL_USED 6
#define PLAIN_USED 14
#define SCORE_MOST 1e6

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

/* Every step-th day before the last that is not left out. */
static size_t
gather(const double *day, size_t count, size_t step, double *work)
{
    size_t used = 0;

    for (size_t back = step; back < count; back += step)
        if (!isnan(day[count - 1 - back]))
            work[used++] = day[count - 1 - back];
    return used;
}

int
crm_band_judge(const double *day, size_t count, double *work, CrmBand *band)
{
    size_t used = 0;
    double middle, spread, sum = 0, off;

    if (count == 0 || isnan(day[count - 1]))
        return 0;
    if (count > SEASONAL_DAYS)
        used = gather(day, count, WEEK, work);
    if (used < SEASONAL_USED) {
        used = gather(day, count, 1, work);
        if (used < PLAIN_USED)
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
    off = day[count - 1] - middle;
    band->middle = middle;
    band->spread = spread;
    band->used = used;
    if (off == 0)
        band->score = 0;
    else if (fabs(off) >= SCORE_MOST * spread)
        band->score = off > 0 ? SCORE_MOST : -SCORE_MOST;
    else
        band->score = off / spread;
    return 1;
}
