/*
 * pending.c: writes kpi_pending and kpi_broken through the table access method. See pending.h.
 *
 * SPI would cost a third of a single-row writer's rate. Both tables have no indexes, triggers or constraints that this
 * would pass by.
 */
#include "base/compat.h"
#include "kpi/pending.h"
#include "kpi/piece.h"

#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "base/schema.h"
#include "catalog/pg_type.h"
#include "executor/tuptable.h"
#include "funcapi.h"
#include "storage/bufmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#define BATCH 64
#define PARTS_IN_ROW 256
#define VALUES_IN_ROW 64 /* a row that is not toasted */

struct CrmPending {
    Oid table;    /* the adopted table */
    Relation rel; /* NULL until the first row */
    TupleDesc part_desc;
    TupleDesc value_desc;        /* NULL until the first value */
    MemoryContext batch_context; /* of the buffered rows */
    TupleTableSlot *slots[BATCH];
    int used;
    BulkInsertState bulk;
};

CrmPending *
crm_pending_begin(Oid table)
{
    CrmPending *pending = palloc0(sizeof(CrmPending));

    pending->table = table;
    return pending;
}

TupleDesc
crm_pending_part_desc(void)
{
    return lookup_rowtype_tupdesc_copy(get_rel_type_id(crm_relation_oid("kpi_part")), -1);
}

TupleDesc
crm_pending_value_desc(void)
{
    return lookup_rowtype_tupdesc_copy(get_rel_type_id(crm_relation_oid("kpi_value_part")), -1);
}

/* Of an array of a row type. */
static void
read_array(Datum array, TupleDesc desc, CrmPartVisit visit, void *arg)
{
    Datum *elements;
    int count;

    deconstruct_array(DatumGetArrayTypeP(array), desc->tdtypeid, -1, false, TYPALIGN_DOUBLE, &elements, NULL,
                      &count);
    for (int i = 0; i < count; i++) {
        HeapTupleHeader header = DatumGetHeapTupleHeader(elements[i]);
        HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
        Datum values[CRM_PART_COLUMNS];
        bool nulls[CRM_PART_COLUMNS];

        ItemPointerSetInvalid(&tuple.t_self);
        heap_deform_tuple(&tuple, desc, values, nulls);
        visit(arg, values, nulls);
    }
}

void
crm_pending_read(TupleTableSlot *slot, TupleDesc part_desc, CrmPartVisit visit, void *arg)
{
    slot_getallattrs(slot);
    read_array(slot->tts_values[CRM_PENDING_PARTS], part_desc, visit, arg);
}

void
crm_pending_read_values(TupleTableSlot *slot, TupleDesc value_desc, CrmPartVisit visit, void *arg)
{
    slot_getallattrs(slot);
    if (!slot->tts_isnull[CRM_PENDING_VALUES])
        read_array(slot->tts_values[CRM_PENDING_VALUES], value_desc, visit, arg);
}

static void
open_table(CrmPending *pending)
{
    MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(pending));

    pending->rel = table_open(crm_relation_oid("kpi_pending"), RowExclusiveLock);
    pending->part_desc = crm_pending_part_desc();
    pending->batch_context =
        AllocSetContextCreate(CurrentMemoryContext, "crm pending rows", ALLOCSET_SMALL_SIZES);
    MemoryContextSwitchTo(old);
}

static void
write_batch(CrmPending *pending)
{
    MemoryContext old = MemoryContextSwitchTo(pending->batch_context);
    CommandId command = GetCurrentCommandId(true);

    if (pending->used == 1)
        table_tuple_insert(pending->rel, pending->slots[0], command, 0, pending->bulk);
    else if (pending->used > 1) {
        if (pending->used == BATCH && pending->bulk == NULL) {
            /* it outlives the batch, and whatever context the sink is called in */
            MemoryContextSwitchTo(GetMemoryChunkContext(pending));
            pending->bulk = GetBulkInsertState();
            MemoryContextSwitchTo(pending->batch_context);
        }
        table_multi_insert(pending->rel, pending->slots, pending->used, command, 0, pending->bulk);
    }
    for (int i = 0; i < pending->used; i++)
        ExecClearTuple(pending->slots[i]);
    pending->used = 0;
    MemoryContextSwitchTo(old);
    MemoryContextReset(pending->batch_context);
}

void
crm_pending_part(const CrmPart *part, Datum *values, bool *nulls)
{
    memset(nulls, 0, CRM_PART_COLUMNS);
    values[0] = Int32GetDatum(part->key.instance);
    values[1] = DateADTGetDatum(part->key.day);
    values[2] = Int64GetDatum(part->rows);
    values[3] = Int64GetDatum(part->invalid);
    for (int i = 0; i < CRM_SUMS; i++) {
        Numeric sum = crm_total_numeric(&part->sums[i]);

        values[4 + i] = NumericGetDatum(sum);
        nulls[4 + i] = sum == NULL;
    }
}

int
crm_pending_value_part(CrmValue *const *values, int count, Datum *columns)
{
    CrmPartKey key = values[0]->key.part;
    PieceEntry *entries = palloc(sizeof(PieceEntry) * count);
    int used = 0;

    for (; used < count && values[used]->key.part.instance == key.instance &&
           values[used]->key.part.day == key.day;
         used++)
        entries[used] = (PieceEntry){.value = values[used]->key.bytes,
                                     .length = values[used]->key.length,
                                     .count = values[used]->count};
    columns[CRM_VALUE_PART_INSTANCE] = Int32GetDatum(key.instance);
    columns[CRM_VALUE_PART_DAY] = DateADTGetDatum(key.day);
    columns[CRM_VALUE_PART_PIECE] = PointerGetDatum(crm_piece_pack(entries, used));
    pfree(entries);
    return used;
}

static Datum
row_array(Datum *elements, int count, TupleDesc desc)
{
    return PointerGetDatum(construct_array(elements, count, desc->tdtypeid, -1, false, TYPALIGN_DOUBLE));
}

static Datum
parts_array(const CrmPending *pending, CrmPart *const *parts, int count)
{
    Datum *elements = palloc(sizeof(Datum) * Max(count, 1));

    for (int i = 0; i < count; i++) {
        Datum values[CRM_PART_COLUMNS];
        bool nulls[CRM_PART_COLUMNS];

        crm_pending_part(parts[i], values, nulls);
        elements[i] = HeapTupleGetDatum(heap_form_tuple(pending->part_desc, values, nulls));
    }
    return row_array(elements, count, pending->part_desc);
}

static Datum
values_array(CrmPending *pending, CrmValue *const *values, int count)
{
    Datum *elements = palloc(sizeof(Datum) * count);
    int made = 0;

    if (pending->value_desc == NULL) {
        MemoryContext old = MemoryContextSwitchTo(GetMemoryChunkContext(pending));

        pending->value_desc = crm_pending_value_desc();
        MemoryContextSwitchTo(old);
    }
    for (int used = 0; used < count;) {
        Datum columns[CRM_VALUE_PART_COLUMNS];
        bool nulls[CRM_VALUE_PART_COLUMNS] = {false};

        used += crm_pending_value_part(values + used, count - used, columns);
        elements[made++] = HeapTupleGetDatum(heap_form_tuple(pending->value_desc, columns, nulls));
    }
    return row_array(elements, made, pending->value_desc);
}

static void
buffer_row(CrmPending *pending, const CrmGroupChange *change)
{
    MemoryContext slot_context = GetMemoryChunkContext(pending);
    MemoryContext old;
    TupleTableSlot *slot;

    if (pending->slots[pending->used] == NULL) {
        old = MemoryContextSwitchTo(slot_context);
        pending->slots[pending->used] =
            MakeSingleTupleTableSlot(RelationGetDescr(pending->rel), table_slot_callbacks(pending->rel));
        MemoryContextSwitchTo(old);
    }
    slot = pending->slots[pending->used++];
    old = MemoryContextSwitchTo(pending->batch_context);
    memset(slot->tts_isnull, false, CRM_PENDING_COLUMNS);
    slot->tts_values[CRM_PENDING_RELATION] = ObjectIdGetDatum(pending->table);
    for (int i = 0; i < CRM_DIMS; i++) {
        slot->tts_isnull[CRM_PENDING_DIMS + i] = change->dims[i] == NULL;
        slot->tts_values[CRM_PENDING_DIMS + i] =
            change->dims[i] ? datumCopy(PointerGetDatum(change->dims[i]), false, -1) : (Datum) 0;
    }
    slot->tts_values[CRM_PENDING_PARTS] = parts_array(pending, change->parts, change->part_count);
    slot->tts_isnull[CRM_PENDING_VALUES] = change->value_count == 0;
    slot->tts_values[CRM_PENDING_VALUES] =
        change->value_count == 0 ? (Datum) 0 : values_array(pending, change->values, change->value_count);
    ExecStoreVirtualTuple(slot);
    MemoryContextSwitchTo(old);
    if (pending->used == BATCH)
        write_batch(pending);
}

void
crm_pending_sink(void *arg, const CrmGroupChange *change)
{
    CrmPending *pending = arg;
    CrmGroupChange rest = *change;

    if (pending->rel == NULL)
        open_table(pending);
    while (rest.part_count > 0 || rest.value_count > 0) {
        CrmGroupChange row = rest;

        row.part_count = Min(rest.part_count, PARTS_IN_ROW);
        row.value_count = Min(rest.value_count, VALUES_IN_ROW);
        buffer_row(pending, &row);
        rest.parts += row.part_count;
        rest.part_count -= row.part_count;
        if (rest.value_count > 0)
            rest.values += row.value_count;
        rest.value_count -= row.value_count;
    }
}

void
crm_pending_end(CrmPending *pending)
{
    if (pending->rel == NULL)
        return;
    write_batch(pending);
    if (pending->bulk)
        FreeBulkInsertState(pending->bulk);
    for (int i = 0; i < BATCH && pending->slots[i]; i++)
        ExecDropSingleTupleTableSlot(pending->slots[i]);
    table_close(pending->rel, NoLock);
    MemoryContextDelete(pending->batch_context);
    *pending = (CrmPending){.table = pending->table};
}

/* The file keeps its size when it is drained, so it only says when to look closer. */
bool
crm_pending_exceeds(const char *name, int row_bytes, int64 rows)
{
    Oid oid = crm_relation_oid(name);
    Relation rel = table_open(oid, AccessShareLock);
    int64 room = (int64) RelationGetNumberOfBlocks(rel) * (BLCKSZ / row_bytes);

    table_close(rel, AccessShareLock);
    return room > rows &&
           DatumGetInt64(DirectFunctionCall1(pg_stat_get_live_tuples, ObjectIdGetDatum(oid))) > rows;
}

void
crm_broken_append(int32 instance, const char *error, bool paused)
{
    Relation rel = table_open(crm_relation_oid("kpi_broken"), RowExclusiveLock);
    TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(rel), table_slot_callbacks(rel));

    slot->tts_values[0] = Int32GetDatum(instance);
    slot->tts_values[1] = TimestampTzGetDatum(GetCurrentTimestamp());
    slot->tts_values[2] = CStringGetTextDatum(error);
    slot->tts_values[3] = BoolGetDatum(paused);
    memset(slot->tts_isnull, 0, 4);
    ExecStoreVirtualTuple(slot);
    table_tuple_insert(rel, slot, GetCurrentCommandId(true), 0, NULL);
    ExecDropSingleTupleTableSlot(slot);
    table_close(rel, NoLock);
}
