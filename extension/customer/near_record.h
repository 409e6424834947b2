/*
 * near_record.h: which records one that changed could be linked with.
 *
 * Its block keys bring candidates, the most promising first (key_index.h); they are compared with it, and those are near that
 * weigh at least what a full run passes on to its clusters. Inside of SPI.
 */
#ifndef CRM_CUSTOMER_NEAR_RECORD_H
#define CRM_CUSTOMER_NEAR_RECORD_H

#include "postgres.h"
#include "fmgr.h"

/* link_near(records bigint[]) SETOF bigint */
extern Datum crm_link_near(PG_FUNCTION_ARGS);

#endif
