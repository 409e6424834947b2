/*
 * track_read.h: what a statement changed of a tracked table, read from its transition tables.
 *
 * A reader gives the rows whose key, stage, customer or visitor changed, old and new of one record together; of an INSERT all that tell
 * something, of a DELETE all. Rows of an UPDATE stand in both transition tables in the same order, so that a record is found without a
 * join; only those whose keys differ at a place are put together by key at the end, in memory.
 *
 * Mapped expressions are evaluated with the rights of the table's owner.
 */
#ifndef CRM_FUNNEL_TRACK_READ_H
#define CRM_FUNNEL_TRACK_READ_H

#include "postgres.h"

#include "commands/trigger.h"
#include "datatype/timestamp.h"
#include "funnel/track_feed.h"

/* As in the SQL type tracked_row. */
typedef enum TrackEvent { TRACK_INSERTED, TRACK_UPDATED, TRACK_DELETED } TrackEvent;

typedef struct TrackTime {
    bool known;
    TimestampTz at;
} TrackTime;

/* Texts are NULL where there is none; a deleted row has but its key and the old ones. */
typedef struct TrackRow {
    TrackEvent event;
    text *key;
    text *value; /* the stage as the team writes it, without blanks around it; never empty */
    text *customer;
    text *anonymous; /* NULL where there is a customer */
    text *unit;
    TrackTime begun;
    TrackTime closed;
    TrackTime live;
    TrackTime ended;
    text *old_value;
    text *old_customer;
    text *old_anonymous;
} TrackRow;

typedef struct TrackReader TrackReader;

/* Of a statement trigger for INSERT, UPDATE or DELETE; the feed is prepared. Everything is in the current memory context. */
extern TrackReader *track_reader_begin(TrackFeed *feed, TriggerData *trigger);
/* The next row, in the current memory context; false at the end. */
extern bool track_reader_next(TrackReader *reader, TrackRow *row);
/* Whether there is no row; begins anew. Reads none but keys, stages and people: where the feed's keys are plain it cannot raise. */
extern bool track_reader_is_empty(TrackReader *reader);
/* Whether times of stages changed (or were set) in any row: reads all until one is found, and begins anew. For tables of dates. */
extern bool track_reader_times_differ(TrackReader *reader);
extern void track_reader_end(TrackReader *reader);

/* Bytewise, NULL last. */
extern int track_key_order(const text *a, const text *b);
/* The value of a stage column without blanks around it; NULL where nothing is left. */
extern text *track_stage_value(text *raw);

#endif
