/*
 * duration.h: what is said of many durations: quantiles, the mean, and how long things last of which some have not ended.
 * Plain C: knows nothing of Postgres. Durations are in whatever unit the caller likes, finite numbers.
 */
#ifndef CRM_FUNNEL_DURATION_H
#define CRM_FUNNEL_DURATION_H

#include <stddef.h>

/*
 * The quantile q (0 to 1), between the two nearest values where it falls between, as percentile_cont of SQL. There is a value
 * at least; they are put into another order.
 */
extern double duration_quantile(double *values, size_t count, double q);
/* There is a value at least. */
extern double duration_mean(const double *values, size_t count);

/*
 * Kaplan and Meier's product-limit estimate: durations that have ended, and those that had not when they were last looked
 * at (censored), both ascending. What is censored when something ends was there when it ended.
 */
typedef struct Survival {
    double *ended;
    size_t ended_count;
    double *open;
    size_t open_count;
} Survival;

/* Puts both into order. */
extern void survival_sort(Survival *survival);
/* The least duration after which a share of 1 - q is left or less, 0 < q <= 1; INFINITY where that is never seen. */
extern double survival_quantile(const Survival *survival, double q);
/* The share that lasts longer than a duration. NAN where nobody can say: the last that was looked at was shorter, and open. */
extern double survival_share(const Survival *survival, double duration);

#endif
