/*
 * linker_host.h: the linker (linker.h) inside of a Postgres backend: where it spills, how it is interrupted, whom it tells
 * how far it is, and what its failures are as errors of SQL.
 *
 * The linker is plain C with threads: no error may pass through it. What Postgres raises inside of a callback is kept in
 * the host, the linker is told to stop, and link_host_check raises it once the linker has returned. FATAL is not an error
 * that can be kept: a backend that is to die is seen before anything could raise it.
 */
#ifndef CRM_CUSTOMER_LINKER_HOST_H
#define CRM_CUSTOMER_LINKER_HOST_H

#include "postgres.h"

#include "customer/linker.h"

struct ResolveProgress;

typedef struct LinkHost {
    ErrorData *error;                 /* what a callback raised, in context */
    MemoryContext context;            /* lives as long as the linker */
    struct ResolveProgress *progress; /* may be NULL */
} LinkHost;

/* Options for a linker of this backend: maintenance_work_mem, one thread, temporary files. The host must outlive the linker. */
extern LinkerOptions link_host_options(LinkHost *host, const LinkModel *model);
/* As many as max_parallel_maintenance_workers and the machine allow. */
extern int link_host_threads(void);

/* Returns where status is LINK_OK, else raises what happened. linker may be NULL. */
extern void link_host_check(LinkHost *host, const Linker *linker, LinkStatus status);

#endif
