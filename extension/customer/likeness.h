/*
 * likeness.h: similarity.h, similarity_words.h and normal_phonetic for SQL.
 *
 * Text is compared by its characters, as Unicode, whatever the database's encoding; one that Unicode has no character for
 * counts as a question mark. In SQL_ASCII texts are UTF-8 where they are, else Latin-1. Texts are never refused but by
 * damerau_levenshtein, so that the others are leakproof: of longer ones the first LIKENESS_MAX_LENGTH characters count.
 */
#ifndef CRM_CUSTOMER_LIKENESS_H
#define CRM_CUSTOMER_LIKENESS_H

#include "postgres.h"
#include "fmgr.h"

#define LIKENESS_MAX_LENGTH 1000

extern Datum crm_jaro_winkler(PG_FUNCTION_ARGS);
extern Datum crm_damerau_levenshtein(PG_FUNCTION_ARGS);
extern Datum crm_token_similarity(PG_FUNCTION_ARGS);
extern Datum crm_monge_elkan(PG_FUNCTION_ARGS);
extern Datum crm_trigram_similarity(PG_FUNCTION_ARGS);
extern Datum crm_phonetic(PG_FUNCTION_ARGS);

#endif
