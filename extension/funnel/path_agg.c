/*
 * path_agg.c: the aggregates next_steps and paths: where journeys lead from a position, or came from. See path.h.
 *
 * Both count keys, rows of positions, and collect how long each took: of next_steps a key is the number of the step and its position,
 * of paths the whole path. A key of a step that nobody took, since the journey ended, has no position.
 */
#include "base/aggregate.h"
#include "base/error.h"
#include "common/hashfn.h"
#include "funnel/duration_list.h"
#include "funnel/inquiry.h"
#include "funnel/journey_value.h"
#include "funnel/path.h"
#include "funnel/row_array.h"
#include "funnel/stay_value.h"

#include "catalog/pg_type.h"
#include "libpq/pqformat.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/timestamp.h"

#define LENGTH_MAX 64
#define END (-1) /* instead of a position */

typedef struct PathKey {
    int32 length;
    const int32 *part;
} PathKey;

typedef struct PathEntry {
    PathKey key;
    int64 count;
    DurationList times;
} PathEntry;

typedef struct PathState {
    MemoryContext context;
    PathRule rule;
    int32 top; /* rows of each step, or paths, that are told; the rest is one row. 0: all */
    int64 subjects;
    HTAB *entries;
} PathState;

static uint32
hash_key(const void *key, Size size)
{
    const PathKey *path = key;

    return hash_bytes((const unsigned char *) path->part, path->length * (int) sizeof(int32));
}

static int
match_key(const void *left, const void *right, Size size)
{
    const PathKey *a = left;
    const PathKey *b = right;

    return a->length != b->length || memcmp(a->part, b->part, (Size) a->length * sizeof(int32)) != 0;
}

static PathState *
new_state(MemoryContext context)
{
    HASHCTL control = {.keysize = sizeof(PathKey),
                       .entrysize = sizeof(PathEntry),
                       .hash = hash_key,
                       .match = match_key,
                       .hcxt = context};
    PathState *state = MemoryContextAllocZero(context, sizeof(PathState));

    state->context = context;
    state->entries =
        hash_create("crm paths", 256, &control, HASH_ELEM | HASH_FUNCTION | HASH_COMPARE | HASH_CONTEXT);
    return state;
}

static PathEntry *
find_entry(PathState *state, const int32 *part, int length)
{
    PathKey key = {length, part};
    bool found;
    PathEntry *entry = hash_search(state->entries, &key, HASH_ENTER, &found);

    if (!found) {
        int32 *copy = MemoryContextAlloc(state->context, sizeof(int32) * (Size) length);

        memcpy(copy, part, sizeof(int32) * (Size) length);
        entry->key.part = copy;
        entry->count = 0;
        memset(&entry->times, 0, sizeof(entry->times));
    }
    return entry;
}

static const char *const direction_words[] = {"after", "before"};
static const char *const anchor_words[] = {"first_entry", "last_entry"};

/* (state, journey, position, length, direction, anchor, gap, top), the last four where the aggregate has them */
static PathState *
read_state(FunctionCallInfo fcinfo, int more)
{
    PathState *state;
    int32 length = PG_ARGISNULL(3) ? 0 : PG_GETARG_INT32(3);

    if (!PG_ARGISNULL(0))
        return (PathState *) PG_GETARG_POINTER(0);
    state = new_state(crm_aggregate_context(fcinfo));
    if (length < 1 || length > LENGTH_MAX)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("paths have a length of 1 to %d, not %d", LENGTH_MAX, length));
    state->rule = (PathRule){.anywhere = PG_ARGISNULL(2), .length = length + more, .gap = WITHIN_UNLIMITED};
    if (!state->rule.anywhere)
        state->rule.position = PG_GETARG_INT32(2);
    if (PG_NARGS() <= 4)
        return state;
    if (!PG_ARGISNULL(4))
        state->rule.backward = crm_word_read(PG_GETARG_DATUM(4), "direction of paths", direction_words,
                                             lengthof(direction_words)) == 1;
    if (!PG_ARGISNULL(5))
        state->rule.anchor = (PathAnchor) crm_word_read(PG_GETARG_DATUM(5), "anchor of paths", anchor_words,
                                                        lengthof(anchor_words));
    if (!PG_ARGISNULL(6))
        state->rule.gap = crm_window_read(PG_GETARG_INTERVAL_P(6));
    if (!PG_ARGISNULL(7))
        state->top = PG_GETARG_INT32(7);
    if (state->top < 0)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("the number of rows is negative: %d", state->top));
    return state;
}

/* The path of the journey in argument 1; 0: none. */
static size_t
read_path(FunctionCallInfo fcinfo, const PathState *state, Stay **stays, size_t *start)
{
    uint64 count;

    if (PG_ARGISNULL(1))
        return 0;
    *stays = crm_stays(PG_GETARG_JOURNEY_PP(1), NULL, true, &count);
    return path_find(&state->rule, *stays, count, start);
}

static void
add_time(PathState *state, PathEntry *entry, const Stay *a, const Stay *b)
{
    crm_duration_add(&entry->times, state->context, Min(a->since, b->since), Max(a->since, b->since));
}

PG_FUNCTION_INFO_V1(crm_next_steps_step);

Datum
crm_next_steps_step(PG_FUNCTION_ARGS)
{
    PathState *state = read_state(fcinfo, 1);
    Stay *stays;
    size_t start;
    size_t length = read_path(fcinfo, state, &stays, &start);

    state->subjects += length > 0;
    for (size_t i = 1; i < length; i++) {
        const Stay *stay = path_stay(&state->rule, stays, start, i);
        int32 part[] = {(int32) i, stay->position};
        PathEntry *entry = find_entry(state, part, lengthof(part));

        entry->count++;
        add_time(state, entry, path_stay(&state->rule, stays, start, i - 1), stay);
    }
    if (length > 0 && length < (size_t) state->rule.length) {
        int32 part[] = {(int32) length, END};

        find_entry(state, part, lengthof(part))->count++;
    }
    PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(crm_paths_step);

/* A path reads in the order of time, also where it was looked for backward. */
Datum
crm_paths_step(PG_FUNCTION_ARGS)
{
    PathState *state = read_state(fcinfo, 0);
    Stay *stays;
    size_t start;
    size_t length = read_path(fcinfo, state, &stays, &start);
    int32 part[LENGTH_MAX];
    PathEntry *entry;

    if (length == 0)
        PG_RETURN_POINTER(state);
    state->subjects++;
    for (size_t i = 0; i < length; i++)
        part[state->rule.backward ? length - 1 - i : i] = path_stay(&state->rule, stays, start, i)->position;
    entry = find_entry(state, part, (int) length);
    entry->count++;
    if (length > 1)
        add_time(state, entry, &stays[start], path_stay(&state->rule, stays, start, length - 1));
    PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(crm_paths_combine);

Datum
crm_paths_combine(PG_FUNCTION_ARGS)
{
    MemoryContext context = crm_aggregate_context(fcinfo);
    PathState *left = PG_ARGISNULL(0) ? NULL : (PathState *) PG_GETARG_POINTER(0);
    const PathState *right = PG_ARGISNULL(1) ? NULL : (const PathState *) PG_GETARG_POINTER(1);
    HASH_SEQ_STATUS scan;
    const PathEntry *from;

    if (right == NULL)
        PG_RETURN_POINTER(left);
    if (left == NULL) {
        left = new_state(context);
        left->rule = right->rule;
        left->top = right->top;
    }
    left->subjects += right->subjects;
    hash_seq_init(&scan, right->entries);
    while ((from = hash_seq_search(&scan)) != NULL) {
        PathEntry *to = find_entry(left, from->key.part, from->key.length);

        to->count += from->count;
        crm_duration_join(&to->times, context, &from->times);
    }
    PG_RETURN_POINTER(left);
}

PG_FUNCTION_INFO_V1(crm_paths_serialize);

Datum
crm_paths_serialize(PG_FUNCTION_ARGS)
{
    const PathState *state = (const PathState *) PG_GETARG_POINTER(0);
    HASH_SEQ_STATUS scan;
    const PathEntry *entry;
    StringInfoData message;

    pq_begintypsend(&message);
    pq_sendbytes(&message, (const char *) &state->rule,
                 sizeof(PathRule)); /* between processes of one server */
    pq_sendint32(&message, (uint32) state->top);
    pq_sendint64(&message, (uint64) state->subjects);
    hash_seq_init(&scan, state->entries);
    while ((entry = hash_seq_search(&scan)) != NULL) {
        pq_sendint32(&message, (uint32) entry->key.length);
        for (int i = 0; i < entry->key.length; i++)
            pq_sendint32(&message, (uint32) entry->key.part[i]);
        pq_sendint64(&message, (uint64) entry->count);
        crm_duration_send(&message, &entry->times);
    }
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

PG_FUNCTION_INFO_V1(crm_paths_deserialize);

Datum
crm_paths_deserialize(PG_FUNCTION_ARGS)
{
    bytea *bytes = PG_GETARG_BYTEA_PP(0);
    StringInfoData message = {.data = VARDATA_ANY(bytes), .len = (int) VARSIZE_ANY_EXHDR(bytes)};
    PathState *state = new_state(CurrentMemoryContext);

    memcpy(&state->rule, pq_getmsgbytes(&message, sizeof(PathRule)), sizeof(PathRule));
    state->top = (int32) pq_getmsgint(&message, 4);
    state->subjects = pq_getmsgint64(&message);
    while (message.cursor < message.len) {
        int length = (int) pq_getmsgint(&message, 4);
        int32 part[LENGTH_MAX];
        PathEntry *entry;

        for (int i = 0; i < length; i++)
            part[i] = (int32) pq_getmsgint(&message, 4);
        entry = find_entry(state, part, length);
        entry->count = pq_getmsgint64(&message);
        crm_duration_receive(&message, &entry->times, CurrentMemoryContext);
    }
    PG_RETURN_POINTER(state);
}

/* The most frequent first; between equals the end last, then by positions. */
static int
compare_entries(const void *left, const void *right)
{
    const PathEntry *a = *(const PathEntry *const *) left;
    const PathEntry *b = *(const PathEntry *const *) right;
    int length = Min(a->key.length, b->key.length);

    if (a->count != b->count)
        return a->count > b->count ? -1 : 1;
    for (int i = 0; i < length; i++)
        if (a->key.part[i] != b->key.part[i])
            return (uint32) a->key.part[i] < (uint32) b->key.part[i] ? -1 : 1;
    return (a->key.length > b->key.length) - (a->key.length < b->key.length);
}

static int
compare_steps(const void *left, const void *right)
{
    const PathEntry *a = *(const PathEntry *const *) left;
    const PathEntry *b = *(const PathEntry *const *) right;

    if (a->key.part[0] != b->key.part[0])
        return a->key.part[0] < b->key.part[0] ? -1 : 1;
    return compare_entries(left, right);
}

static PathEntry **
sorted_entries(const PathState *state, int (*compare)(const void *, const void *), int64 *count)
{
    PathEntry **entries = palloc_extended(
        sizeof(PathEntry *) * (Size) (hash_get_num_entries(state->entries) + 1), MCXT_ALLOC_HUGE);
    HASH_SEQ_STATUS scan;

    *count = 0;
    hash_seq_init(&scan, state->entries);
    while ((entries[*count] = hash_seq_search(&scan)) != NULL)
        ++*count;
    qsort(entries, (Size) *count, sizeof(PathEntry *), compare);
    return entries;
}

/* Adds what is not told by itself to what is said of all that. */
static void
add_rest(PathEntry *rest, const PathEntry *entry)
{
    rest->count += entry->count;
    crm_duration_join(&rest->times, CurrentMemoryContext, &entry->times);
}

#define STEP_COLUMNS 6

static void
add_step(RowArray *rows, const PathState *state, int step, const char *outcome, PathEntry *entry)
{
    NullableDatum values[STEP_COLUMNS] = {
        CRM_VALUE(Int32GetDatum(step)),
        outcome == NULL ? CRM_VALUE(Int32GetDatum(entry->key.part[1])) : CRM_NULL,
        CRM_VALUE(CStringGetTextDatum(outcome == NULL ? "step" : outcome)),
        CRM_VALUE(Int64GetDatum(entry->count)),
        crm_share(entry->count, state->subjects),
        crm_duration_quantile(&entry->times, 0.5),
    };

    crm_row_array_add(rows, values);
}

PG_FUNCTION_INFO_V1(crm_next_steps_final);

/* For each step the most frequent positions, the rest, and the end. */
Datum
crm_next_steps_final(PG_FUNCTION_ARGS)
{
    PathState *state = PG_ARGISNULL(0) ? NULL : (PathState *) PG_GETARG_POINTER(0);
    PathEntry **entries;
    int64 count;
    RowArray rows;

    if (state == NULL)
        PG_RETURN_NULL();
    crm_row_array_begin(&rows, fcinfo, STEP_COLUMNS);
    entries = sorted_entries(state, compare_steps, &count);
    for (int64 i = 0; i < count;) {
        int step = entries[i]->key.part[0];
        PathEntry *end = NULL;
        PathEntry rest = {0};
        int told = 0;

        for (; i < count && entries[i]->key.part[0] == step; i++) {
            if (entries[i]->key.part[1] == END)
                end = entries[i];
            else if (state->top == 0 || told++ < state->top)
                add_step(&rows, state, step, NULL, entries[i]);
            else
                add_rest(&rest, entries[i]);
        }
        if (rest.count > 0)
            add_step(&rows, state, step, "other", &rest);
        if (end != NULL)
            add_step(&rows, state, step, "end", end);
    }
    return crm_row_array_end(&rows);
}

#define PATH_COLUMNS 5

static void
add_path(RowArray *rows, const PathState *state, PathEntry *entry)
{
    Datum parts[LENGTH_MAX];
    NullableDatum values[PATH_COLUMNS] = {
        CRM_NULL,
        CRM_NULL,
        CRM_VALUE(Int64GetDatum(entry->count)),
        crm_share(entry->count, state->subjects),
        crm_duration_quantile(&entry->times, 0.5),
    };

    if (entry->key.length > 0) {
        for (int i = 0; i < entry->key.length; i++)
            parts[i] = Int32GetDatum(entry->key.part[i]);
        values[0] = CRM_VALUE(PointerGetDatum(
            construct_array(parts, entry->key.length, INT4OID, sizeof(int32), true, TYPALIGN_INT)));
        values[1] = CRM_VALUE(BoolGetDatum(entry->key.length < state->rule.length));
    }
    crm_row_array_add(rows, values);
}

PG_FUNCTION_INFO_V1(crm_paths_final);

/* The most frequent paths, and the rest. */
Datum
crm_paths_final(PG_FUNCTION_ARGS)
{
    PathState *state = PG_ARGISNULL(0) ? NULL : (PathState *) PG_GETARG_POINTER(0);
    PathEntry **entries;
    PathEntry rest = {0};
    int64 count;
    RowArray rows;

    if (state == NULL)
        PG_RETURN_NULL();
    crm_row_array_begin(&rows, fcinfo, PATH_COLUMNS);
    entries = sorted_entries(state, compare_entries, &count);
    for (int64 i = 0; i < count; i++)
        if (state->top == 0 || i < state->top)
            add_path(&rows, state, entries[i]);
        else
            add_rest(&rest, entries[i]);
    if (rest.count > 0)
        add_path(&rows, state, &rest);
    return crm_row_array_end(&rows);
}
