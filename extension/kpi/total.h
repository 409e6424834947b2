/*
 * total.h: a running sum of numeric values, exact.
 *
 * Values with up to 24 digits before and 12 after the point are added as integers of 128 bits; a sum that meets any other, or outgrows
 * them, goes on as numeric. A sum shows as many decimals as the value with most of them had, as sum(numeric) does. NaN and infinities
 * are not for it: crm_total_add says so and leaves the sum as it was.
 */
#ifndef CRM_KPI_TOTAL_H
#define CRM_KPI_TOTAL_H

#include "postgres.h"
#include "utils/numeric.h"

#define CRM_TOTAL_LIMIT "1e100" /* what is not smaller is not summed */

typedef struct CrmTotal {
    int128 units;   /* of 1e-12 */
    Numeric rest;   /* what does not fit, or NULL; in the context given to crm_total_add */
    int16 decimals; /* shown */
    bool any;       /* false: nothing was added, the sum is null */
} CrmTotal;

/* Adds a numeric, perhaps packed, or with sign -1 takes it away. False where it is NaN, infinite or CRM_TOTAL_LIMIT and more. */
extern bool crm_total_add(CrmTotal *total, Datum value, int sign, MemoryContext context);
/* Adds a sum, which may be larger. */
extern void crm_total_merge(CrmTotal *total, Datum sum, MemoryContext context);
/* Adds what another one has summed up, or with sign -1 takes it away. */
extern void crm_total_join(CrmTotal *total, const CrmTotal *other, int sign, MemoryContext context);
/* The sum, palloc'd; NULL where nothing was added. */
extern Numeric crm_total_numeric(const CrmTotal *total);
extern bool crm_total_is_zero(const CrmTotal *total);
/* A numeric as a whole number of its last decimal place; false where that does not fit. */
extern bool crm_total_whole(Datum value, int64 *whole, int *decimals);
/* Whether crm_total_add would add it. */
extern bool crm_total_takes(Datum value);

#endif
