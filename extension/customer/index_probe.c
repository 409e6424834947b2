/*
 * index_probe.c: see index_probe.h.
 */
#include "base/compat.h"
#include "base/schema.h"
#include "customer/index_probe.h"

#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

void
index_probe_open(IndexProbe *probe, const char *table, const char *index, int columns)
{
    probe->table = table_open(crm_relation_oid(table), AccessShareLock);
    probe->index = relation_open(crm_relation_oid(index), AccessShareLock);
    probe->slot = table_slot_create(probe->table, NULL);
    probe->columns = columns;
    probe->context = CurrentMemoryContext;
    probe->scan = crm_index_beginscan(probe->table, probe->index, GetActiveSnapshot(), columns);
}

TupleTableSlot *
index_probe_find(IndexProbe *probe, ScanKey keys)
{
    index_rescan(probe->scan, keys, probe->columns, NULL, 0);
    return index_probe_next(probe);
}

TupleTableSlot *
index_probe_next(IndexProbe *probe)
{
    MemoryContext before = MemoryContextSwitchTo(probe->context);
    bool found = index_getnext_slot(probe->scan, ForwardScanDirection, probe->slot);

    MemoryContextSwitchTo(before);
    return found ? probe->slot : NULL;
}

void
index_probe_close(IndexProbe *probe)
{
    index_endscan(probe->scan);
    ExecDropSingleTupleTableSlot(probe->slot);
    relation_close(probe->index, AccessShareLock);
    table_close(probe->table, AccessShareLock);
}
