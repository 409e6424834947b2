/*
 * lock.c: tables of the extension for one writer at a time, who sees all that the last one committed.
 *
 * A function that looks whether something is there before it writes locks the table first. In READ COMMITTED what it then reads is what the
 * last writer left. In REPEATABLE READ and SERIALIZABLE it reads with the transaction's snapshot, which may be older, and would write what is there
 * already; Postgres itself finds that only where both transactions are SERIALIZABLE. So rows that the snapshot and the latest one see differently, and
 * that the transaction did not change itself, are a serialization failure.
 */
#include "base/compat.h"

#include "access/htup_details.h"
#include "access/relation.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "base/schema.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

/* Whether the transaction itself made this version of a row, or ended it. */
static bool
is_own(TupleTableSlot *slot)
{
    bool copied;
    HeapTuple tuple = ExecFetchSlotHeapTuple(slot, false, &copied);
    HeapTupleHeader header = tuple->t_data;
    bool own = TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetXmin(header)) ||
               (!HEAP_XMAX_IS_LOCKED_ONLY(header->t_infomask) &&
                TransactionIdIsCurrentTransactionId(HeapTupleHeaderGetUpdateXid(header)));

    if (copied)
        heap_freetuple(tuple);
    return own;
}

/* Whether one snapshot sees a row of the table that the other does not. */
static bool
sees_more(Relation table, Snapshot one, Snapshot other)
{
    TupleTableSlot *slot = table_slot_create(table, NULL);
    TableScanDesc scan = table_beginscan(table, one, 0, NULL);
    bool more = false;

    while (!more && table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
        CHECK_FOR_INTERRUPTS();
        more = !table_tuple_satisfies_snapshot(table, slot, other) && !is_own(slot);
    }
    table_endscan(scan);
    ExecDropSingleTupleTableSlot(slot);
    return more;
}

PG_FUNCTION_INFO_V1(crm_lock_current);

/* crm.lock_current(VARIADIC names): SHARE ROW EXCLUSIVE on each, in the order given. */
Datum
crm_lock_current(PG_FUNCTION_ARGS)
{
    Datum *names;
    int count;

    PreventCommandDuringRecovery("a function that writes");
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &names, NULL, &count);
    for (int i = 0; i < count; i++)
        LockRelationOid(crm_relation_oid(TextDatumGetCString(names[i])), ShareRowExclusiveLock);
    for (int i = 0; IsolationUsesXactSnapshot() && i < count; i++) {
        Relation table = table_open(crm_relation_oid(TextDatumGetCString(names[i])), NoLock);
        Snapshot mine = GetActiveSnapshot();
        Snapshot latest = RegisterSnapshot(GetLatestSnapshot());

        if (sees_more(table, latest, mine) || sees_more(table, mine, latest))
            ereport(
                ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
                errmsg("table %s was changed since this transaction began", RelationGetRelationName(table)),
                errdetail("Its snapshot does not show what is there already."),
                errhint("Try again in a new transaction, or in READ COMMITTED."));
        UnregisterSnapshot(latest);
        table_close(table, NoLock);
    }
    PG_RETURN_VOID();
}
