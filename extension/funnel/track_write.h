/*
 * track_write.h: from changed rows of a tracked table to rows of transition_log.
 *
 * What a row tells when it is first seen is the entry, where it is past it, and the stage that it is in; an update whose stage changed is
 * one transition. Written rows go in by one INSERT, whose triggers see them as any other; corrections of whom transitions are about by
 * one UPDATE. All within SPI.
 */
#ifndef CRM_FUNNEL_TRACK_WRITE_H
#define CRM_FUNNEL_TRACK_WRITE_H

#include "postgres.h"

#include "funnel/track_feed.h"
#include "funnel/track_read.h"

typedef struct TrackWriter TrackWriter;

/* In the current memory context. fallback: when rows without a beginning began, and then the caller is who wrote them; else nobody is.
 * backfilled, unsettled: flags that what is written gets; unsettled is for changes alone. */
extern TrackWriter *track_writer_begin(TrackFeed *feed, bool fallback, bool backfilled, bool unsettled);
/* A row that is seen for the first time, which stays until the end; nothing where it has no stage. */
extern void track_write_first(TrackWriter *writer, const TrackRow *row);
/* The rows of a statement: their stages, first stages, customers and visitors; those that went are forgotten. */
extern void track_write_rows(TrackWriter *writer, const TrackRow *rows, int count);
/* Inserts what was written, and ends. */
extern void track_writer_end(TrackWriter *writer);

#endif
