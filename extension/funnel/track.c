/*
 * track.c: the triggers of tracked tables.
 *
 * A statement that changes no stage, nor whom its rows are about, is left before anything is opened: by the columns that it sets where
 * those tell, else by its rows. Whatever else there is to do runs in a subtransaction: the row is the team's to write, and it is written
 * whatever becomes of its history. What goes wrong is noted in filling, but for what asks for another try, and what the workflow refuses.
 *
 * Where the stages come from a column the work is done here (track_read, track_write); dates and events are read by a kept plan over the
 * transition tables, and written by PL/pgSQL.
 */
#include "base/compat.h"
#include "base/error.h"
#include "base/kept_plan.h"
#include "base/row_as_statement.h"
#include "base/schema.h"
#include "base/subtransaction.h"
#include "funnel/track_feed.h"
#include "funnel/track_read.h"
#include "funnel/track_write.h"

#include "access/sysattr.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "funcapi.h"
#include "org/change.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#define BATCH 20000

PG_FUNCTION_INFO_V1(crm_track);

typedef struct Call {
    TriggerData *trigger;
    Oid relation;
    Oid root;     /* the tracked table, as far as it is known */
    bool replica; /* in replica mode: what is written was decided elsewhere */
} Call;

/* The highest id of a transition before this statement's, where a workflow has to be asked. */
typedef struct Governed {
    bool asked;
    int64 since;
} Governed;

static void
run(KeptPlan *plan, const char *query, int count, Oid *types, Datum *values, const char *nulls)
{
    if (!kept_plan_ready(plan))
        kept_plan_make(plan, query, count, types);
    if (SPI_execute_plan(plan->plan, values, nulls, false, 0) != SPI_OK_SELECT)
        elog(ERROR, "could not run %s", query);
}

static Governed
ask_governed(const Call *call, const TrackFeed *feed)
{
    static KeptPlan plan;
    Oid types[] = {REGCLASSOID};
    Datum values[] = {ObjectIdGetDatum(feed->root)};
    bool isnull;
    Datum since;

    if (!feed->governed || call->replica)
        return (Governed){false, 0};
    run(&plan, psprintf("SELECT %s.governed_since($1)", crm_schema_quoted()), 1, types, values, NULL);
    since = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
    return (Governed){!isnull, isnull ? 0 : DatumGetInt64(since)};
}

static void
enforce(const TrackFeed *feed, Governed governed, const TrackRow *rows, int count)
{
    static KeptPlan plan;
    Oid types[] = {REGCLASSOID, INT8OID, TEXTARRAYOID};
    Datum values[3];
    Datum *keys;
    int found = 0;

    if (!governed.asked || feed->source != TRACK_COLUMN)
        return;
    keys = palloc(sizeof(Datum) * (Size) count);
    for (int i = 0; i < count; i++)
        if (rows[i].key != NULL)
            keys[found++] = PointerGetDatum(rows[i].key);
    values[0] = ObjectIdGetDatum(feed->root);
    values[1] = Int64GetDatum(governed.since);
    values[2] = PointerGetDatum(construct_array(keys, found, TEXTOID, -1, false, TYPALIGN_INT));
    run(&plan, psprintf("SELECT %s.enforce_workflow($1, $2, $3, NULL)", crm_schema_quoted()), 3, types,
        values, NULL);
}

static bool
is_filling(const TrackFeed *feed)
{
    bool filling;

    PushActiveSnapshot(GetTransactionSnapshot());
    filling = track_feed_is_filling(feed);
    PopActiveSnapshot();
    return filling;
}

static int
compare_rows(const void *left, const void *right)
{
    return track_key_order(((const TrackRow *) left)->key, ((const TrackRow *) right)->key);
}

/* Reads as many rows as one round writes, in order of their keys, so that the index gets them in order. */
static int
read_batch(TrackReader *reader, TrackRow **rows)
{
    int room = 16;
    int count = 0;

    *rows = palloc(sizeof(TrackRow) * (Size) room);
    while (count < BATCH && track_reader_next(reader, &(*rows)[count])) {
        count++;
        if (count == room && count < BATCH) {
            room = Min(2 * room, BATCH);
            *rows = repalloc(*rows, sizeof(TrackRow) * (Size) room);
        }
    }
    if (count > 1)
        qsort(*rows, (size_t) count, sizeof(TrackRow), compare_rows);
    return count;
}

/* Inserted, updated or deleted rows of a table whose column tells, or of which only the people are followed. */
static void
track_rows(Call *call, TrackFeed *feed)
{
    MemoryContext batch =
        AllocSetContextCreate(CurrentMemoryContext, "crm tracked rows", ALLOCSET_DEFAULT_SIZES);
    MemoryContext old;
    TrackReader *reader = track_reader_begin(feed, call->trigger);
    Governed governed = {false, 0};
    bool filling = false;
    bool first = true;
    int count;

    do {
        TrackRow *rows;

        old = MemoryContextSwitchTo(batch);
        count = read_batch(reader, &rows);
        if (count > 0) {
            TrackWriter *writer;

            if (first) {
                governed = ask_governed(call, feed);
                filling = is_filling(feed);
                first = false;
            }
            writer = track_writer_begin(feed, true, false, filling);
            track_write_rows(writer, rows, count);
            track_writer_end(writer);
            enforce(feed, governed, rows, count);
        }
        MemoryContextSwitchTo(old);
        MemoryContextReset(batch);
    } while (count == BATCH);
    track_reader_end(reader);
    MemoryContextDelete(batch);
}

/* Hands the arrays that a query over the transition tables gives to a function of (relation, array, governed since). */
static void
track_arrays(TrackFeed *feed, TrackQuery query, KeptPlan *plan, const char *function, const char *row_type,
             Governed governed)
{
    Oid type = get_rel_type_id(crm_relation_oid(row_type));
    Oid types[] = {REGCLASSOID, get_array_type(type), INT8OID};
    Portal portal = SPI_cursor_open(NULL, track_feed_query(feed, query), NULL, NULL, false);

    for (;;) {
        Datum values[3] = {ObjectIdGetDatum(feed->root), 0, Int64GetDatum(governed.since)};
        SPITupleTable *fetched;
        bool isnull;

        SPI_cursor_fetch(portal, true, 1);
        if (SPI_processed == 0)
            break;
        fetched = SPI_tuptable;
        values[1] = SPI_getbinval(fetched->vals[0], fetched->tupdesc, 1, &isnull);
        run(plan, psprintf("SELECT %s.%s($1, $2, $3)", crm_schema_quoted(), function), 3, types, values,
            governed.asked ? "   " : "  n");
        SPI_freetuptable(fetched);
    }
    SPI_cursor_close(portal);
}

static void
track_dates(Call *call, TrackFeed *feed)
{
    static KeptPlan set, gone;
    TriggerEvent event = call->trigger->tg_event;
    TrackReader *reader;
    bool differ;

    if (TRIGGER_FIRED_BY_DELETE(event)) {
        track_arrays(feed, TRACK_DATES_GONE, &gone, "track_forgotten", "event_row", (Governed){false, 0});
        return;
    }
    reader = track_reader_begin(feed, call->trigger);
    differ = track_reader_times_differ(reader);
    track_reader_end(reader);
    if (differ)
        track_arrays(feed, TRIGGER_FIRED_BY_INSERT(event) ? TRACK_DATES_SET : TRACK_DATES_CHANGED, &set,
                     "track_dates", "date_change", ask_governed(call, feed));
    track_rows(call, feed);
}

static void
track_log(Call *call, TrackFeed *feed)
{
    static KeptPlan written, gone;
    TriggerEvent event = call->trigger->tg_event;

    if (!TRIGGER_FIRED_BY_INSERT(event))
        track_arrays(feed, TRACK_EVENTS_OLD, &gone, "track_forgotten", "event_row", (Governed){false, 0});
    if (!TRIGGER_FIRED_BY_DELETE(event))
        track_arrays(feed, TRACK_EVENTS_NEW, &written, "track_written", "event_row",
                     ask_governed(call, feed));
}

static void
track_truncate(Call *call, const TrackFeed *feed)
{
    static KeptPlan plan;
    Oid types[] = {REGCLASSOID, REGCLASSOID};
    Datum values[] = {ObjectIdGetDatum(feed->root), ObjectIdGetDatum(call->relation)};

    run(&plan, psprintf("SELECT %s.track_truncated($1, $2)", crm_schema_quoted()), 2, types, values, NULL);
}

static void
track(void *arg)
{
    Call *call = arg;
    TrackFeed *feed;

    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "SPI_connect failed");
    feed = track_feed(call->relation);
    if (feed->source != TRACK_NOTHING) {
        call->root = feed->root;
        if (TRIGGER_FIRED_BY_TRUNCATE(call->trigger->tg_event))
            track_truncate(call, feed);
        else {
            if (SPI_register_trigger_data(call->trigger) != SPI_OK_TD_REGISTER)
                elog(ERROR, "transition tables could not be registered");
            track_feed_prepare(feed, call->trigger->tg_relation);
            if (feed->source == TRACK_EVENTS)
                track_log(call, feed);
            else if (feed->source == TRACK_DATES)
                track_dates(call, feed);
            else
                track_rows(call, feed);
        }
    }
    SPI_finish();
}

static void
note_failure(const Call *call, const ErrorData *error)
{
    Oid types[] = {REGCLASSOID, TEXTOID, TEXTOID};
    Datum values[] = {ObjectIdGetDatum(call->root), CStringGetTextDatum(error->message),
                      CStringGetTextDatum(unpack_sql_state(error->sqlerrcode))};

    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "SPI_connect failed");
    if (SPI_execute_with_args(psprintf("SELECT %s.tracking_failed($1, $2, $3)", crm_schema_quoted()), 3,
                              types, values, NULL, false, 0) != SPI_OK_SELECT)
        elog(ERROR, "could not note that tracking failed");
    SPI_finish();
}

/* What the team's statement is to fail with: it is to be tried again, was stopped, or is refused by the workflow. */
static bool
is_for_the_caller(int code)
{
    return code == ERRCODE_T_R_SERIALIZATION_FAILURE || code == ERRCODE_T_R_DEADLOCK_DETECTED ||
           code == ERRCODE_LOCK_NOT_AVAILABLE || code == ERRCODE_QUERY_CANCELED ||
           code == ERRCODE_ASSERT_FAILURE || code == ERRCODE_CRM_REFUSED_TRANSITION;
}

static void
track_guarded(Call *call)
{
    ErrorData *error = crm_in_subtransaction(track, call);

    if (error == NULL)
        return;
    if (is_for_the_caller(error->sqlerrcode))
        ReThrowError(error);
    note_failure(call, error);
}

/*
 * Whether an UPDATE sets none of the columns that count. A row trigger before it may set others, which the statement does not tell, and
 * children of the table may have their own.
 */
static bool
sets_nothing_that_counts(const TrackFeed *feed, const TriggerData *trigger)
{
    const Relation rel = trigger->tg_relation;
    const Bitmapset *columns = crm_mapped_row_columns(feed->keys);

    return TRIGGER_FIRED_BY_UPDATE(trigger->tg_event) && rel->rd_rel->relkind == RELKIND_RELATION &&
           !rel->rd_rel->relhassubclass && !rel->trigdesc->trig_update_before_row &&
           !bms_is_member(InvalidAttrNumber - FirstLowInvalidHeapAttributeNumber, columns) &&
           !bms_overlap(columns, trigger->tg_updatedcols);
}

/* Told without SPI and without running anything that could fail. */
static bool
is_nothing(TrackFeed *feed, TriggerData *trigger)
{
    TrackReader *reader;
    bool empty;

    if (feed->source == TRACK_NOTHING)
        return true;
    if (TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event) || feed->source == TRACK_EVENTS || feed->keys == NULL)
        return false;
    if (sets_nothing_that_counts(feed, trigger))
        return true;
    if (!crm_mapped_row_is_plain(feed->keys))
        return false;
    reader = track_reader_begin(feed, trigger);
    empty = track_reader_is_empty(reader);
    track_reader_end(reader);
    return empty;
}

/*
 * In replica mode the triggers and foreign keys of crm's own tables would be passed by, which make journeys, hand-overs and numbers of
 * what is written. Returns the level of settings that ends it.
 */
static int
begin_origin(void)
{
    int level = NewGUCNestLevel();

    (void) set_config_option("session_replication_role", "origin", PGC_SUSET, PGC_S_SESSION, GUC_ACTION_SAVE,
                             true, 0, false);
    return level;
}

static void
track_changes(Call *call)
{
    TrackFeed *feed = track_feed_kept(call->relation);
    int level;

    if (feed != NULL && is_nothing(feed, call->trigger))
        return;
    call->replica = SessionReplicationRole == SESSION_REPLICATION_ROLE_REPLICA;
    level = call->replica ? begin_origin() : 0;
    track_guarded(call);
    if (call->replica)
        AtEOXact_GUC(true, level);
}

/* The trigger functions crm.track_column() and crm.track_events(). */
Datum
crm_track(PG_FUNCTION_ARGS)
{
    TriggerData *trigger = (TriggerData *) fcinfo->context;
    CrmRowAsStatement as;
    Call call = {.trigger = trigger};
    bool each_row;

    if (!CALLED_AS_TRIGGER(fcinfo) ||
        !(TRIGGER_FIRED_AFTER(trigger->tg_event) || TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event)))
        ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                errmsg("tracking is a trigger for what has been written"),
                errhint("track creates it where it belongs."));
    call.relation = call.root = RelationGetRelid(trigger->tg_relation);
    crm_change_accept();
    each_row = TRIGGER_FIRED_FOR_ROW(trigger->tg_event);
    if (each_row) /* of a table that was adopted with row_triggers */
        call.trigger = crm_row_as_statement_begin(&as, trigger);
    track_changes(&call);
    if (each_row)
        crm_row_as_statement_end(&as);
    return PointerGetDatum(NULL);
}

/* A row of the SQL type tracked_row, as far as a row that is seen for the first time needs it. */
static void
read_tracked_row(HeapTupleHeader header, TupleDesc desc, TrackRow *row)
{
    HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(header), .t_data = header};
    Datum values[13];
    bool nulls[13];

    if (desc->natts != lengthof(values))
        elog(ERROR, "tracked_row has %d attributes", desc->natts);
    heap_deform_tuple(&tuple, desc, values, nulls);
    *row = (TrackRow){.event = TRACK_INSERTED};
    row->key = nulls[0] ? NULL : DatumGetTextPP(values[0]);
    row->value = nulls[1] ? NULL : DatumGetTextPP(values[1]);
    row->begun = (TrackTime){!nulls[2], nulls[2] ? 0 : DatumGetTimestampTz(values[2])};
    row->closed = (TrackTime){!nulls[3], nulls[3] ? 0 : DatumGetTimestampTz(values[3])};
    row->live = (TrackTime){!nulls[4], nulls[4] ? 0 : DatumGetTimestampTz(values[4])};
    row->ended = (TrackTime){!nulls[5], nulls[5] ? 0 : DatumGetTimestampTz(values[5])};
    row->unit = nulls[6] ? NULL : DatumGetTextPP(values[6]);
    row->customer = nulls[7] ? NULL : DatumGetTextPP(values[7]);
    row->anonymous = nulls[8] ? NULL : DatumGetTextPP(values[8]);
}

PG_FUNCTION_INFO_V1(crm_write_backfilled);

/* crm.write_backfilled(relation, tracked_row[]): the first stages of rows that were there before their table was tracked. */
Datum
crm_write_backfilled(PG_FUNCTION_ARGS)
{
    Oid relation = PG_GETARG_OID(0);
    ArrayType *rows = PG_GETARG_ARRAYTYPE_P(1);
    TupleDesc desc = lookup_rowtype_tupdesc_copy(ARR_ELEMTYPE(rows), -1);
    TrackFeed *feed;
    TrackWriter *writer;
    TrackRow *read;
    Datum *elements;
    int count;

    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "SPI_connect failed");
    deconstruct_array(rows, ARR_ELEMTYPE(rows), -1, false, TYPALIGN_DOUBLE, &elements, NULL, &count);
    feed = track_feed(relation);
    if (feed->source == TRACK_NOTHING)
        ereport(ERROR, errcode(ERRCODE_CRM_NOT_ADOPTED),
                errmsg("table %s is not tracked", get_rel_name(relation)),
                errhint("track lets its stages feed a funnel."));
    writer = track_writer_begin(feed, false, true, false);
    read = palloc(sizeof(TrackRow) * (Size) Max(count, 1));
    for (int i = 0; i < count; i++) {
        read_tracked_row(DatumGetHeapTupleHeader(elements[i]), desc, &read[i]);
        track_write_first(writer, &read[i]);
    }
    track_writer_end(writer);
    SPI_finish();
    PG_RETURN_VOID();
}
