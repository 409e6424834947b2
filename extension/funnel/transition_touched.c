/*
 * transition_touched.c: see transition_touched.h.
 *
 * Past SPI, which would cost as much as the transition itself. journey_touched has no index, trigger or constraint that this would pass by.
 * The followed funnels are read as journeys_followed reads them, with a snapshot of its own.
 */
#include "base/compat.h"
#include "base/schema.h"
#include "base/text_value.h"
#include "base/transition_rows.h"
#include "funnel/transition_touched.h"

#include "access/genam.h"
#include "access/heapam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "nodes/pg_list.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

#define NOTED_KEPT 100000

PG_FUNCTION_INFO_V1(crm_transitions_touched);
PG_FUNCTION_INFO_V1(crm_handovers_found);

/* Columns of transition_log, a change of which changes a journey. */
enum {
    LOG_FUNNEL,
    LOG_RELATION,
    LOG_RECORD_KEY,
    LOG_SEQUENCE,
    LOG_TO_STAGE,
    LOG_AT,
    LOG_UNIT,
    LOG_CUSTOMER_RELATION,
    LOG_CUSTOMER_KEY,
    LOG_ANONYMOUS_ID,
    LOG_COLUMNS
};

/* In the order of journey_touched. */
enum {
    NOTE_TOUCHED_AT,
    NOTE_FUNNEL,
    NOTE_SUBJECT,
    NOTE_RELATION,
    NOTE_RECORD_KEY,
    NOTE_RECORD_NO,
    NOTE_ANONYMOUS_ID,
    NOTE_COLUMNS
};

typedef struct Followed {
    text *funnel;
    bool of_customers;
} Followed;

/* What was noted, so that a statement notes it once. */
typedef struct Noted {
    const Followed *funnel;
    Oid relation;
    text *record_key;
    text *anonymous_id; /* NULL: none */
} Noted;

typedef struct NotedEntry {
    uint32 hash; /* key */
    List *noted; /* of Noted */
} NotedEntry;

typedef struct Notes {
    List *followed; /* of Followed */
    AttrNumber columns[LOG_COLUMNS];
    bool by_value[LOG_COLUMNS];
    Relation rel; /* NULL until the first note */
    TupleTableSlot *slot;
    BulkInsertState bulk;
    TimestampTz now;
    HTAB *noted; /* NULL until the first note */
    MemoryContext noted_context;
} Notes;

/* What of a row of transition_log counts. */
typedef struct LogRow {
    Datum values[LOG_COLUMNS];
    bool nulls[LOG_COLUMNS];
} LogRow;

/* The first column of a small table, with whether another one has a value. */
static List *
read_funnels(const char *table, int flag_column, const char *flag)
{
    Relation rel = table_open(crm_relation_oid(table), AccessShareLock);
    SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
    List *found = NIL;
    HeapTuple tuple;

    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        Followed *each = palloc0(sizeof(Followed));
        bool isnull;

        each->funnel = DatumGetTextPCopy(heap_getattr(tuple, 1, RelationGetDescr(rel), &isnull));
        if (flag != NULL)
            each->of_customers =
                strcmp(TextDatumGetCString(heap_getattr(tuple, flag_column, RelationGetDescr(rel), &isnull)),
                       flag) == 0;
        found = lappend(found, each);
    }
    systable_endscan(scan);
    table_close(rel, AccessShareLock);
    return found;
}

static Followed *
find_funnel(List *funnels, const text *funnel)
{
    ListCell *cell;

    foreach (cell, funnels)
        if (crm_text_same(((Followed *) lfirst(cell))->funnel, funnel))
            return lfirst(cell);
    return NULL;
}

/* Funnels whose journeys are kept, with whom they are about. */
static List *
read_followed(void)
{
    List *followed = read_funnels("journey_state", 0, NULL);
    List *known;
    ListCell *cell;

    if (followed == NIL)
        return NIL;
    known = read_funnels("funnel", 2, "customer");
    foreach (cell, followed) {
        Followed *each = lfirst(cell);
        const Followed *about = find_funnel(known, each->funnel);

        each->of_customers = about != NULL && about->of_customers;
    }
    return followed;
}

static void
find_columns(Notes *notes, Relation log)
{
    static const char *const names[LOG_COLUMNS] = {
        "funnel", "relation", "record_key",        "sequence",     "to_stage",
        "at",     "unit",     "customer_relation", "customer_key", "anonymous_id"};

    for (int i = 0; i < LOG_COLUMNS; i++) {
        notes->columns[i] = get_attnum(RelationGetRelid(log), names[i]);
        if (notes->columns[i] == InvalidAttrNumber)
            elog(ERROR, "transition_log has no column %s", names[i]);
        notes->by_value[i] = TupleDescAttr(RelationGetDescr(log), notes->columns[i] - 1)->attbyval;
    }
}

static void
read_row(const Notes *notes, TupleTableSlot *slot, LogRow *row)
{
    slot_getallattrs(slot);
    for (int i = 0; i < LOG_COLUMNS; i++) {
        row->values[i] = slot->tts_values[notes->columns[i] - 1];
        row->nulls[i] = slot->tts_isnull[notes->columns[i] - 1];
    }
}

static bool
same_value(const Notes *notes, const LogRow *a, const LogRow *b, int column)
{
    if (a->nulls[column] || b->nulls[column])
        return a->nulls[column] == b->nulls[column];
    if (notes->by_value[column])
        return a->values[column] == b->values[column];
    return crm_text_same(DatumGetTextPP(a->values[column]), DatumGetTextPP(b->values[column]));
}

static bool
same_rows(const Notes *notes, const LogRow *a, const LogRow *b)
{
    for (int i = 0; i < LOG_COLUMNS; i++)
        if (!same_value(notes, a, b, i))
            return false;
    return true;
}

static void
set(TupleTableSlot *slot, int column, Datum value)
{
    slot->tts_values[column] = value;
    slot->tts_isnull[column] = false;
}

static bool
same_note(const Noted *a, const Noted *b)
{
    if (a->funnel != b->funnel || a->relation != b->relation || !crm_text_same(a->record_key, b->record_key))
        return false;
    return crm_text_same(a->anonymous_id, b->anonymous_id);
}

/* Notes that are made twice do no harm: the set is emptied rather than let grow without limit. */
static void
begin_noted(Notes *notes)
{
    HASHCTL control = {.keysize = sizeof(uint32), .entrysize = sizeof(NotedEntry)};

    if (notes->noted != NULL && hash_get_num_entries(notes->noted) < NOTED_KEPT)
        return;
    if (notes->noted != NULL)
        MemoryContextDelete(notes->noted_context);
    notes->noted_context =
        AllocSetContextCreate(CurrentMemoryContext, "crm notes of journeys", ALLOCSET_DEFAULT_SIZES);
    control.hcxt = notes->noted_context;
    notes->noted = hash_create("crm notes of journeys", 256, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* Whether this is noted for the first time. */
static bool
is_new(Notes *notes, const Noted *note)
{
    uint32 hash = hash_bytes((const unsigned char *) VARDATA_ANY(note->record_key),
                             (int) VARSIZE_ANY_EXHDR(note->record_key));
    MemoryContext old;
    NotedEntry *entry;
    Noted *kept;
    ListCell *cell;
    bool found;

    begin_noted(notes);
    entry = hash_search(notes->noted, &hash, HASH_ENTER, &found);
    if (!found)
        entry->noted = NIL;
    foreach (cell, entry->noted)
        if (same_note(lfirst(cell), note))
            return false;
    old = MemoryContextSwitchTo(notes->noted_context);
    kept = palloc(sizeof(Noted));
    *kept = *note;
    kept->record_key = crm_text_copy(note->record_key);
    kept->anonymous_id = note->anonymous_id == NULL ? NULL : crm_text_copy(note->anonymous_id);
    entry->noted = lappend(entry->noted, kept);
    MemoryContextSwitchTo(old);
    return true;
}

static void
begin_writing(Notes *notes)
{
    notes->rel = table_open(crm_relation_oid("journey_touched"), RowExclusiveLock);
    notes->slot = MakeSingleTupleTableSlot(RelationGetDescr(notes->rel), table_slot_callbacks(notes->rel));
    notes->bulk = GetBulkInsertState();
}

static void
end_writing(Notes *notes)
{
    if (notes->rel == NULL)
        return;
    FreeBulkInsertState(notes->bulk);
    ExecDropSingleTupleTableSlot(notes->slot);
    table_close(notes->rel, NoLock);
}

/* Of a funnel about customers it is the customer's record that counts, else the one that went through. */
static Noted
noted_of(const Followed *funnel, const LogRow *row)
{
    int relation =
        funnel->of_customers && !row->nulls[LOG_CUSTOMER_RELATION] ? LOG_CUSTOMER_RELATION : LOG_RELATION;
    int key = funnel->of_customers && !row->nulls[LOG_CUSTOMER_KEY] ? LOG_CUSTOMER_KEY : LOG_RECORD_KEY;

    return (Noted){funnel, DatumGetObjectId(row->values[relation]), DatumGetTextPP(row->values[key]),
                   row->nulls[LOG_ANONYMOUS_ID] ? NULL : DatumGetTextPP(row->values[LOG_ANONYMOUS_ID])};
}

static void
note(Notes *notes, const LogRow *row)
{
    const Followed *funnel;
    TupleTableSlot *slot;
    Noted noted;

    if (row->nulls[LOG_AT] || row->nulls[LOG_TO_STAGE])
        return;
    funnel = find_funnel(notes->followed, DatumGetTextPP(row->values[LOG_FUNNEL]));
    if (funnel == NULL)
        return;
    noted = noted_of(funnel, row);
    if (!is_new(notes, &noted))
        return;
    if (notes->rel == NULL)
        begin_writing(notes);
    slot = notes->slot;
    ExecClearTuple(slot);
    memset(slot->tts_isnull, true, NOTE_COLUMNS);
    set(slot, NOTE_TOUCHED_AT, TimestampTzGetDatum(notes->now));
    set(slot, NOTE_FUNNEL, PointerGetDatum(funnel->funnel));
    set(slot, NOTE_RELATION, ObjectIdGetDatum(noted.relation));
    set(slot, NOTE_RECORD_KEY, PointerGetDatum(noted.record_key));
    if (noted.anonymous_id != NULL)
        set(slot, NOTE_ANONYMOUS_ID, PointerGetDatum(noted.anonymous_id));
    ExecStoreVirtualTuple(slot);
    table_tuple_insert(notes->rel, slot, GetCurrentCommandId(true), 0, notes->bulk);
}

/* Rows that were inserted, or deleted. */
static void
note_rows(Notes *notes, Tuplestorestate *store, TupleDesc desc)
{
    CrmTransitionRows rows = crm_transition_rows_begin(store, desc);

    while (crm_transition_rows_next(&rows)) {
        LogRow row;

        read_row(notes, rows.slot, &row);
        note(notes, &row);
    }
    crm_transition_rows_end(&rows);
}

/* Old and new rows stand in the same order: transition_log has no row triggers and no partitions. */
static void
note_changes(Notes *notes, Tuplestorestate *removed, Tuplestorestate *added, TupleDesc desc)
{
    CrmTransitionRows old = crm_transition_rows_begin(removed, desc);
    CrmTransitionRows new = crm_transition_rows_begin(added, desc);

    while (crm_transition_rows_next(&old) && crm_transition_rows_next(&new)) {
        LogRow was, is;

        read_row(notes, old.slot, &was);
        read_row(notes, new.slot, &is);
        if (same_rows(notes, &was, &is))
            continue;
        note(notes, &was);
        note(notes, &is);
    }
    crm_transition_rows_end(&old);
    crm_transition_rows_end(&new);
}

TriggerData *
crm_transition_log_trigger(FunctionCallInfo fcinfo)
{
    TriggerData *trigger = (TriggerData *) fcinfo->context;

    if (!CALLED_AS_TRIGGER(fcinfo) || TRIGGER_FIRED_FOR_ROW(trigger->tg_event) ||
        RelationGetRelid(trigger->tg_relation) != crm_relation_oid("transition_log"))
        ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                errmsg("function is a trigger for statements on transition_log"));
    return trigger;
}

Datum
crm_transitions_touched(PG_FUNCTION_ARGS)
{
    TriggerData *trigger = crm_transition_log_trigger(fcinfo);
    TupleDesc desc;
    Notes notes = {.followed = read_followed(), .now = GetCurrentTransactionStartTimestamp()};

    if (notes.followed == NIL)
        return PointerGetDatum(NULL);
    find_columns(&notes, trigger->tg_relation);
    desc = CreateTupleDescCopy(RelationGetDescr(trigger->tg_relation));
    if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
        note_changes(&notes, trigger->tg_oldtable, trigger->tg_newtable, desc);
    else
        note_rows(&notes,
                  TRIGGER_FIRED_BY_INSERT(trigger->tg_event) ? trigger->tg_newtable : trigger->tg_oldtable,
                  desc);
    end_writing(&notes);
    return PointerGetDatum(NULL);
}

/* Whether something was said of a hand-over that is not there at the moment. */
static bool
has_parked(void)
{
    Relation anchors = table_open(crm_relation_oid("handover_anchor"), AccessShareLock);
    SysScanDesc scan;
    bool found;

    PushActiveSnapshot(GetTransactionSnapshot());
    scan = systable_beginscan(anchors, crm_relation_oid("handover_anchor_parked"), true, GetActiveSnapshot(),
                              0, NULL);
    found = HeapTupleIsValid(systable_getnext(scan));
    systable_endscan(scan);
    PopActiveSnapshot();
    table_close(anchors, AccessShareLock);
    return found;
}

Datum
crm_handovers_found(PG_FUNCTION_ARGS)
{
    (void) crm_transition_log_trigger(fcinfo);
    if (has_parked()) {
        List *name = list_make2(makeString(get_namespace_name(crm_schema_oid())),
                                makeString(pstrdup("find_parked_handovers")));
        FmgrInfo function;
        LOCAL_FCINFO(call, 0);

        fmgr_info(LookupFuncName(name, 0, NULL, false), &function);
        InitFunctionCallInfoData(*call, &function, 0, InvalidOid, fcinfo->context, NULL);
        FunctionCallInvoke(call);
    }
    return PointerGetDatum(NULL);
}
