/*
 * small_linker.h: a linker of a handful of records and the model in force: those that changed and those near them, a form's
 * input and whom it may mean.
 *
 * It lives in a memory context of its own below the current one, and is freed with it, also by an error. All of this is
 * called inside of SPI.
 */
#ifndef CRM_CUSTOMER_SMALL_LINKER_H
#define CRM_CUSTOMER_SMALL_LINKER_H

#include "postgres.h"
#include "fmgr.h"

#include "customer/linker.h"
#include "customer/linker_host.h"

typedef struct SmallLinker {
    MemoryContext context;
    MemoryContextCallback at_end;
    LinkHost host;
    Linker *linker;
    int64 *number; /* record_no of each node, 0 of one that is no record */
    LinkKind *kind;
    int count;
    int room;
} SmallLinker;

/* only_first: see linker.h */
extern SmallLinker *small_linker_open(const LinkModel *model, bool only_first);
extern void small_linker_close(SmallLinker *linker);
extern void small_linker_add(SmallLinker *linker, const LinkInput *input, int64 number);
/* Adds the records of these numbers in the order of the numbers; those that are gone are left out. */
extern void small_linker_add_records(SmallLinker *linker, const int64 *numbers, int count);

/* Of a node; after the first call no record can be added. keys has room for LINK_MAX_KEYS. */
extern int small_linker_keys(SmallLinker *linker, int node, LinkKey *keys);

extern Datum crm_link_cluster(PG_FUNCTION_ARGS);
extern Datum crm_link_explain(PG_FUNCTION_ARGS);

#endif
