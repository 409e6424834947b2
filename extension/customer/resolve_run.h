/*
 * resolve_run.h: one run of linking, over several transactions of a session.
 *
 * resolve (sql/customer/50-resolve.sql) calls the functions below in their order. What they share, the linker above all,
 * belongs to the session and not to a transaction, and is given back at the end or by whatever aborts the transaction
 * that is under way: an error, a cancel, a lost client. The lock that keeps a second run away goes the same way.
 *
 * resolve_pending makes a run inside of its one transaction.
 */
#ifndef CRM_CUSTOMER_RESOLVE_RUN_H
#define CRM_CUSTOMER_RESOLVE_RUN_H

#include "postgres.h"
#include "fmgr.h"

#include "customer/linker.h"

typedef struct ResolveRun ResolveRun;

/* The run of this session, which must have got as far as the linker's end; raises otherwise. */
extern ResolveRun *resolve_run_done(void);
extern Linker *resolve_run_linker(const ResolveRun *run);
extern int64 resolve_run_number(const ResolveRun *run, uint32 node);
extern uint32 resolve_run_count(const ResolveRun *run);
/* How far the writing is, for whoever watches; total 0: not known. */
extern void resolve_run_tell(uint64 done, uint64 total);

extern Datum crm_resolve_begin(PG_FUNCTION_ARGS); /* procedure: refuses transaction blocks and a second run */
extern Datum
    crm_resolve_try_begin(PG_FUNCTION_ARGS); /* for resolve_pending: false where another run is under way */
extern Datum crm_resolve_segment(PG_FUNCTION_ARGS); /* handle of the progress segment */
extern Datum crm_resolve_read(PG_FUNCTION_ARGS);    /* reads records and verdicts in the present snapshot */
extern Datum crm_resolve_compute(PG_FUNCTION_ARGS); /* procedure: commits, then links without a snapshot */
extern Datum crm_resolve_compute_here(PG_FUNCTION_ARGS);
extern Datum crm_resolve_result(PG_FUNCTION_ARGS); /* records and the labels of their clusters */
extern Datum crm_resolve_report(PG_FUNCTION_ARGS);
extern Datum crm_resolve_doubts(PG_FUNCTION_ARGS);
extern Datum crm_resolve_end(PG_FUNCTION_ARGS);

#endif
