/*
 * link_forget.h: what linking keeps of records by the hashes of their values, for erasures.
 *
 * link_hashes(numbers) tells the hashes that link_frequency could have of the records' values and words; key_index_forget(numbers)
 * takes the records out of every build of link_block, and with them the keys that nobody else has.
 */
#ifndef CRM_CUSTOMER_LINK_FORGET_H
#define CRM_CUSTOMER_LINK_FORGET_H

#include "postgres.h"
#include "fmgr.h"

extern Datum crm_link_hashes(PG_FUNCTION_ARGS);
extern Datum crm_key_index_forget(PG_FUNCTION_ARGS);

#endif
