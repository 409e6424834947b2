/*
 * likeness.h: similarity.h for SQL. Texts of more than LIKENESS_MAX_LENGTH characters are refused: the time grows with the
 * product of the lengths.
 */
#ifndef CRM_CUSTOMER_LIKENESS_H
#define CRM_CUSTOMER_LIKENESS_H

#include "postgres.h"
#include "fmgr.h"

#define LIKENESS_MAX_LENGTH 1000

extern Datum crm_jaro_winkler(PG_FUNCTION_ARGS);
extern Datum crm_damerau_levenshtein(PG_FUNCTION_ARGS);
extern Datum crm_token_similarity(PG_FUNCTION_ARGS);

#endif
