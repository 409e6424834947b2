/*
 * track_read.c: see track_read.h.
 */
#include "base/aggregate.h"
#include "base/compat.h"
#include "base/text_value.h"
#include "funnel/track_read.h"

#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datum.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

/* The key and what else decides whether a row counts, where the slot has it. */
typedef struct Keys {
    text *key;
    text *value;
    text *customer;
    text *anonymous;
} Keys;

typedef struct Source {
    Tuplestorestate *store; /* NULL: none */
    TupleTableSlot *slot;
    int pointer;
} Source;

/* Rows that found no partner at their place. */
typedef struct Rest {
    TrackRow *rows;
    uint64 count;
    uint64 room;
    uint64 next;
} Rest;

struct TrackReader {
    TrackFeed *feed;
    MemoryContext context;
    Source old;
    Source new;
    Rest old_rest;
    Rest new_rest;
    bool joining; /* the rests are sorted and being joined */
    bool looking; /* only whether there is a row is asked: its details are not read */
};

text *
track_stage_value(text *raw)
{
    const char *start;
    const char *end;

    if (raw == NULL)
        return NULL;
    start = VARDATA_ANY(raw);
    end = start + VARSIZE_ANY_EXHDR(raw);
    while (start < end && *start == ' ')
        start++;
    while (end > start && end[-1] == ' ')
        end--;
    if (start == end)
        return NULL;
    if ((Size) (end - start) == VARSIZE_ANY_EXHDR(raw))
        return raw;
    return cstring_to_text_with_len(start, (int) (end - start));
}

static text *
text_at(const Datum *values, const bool *nulls, int place)
{
    return nulls[place] ? NULL : DatumGetTextPP(values[place]);
}

/* What is read stays while the slot keeps its row and the feed's readers are not reset. */
static void
read_keys(TrackFeed *feed, TupleTableSlot *slot, Keys *keys)
{
    Datum values[TRACK_KEYS];
    bool nulls[TRACK_KEYS];

    crm_mapped_row_read(feed->keys, slot, values, nulls);
    keys->key = text_at(values, nulls, TRACK_ID);
    keys->value = track_stage_value(text_at(values, nulls, TRACK_STAGE));
    keys->customer = text_at(values, nulls, TRACK_CUSTOMER);
    keys->anonymous = keys->customer != NULL ? NULL : text_at(values, nulls, TRACK_ANONYMOUS);
}

/* A time as it is mapped; a date begins at midnight of the table's zone. */
static TimestampTz
as_time(const TrackFeed *feed, Datum value, Oid type)
{
    if (type != DATEOID)
        return DatumGetTimestampTz(value);
    return DatumGetTimestampTz(DirectFunctionCall2(timestamp_zone, PointerGetDatum(feed->zone),
                                                   DirectFunctionCall1(date_timestamp, value)));
}

/* The first of some attributes that is not NULL; infinity is no time. */
static TrackTime
first_time(const TrackFeed *feed, const Datum *values, const bool *nulls, int first, int last)
{
    for (int i = first; i <= last; i++)
        if (!nulls[i]) {
            TimestampTz at = as_time(feed, values[i], crm_mapped_row_type(feed->details, i));

            return (TrackTime){!TIMESTAMP_NOT_FINITE(at), at};
        }
    return (TrackTime){false, 0};
}

static void
read_details(const TrackFeed *feed, TupleTableSlot *slot, TrackRow *row)
{
    Datum values[TRACK_DETAILS];
    bool nulls[TRACK_DETAILS];

    crm_mapped_row_read(feed->details, slot, values, nulls);
    row->unit = nulls[TRACK_UNIT] ? feed->fallback_unit : crm_text_copy(DatumGetTextPP(values[TRACK_UNIT]));
    row->begun = first_time(feed, values, nulls, TRACK_BEGUN, TRACK_BEGUN_LAST);
    row->closed = first_time(feed, values, nulls, TRACK_CLOSED, TRACK_CLOSED_LAST);
    row->live = first_time(feed, values, nulls, TRACK_LIVE, TRACK_LIVE);
    row->ended = first_time(feed, values, nulls, TRACK_ENDED, TRACK_ENDED);
    crm_mapped_row_reset(feed->details);
}

static void
set_new(const TrackReader *reader, TrackRow *row, const Keys *keys)
{
    row->key = crm_text_copy(keys->key);
    row->value = crm_text_copy(keys->value);
    row->customer = crm_text_copy(keys->customer);
    row->anonymous = crm_text_copy(keys->anonymous);
    if (!reader->looking)
        read_details(reader->feed, reader->new.slot, row);
}

static void
set_old(TrackRow *row, const Keys *keys)
{
    row->old_value = crm_text_copy(keys->value);
    row->old_customer = crm_text_copy(keys->customer);
    row->old_anonymous = crm_text_copy(keys->anonymous);
}

static void
set_aside(TrackReader *reader, Rest *rest, TrackEvent event, const Keys *keys)
{
    MemoryContext old = MemoryContextSwitchTo(reader->context);
    TrackRow *row;

    rest->rows = crm_reserve(reader->context, rest->rows, sizeof(TrackRow), rest->count, 1, &rest->room);
    row = &rest->rows[rest->count++];
    memset(row, 0, sizeof(TrackRow));
    row->event = event;
    if (event == TRACK_INSERTED) {
        set_new(reader, row, keys);
    } else {
        row->key = crm_text_copy(keys->key);
        set_old(row, keys);
    }
    MemoryContextSwitchTo(old);
}

static void
open_source(Source *source, Tuplestorestate *store, TupleDesc desc)
{
    source->store = store;
    if (store == NULL)
        return;
    source->slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
    /* pointer 0 belongs to all triggers of the statement together */
    source->pointer = tuplestore_alloc_read_pointer(store, EXEC_FLAG_REWIND);
    tuplestore_select_read_pointer(store, source->pointer);
    tuplestore_rescan(store);
    tuplestore_select_read_pointer(store, 0);
}

/* A tuple that was spilled is read into the current context and stays in the slot: beyond the batch in which it was read. */
static bool
read_source(Source *source)
{
    MemoryContext old;
    bool found;

    if (source->store == NULL)
        return false;
    old = MemoryContextSwitchTo(source->slot->tts_mcxt);
    tuplestore_select_read_pointer(source->store, source->pointer);
    found = tuplestore_gettupleslot(source->store, true, false, source->slot);
    tuplestore_select_read_pointer(source->store, 0);
    MemoryContextSwitchTo(old);
    return found;
}

static void
rewind_source(Source *source)
{
    if (source->store == NULL)
        return;
    tuplestore_select_read_pointer(source->store, source->pointer);
    tuplestore_rescan(source->store);
    tuplestore_select_read_pointer(source->store, 0);
}

TrackReader *
track_reader_begin(TrackFeed *feed, TriggerData *trigger)
{
    TrackReader *reader = palloc0(sizeof(TrackReader));

    reader->feed = feed;
    reader->context = CurrentMemoryContext;
    if (!TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
        open_source(&reader->old, trigger->tg_oldtable, feed->desc);
    if (!TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
        open_source(&reader->new, trigger->tg_newtable, feed->desc);
    return reader;
}

static void
track_reader_rewind(TrackReader *reader)
{
    rewind_source(&reader->old);
    rewind_source(&reader->new);
    reader->old_rest = (Rest){0};
    reader->new_rest = (Rest){0};
    reader->joining = false;
}

void
track_reader_end(TrackReader *reader)
{
    if (reader->old.store != NULL)
        ExecDropSingleTupleTableSlot(reader->old.slot);
    if (reader->new.store != NULL)
        ExecDropSingleTupleTableSlot(reader->new.slot);
}

/* Two rows of one record: whether something changed. */
static bool
pair(const TrackReader *reader, const Keys *was, const Keys *is, TrackRow *row)
{
    if (crm_text_same(was->value, is->value) && crm_text_same(was->customer, is->customer) &&
        crm_text_same(was->anonymous, is->anonymous))
        return false;
    row->event = TRACK_UPDATED;
    set_new(reader, row, is);
    set_old(row, was);
    return true;
}

/* The next of an UPDATE, until both tables have ended. */
static bool
next_pair(TrackReader *reader, TrackRow *row)
{
    for (;;) {
        bool has_old = read_source(&reader->old);
        bool has_new = read_source(&reader->new);
        bool changed = false;
        Keys was, is;

        CHECK_FOR_INTERRUPTS();
        if (!has_old && !has_new)
            return false;
        if (has_old)
            read_keys(reader->feed, reader->old.slot, &was);
        if (has_new)
            read_keys(reader->feed, reader->new.slot, &is);
        if (has_old && has_new && was.key != NULL && crm_text_same(was.key, is.key)) {
            changed = pair(reader, &was, &is, row);
        } else {
            if (has_old)
                set_aside(reader, &reader->old_rest, TRACK_DELETED, &was);
            if (has_new)
                set_aside(reader, &reader->new_rest, TRACK_INSERTED, &is);
        }
        crm_mapped_row_reset(reader->feed->keys);
        if (changed)
            return true;
    }
}

int
track_key_order(const text *a, const text *b)
{
    int order;

    if (a == NULL || b == NULL)
        return (a == NULL) - (b == NULL);
    order = memcmp(VARDATA_ANY(a), VARDATA_ANY(b), Min(VARSIZE_ANY_EXHDR(a), VARSIZE_ANY_EXHDR(b)));
    if (order != 0)
        return order;
    return (VARSIZE_ANY_EXHDR(a) > VARSIZE_ANY_EXHDR(b)) - (VARSIZE_ANY_EXHDR(a) < VARSIZE_ANY_EXHDR(b));
}

static int
compare_rows(const void *left, const void *right)
{
    return track_key_order(((const TrackRow *) left)->key, ((const TrackRow *) right)->key);
}

static void
sort_rest(Rest *rest)
{
    if (rest->count > 0)
        qsort(rest->rows, (size_t) rest->count, sizeof(TrackRow), compare_rows);
    rest->next = 0;
}

/* Rows of a record whose old and new one stood at different places are one change again; the others came or went. */
static bool
next_joined(TrackReader *reader, TrackRow *row)
{
    Rest *left = &reader->old_rest;
    Rest *right = &reader->new_rest;

    while (left->next < left->count || right->next < right->count) {
        const TrackRow *was = left->next < left->count ? &left->rows[left->next] : NULL;
        const TrackRow *is = right->next < right->count ? &right->rows[right->next] : NULL;
        int order = was == NULL ? 1 : is == NULL ? -1 : compare_rows(was, is);

        if (order == 0 && was->key != NULL) {
            left->next++;
            right->next++;
            *row = *is;
            row->event = TRACK_UPDATED;
            row->old_value = was->old_value;
            row->old_customer = was->old_customer;
            row->old_anonymous = was->old_anonymous;
            if (crm_text_same(row->value, row->old_value) &&
                crm_text_same(row->customer, row->old_customer) &&
                crm_text_same(row->anonymous, row->old_anonymous))
                continue;
            return true;
        }
        if (order <= 0) {
            left->next++;
            *row = *was;
        } else {
            right->next++;
            *row = *is;
        }
        return true;
    }
    return false;
}

/* Of a table whose column tells, a row without a stage tells nothing when it comes. */
static bool
next_inserted(TrackReader *reader, TrackRow *row)
{
    while (read_source(&reader->new)) {
        Keys keys;
        bool counts;

        CHECK_FOR_INTERRUPTS();
        read_keys(reader->feed, reader->new.slot, &keys);
        counts = keys.value != NULL || reader->feed->source != TRACK_COLUMN;
        if (counts) {
            row->event = TRACK_INSERTED;
            set_new(reader, row, &keys);
        }
        crm_mapped_row_reset(reader->feed->keys);
        if (counts)
            return true;
    }
    return false;
}

static bool
next_deleted(TrackReader *reader, TrackRow *row)
{
    Datum key;
    bool isnull;

    CHECK_FOR_INTERRUPTS();
    if (!read_source(&reader->old))
        return false;
    crm_mapped_row_read(reader->feed->ids, reader->old.slot, &key, &isnull);
    row->event = TRACK_DELETED;
    row->key = crm_text_copy(text_at(&key, &isnull, 0));
    crm_mapped_row_reset(reader->feed->ids);
    return true;
}

static bool
next(TrackReader *reader, TrackRow *row)
{
    memset(row, 0, sizeof(TrackRow));
    if (reader->old.store == NULL)
        return next_inserted(reader, row);
    if (reader->new.store == NULL)
        return next_deleted(reader, row);
    if (!reader->joining) {
        if (next_pair(reader, row))
            return true;
        sort_rest(&reader->old_rest);
        sort_rest(&reader->new_rest);
        reader->joining = true;
    }
    return next_joined(reader, row);
}

bool
track_reader_next(TrackReader *reader, TrackRow *row)
{
    Oid user;
    int security;
    bool found;

    GetUserIdAndSecContext(&user, &security);
    SetUserIdAndSecContext(reader->feed->owner, security | SECURITY_LOCAL_USERID_CHANGE);
    found = next(reader, row);
    SetUserIdAndSecContext(user, security);
    return found;
}

bool
track_reader_is_empty(TrackReader *reader)
{
    TrackRow row;
    bool found;

    reader->looking = true;
    found = track_reader_next(reader, &row);
    reader->looking = false;
    track_reader_rewind(reader);
    return !found;
}

/* One row's times, as they stay until the next reset. */
static Datum
read_times(const TrackReader *reader, TupleTableSlot *slot, text **key)
{
    Datum values[TRACK_KEYS];
    bool nulls[TRACK_KEYS];

    crm_mapped_row_read(reader->feed->keys, slot, values, nulls);
    *key = text_at(values, nulls, TRACK_ID);
    return nulls[TRACK_TIMES] ? (Datum) 0 : values[TRACK_TIMES];
}

static bool
times_differ(TrackReader *reader)
{
    for (;;) {
        bool has_old = read_source(&reader->old);
        bool has_new = read_source(&reader->new);
        text *old_key, *new_key;
        Datum was, is;
        bool same;

        CHECK_FOR_INTERRUPTS();
        if (!has_old && !has_new)
            return false;
        if (has_old != has_new)
            return true;
        was = read_times(reader, reader->old.slot, &old_key);
        is = read_times(reader, reader->new.slot, &new_key);
        same = crm_text_same(old_key, new_key) && old_key != NULL && was != 0 && is != 0 &&
               datumIsEqual(was, is, false, -1);
        crm_mapped_row_reset(reader->feed->keys);
        if (!same)
            return true;
    }
}

bool
track_reader_times_differ(TrackReader *reader)
{
    Oid user;
    int security;
    bool differ;

    GetUserIdAndSecContext(&user, &security);
    SetUserIdAndSecContext(reader->feed->owner, security | SECURITY_LOCAL_USERID_CHANGE);
    differ = times_differ(reader);
    SetUserIdAndSecContext(user, security);
    track_reader_rewind(reader);
    return differ;
}
