/*
 * take.c: the reading half of a fold. Deletes pending changes and hands out what they add up to; the SQL of fold() adds that to the
 * rollup in the same statement.
 *
 * What is not visible is left alone, and so is what somebody else is deleting: a change is added by whoever deleted it. What
 * outgrows memory is handed out in pieces, which the SQL adds up before it touches the rollup.
 */
#include "base/compat.h"

#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "base/schema.h"
#include "common/md5.h"
#include "executor/tuptable.h"
#include "fmgr.h"
#include "funcapi.h"
#include "kpi/change.h"
#include "kpi/pending.h"
#include "kpi/piece.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"
#include "utils/uuid.h"

#include "catalog/pg_type.h"

/* Columns of take_pending: the key and the sums, then, in the first row of a set of dimensions, their values, then what was done. */
enum {
    OUT_PART = 0,
    OUT_DIMS_ID = CRM_PART_COLUMNS,
    OUT_FIRST,
    OUT_DIMS,
    OUT_TAKEN = OUT_DIMS + CRM_DIMS,
    OUT_REST,
    OUT_PIECES,
    OUT_COUNTED, /* in rows that have no sums */
    OUT_COLUMNS
};

typedef struct Take {
    ReturnSetInfo *result;
    CrmChanges *changes;
    TupleDesc part_desc;
    TupleDesc value_desc;
    MemoryContext row_context;
    int64 taken;
    int64 pieces;
    bool rest; /* something is left */
} Take;

static TimestampTz last_taken = 0; /* by this session */

/* An id for a set of values: their hash, which every folder finds by itself. */
static void
hash_dims(text *const *dims, pg_uuid_t *id)
{
    char bytes[CRM_DIMS * (sizeof(int16) + CRM_DIM_BYTES)];
    const char *error = NULL;
    Size length = 0;

    for (int i = 0; i < CRM_DIMS; i++) {
        int16 size = dims[i] ? (int16) VARSIZE_ANY_EXHDR(dims[i]) : -1;

        memcpy(bytes + length, &size, sizeof(size));
        length += sizeof(size);
        if (size > 0) {
            memcpy(bytes + length, VARDATA_ANY(dims[i]), size);
            length += size;
        }
    }
    if (!pg_md5_binary(bytes, length, id->data, &error))
        elog(ERROR, "could not hash dimensions: %s", error);
}

/* Puts out a row, with the dimensions where it is the first of theirs. */
static void
put_row(const Take *take, const CrmGroupChange *change, Datum *values, bool *nulls, bool first)
{
    values[OUT_FIRST] = BoolGetDatum(first);
    for (int dim = 0; dim < CRM_DIMS; dim++) {
        values[OUT_DIMS + dim] = PointerGetDatum(change->dims[dim]);
        nulls[OUT_DIMS + dim] = !first || change->dims[dim] == NULL;
    }
    tuplestore_putvalues(take->result->setResult, take->result->setDesc, values, nulls);
}

static void
put_values(const Take *take, const CrmGroupChange *change, Datum *values, bool *nulls)
{
    memset(nulls + OUT_PART, true, CRM_PART_COLUMNS);
    nulls[OUT_PART + CRM_PART_INSTANCE] = false;
    nulls[OUT_PART + CRM_PART_DAY] = false;
    nulls[OUT_COUNTED] = false;
    for (int used = 0; used < change->value_count;) {
        Datum columns[CRM_VALUE_PART_COLUMNS];
        bool first = used == 0 && change->part_count == 0;

        used += crm_pending_value_part(change->values + used, change->value_count - used, columns);
        values[OUT_PART + CRM_PART_INSTANCE] = columns[CRM_VALUE_PART_INSTANCE];
        values[OUT_PART + CRM_PART_DAY] = columns[CRM_VALUE_PART_DAY];
        values[OUT_COUNTED] = columns[CRM_VALUE_PART_PIECE];
        put_row(take, change, values, nulls, first);
        pfree(DatumGetPointer(values[OUT_COUNTED]));
    }
}

static void
taken_sink(void *arg, const CrmGroupChange *change)
{
    const Take *take = arg;
    pg_uuid_t id;
    Datum values[OUT_COLUMNS] = {0};
    bool nulls[OUT_COLUMNS];

    hash_dims(change->dims, &id);
    memset(nulls, true, sizeof(nulls));
    values[OUT_DIMS_ID] = UUIDPGetDatum(&id);
    nulls[OUT_DIMS_ID] = false;
    nulls[OUT_FIRST] = false;
    for (int i = 0; i < change->part_count; i++) {
        crm_pending_part(change->parts[i], values + OUT_PART, nulls + OUT_PART);
        put_row(take, change, values, nulls, i == 0);
    }
    put_values(take, change, values, nulls);
}

/* The parts of one row, all of one set of dimensions. */
typedef struct TakenRow {
    CrmChanges *changes;
    int32 group;
} TakenRow;

static void
add_part(void *arg, const Datum *values, const bool *nulls)
{
    const TakenRow *row = arg;
    CrmPartKey key = {.group = row->group,
                      .instance = DatumGetInt32(values[CRM_PART_INSTANCE]),
                      .day = DatumGetDateADT(values[CRM_PART_DAY])};

    crm_changes_merge(row->changes, key, DatumGetInt64(values[CRM_PART_ROWS]),
                      DatumGetInt64(values[CRM_PART_INVALID]), values + CRM_PART_SUMS, nulls + CRM_PART_SUMS);
}

static void
add_values(void *arg, const Datum *values, const bool *nulls)
{
    const TakenRow *row = arg;
    CrmPartKey key = {.group = row->group,
                      .instance = DatumGetInt32(values[CRM_VALUE_PART_INSTANCE]),
                      .day = DatumGetDateADT(values[CRM_VALUE_PART_DAY])};
    PieceReader reader = crm_piece_read(DatumGetByteaPP(values[CRM_VALUE_PART_PIECE]));
    PieceEntry entry;

    while (crm_piece_next(&reader, &entry))
        crm_changes_count(row->changes, key, entry.value, entry.length, entry.count);
}

static void
add_row(Take *take, TupleTableSlot *slot)
{
    MemoryContext old = MemoryContextSwitchTo(take->row_context);
    TakenRow row = {.changes = take->changes};

    slot_getallattrs(slot);
    row.group = crm_changes_group(take->changes, slot->tts_values + CRM_PENDING_DIMS,
                                  slot->tts_isnull + CRM_PENDING_DIMS);
    crm_pending_read(slot, take->part_desc, add_part, &row);
    crm_pending_read_values(slot, take->value_desc, add_values, &row);
    MemoryContextSwitchTo(old);
    MemoryContextReset(take->row_context);
}

static bool
delete_row(Relation rel, TupleTableSlot *slot, Snapshot snapshot)
{
    TM_FailureData failure;

    return table_tuple_delete(rel, &slot->tts_tid, GetCurrentCommandId(true), snapshot, InvalidSnapshot,
                              false, &failure, false) == TM_Ok;
}

static void
hand_out(Take *take)
{
    crm_changes_flush(take->changes);
    take->pieces++;
}

static void
take_rows(Take *take, Relation rel, int64 max_rows)
{
    Snapshot snapshot = GetActiveSnapshot();
    TupleTableSlot *slot = table_slot_create(rel, NULL);
    TableScanDesc scan = table_beginscan_strat(rel, snapshot, 0, NULL, true, false);

    while (!take->rest && table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
        CHECK_FOR_INTERRUPTS();
        if (take->taken >= max_rows) {
            take->rest = true;
        } else if (delete_row(rel, slot, snapshot)) {
            take->taken++;
            add_row(take, slot);
            if (crm_changes_full(take->changes))
                hand_out(take);
        }
    }
    table_endscan(scan);
    ExecDropSingleTupleTableSlot(slot);
}

PG_FUNCTION_INFO_V1(crm_take_pending);

/* crm.take_pending(max_rows bigint): see the columns above; the last row says what was done. */
Datum
crm_take_pending(PG_FUNCTION_ARGS)
{
    Take take = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
    Relation rel = table_open(crm_relation_oid("kpi_pending"), RowExclusiveLock);
    Datum values[OUT_COLUMNS] = {0};
    bool nulls[OUT_COLUMNS];

    InitMaterializedSRF(fcinfo, 0);
    take.part_desc = crm_pending_part_desc();
    take.value_desc = crm_pending_value_desc();
    take.row_context = AllocSetContextCreate(CurrentMemoryContext, "crm taken row", ALLOCSET_SMALL_SIZES);
    take.changes = crm_changes_begin(taken_sink, &take);
    take_rows(&take, rel, PG_GETARG_INT64(0));
    hand_out(&take);
    crm_changes_end(take.changes);
    table_close(rel, NoLock);
    if (take.taken > 0)
        last_taken = GetCurrentTimestamp();
    memset(nulls, true, sizeof(nulls));
    values[OUT_TAKEN] = Int64GetDatum(take.taken);
    nulls[OUT_TAKEN] = false;
    values[OUT_REST] = BoolGetDatum(take.rest);
    nulls[OUT_REST] = false;
    values[OUT_PIECES] = Int64GetDatum(take.pieces);
    nulls[OUT_PIECES] = false;
    tuplestore_putvalues(take.result->setResult, take.result->setDesc, values, nulls);
    return (Datum) 0;
}

PG_FUNCTION_INFO_V1(crm_last_taken);

/* crm.last_taken(): when this session last folded something, or NULL. */
Datum
crm_last_taken(PG_FUNCTION_ARGS)
{
    if (last_taken == 0)
        PG_RETURN_NULL();
    PG_RETURN_TIMESTAMPTZ(last_taken);
}
