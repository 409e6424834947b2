/*
 * erase.h: how an erasure changes a team's rows: with the rights of the table's owner, never with the extension's.
 *
 * crm_change_as_owner(relation, statement) runs an UPDATE or DELETE of that table and returns how many rows it changed. What
 * hangs on the table (triggers, cascades, expressions) runs as its owner too, forced policies apart, in a security-restricted
 * operation: it can neither change role or settings beyond the statement nor leave anything behind that would run later with
 * somebody else's rights. Deferred triggers would: crm_fire_deferred() makes all constraints immediate first, with the rights of
 * whoever asked for the erasure, since triggers that his transaction has deferred run then. Triggers find names by the
 * search_path that the session began with, as they do when an application writes, and not by crm's.
 */
#ifndef CRM_CUSTOMER_ERASE_H
#define CRM_CUSTOMER_ERASE_H

#include "postgres.h"
#include "fmgr.h"

extern PGDLLEXPORT Datum crm_change_as_owner(PG_FUNCTION_ARGS);
extern PGDLLEXPORT Datum crm_fire_deferred(PG_FUNCTION_ARGS);

#endif
