/*
 * band.h: what an hour or a day usually brings, by those before it, and how far one is from that.
 *
 * Plain C: knows nothing of Postgres, of zones or of holidays. value[0] is the oldest, value[count - 1] the one that is judged; one follows
 * the other without a gap. NaN says that one is left out (nothing to divide by, a holiday, an hour in which the clock was changed).
 *
 * What is usual is every step-th before the judged one, by the first season that has enough: days are compared with the same weekday where
 * there are six weeks of history and six such days, else with all days, from two weeks on; hours with the same hour of the week, else of
 * the day, by the same numbers. The middle is their median, the spread 1.4826 times the median of their distances from it (what a standard
 * deviation is where they are normal); where more than half of them are alike and that is 0, 1.2533 times the mean of the distances. The
 * score is the distance of the judged one in spreads, at most 1e6 either way, which is also where there is no spread at all.
 *
 * A number of things that happen by themselves has a spread of its own, however alike those before were: of counts the score is at most the
 * distance in what chance makes of such a number, 2 (sqrt(x + 3/8) - sqrt(middle + 3/8)). So one at night, where there never was one, is
 * nothing, and none where sixteen are usual is much. (Anscombe, The transformation of Poisson, binomial and negative-binomial data, 1948.)
 */
#ifndef CRM_ALERT_BAND_H
#define CRM_ALERT_BAND_H

#include <stddef.h>

typedef struct CrmBand {
    double middle, spread, score;
    size_t used;
} CrmBand;

typedef enum CrmGrain { CRM_DAYS, CRM_HOURS } CrmGrain;

/* counted: the values are counts. work: room for count numbers. Returns 0 and leaves band alone where the judged one or its history is not enough, else 1. */
int crm_band_judge(CrmGrain grain, int counted, const double *value, size_t count, double *work,
                   CrmBand *band);

#endif
