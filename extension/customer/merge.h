/*
 * merge.h: how merge and unmerge touch a team's rows: never with the extension's rights.
 *
 * crm_merge_gate is the function that a user calls (merge, unmerge ...). It is no SECURITY DEFINER function, so it knows
 * whose rights its caller has at that moment; it notes them, with his search_path, and calls the function of the same
 * arguments whose name ends in _run, which is a definer's: it plans, and writes the log. One gate at a time: a trigger of a
 * team that calls merge during a merge gets an error.
 *
 * crm_is_merging() says whether a gate is open.
 *
 * crm_merge_rows(owner_of, query, params jsonb ...) runs a statement behind the gate: with the rights and the search_path of
 * the gate's caller, or with those of a table's owner (read only, forced policies apart), never with the definer's.
 * Settings that the statement changes are put back.
 *
 * crm_row_as_text(record) is a row as a JSON object of its columns' text forms, whatever DateStyle, TimeZone and the like say,
 * so that the same value has the same form in every session, and nothing is lost as to_jsonb does.
 */
#ifndef CRM_CUSTOMER_MERGE_H
#define CRM_CUSTOMER_MERGE_H

#include "postgres.h"
#include "fmgr.h"

extern PGDLLEXPORT Datum crm_merge_gate(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum crm_is_merging(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum crm_merge_rows(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum crm_row_as_text(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum crm_row_key(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum crm_row_pick(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum crm_row_difference(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum crm_row_columns(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum crm_row_list_add(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum crm_row_list_end(PG_FUNCTION_ARGS);

#endif
