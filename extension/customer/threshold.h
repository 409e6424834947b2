/*
 * threshold.h: where to cut clusters, from the joins alone.
 *
 * Plain C, nothing of Postgres, nothing is allocated. No label and no number of clusters is needed: going down from sure
 * joins to doubtful ones, the number of pairs inside clusters grows, stays nearly the same between the two groups, and
 * grows again where strangers are joined. The cut is where it stays. A few records more or less do not move it far.
 */
#ifndef CRM_CUSTOMER_THRESHOLD_H
#define CRM_CUSTOMER_THRESHOLD_H

#include "customer/agglomerate.h"

#define THRESHOLD_LOWEST (-2.5)
#define THRESHOLD_HIGHEST 8.0

/* In bits, THRESHOLD_LOWEST to THRESHOLD_HIGHEST; THRESHOLD_LOWEST where there are too few joins to tell. */
extern double threshold_choose(const AgglomerateLog *log, uint32_t records);

#endif
