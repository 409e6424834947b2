/*
 * search.h: whether a text holds one of some words, for searches through every column of a database.
 *
 * holds_any(document text, words text[], digits text[]): words are in lower case and are found whatever the document's case;
 * digits are found whatever stands between the document's letters and digits, as phones are written. Neither holds a NULL.
 */
#ifndef CRM_CUSTOMER_SEARCH_H
#define CRM_CUSTOMER_SEARCH_H

#include "postgres.h"
#include "fmgr.h"

extern Datum crm_holds_any(PG_FUNCTION_ARGS);

#endif
