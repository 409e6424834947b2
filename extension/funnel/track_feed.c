/*
 * track_feed.c: see track_feed.h.
 *
 * What a value means and where a step leads are asked of resolve_stage and stage_step, which alone know; each answer is kept.
 */
#include "base/compat.h"
#include "base/kept_plan.h"
#include "base/schema.h"
#include "funnel/track_feed.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#define MEANINGS_KEPT 1024

typedef struct Entry {
    Oid relation; /* key */
    bool stale;
    TrackFeed *feed;
} Entry;

/* Of the values with one hash the last that was asked for. */
typedef struct Meaning {
    uint32 hash; /* key */
    text *value;
    int stage;
} Meaning;

static HTAB *feeds = NULL;
static Oid messenger = InvalidOid;

static void
relation_changed(Datum arg, Oid relid)
{
    HASH_SEQ_STATUS scan;
    Entry *entry;

    hash_seq_init(&scan, feeds);
    while ((entry = hash_seq_search(&scan)) != NULL)
        if (relid == InvalidOid || relid == messenger || relid == entry->relation ||
            (entry->feed != NULL && relid == entry->feed->root))
            entry->stale = true;
}

static void
function_changed(Datum arg, int cache_id, uint32 hash_value)
{
    relation_changed(arg, InvalidOid);
}

static void
listen(void)
{
    HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(Entry), .hcxt = TopMemoryContext};

    messenger = crm_relation_oid("tracking");
    if (feeds != NULL)
        return;
    feeds = hash_create("crm tracked tables", 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
    CacheRegisterSyscacheCallback(PROCOID, function_changed, (Datum) 0);
}

/* Rows as of now, and not of the transaction's snapshot. */
static void
read_now(KeptPlan *kept, const char *query, int count, Oid *types, Datum *values)
{
    if (!kept_plan_ready(kept))
        kept_plan_make(kept, query, count, types);
    if (SPI_execute_snapshot(kept->plan, values, NULL, GetLatestSnapshot(), InvalidSnapshot, true, false,
                             0) != SPI_OK_SELECT)
        elog(ERROR, "could not read what is tracked");
}

static text *
copied_text(MemoryContext context, HeapTuple row, int column)
{
    bool isnull;
    Datum value = SPI_getbinval(row, SPI_tuptable->tupdesc, column, &isnull);
    MemoryContext old;
    text *copy;

    if (isnull)
        return NULL;
    old = MemoryContextSwitchTo(context);
    copy = DatumGetTextPCopy(value);
    MemoryContextSwitchTo(old);
    return copy;
}

static Oid
read_oid(HeapTuple row, int column)
{
    bool isnull;
    Datum value = SPI_getbinval(row, SPI_tuptable->tupdesc, column, &isnull);

    return isnull ? InvalidOid : DatumGetObjectId(value);
}

static bool
read_bool(HeapTuple row, int column)
{
    bool isnull;
    Datum value = SPI_getbinval(row, SPI_tuptable->tupdesc, column, &isnull);

    return !isnull && DatumGetBool(value);
}

static TrackSource
source_named(const char *name)
{
    return strcmp(name, "column") == 0      ? TRACK_COLUMN
           : strcmp(name, "dates") == 0     ? TRACK_DATES
           : strcmp(name, "event_log") == 0 ? TRACK_EVENTS
                                            : TRACK_RECORD;
}

/* Returns the key of its entry stage, in the current context, or NULL. */
static text *
read_tracking(TrackFeed *feed)
{
    static KeptPlan plan;
    Oid types[] = {REGCLASSOID};
    Datum values[] = {ObjectIdGetDatum(feed->relation)};
    const char *schema = crm_schema_quoted();
    HeapTuple row;

    read_now(
        &plan,
        psprintf(
            "SELECT t.relation, t.target, t.source, t.funnel, a.fallback_unit, a.zone, c.reference, "
            "a.entity OPERATOR(pg_catalog.=) ANY (ARRAY['touch', 'subscription']), "
            "EXISTS (SELECT FROM %1$s.transition_rule r WHERE r.funnel OPERATOR(pg_catalog.=) t.funnel), "
            "%1$s.entry_stage(t.relation, t.funnel), o.relowner "
            "FROM %1$s.tracking t JOIN %1$s.adoption a ON a.relation OPERATOR(pg_catalog.=) t.relation "
            "JOIN pg_catalog.pg_class o ON o.oid OPERATOR(pg_catalog.=) t.relation "
            "LEFT JOIN %1$s.adoption_attribute c ON c.relation OPERATOR(pg_catalog.=) t.relation "
            "AND c.attribute OPERATOR(pg_catalog.=) 'customer' "
            "WHERE t.relation OPERATOR(pg_catalog.=) %1$s.adopted_root($1)",
            schema),
        1, types, values);
    if (SPI_processed == 0)
        return NULL;
    row = SPI_tuptable->vals[0];
    feed->root = read_oid(row, 1);
    feed->target = read_oid(row, 2);
    feed->source = source_named(SPI_getvalue(row, SPI_tuptable->tupdesc, 3));
    feed->funnel = copied_text(feed->context, row, 4);
    feed->fallback_unit = copied_text(feed->context, row, 5);
    feed->zone = copied_text(feed->context, row, 6);
    feed->tz = pg_tzset(text_to_cstring(feed->zone));
    if (feed->tz == NULL)
        elog(ERROR, "time zone \"%s\" is not known any more", text_to_cstring(feed->zone));
    feed->customer_relation = read_oid(row, 7);
    feed->exact = read_bool(row, 8);
    feed->governed = read_bool(row, 9);
    feed->owner = read_oid(row, 11);
    return copied_text(CurrentMemoryContext, row, 10);
}

static TrackTold
told_by(const char *kind, const char *milestone)
{
    if (milestone != NULL && strcmp(milestone, "live") == 0)
        return TRACK_TOLD_LIVE;
    if (strcmp(kind, "won") == 0 || strcmp(kind, "lost") == 0)
        return TRACK_TOLD_CLOSED;
    return strcmp(kind, "churned") == 0 ? TRACK_TOLD_ENDED : TRACK_TOLD_NOT;
}

int
track_feed_stage_of_key(const TrackFeed *feed, const text *key)
{
    for (int i = 0; key != NULL && i < feed->stage_count; i++) {
        const text *other = feed->stages[i].key;

        if (VARSIZE_ANY_EXHDR(other) == VARSIZE_ANY_EXHDR(key) &&
            memcmp(VARDATA_ANY(other), VARDATA_ANY(key), VARSIZE_ANY_EXHDR(key)) == 0)
            return i;
    }
    return -1;
}

/* Rows come in order of what they are read as, so that the first of them stands for its family. */
static void
read_stages(TrackFeed *feed, const text *entry)
{
    static KeptPlan plan;
    Oid types[] = {TEXTOID};
    Datum values[] = {PointerGetDatum(feed->funnel)};
    const char *schema = crm_schema_quoted();

    read_now(&plan,
             psprintf("SELECT s.stage, s.department, s.\"position\", s.kind, s.milestone, "
                      "pg_catalog.rank() OVER (ORDER BY coalesce(s.read_as, s.stage)) "
                      "FROM %s.funnel_stage s WHERE s.funnel OPERATOR(pg_catalog.=) $1 ORDER BY 6",
                      schema),
             1, types, values);
    feed->stage_count = (int) SPI_processed;
    feed->stages = MemoryContextAllocZero(feed->context, sizeof(TrackStage) * Max(SPI_processed, 1));
    for (int i = 0; i < feed->stage_count; i++) {
        HeapTuple row = SPI_tuptable->vals[i];
        TrackStage *stage = &feed->stages[i];
        const char *kind = SPI_getvalue(row, SPI_tuptable->tupdesc, 4);
        bool isnull;

        stage->key = copied_text(feed->context, row, 1);
        stage->department = copied_text(feed->context, row, 2);
        stage->position = DatumGetInt32(SPI_getbinval(row, SPI_tuptable->tupdesc, 3, &isnull));
        stage->is_entry = strcmp(kind, "entry") == 0;
        stage->told = told_by(kind, SPI_getvalue(row, SPI_tuptable->tupdesc, 5));
        stage->family = (int) DatumGetInt64(SPI_getbinval(row, SPI_tuptable->tupdesc, 6, &isnull)) - 1;
    }
    feed->steps = MemoryContextAllocZero(feed->context, sizeof(char *) * (Size) Max(feed->stage_count, 1) *
                                                            (Size) Max(feed->stage_count, 1));
    feed->entry = track_feed_stage_of_key(feed, entry);
}

static void
free_queries(void *arg)
{
    const TrackFeed *feed = arg;

    for (int i = 0; i < TRACK_QUERIES; i++)
        if (feed->queries[i] != NULL)
            SPI_freeplan(feed->queries[i]);
}

static TrackFeed *
read_feed(Oid relation)
{
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "crm tracked table", ALLOCSET_SMALL_SIZES);
    TrackFeed *feed = MemoryContextAllocZero(context, sizeof(TrackFeed));
    MemoryContextCallback *callback = MemoryContextAllocZero(context, sizeof(MemoryContextCallback));
    text *entry;

    feed->context = context;
    feed->relation = relation;
    callback->func = free_queries;
    callback->arg = feed;
    MemoryContextRegisterResetCallback(context, callback);
    entry = read_tracking(feed);
    if (feed->source != TRACK_NOTHING)
        read_stages(feed, entry);
    return feed;
}

TrackFeed *
track_feed_kept(Oid relation)
{
    const Entry *entry = feeds != NULL ? hash_search(feeds, &relation, HASH_FIND, NULL) : NULL;

    return entry != NULL && !entry->stale ? entry->feed : NULL;
}

/* What is replaced may be at work further up: it goes with the transaction. */
static void
let_go(Entry *entry)
{
    if (entry->feed != NULL)
        MemoryContextSetParent(entry->feed->context, TopTransactionContext);
    entry->feed = NULL;
}

/* Of tables that are gone, such as a partition of every day: nobody asks for them again. */
static void
let_dropped_go(void)
{
    HASH_SEQ_STATUS scan;
    Entry *entry;

    hash_seq_init(&scan, feeds);
    while ((entry = hash_seq_search(&scan)) != NULL)
        if (entry->stale && !SearchSysCacheExists1(RELOID, ObjectIdGetDatum(entry->relation))) {
            let_go(entry);
            hash_search(feeds, &entry->relation, HASH_REMOVE, NULL);
        }
}

TrackFeed *
track_feed(Oid relation)
{
    TrackFeed *feed;
    Entry *entry;
    bool found;

    listen();
    if (hash_search(feeds, &relation, HASH_FIND, NULL) == NULL)
        let_dropped_go();
    entry = hash_search(feeds, &relation, HASH_ENTER, &found);
    if (!found) {
        entry->stale = true;
        entry->feed = NULL;
    }
    if (!entry->stale)
        return entry->feed;
    let_go(entry);
    entry->stale = false; /* first, so that a message that comes meanwhile counts */
    PG_TRY()
        ;
        {
            feed = read_feed(relation);
            MemoryContextSetParent(feed->context, CacheMemoryContext);
        }
        PG_CATCH();
        {
            entry->stale = true;
            PG_RE_THROW();
        }
    PG_END_TRY();
    entry->feed = feed;
    return feed;
}

void
track_feed_prepare(TrackFeed *feed, Relation rel)
{
    static const char *const keys[TRACK_KEYS] = {"id", "stage", "customer", "anonymous_id", "stage_times"};
    static const char *const details[TRACK_DETAILS] = {
        "unit",       "opened_at", "started_at",  "at",      "started_on",
        "created_at", "closed_at", "resolved_at", "live_at", "ended_on"};
    MemoryContext old;
    Oid user;
    int security;

    if (feed->keys != NULL)
        return;
    GetUserIdAndSecContext(&user, &security);
    SetUserIdAndSecContext(feed->owner, security | SECURITY_LOCAL_USERID_CHANGE);
    old = MemoryContextSwitchTo(feed->context);
    feed->desc = CreateTupleDescCopy(RelationGetDescr(rel));
    feed->details = crm_mapped_row_build(rel, feed->root, details, TRACK_DETAILS);
    feed->ids = crm_mapped_row_build(rel, feed->root, keys, 1);
    feed->keys =
        crm_mapped_row_build(rel, feed->root, keys, feed->source == TRACK_DATES ? TRACK_KEYS : TRACK_TIMES);
    MemoryContextSwitchTo(old);
    SetUserIdAndSecContext(user, security);
}

static int
resolve(TrackFeed *feed, text *value)
{
    static KeptPlan plan;
    Oid types[] = {TEXTOID, TEXTOID};
    Datum values[] = {PointerGetDatum(feed->funnel), PointerGetDatum(value)};
    text *key;
    int stage;

    read_now(&plan, psprintf("SELECT %s.resolve_stage($1, $2)", crm_schema_quoted()), 2, types, values);
    key = copied_text(CurrentMemoryContext, SPI_tuptable->vals[0], 1);
    stage = track_feed_stage_of_key(feed, key);
    if (key != NULL && stage < 0)
        elog(ERROR, "stage \"%s\" came while what is tracked was read", text_to_cstring(key));
    return stage;
}

static void
begin_meanings(TrackFeed *feed)
{
    HASHCTL control = {.keysize = sizeof(uint32), .entrysize = sizeof(Meaning)};

    if (feed->meanings != NULL)
        MemoryContextDelete(feed->meaning_context);
    feed->meaning_context =
        AllocSetContextCreate(feed->context, "crm values of stages", ALLOCSET_SMALL_SIZES);
    control.hcxt = feed->meaning_context;
    feed->meanings = hash_create("crm values of stages", 32, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

int
track_feed_stage(TrackFeed *feed, text *value)
{
    int length = (int) VARSIZE_ANY_EXHDR(value);
    uint32 hash = hash_bytes((const unsigned char *) VARDATA_ANY(value), length);
    Meaning *meaning;
    bool found;
    int stage;

    if (feed->meanings == NULL || hash_get_num_entries(feed->meanings) >= MEANINGS_KEPT)
        begin_meanings(feed);
    meaning = hash_search(feed->meanings, &hash, HASH_FIND, NULL);
    if (meaning != NULL && (int) VARSIZE_ANY_EXHDR(meaning->value) == length &&
        memcmp(VARDATA_ANY(meaning->value), VARDATA_ANY(value), (Size) length) == 0)
        return meaning->stage;
    stage = resolve(feed, value);
    meaning = hash_search(feed->meanings, &hash, HASH_ENTER, &found);
    meaning->value = MemoryContextAlloc(feed->meaning_context, VARSIZE_ANY(value));
    memcpy(meaning->value, value, VARSIZE_ANY(value));
    meaning->stage = stage;
    return stage;
}

const char *
track_feed_step(TrackFeed *feed, int from, int to)
{
    static KeptPlan plan;
    const char **step;

    if (from < 0 || to < 0)
        return NULL;
    step = &feed->steps[from * feed->stage_count + to];
    if (*step == NULL) {
        Oid types[] = {TEXTOID, TEXTOID, TEXTOID};
        Datum values[] = {PointerGetDatum(feed->funnel), PointerGetDatum(feed->stages[from].key),
                          PointerGetDatum(feed->stages[to].key)};

        read_now(
            &plan,
            psprintf("SELECT s.direction FROM %s.stage_step s WHERE s.funnel OPERATOR(pg_catalog.=) $1 "
                     "AND s.from_stage OPERATOR(pg_catalog.=) $2 AND s.to_stage OPERATOR(pg_catalog.=) $3",
                     crm_schema_quoted()),
            3, types, values);
        if (SPI_processed != 1)
            elog(ERROR, "stages changed while what is tracked was read");
        *step =
            MemoryContextStrdup(feed->context, SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
    }
    return *step;
}

/* The text of a query is made by PL/pgSQL from the mapping. */
SPIPlanPtr
track_feed_query(TrackFeed *feed, TrackQuery query)
{
    static const char *const makers[TRACK_QUERIES] = {
        "set_dates($1, 'crm_new')", "changed_dates($1)", "dated_events($1, 'crm_old')",
        "event_rows($1, 'crm_new')", "event_rows($1, 'crm_old')"};

    if (feed->queries[query] == NULL) {
        Oid types[] = {REGCLASSOID};
        Datum values[] = {ObjectIdGetDatum(feed->root)};
        SPIPlanPtr plan;

        if (SPI_execute_with_args(psprintf("SELECT %s.%s", crm_schema_quoted(), makers[query]), 1, types,
                                  values, NULL, false, 1) != SPI_OK_SELECT ||
            SPI_processed != 1)
            elog(ERROR, "could not make the query over a tracked table");
        plan = plan_prepare(SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1), 0, NULL);
        SPI_keepplan(plan);
        feed->queries[query] = plan;
    }
    return feed->queries[query];
}

bool
track_feed_is_filling(const TrackFeed *feed)
{
    Relation fillings = table_open(crm_relation_oid("filling"), AccessShareLock);
    TupleDesc desc = RelationGetDescr(fillings);
    bool filling = false;
    ScanKeyData key;
    SysScanDesc scan;
    HeapTuple tuple;

    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(feed->root));
    scan = systable_beginscan(fillings, crm_relation_oid("filling_pkey"), true, GetActiveSnapshot(), 1, &key);
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        bool isnull;
        const char *room = TextDatumGetCString(heap_getattr(tuple, 2, desc, &isnull));
        const char *state = TextDatumGetCString(heap_getattr(tuple, 3, desc, &isnull));

        if (strcmp(room, "funnel") == 0 && strcmp(state, "ready") != 0)
            filling = true;
    }
    systable_endscan(scan);
    table_close(fillings, AccessShareLock);
    return filling;
}
