/*
 * caller.h: the role on whose behalf a statement runs.
 *
 * The outer role: SET ROLE counts, SECURITY DEFINER does not, so that a function that runs with the extension's
 * rights still knows who asked.
 *
 * But for maintenance: what ANALYZE, VACUUM, REINDEX or REFRESH evaluates belongs to the table's owner, and so does
 * what hangs on a table that crm reads as its owner. Whoever started it, a superuser or autovacuum perhaps, lends
 * it nothing: there the owner asks, or nobody (InvalidOid) where that cannot be told.
 */
#ifndef CRM_BASE_CALLER_H
#define CRM_BASE_CALLER_H

#include "postgres.h"

typedef struct CrmCaller {
    Oid role;
    bool maintains; /* a table: then nothing but the role says who asks */
} CrmCaller;

/*
 * Lets this role ask in place of the outer one (InvalidOid: not any more), and returns the one before, for whoever lends to give back
 * even after an error. For what somebody does through another's connection, with a signed token (alert/action.c).
 */
extern Oid crm_caller_lend(Oid role);
extern CrmCaller crm_caller_now(void);
/* Its role alone. */
extern Oid crm_caller_oid(void);

#endif
