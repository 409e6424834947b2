/*
 * lend.h: running one query as somebody else, for what a principal does through crmd's connection.
 *
 * For the time of the query a signed token says who asks (crm.token), and a database role what Postgres' own rights are; both end with it, also
 * where it fails. Who may lend whom is the affair of the SQL functions that call this, none of which is open to anybody but crm.
 */
#ifndef CRM_ALERT_LEND_H
#define CRM_ALERT_LEND_H

#include "postgres.h"

typedef struct CrmLent {
    char *token;
    Oid role; /* InvalidOid: none, and the caller's rights stay */
    bool read_only;
} CrmLent;

/* The one column of the one row of sql, of a type passed by reference, in the memory context of the caller. Both are there, or it raises. */
extern Datum crm_lend_query(const CrmLent *lent, const char *sql, int count, Oid *types, Datum *values,
                            const char *nulls);

#endif
