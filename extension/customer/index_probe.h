/*
 * index_probe.h: rows of one of crm's own tables by an index, one after the other, for look-ups by the hundred in one call.
 *
 * Table, index and scan are opened once and serve every look-up. What was opened belongs to the resource owner of the moment, so
 * an error gives it back; without one index_probe_close has to be called. No rights are applied.
 */
#ifndef CRM_CUSTOMER_INDEX_PROBE_H
#define CRM_CUSTOMER_INDEX_PROBE_H

#include "postgres.h"
#include "access/genam.h"
#include "access/skey.h"
#include "executor/tuptable.h"
#include "utils/relcache.h"

typedef struct IndexProbe {
    Relation table;
    Relation index;
    TupleTableSlot *slot;
    IndexScanDesc scan;
    int columns;
    MemoryContext
        context; /* it was opened in: what a scan keeps from one row to the next is allocated there */
} IndexProbe;

/* The index's first columns are asked for; it is a btree. As of the active snapshot. */
extern void index_probe_open(IndexProbe *probe, const char *table, const char *index, int columns);
/* The first row whose columns equal the keys, or NULL; it stays until the next look-up. */
extern TupleTableSlot *index_probe_find(IndexProbe *probe, ScanKey keys);
/* The one after it, likewise. */
extern TupleTableSlot *index_probe_next(IndexProbe *probe);
extern void index_probe_close(IndexProbe *probe);

#endif
