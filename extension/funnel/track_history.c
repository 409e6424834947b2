/*
 * track_history.c: see track_history.h.
 */
#include "base/compat.h"
#include "base/schema.h"
#include "base/text_value.h"
#include "funnel/track_history.h"

#include "access/stratnum.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/timestamp.h"

enum {
    COLUMN_FUNNEL,
    COLUMN_SEQUENCE,
    COLUMN_TO_STAGE,
    COLUMN_AT,
    COLUMN_UNIT,
    COLUMN_SOURCE,
    COLUMN_SOURCE_KEY,
    COLUMN_CUSTOMER_KEY,
    COLUMN_ANONYMOUS,
    COLUMNS
};

struct TrackHistories {
    const TrackFeed *feed;
    IndexProbe probe;
    AttrNumber columns[COLUMNS];
    ScanKeyData keys[2]; /* those of transition_log_record: relation, record_key */
};

TrackHistories *
track_histories_open(const TrackFeed *feed)
{
    static const char *const names[COLUMNS] = {"funnel", "sequence",   "to_stage",     "at",          "unit",
                                               "source", "source_key", "customer_key", "anonymous_id"};
    TrackHistories *histories = palloc0(sizeof(TrackHistories));
    Oid collation;

    histories->feed = feed;
    index_probe_open(&histories->probe, "transition_log", "transition_log_record", 2);
    for (int i = 0; i < COLUMNS; i++) {
        histories->columns[i] = get_attnum(RelationGetRelid(histories->probe.table), names[i]);
        if (histories->columns[i] == InvalidAttrNumber)
            elog(ERROR, "transition_log has no column %s", names[i]);
    }
    collation = TupleDescAttr(RelationGetDescr(histories->probe.index), 1)->attcollation;
    ScanKeyEntryInitialize(&histories->keys[0], 0, 1, BTEqualStrategyNumber, InvalidOid, InvalidOid, F_OIDEQ,
                           ObjectIdGetDatum(feed->root));
    ScanKeyEntryInitialize(&histories->keys[1], 0, 2, BTEqualStrategyNumber, InvalidOid, collation, F_TEXTEQ,
                           (Datum) 0);
    return histories;
}

void
track_histories_close(TrackHistories *histories)
{
    index_probe_close(&histories->probe);
}

static text *
column_text(const TrackHistories *histories, TupleTableSlot *slot, int column)
{
    bool isnull;
    Datum value = slot_getattr(slot, histories->columns[column], &isnull);

    return isnull ? NULL : DatumGetTextPP(value);
}

static void
add_stage(const TrackHistories *histories, TupleTableSlot *slot, TrackHistory *history)
{
    const TrackFeed *feed = histories->feed;
    int stage;
    int32 sequence;
    bool isnull;

    if (!crm_text_same(column_text(histories, slot, COLUMN_FUNNEL), feed->funnel))
        return;
    stage = track_feed_stage_of_key(feed, column_text(histories, slot, COLUMN_TO_STAGE));
    if (stage >= 0)
        history->families = bms_add_member(history->families, feed->stages[stage].family);
    if (column_text(histories, slot, COLUMN_SOURCE_KEY) != NULL)
        return;
    sequence = DatumGetInt32(slot_getattr(slot, histories->columns[COLUMN_SEQUENCE], &isnull));
    if (history->has_last && sequence <= history->last_sequence)
        return;
    history->has_last = true;
    history->last_sequence = sequence;
    history->last_stage = stage;
    history->last_at.at = DatumGetTimestampTz(slot_getattr(slot, histories->columns[COLUMN_AT], &isnull));
    history->last_at.known = !isnull;
}

void
track_history_read(TrackHistories *histories, const TrackRow *row, TrackHistory *history)
{
    TupleTableSlot *slot;

    memset(history, 0, sizeof(TrackHistory));
    history->last_stage = -1;
    if (row->key == NULL)
        return;
    histories->keys[1].sk_argument = PointerGetDatum(row->key);
    for (slot = index_probe_find(&histories->probe, histories->keys); slot != NULL;
         slot = index_probe_next(&histories->probe)) {
        bool isnull;

        add_stage(histories, slot, history);
        if (DatumGetObjectId(slot_getattr(slot, histories->columns[COLUMN_SOURCE], &isnull)) ==
            histories->feed->root)
            history->known = true;
        if (!crm_text_same(column_text(histories, slot, COLUMN_CUSTOMER_KEY), row->customer) ||
            !crm_text_same(column_text(histories, slot, COLUMN_ANONYMOUS), row->anonymous))
            history->other_people = true;
        if (row->unit != NULL && column_text(histories, slot, COLUMN_UNIT) == NULL)
            history->other_unit = true;
    }
}
