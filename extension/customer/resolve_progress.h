/*
 * resolve_progress.h: how far a run of resolve is, for other sessions to see.
 *
 * A run computes without a snapshot and commits nothing meanwhile, so that rows cannot tell; the server's own progress
 * slots are for its own commands, and an extension that is not preloaded has no shared memory. So the counters stand in a
 * segment of dynamic shared memory, whose handle the run commits to resolve_run before it computes. Whoever asks attaches
 * to it for a moment. A handle that leads nowhere, or to somebody else's segment, is a run that is over.
 */
#ifndef CRM_CUSTOMER_RESOLVE_PROGRESS_H
#define CRM_CUSTOMER_RESOLVE_PROGRESS_H

#include "postgres.h"
#include "fmgr.h"
#include "port/atomics.h"
#include "storage/dsm.h"

#include "customer/linker.h"

#define RESOLVE_PROGRESS_MAGIC UINT64CONST(0x63726d7265736f6c)

typedef struct ResolveProgress {
    uint64 magic;
    int32 pid;
    pg_atomic_uint32 phase; /* of LinkPhase */
    pg_atomic_uint64 done;
    pg_atomic_uint64 total;         /* 0: not known */
    pg_atomic_uint64 phase_started; /* TimestampTz */
} ResolveProgress;

/* A segment that stays until dsm_detach; its counters begin at LINK_READING. */
extern dsm_segment *resolve_progress_create(void);
extern void resolve_progress_tell(ResolveProgress *progress, LinkPhase phase, uint64 done, uint64 total);

extern Datum crm_resolve_progress_of(PG_FUNCTION_ARGS);

#endif
