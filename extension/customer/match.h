/*
 * match.h: whom a form's input could mean, and which records are near others, for resolve_pending.
 */
#ifndef CRM_CUSTOMER_MATCH_H
#define CRM_CUSTOMER_MATCH_H

#include "postgres.h"
#include "fmgr.h"

/* match(attributes jsonb, max_rows integer) SETOF (relation, record_key, customer_id, probability, reasons) */
extern Datum crm_match(PG_FUNCTION_ARGS);

#endif
