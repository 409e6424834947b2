/*
 * kept_plan.h: plans that stay in the session, for queries over crm's own tables.
 *
 * A plan names the extension's schema. It is made at the first use, and again where the extension is another one by then: dropped
 * and created anew, perhaps in another schema. Inside of SPI.
 */
#ifndef CRM_CUSTOMER_KEPT_PLAN_H
#define CRM_CUSTOMER_KEPT_PLAN_H

#include "postgres.h"
#include "executor/spi.h"

typedef struct KeptPlan { /* static, zeroed */
    SPIPlanPtr plan;
    Oid extension;
} KeptPlan;

extern bool kept_plan_ready(KeptPlan *kept);
/* Where it is not ready. Planned once for all values. */
extern void kept_plan_make(KeptPlan *kept, const char *query, int count, Oid *types);

#endif
