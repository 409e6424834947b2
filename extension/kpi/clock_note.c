/*
 * clock_note.c: the triggers that note whose clocks a statement may have changed, by appending to clock_touched, past SPI: each writer of
 * a table with clocks pays for it. A note says which record, or of which table all. Notes made twice do no harm.
 *
 * On an adopted table the key of each row is read by its mapping, as the table's owner; where that fails the statement goes on, and the
 * note is of the whole table. On transition_log, where only tables with clocks count, it is a column.
 *
 * Nobody keeps clocks for long, and a disk is not endless: past crm.pending_hard_limit notes a table is paused instead, by a row of
 * clock_paused. A writer leaves such a row, or sees one while it holds its lock on the table; who ends the pause takes a lock that
 * waits for all such writers, and has the clocks of the table made anew.
 */
#include "base/compat.h"
#include "base/mapped_row.h"
#include "base/schema.h"
#include "base/subtransaction.h"
#include "base/text_value.h"
#include "base/transition_rows.h"
#include "funnel/transition_touched.h"
#include "kpi/capture.h"
#include "kpi/pending.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "catalog/partition.h"
#include "commands/trigger.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

PGDLLEXPORT Datum crm_clock_rows_touched(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_clock_history_touched(PG_FUNCTION_ARGS);

/* Columns of clock_touched. */
enum { NOTE_RELATION, NOTE_RECORD_KEY, NOTE_COLUMNS };
#define NOTE_BYTES 40 /* at least */

/* What a session keeps of a table or partition whose keys it reads. */
typedef struct Kept {
    Oid relid; /* key */
    Oid table; /* the adopted table; InvalidOid: it has no clocks */
    Oid owner;
    bool stale;
    CrmMappedRow *reader;
    MemoryContext context;
} Kept;

typedef struct Notes {
    Relation rel; /* NULL until the first note */
    TupleTableSlot *slot;
    BulkInsertState bulk;
} Notes;

static HTAB *kept_tables = NULL;

static void
forget_relation(Datum arg, Oid relid)
{
    HASH_SEQ_STATUS status;
    Kept *kept;

    hash_seq_init(&status, kept_tables);
    while ((kept = hash_seq_search(&status)) != NULL)
        if (!OidIsValid(relid) || kept->relid == relid || kept->table == relid)
            kept->stale = true;
}

static void
forget_function(Datum arg, int cache_id, uint32 hash_value)
{
    forget_relation(arg, InvalidOid);
}

/* The tables that have clocks, as they are now. */
static List *
read_clock_tables(void)
{
    Relation rel = table_open(crm_relation_oid("clock_table"), AccessShareLock);
    SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
    List *found = NIL;
    HeapTuple tuple;
    bool isnull;

    while (HeapTupleIsValid(tuple = systable_getnext(scan)))
        found = lappend_oid(found, DatumGetObjectId(heap_getattr(tuple, 1, RelationGetDescr(rel), &isnull)));
    systable_endscan(scan);
    table_close(rel, AccessShareLock);
    return found;
}

static Oid
find_table(Oid relid)
{
    List *tables = read_clock_tables();
    ListCell *cell;

    foreach (cell, lcons_oid(relid, get_partition_ancestors(relid)))
        if (list_member_oid(tables, lfirst_oid(cell)))
            return lfirst_oid(cell);
    return InvalidOid;
}

static Oid
table_owner(Oid table)
{
    Relation rel = table_open(table, AccessShareLock);
    Oid owner = rel->rd_rel->relowner;

    table_close(rel, AccessShareLock);
    return owner;
}

static Kept *
keep_table(Oid relid)
{
    HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(Kept), .hcxt = TopMemoryContext};
    bool found;
    Kept *kept;

    if (kept_tables == NULL) {
        kept_tables =
            hash_create("crm tables with clocks", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
        CacheRegisterRelcacheCallback(forget_relation, (Datum) 0);
        CacheRegisterSyscacheCallback(PROCOID, forget_function, (Datum) 0);
    }
    kept = hash_search(kept_tables, &relid, HASH_ENTER, &found);
    if (found && !kept->stale)
        return kept;
    if (found && kept->context != NULL)
        MemoryContextDelete(kept->context);
    kept->context = NULL;
    kept->reader = NULL;
    kept->stale = true; /* until all of it is there */
    kept->table = find_table(relid);
    if (OidIsValid(kept->table)) {
        kept->owner = table_owner(kept->table);
        kept->stale = false; /* from here on what it was read from may change */
    }
    return kept;
}

static void
note(Notes *notes, Oid table, text *record_key)
{
    if (notes->rel == NULL) {
        notes->rel = table_open(crm_relation_oid("clock_touched"), RowExclusiveLock);
        notes->slot =
            MakeSingleTupleTableSlot(RelationGetDescr(notes->rel), table_slot_callbacks(notes->rel));
        notes->bulk = GetBulkInsertState();
    }
    ExecClearTuple(notes->slot);
    notes->slot->tts_values[NOTE_RELATION] = ObjectIdGetDatum(table);
    notes->slot->tts_isnull[NOTE_RELATION] = false;
    notes->slot->tts_values[NOTE_RECORD_KEY] = PointerGetDatum(record_key);
    notes->slot->tts_isnull[NOTE_RECORD_KEY] = record_key == NULL;
    ExecStoreVirtualTuple(notes->slot);
    table_tuple_insert(notes->rel, notes->slot, GetCurrentCommandId(true), 0, notes->bulk);
}

static void
end_notes(Notes *notes)
{
    if (notes->rel == NULL)
        return;
    FreeBulkInsertState(notes->bulk);
    ExecDropSingleTupleTableSlot(notes->slot);
    table_close(notes->rel, NoLock);
}

/* Whether the clocks of a table are paused as far as anybody has committed by now, or this transaction has done itself. */
static bool
is_paused(Relation paused, Oid table)
{
    TableScanDesc scan = table_beginscan(paused, SnapshotSelf, 0, NULL);
    TupleTableSlot *slot = table_slot_create(paused, NULL);
    bool found = false;
    bool isnull;

    while (!found && table_scan_getnextslot(scan, ForwardScanDirection, slot))
        found = DatumGetObjectId(slot_getattr(slot, 1, &isnull)) == table;
    ExecDropSingleTupleTableSlot(slot);
    table_endscan(scan);
    return found;
}

/* False where there is room for more notes. */
static bool
pause_clocks(Oid table)
{
    Relation paused;
    Datum value = ObjectIdGetDatum(table);
    bool isnull = false;

    if (!crm_pending_exceeds("clock_touched", NOTE_BYTES, crm_pending_hard_limit()))
        return false;
    paused = table_open(crm_relation_oid("clock_paused"), RowExclusiveLock);
    if (!is_paused(paused, table)) {
        simple_heap_insert(paused, heap_form_tuple(RelationGetDescr(paused), &value, &isnull));
        ereport(WARNING,
                errmsg("clocks of table \"%s\" are not kept any more: more than %lld notes are waiting",
                       get_rel_name(table), (long long) crm_pending_hard_limit()),
                errhint("They are made from its rows whenever they are read. Start crmd, or type SELECT "
                        "%s.fold();",
                        crm_schema_quoted()));
    }
    table_close(paused, NoLock);
    return true;
}

/* Tells which record a row is of; false where that is none. The key stays until the slot has another row, or the reader is reset. */
typedef bool (*RowRead)(void *arg, TupleTableSlot *slot, Oid *table, text **record_key);

/* Of a trigger for each row, which is what tables that a subscription fills have. */
static void
note_one(Notes *notes, const TriggerData *trigger, RowRead read, void *arg)
{
    Oid table;
    text *record_key;

    if (read(arg, trigger->tg_trigslot, &table, &record_key))
        note(notes, table, record_key);
    if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) && read(arg, trigger->tg_newslot, &table, &record_key))
        note(notes, table, record_key);
}

/* Old and new rows stand in the same order nearly always; a row that kept its record is noted once. */
static void
note_changed(Notes *notes, TriggerData *trigger, TupleDesc desc, RowRead read, void *arg)
{
    CrmTransitionRows old = crm_transition_rows_begin(trigger->tg_oldtable, desc);
    CrmTransitionRows new = crm_transition_rows_begin(trigger->tg_newtable, desc);
    bool has_old = crm_transition_rows_next(&old);
    bool has_new = crm_transition_rows_next(&new);

    while (has_old || has_new) {
        Oid old_table, new_table;
        text *old_key = NULL, *new_key;

        if (has_old && read(arg, old.slot, &old_table, &new_key)) {
            old_key = crm_text_copy(new_key); /* the next one may overwrite it */
            note(notes, old_table, old_key);
        }
        if (has_new && read(arg, new.slot, &new_table, &new_key) &&
            !(old_key != NULL && new_table == old_table && crm_text_same(new_key, old_key)))
            note(notes, new_table, new_key);
        if (old_key != NULL)
            pfree(old_key);
        has_old = has_old && crm_transition_rows_next(&old);
        has_new = has_new && crm_transition_rows_next(&new);
    }
    crm_transition_rows_end(&old);
    crm_transition_rows_end(&new);
}

static TriggerData *
fired_trigger(FunctionCallInfo fcinfo)
{
    if (!CALLED_AS_TRIGGER(fcinfo))
        ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                errmsg("function can only be called as a trigger"));
    return (TriggerData *) fcinfo->context;
}

/* Reading the keys of an adopted table's rows. */
typedef struct Reading {
    TriggerData *trigger;
    Kept *kept;
    Notes *notes;
} Reading;

static bool
read_row(void *arg, TupleTableSlot *slot, Oid *table, text **record_key)
{
    Reading *reading = arg;
    Datum key;
    bool isnull;

    crm_mapped_row_reset(reading->kept->reader);
    crm_mapped_row_read(reading->kept->reader, slot, &key, &isnull);
    if (isnull)
        return false;
    *table = reading->kept->table;
    *record_key = DatumGetTextPP(key);
    return true;
}

static void
build_reader(Kept *kept, Relation rel)
{
    static const char *const attributes[] = {"id"};
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "crm clock keys", ALLOCSET_SMALL_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    CrmMappedRow *reader = crm_mapped_row_build(rel, kept->table, attributes, 1);

    MemoryContextSwitchTo(old);
    MemoryContextSetParent(context, CacheMemoryContext);
    kept->context = context;
    kept->reader = reader;
}

static void
note_rows(void *arg)
{
    Reading *reading = arg;
    TriggerData *trigger = reading->trigger;
    TupleDesc desc = CreateTupleDescCopy(RelationGetDescr(trigger->tg_relation));
    Oid user;
    int context;

    GetUserIdAndSecContext(&user, &context);
    SetUserIdAndSecContext(reading->kept->owner, context | SECURITY_LOCAL_USERID_CHANGE);
    if (reading->kept->reader == NULL)
        build_reader(reading->kept, trigger->tg_relation);
    if (TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
        note_one(reading->notes, trigger, read_row, reading);
    else
        note_changed(reading->notes, trigger, desc, read_row, reading);
    SetUserIdAndSecContext(user, context);
    end_notes(reading->notes);
}

/* Whether the keys could be read. */
static bool
read_guarded(Reading *reading)
{
    ErrorData *error = crm_in_subtransaction(note_rows, reading);

    if (error == NULL)
        return true;
    crm_rethrow_interruption(error);
    return false;
}

PG_FUNCTION_INFO_V1(crm_clock_rows_touched);

/* The trigger function crm.clock_rows_touched() of adopted tables. */
Datum
crm_clock_rows_touched(PG_FUNCTION_ARGS)
{
    TriggerData *trigger = fired_trigger(fcinfo);
    Kept *kept = keep_table(RelationGetRelid(trigger->tg_relation));
    Notes notes = {NULL};
    Reading reading = {trigger, kept, &notes};

    if (!OidIsValid(kept->table) || pause_clocks(kept->table))
        return PointerGetDatum(NULL);
    if (!TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event)) {
        if (kept->reader != NULL && crm_mapped_row_is_plain(kept->reader)) {
            note_rows(&reading);
            return PointerGetDatum(NULL);
        }
        if (read_guarded(&reading))
            return PointerGetDatum(NULL);
        notes = (Notes){NULL};
    }
    note(&notes, kept->table, NULL);
    end_notes(&notes);
    return PointerGetDatum(NULL);
}

/* Reading the keys of transition_log. */
typedef struct History {
    List *tables;
    AttrNumber relation;
    AttrNumber record_key;
    Oid looked_at; /* the table of the row before */
    bool left_out; /* it has none, or they are paused */
    Notes notes;
} History;

static bool
read_transition(void *arg, TupleTableSlot *slot, Oid *table, text **record_key)
{
    History *history = arg;
    bool isnull;

    *table = DatumGetObjectId(slot_getattr(slot, history->relation, &isnull));
    *record_key = DatumGetTextPP(slot_getattr(slot, history->record_key, &isnull));
    if (*table != history->looked_at) {
        history->looked_at = *table;
        history->left_out = !list_member_oid(history->tables, *table) || pause_clocks(*table);
    }
    return !history->left_out;
}

PG_FUNCTION_INFO_V1(crm_clock_history_touched);

/* The trigger function crm.clock_history_touched() of transition_log. */
Datum
crm_clock_history_touched(PG_FUNCTION_ARGS)
{
    TriggerData *trigger = crm_transition_log_trigger(fcinfo);
    History history = {.tables = read_clock_tables()};
    Oid log = RelationGetRelid(trigger->tg_relation);
    TupleDesc desc;
    ListCell *cell;

    if (history.tables == NIL)
        return PointerGetDatum(NULL);
    if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event)) {
        foreach (cell, history.tables)
            note(&history.notes, lfirst_oid(cell), NULL);
    } else {
        history.relation = get_attnum(log, "relation");
        history.record_key = get_attnum(log, "record_key");
        desc = CreateTupleDescCopy(RelationGetDescr(trigger->tg_relation));
        note_changed(&history.notes, trigger, desc, read_transition, &history);
    }
    end_notes(&history.notes);
    return PointerGetDatum(NULL);
}
