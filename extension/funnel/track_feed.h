/*
 * track_feed.h: what the triggers of a tracked table need to know of it, in memory.
 *
 * A feed is kept for each relation (a tracked table or a partition of it) and session. It is found anew when the table's definition, a
 * function, or one of the tables that say what is tracked (tracking, adoption, stages, their other names, rules) changes: those have
 * triggers that invalidate the relation cache entry of crm.tracking. What is read is what is committed now and what this transaction
 * did, whatever snapshot it has: a feed outlives it. Whether a backfill has ended is not kept; that is asked for with the transaction's
 * own snapshot (track_feed_is_filling).
 *
 * All need SPI to be connected where they may have to read, and may raise anything.
 */
#ifndef CRM_FUNNEL_TRACK_FEED_H
#define CRM_FUNNEL_TRACK_FEED_H

#include "postgres.h"

#include "base/mapped_row.h"
#include "executor/spi.h"
#include "pgtime.h"
#include "utils/hsearch.h"
#include "utils/rel.h"

typedef enum TrackSource {
    TRACK_NOTHING, /* not tracked (any more) */
    TRACK_COLUMN,
    TRACK_DATES,
    TRACK_EVENTS,
    TRACK_RECORD /* only whom its records mean; an event log tells their stages */
} TrackSource;

/* Which of the times that a row tells is that of its stage. */
typedef enum TrackTold { TRACK_TOLD_NOT, TRACK_TOLD_CLOSED, TRACK_TOLD_LIVE, TRACK_TOLD_ENDED } TrackTold;

typedef struct TrackStage {
    text *key;
    text *department; /* NULL: none */
    int32 position;
    int family; /* the first stage that is read as the same */
    bool is_entry;
    TrackTold told;
} TrackStage;

/* What a row tells when only its key, stage and people are asked for, and the rest. */
enum { TRACK_ID, TRACK_STAGE, TRACK_CUSTOMER, TRACK_ANONYMOUS, TRACK_TIMES, TRACK_KEYS };
enum {
    TRACK_UNIT,
    TRACK_BEGUN,
    TRACK_BEGUN_LAST = TRACK_BEGUN + 4,
    TRACK_CLOSED,
    TRACK_CLOSED_LAST,
    TRACK_LIVE,
    TRACK_ENDED,
    TRACK_DETAILS
};

/* Statements over transition tables, whose text the mapping gives. */
typedef enum TrackQuery {
    TRACK_DATES_SET,
    TRACK_DATES_CHANGED,
    TRACK_DATES_GONE,
    TRACK_EVENTS_NEW,
    TRACK_EVENTS_OLD,
    TRACK_QUERIES
} TrackQuery;

typedef struct TrackFeed {
    MemoryContext context;
    Oid relation; /* that of the triggers */
    Oid root;     /* the tracked table */
    Oid target;
    Oid owner;
    TrackSource source;
    text *funnel;
    text *fallback_unit; /* NULL: none */
    text *zone;
    pg_tz *tz;
    Oid customer_relation; /* InvalidOid: not known */
    bool exact;            /* records that are in their stage from their beginning */
    bool governed;         /* its funnel has a workflow */
    int stage_count;
    TrackStage *stages;
    int entry;          /* the stage that every record has been through; -1: none */
    const char **steps; /* from, to: NULL: not asked for yet */
    HTAB *meanings;
    MemoryContext meaning_context;
    CrmMappedRow *keys; /* NULL until track_feed_prepare */
    CrmMappedRow *ids;  /* of rows that went */
    CrmMappedRow *details;
    TupleDesc desc;
    SPIPlanPtr queries[TRACK_QUERIES];
} TrackFeed;

/* That of a relation where it is at hand and holds; else NULL. */
extern TrackFeed *track_feed_kept(Oid relation);
/* That of a relation. */
extern TrackFeed *track_feed(Oid relation);
/* Makes its readers, with the rights of the table's owner. */
extern void track_feed_prepare(TrackFeed *feed, Relation rel);
/* The stage that a value means; -1: none. */
extern int track_feed_stage(TrackFeed *feed, text *value);
/* The stage with a key; -1: none. */
extern int track_feed_stage_of_key(const TrackFeed *feed, const text *key);
/* The direction of a step from a stage to another, as in stage_step; NULL where one of them is -1. */
extern const char *track_feed_step(TrackFeed *feed, int from, int to);
extern SPIPlanPtr track_feed_query(TrackFeed *feed, TrackQuery query);
/* Whether the backfill has yet to end, by the active snapshot. */
extern bool track_feed_is_filling(const TrackFeed *feed);

#endif
