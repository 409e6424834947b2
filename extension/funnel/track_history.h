/*
 * track_history.h: what a record has been through, from transition_log, by index and as of the active snapshot.
 */
#ifndef CRM_FUNNEL_TRACK_HISTORY_H
#define CRM_FUNNEL_TRACK_HISTORY_H

#include "postgres.h"

#include "customer/index_probe.h"
#include "funnel/track_feed.h"
#include "funnel/track_read.h"
#include "nodes/bitmapset.h"

typedef struct TrackHistory {
    bool known;    /* there is a transition that was read from the record's own table */
    bool has_last; /* one in the feed's funnel that is no event's: the last of them */
    int32 last_sequence;
    int last_stage; /* -1: unknown */
    TrackTime last_at;
    Bitmapset *families; /* of the stages that it was in, in the feed's funnel */
    bool other_people;   /* some transition names another customer or visitor than the row */
    bool other_unit;     /* some transition has no unit, and the row has one */
} TrackHistory;

typedef struct TrackHistories TrackHistories;

/* In the current memory context. The scan belongs to the resource owner of the moment. */
extern TrackHistories *track_histories_open(const TrackFeed *feed);
extern void track_history_read(TrackHistories *histories, const TrackRow *row, TrackHistory *history);
extern void track_histories_close(TrackHistories *histories);

#endif
