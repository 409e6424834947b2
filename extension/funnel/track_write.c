/*
 * track_write.c: see track_write.h.
 */
#include "base/aggregate.h"
#include "base/caller.h"
#include "base/compat.h"
#include "base/kept_plan.h"
#include "base/schema.h"
#include "base/text_value.h"
#include "funnel/track_history.h"
#include "funnel/track_write.h"
#include "org/change.h"
#include "org/identity.h"
#include "org/organisation.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#define ENTRY_NAME "crm_entry"

/* In the order of the INSERT. */
enum {
    ENTRY_FUNNEL,
    ENTRY_RELATION,
    ENTRY_RECORD_KEY,
    ENTRY_SEQUENCE,
    ENTRY_FROM_STAGE,
    ENTRY_TO_STAGE,
    ENTRY_VALUE,
    ENTRY_AT,
    ENTRY_BY,
    ENTRY_UNIT,
    ENTRY_DEPARTMENT,
    ENTRY_DIRECTION,
    ENTRY_FIRST_ENTRY,
    ENTRY_FLAGS,
    ENTRY_CUSTOMER_RELATION,
    ENTRY_CUSTOMER_KEY,
    ENTRY_ANONYMOUS_ID,
    ENTRY_COLUMNS
};

static const struct {
    const char *name;
    Oid type;
} entry_columns[ENTRY_COLUMNS] = {
    {"funnel", TEXTOID},       {"relation", REGCLASSOID}, {"record_key", TEXTOID},
    {"sequence", INT4OID},     {"from_stage", TEXTOID},   {"to_stage", TEXTOID},
    {"value", TEXTOID},        {"at", TIMESTAMPTZOID},    {"by", TEXTOID},
    {"unit", TEXTOID},         {"department", TEXTOID},   {"direction", TEXTOID},
    {"first_entry", BOOLOID},  {"flags", TEXTARRAYOID},   {"customer_relation", REGCLASSOID},
    {"customer_key", TEXTOID}, {"anonymous_id", TEXTOID}};

/* Flags of transitions, in the order in which those of a first stage stand; of a change unsettled stands first. */
enum {
    FLAG_ASSUMED = 1 << 0,
    FLAG_UNKNOWN_STAGE = 1 << 1,
    FLAG_ESTIMATED_TIME = 1 << 2,
    FLAG_IMPOSSIBLE_TIME = 1 << 3,
    FLAG_UNKNOWN_TIME = 1 << 4,
    FLAG_BACKFILLED = 1 << 5,
    FLAG_UNSETTLED = 1 << 6
};
#define FLAG_COUNT 7

static const char *const flag_names[FLAG_COUNT] = {"assumed",         "unknown_stage", "estimated_time",
                                                   "impossible_time", "unknown_time",  "backfilled",
                                                   "unsettled"};

/* What is written for one transition, beside what the row says. */
typedef struct Transition {
    int32 sequence;
    int from; /* stages; -1: none or unknown */
    int to;
    text *value;
    TrackTime at;
    const char *direction; /* NULL: unknown */
    bool first_entry;
    int flags;
    const TrackRow *row;
} Transition;

/* In this order transitions of one statement get their ids. */
typedef enum Rank { RANK_CHANGE, RANK_ASSUMED, RANK_FIRST, RANKS } Rank;

typedef struct Transitions {
    Transition *list;
    uint64 count;
    uint64 room;
} Transitions;

struct TrackWriter {
    TrackFeed *feed;
    bool fallback;
    int first_flags; /* of every first stage */
    int change_flags;
    TimestampTz now;
    text *by; /* NULL: nobody */
    TupleDesc desc;
    MemoryContext context;
    Transitions written[RANKS];
    Tuplestorestate *store;
    Datum flags[1 << FLAG_COUNT]; /* as arrays, as far as they were asked for */
};

/* The caller as the SQL function writer() names it: the principal, or the database role. */
static text *
get_writer(void)
{
    const CrmOrganisation *organisation;
    int principal;

    crm_change_accept();
    organisation = crm_organisation();
    principal = crm_identity_current(organisation)->principal;
    if (principal >= 0)
        return cstring_to_text(organisation->principals[principal].key);
    return cstring_to_text(
        DatumGetCString(DirectFunctionCall1(regroleout, ObjectIdGetDatum(crm_caller_oid()))));
}

TrackWriter *
track_writer_begin(TrackFeed *feed, bool fallback, bool backfilled, bool unsettled)
{
    TrackWriter *writer = palloc0(sizeof(TrackWriter));

    writer->context = CurrentMemoryContext;
    writer->feed = feed;
    writer->fallback = fallback;
    writer->first_flags = backfilled ? FLAG_BACKFILLED : 0;
    writer->change_flags = unsettled ? FLAG_UNSETTLED : 0;
    writer->now = GetCurrentTransactionStartTimestamp();
    writer->by = fallback ? get_writer() : NULL;
    return writer;
}

static void
add(TrackWriter *writer, Rank rank, const TrackRow *row, const Transition *t)
{
    Transitions *written = &writer->written[rank];

    written->list =
        crm_reserve(writer->context, written->list, sizeof(Transition), written->count, 1, &written->room);
    written->list[written->count] = *t;
    written->list[written->count++].row = row;
}

static void
open_store(TrackWriter *writer)
{
    writer->desc = CreateTemplateTupleDesc(ENTRY_COLUMNS);
    for (int i = 0; i < ENTRY_COLUMNS; i++)
        TupleDescInitEntry(writer->desc, (AttrNumber) (i + 1), entry_columns[i].name, entry_columns[i].type,
                           -1, 0);
    writer->store = tuplestore_begin_heap(false, false, work_mem);
}

static Datum
get_flags(TrackWriter *writer, int flags)
{
    Datum names[FLAG_COUNT];
    int count = 0;

    if (writer->flags[flags] != (Datum) 0)
        return writer->flags[flags];
    if (flags & FLAG_UNSETTLED)
        names[count++] = CStringGetTextDatum(flag_names[6]);
    for (int i = 0; i < FLAG_COUNT - 1; i++)
        if (flags & (1 << i))
            names[count++] = CStringGetTextDatum(flag_names[i]);
    writer->flags[flags] =
        PointerGetDatum(count == 0 ? construct_empty_array(TEXTOID)
                                   : construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
    return writer->flags[flags];
}

static void
set_text(Datum *values, bool *nulls, int column, text *value)
{
    values[column] = PointerGetDatum(value);
    nulls[column] = value == NULL;
}

static void
store_transition(TrackWriter *writer, const Transition *t)
{
    const TrackFeed *feed = writer->feed;
    const TrackRow *row = t->row;
    const TrackStage *to = t->to >= 0 ? &feed->stages[t->to] : NULL;
    Datum values[ENTRY_COLUMNS];
    bool nulls[ENTRY_COLUMNS] = {false};

    set_text(values, nulls, ENTRY_FUNNEL, feed->funnel);
    values[ENTRY_RELATION] = ObjectIdGetDatum(feed->root);
    set_text(values, nulls, ENTRY_RECORD_KEY, row->key);
    values[ENTRY_SEQUENCE] = Int32GetDatum(t->sequence);
    set_text(values, nulls, ENTRY_FROM_STAGE, t->from >= 0 ? feed->stages[t->from].key : NULL);
    set_text(values, nulls, ENTRY_TO_STAGE, to != NULL ? to->key : NULL);
    set_text(values, nulls, ENTRY_VALUE, t->value);
    values[ENTRY_AT] = TimestampTzGetDatum(t->at.at);
    nulls[ENTRY_AT] = !t->at.known;
    set_text(values, nulls, ENTRY_BY, writer->by);
    set_text(values, nulls, ENTRY_UNIT, row->unit);
    set_text(values, nulls, ENTRY_DEPARTMENT, to != NULL ? to->department : NULL);
    set_text(values, nulls, ENTRY_DIRECTION, t->direction != NULL ? cstring_to_text(t->direction) : NULL);
    values[ENTRY_FIRST_ENTRY] = BoolGetDatum(t->first_entry);
    values[ENTRY_FLAGS] = get_flags(writer, t->flags);
    values[ENTRY_CUSTOMER_RELATION] = ObjectIdGetDatum(feed->customer_relation);
    nulls[ENTRY_CUSTOMER_RELATION] = row->customer == NULL || !OidIsValid(feed->customer_relation);
    set_text(values, nulls, ENTRY_CUSTOMER_KEY, row->customer);
    set_text(values, nulls, ENTRY_ANONYMOUS_ID, row->anonymous);
    tuplestore_putvalues(writer->store, writer->desc, values, nulls);
}

/* The day of a time in the table's zone. */
static int
day_of(const TrackFeed *feed, TimestampTz at)
{
    struct pg_tm tm;
    fsec_t fsec;
    int offset;

    if (timestamp2tm(at, &offset, &tm, &fsec, NULL, feed->tz) != 0)
        ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range"));
    return date2j(tm.tm_year, tm.tm_mon, tm.tm_mday);
}

/* What the row itself says of when it came into a stage. */
static TrackTime
told_time(const TrackFeed *feed, int stage, const TrackRow *row)
{
    if (stage >= 0)
        switch (feed->stages[stage].told) {
        case TRACK_TOLD_CLOSED:
            return row->closed;
        case TRACK_TOLD_LIVE:
            return row->live;
        case TRACK_TOLD_ENDED:
            return row->ended;
        case TRACK_TOLD_NOT:
            break;
        }
    return (TrackTime){false, 0};
}

static bool
is_ahead(const TrackWriter *writer, TrackTime at)
{
    return at.known && at.at > writer->now + USECS_PER_DAY;
}

/* Not before what it follows: how many days; a time without a time of day begins before what happened earlier on the same day. */
static int
days_before(const TrackFeed *feed, TrackTime at, TrackTime follows)
{
    if (!at.known || !follows.known || at.at >= follows.at)
        return -1;
    return day_of(feed, follows.at) - day_of(feed, at.at);
}

/* The flags that the time of a first stage gets, when nothing else was found wrong with it. */
static int
time_flags(const TrackWriter *writer, TrackTime at)
{
    return !at.known ? FLAG_UNKNOWN_TIME : is_ahead(writer, at) ? FLAG_IMPOSSIBLE_TIME : 0;
}

void
track_write_first(TrackWriter *writer, const TrackRow *row)
{
    TrackFeed *feed = writer->feed;
    TrackTime entered = row->begun;
    Transition t = {.from = -1};
    TrackTime told;
    int stage;
    int before;
    bool past_entry;

    if (row->value == NULL)
        return;
    if (!entered.known && writer->fallback)
        entered = (TrackTime){true, writer->now};
    stage = track_feed_stage(feed, row->value);
    past_entry =
        stage >= 0 && feed->entry >= 0 && feed->stages[stage].position > feed->stages[feed->entry].position;
    if (past_entry) {
        t.sequence = -1;
        t.to = feed->entry;
        t.at = entered;
        t.direction = "first";
        t.first_entry = true;
        t.flags = FLAG_ASSUMED | time_flags(writer, entered) | writer->first_flags;
        add(writer, RANK_ASSUMED, row, &t);
        t.from = feed->entry;
    }
    told = told_time(feed, stage, row);
    before = days_before(feed, told, entered);
    t.sequence = 0;
    t.to = stage;
    t.value = row->value;
    t.at = !told.known || before == 0 ? entered : told;
    t.direction = stage < 0 ? NULL : past_entry ? track_feed_step(feed, feed->entry, stage) : "first";
    t.first_entry = stage >= 0;
    t.flags = writer->first_flags;
    if (stage < 0)
        t.flags |= FLAG_UNKNOWN_STAGE;
    if (!told.known && row->begun.known && !feed->exact &&
        !(stage >= 0 && (feed->stages[stage].is_entry || stage == feed->entry)))
        t.flags |= FLAG_ESTIMATED_TIME;
    t.flags |= before > 0 ? FLAG_IMPOSSIBLE_TIME : time_flags(writer, t.at);
    add(writer, RANK_FIRST, row, &t);
}

/* As the SQL function transition_direction. */
static const char *
direction_of(bool follows, const char *step, bool first_entry)
{
    if (!follows)
        return "first";
    if (step != NULL && strcmp(step, "back") != 0 && !first_entry)
        return "reenter";
    return step;
}

/* An updated row whose stage changed. The stage before is the old row's, so that it is right whatever else runs. */
static void
write_change(TrackWriter *writer, const TrackRow *row, const TrackHistory *history)
{
    TrackFeed *feed = writer->feed;
    Transition t = {.value = row->value, .flags = writer->change_flags};
    int before;

    if (row->old_value == NULL && !history->has_last)
        return;
    t.to = track_feed_stage(feed, row->value);
    t.from = row->old_value != NULL ? track_feed_stage(feed, row->old_value) : history->last_stage;
    if (t.to >= 0 && t.to == t.from)
        return;
    t.sequence = Max(history->last_sequence, 0) + 1;
    t.at = told_time(feed, t.to, row);
    if (!t.at.known)
        t.at = (TrackTime){true, writer->now};
    before = days_before(feed, t.at, history->last_at);
    if (before > 0 || is_ahead(writer, t.at))
        t.flags |= FLAG_IMPOSSIBLE_TIME;
    if (before == 0)
        t.at = history->last_at;
    t.first_entry = t.to >= 0 && !bms_is_member(feed->stages[t.to].family, history->families);
    if (t.to < 0)
        t.flags |= FLAG_UNKNOWN_STAGE;
    else
        t.direction = direction_of(true, track_feed_step(feed, t.from, t.to), t.first_entry);
    add(writer, RANK_CHANGE, row, &t);
}

static SPIPlanPtr
get_insert_plan(void)
{
    static KeptPlan plan;

    if (!kept_plan_ready(&plan)) {
        StringInfoData names;

        initStringInfo(&names);
        for (int i = 0; i < ENTRY_COLUMNS; i++)
            appendStringInfo(&names, "%s%s", i > 0 ? ", " : "", quote_identifier(entry_columns[i].name));
        kept_plan_make(&plan,
                       psprintf("INSERT INTO %s.transition_log (%s, source) SELECT %s, e.relation FROM %s e",
                                crm_schema_quoted(), names.data, names.data, ENTRY_NAME),
                       0, NULL);
    }
    return plan.plan;
}

static void
insert_entries(TrackWriter *writer)
{
    EphemeralNamedRelation entries;

    if (writer->written[RANK_CHANGE].count + writer->written[RANK_ASSUMED].count +
            writer->written[RANK_FIRST].count ==
        0)
        return;
    open_store(writer);
    for (Rank rank = 0; rank < RANKS; rank++) {
        Transitions *written = &writer->written[rank];

        for (uint64 i = 0; i < written->count; i++)
            store_transition(writer, &written->list[i]);
        written->count = 0;
    }
    entries = palloc0(sizeof(EphemeralNamedRelationData));
    entries->md.name = pstrdup(ENTRY_NAME);
    entries->md.tupdesc = writer->desc;
    entries->md.enrtype = ENR_NAMED_TUPLESTORE;
    entries->md.enrtuples = (double) tuplestore_tuple_count(writer->store);
    entries->reldata = writer->store;
    if (SPI_register_relation(entries) != SPI_OK_REL_REGISTER)
        elog(ERROR, "transitions could not be handed to an INSERT");
    if (SPI_execute_plan(get_insert_plan(), NULL, NULL, false, 0) != SPI_OK_INSERT)
        elog(ERROR, "transitions could not be inserted");
    SPI_unregister_relation(ENTRY_NAME);
    tuplestore_end(writer->store);
}

void
track_writer_end(TrackWriter *writer)
{
    insert_entries(writer);
}

/* A column of rows as text[]. */
typedef struct TextArray {
    Datum *values;
    bool *nulls;
    int count;
} TextArray;

static void
text_array_begin(TextArray *array, int room)
{
    array->values = palloc(sizeof(Datum) * (Size) room);
    array->nulls = palloc(sizeof(bool) * (Size) room);
    array->count = 0;
}

static void
text_array_add(TextArray *array, text *value)
{
    array->values[array->count] = PointerGetDatum(value);
    array->nulls[array->count++] = value == NULL;
}

static Datum
text_array_datum(const TextArray *array)
{
    int dimension = array->count;
    int bound = 1;

    return PointerGetDatum(construct_md_array(array->values, array->nulls, 1, &dimension, &bound, TEXTOID, -1,
                                              false, TYPALIGN_INT));
}

static void
call_plan(KeptPlan *plan, const char *query, int count, Oid *types, Datum *values)
{
    if (!kept_plan_ready(plan))
        kept_plan_make(plan, query, count, types);
    if (SPI_execute_plan(plan->plan, values, NULL, false, 0) != SPI_OK_SELECT)
        elog(ERROR, "could not run %s", query);
}

static void
forget_gone(const TrackFeed *feed, const TrackRow *rows, int count)
{
    static KeptPlan plan;
    Oid types[] = {REGCLASSOID, TEXTARRAYOID};
    TextArray keys;

    text_array_begin(&keys, count);
    for (int i = 0; i < count; i++)
        if (rows[i].event == TRACK_DELETED && rows[i].key != NULL)
            text_array_add(&keys, rows[i].key);
    if (keys.count > 0) {
        Datum values[] = {ObjectIdGetDatum(feed->root), text_array_datum(&keys)};

        call_plan(&plan, psprintf("SELECT %s.forget_records($1, $2)", crm_schema_quoted()), 2, types, values);
    }
}

/* What was written of these rows is about whom they name now. */
static void
correct_people(const TrackFeed *feed, const TrackRow *rows, const bool *wanted, int count)
{
    static KeptPlan plan;
    Oid types[] = {REGCLASSOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID, TEXTARRAYOID};
    TextArray keys, customers, visitors, units;

    text_array_begin(&keys, count);
    text_array_begin(&customers, count);
    text_array_begin(&visitors, count);
    text_array_begin(&units, count);
    for (int i = 0; i < count; i++)
        if (wanted[i]) {
            text_array_add(&keys, rows[i].key);
            text_array_add(&customers, rows[i].customer);
            text_array_add(&visitors, rows[i].anonymous);
            text_array_add(&units, feed->source == TRACK_COLUMN ? NULL : rows[i].unit);
        }
    if (keys.count > 0) {
        Datum values[] = {ObjectIdGetDatum(feed->root), text_array_datum(&keys), text_array_datum(&customers),
                          text_array_datum(&visitors), text_array_datum(&units)};

        call_plan(&plan, psprintf("SELECT %s.correct_people($1, $2, $3, $4, $5)", crm_schema_quoted()), 5,
                  types, values);
    }
}

/* One row, with what its record has been through; whether transitions have to be corrected. */
static bool
write_row(TrackWriter *writer, TrackHistories *histories, const TrackRow *row)
{
    bool is_column = writer->feed->source == TRACK_COLUMN;
    TrackHistory history;

    if (row->event == TRACK_DELETED)
        return false;
    if (is_column && row->event == TRACK_INSERTED) {
        track_write_first(writer, row);
        return false;
    }
    track_history_read(histories, row, &history);
    if (is_column && row->value != NULL && !crm_text_same(row->value, row->old_value)) {
        if (row->old_value == NULL && !history.known)
            track_write_first(writer, row); /* it had no stage until now */
        else
            write_change(writer, row, &history);
    }
    return history.other_people || (!is_column && history.other_unit);
}

void
track_write_rows(TrackWriter *writer, const TrackRow *rows, int count)
{
    bool *corrected = palloc(sizeof(bool) * (Size) count);
    TrackHistories *histories;

    if (writer->feed->source == TRACK_COLUMN)
        forget_gone(writer->feed, rows, count);
    /* all that was written until now, here and by others */
    PushActiveSnapshot(GetTransactionSnapshot());
    histories = track_histories_open(writer->feed);
    for (int i = 0; i < count; i++) {
        CHECK_FOR_INTERRUPTS();
        corrected[i] = write_row(writer, histories, &rows[i]);
    }
    track_histories_close(histories);
    PopActiveSnapshot();
    insert_entries(writer);
    correct_people(writer->feed, rows, corrected, count);
}
