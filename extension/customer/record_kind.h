/*
 * record_kind.h: whether a record is a person's or an organisation's, by a team's own word for it or by the names that it has.
 */
#ifndef CRM_CUSTOMER_RECORD_KIND_H
#define CRM_CUSTOMER_RECORD_KIND_H

#include "postgres.h"
#include "fmgr.h"

#include "customer/linker.h"

/* What is known; NULL is not. LINK_ANY where nothing tells. */
extern LinkKind record_kind(const text *kind, const text *given_name, const text *family_name,
                            const text *full_name, const text *company);

/* record_kind(kind text, given_name text, family_name text, full_name text, company text) text */
extern Datum crm_record_kind(PG_FUNCTION_ARGS);

#endif
