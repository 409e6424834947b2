/*
 * kept_plan.h: plans for queries over crm's own tables, of a call or of the session. Where a query cannot be prepared it is an error.
 *
 * A plan of the session names the extension's schema. It is made at the first use, and again where the extension is another one by then: dropped
 * and created anew, perhaps in another schema. Inside of SPI.
 */
#ifndef CRM_BASE_KEPT_PLAN_H
#define CRM_BASE_KEPT_PLAN_H

#include "postgres.h"
#include "executor/spi.h"

typedef struct KeptPlan { /* static, zeroed */
    SPIPlanPtr plan;
    Oid extension;
} KeptPlan;

/* A plan that ends with the SPI connection. */
extern SPIPlanPtr plan_prepare(const char *query, int count, Oid *types);

extern bool kept_plan_ready(KeptPlan *kept);
/* Where it is not ready. Planned once for all values. */
extern void kept_plan_make(KeptPlan *kept, const char *query, int count, Oid *types);

#endif
