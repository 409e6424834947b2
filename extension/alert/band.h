/*
 * band.h: what a day usually brings, by the days before it, and how far the day is from that.
 *
 * Plain C: knows nothing of Postgres, of zones or of holidays. day[0] is the oldest, day[count - 1] the one that is judged; one follows the
 * other without a gap. NaN says that a day is left out (nothing to divide by, a holiday).
 *
 * With a history of six weeks or more, of which six days have the weekday of the one that is judged, those are what is usual, else all
 * days are, from two weeks on. The middle is their median, the spread 1.4826 times the median of their distances from it (what a
 * standard deviation is where they are normal); where more than half of them are alike and that is 0, 1.2533 times the mean of the
 * distances. The score is the distance of the judged day in spreads, at most 1e6 either way, which is also where there is no spread at all.
 */
#ifndef CRM_ALERT_BAND_H
#define CRM_ALERT_BAND_H

#include <stddef.h>

typedef struct CrmBand {
    double middle, spread, score;
    size_t used;
} CrmBand;

/* work: room for count numbers. Returns 0 and leaves band alone where the judged day or its history is not enough, else 1. */
int crm_band_judge(const double *day, size_t count, double *work, CrmBand *band);

#endif
