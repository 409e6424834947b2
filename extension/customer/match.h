/*
 * match.h: whom a form's input could mean, for `match`, and which records are near others, for resolve_pending.
 */
#ifndef CRM_CUSTOMER_MATCH_H
#define CRM_CUSTOMER_MATCH_H

#include "postgres.h"
#include "fmgr.h"

/* match_records(attributes jsonb, kind text) SETOF (record_no bigint, probability float8, reasons jsonb) */
extern Datum crm_match_records(PG_FUNCTION_ARGS);
/* link_near(keys integer[], max_rows integer) SETOF bigint */
extern Datum crm_link_near(PG_FUNCTION_ARGS);

#endif
