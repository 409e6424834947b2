/*
 * counted.c: what is done with pieces of counted values in SQL: adding them up (counted_merge), how many values there are
 * (counted_distinct) and percentiles (counted_percentile), which are walked through in order.
 */
#include "base/aggregate.h"
#include "base/error.h"
#include "kpi/piece.h"
#include "kpi/value.h"

#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/numeric.h"

#include <math.h>

/*
 * counted_merge(piece): entries pile up, and are reduced where their room is full. Where that leaves more than half of it taken there is
 * more room from then on: else they would be sorted again after the next few.
 */
typedef struct MergeState {
    PieceEntry *entries;
    uint64 count;
    uint64 room;
} MergeState;

/* A copy of a piece in the aggregate's context, for its entries to point into. */
static PieceReader
keep_piece(MemoryContext context, Datum piece)
{
    MemoryContext old = MemoryContextSwitchTo(context);
    bytea *copy = DatumGetByteaPCopy(piece);

    MemoryContextSwitchTo(old);
    return crm_piece_read(copy);
}

PG_FUNCTION_INFO_V1(crm_counted_merge_step);

Datum
crm_counted_merge_step(PG_FUNCTION_ARGS)
{
    MemoryContext context = crm_aggregate_context(fcinfo);
    MergeState *state = PG_ARGISNULL(0) ? NULL : (MergeState *) PG_GETARG_POINTER(0);
    PieceReader reader;
    PieceEntry entry;

    if (state == NULL)
        state = MemoryContextAllocZero(context, sizeof(MergeState));
    if (PG_ARGISNULL(1))
        PG_RETURN_POINTER(state);
    reader = keep_piece(context, PG_GETARG_DATUM(1));
    while (crm_piece_next(&reader, &entry)) {
        uint64 more = 1;

        if (state->count == state->room && state->room > 0) {
            state->count = (uint64) crm_piece_reduce(state->entries, (int64) state->count);
            more = state->room / 2;
        }
        state->entries =
            crm_reserve(context, state->entries, sizeof(PieceEntry), state->count, more, &state->room);
        state->entries[state->count++] = entry;
    }
    PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(crm_counted_merge_final);

/* NULL where nothing is left. */
Datum
crm_counted_merge_final(PG_FUNCTION_ARGS)
{
    MergeState *state = PG_ARGISNULL(0) ? NULL : (MergeState *) PG_GETARG_POINTER(0);

    if (state == NULL)
        PG_RETURN_NULL();
    state->count = (uint64) crm_piece_reduce(state->entries, (int64) state->count); /* it stays what it is */
    if (state->count == 0)
        PG_RETURN_NULL();
    PG_RETURN_BYTEA_P(crm_piece_pack(state->entries, (int64) state->count));
}

PG_FUNCTION_INFO_V1(crm_counted_negated);

/* crm.counted_negated(piece): what takes it away. */
Datum
crm_counted_negated(PG_FUNCTION_ARGS)
{
    bytea *piece = PG_GETARG_BYTEA_PP(0);
    PieceReader reader = crm_piece_read(piece);
    PieceEntry *entries = NULL;
    uint64 count = 0;
    uint64 room = 0;
    PieceEntry entry;

    while (crm_piece_next(&reader, &entry)) {
        entries = crm_reserve(CurrentMemoryContext, entries, sizeof(PieceEntry), count, 1, &room);
        entry.count = -entry.count;
        entries[count++] = entry;
    }
    PG_RETURN_BYTEA_P(crm_piece_pack(entries, (int64) count));
}

PG_FUNCTION_INFO_V1(crm_counted_falls);

/* crm.counted_falls(piece): whether any value is taken away. */
Datum
crm_counted_falls(PG_FUNCTION_ARGS)
{
    PieceReader reader = crm_piece_read(PG_GETARG_BYTEA_PP(0));
    PieceEntry entry;

    while (crm_piece_next(&reader, &entry))
        if (entry.count < 0)
            PG_RETURN_BOOL(true);
    PG_RETURN_BOOL(false);
}

PG_FUNCTION_INFO_V1(crm_counted_entries);

/* crm.counted_entries(piece) → value bytea, rows bigint. */
Datum
crm_counted_entries(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    PieceReader reader = crm_piece_read(PG_GETARG_BYTEA_PP(0));
    PieceEntry entry;

    InitMaterializedSRF(fcinfo, 0);
    while (crm_piece_next(&reader, &entry)) {
        bytea *value = palloc(VARHDRSZ + entry.length);
        Datum values[2];
        bool nulls[2] = {false, false};

        SET_VARSIZE(value, VARHDRSZ + entry.length);
        memcpy(VARDATA(value), entry.value, entry.length);
        values[0] = PointerGetDatum(value);
        values[1] = Int64GetDatum(entry.count);
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
        pfree(value);
    }
    return (Datum) 0;
}

PG_FUNCTION_INFO_V1(crm_counted_number);

/* crm.counted_number(value): the number that a value is. */
Datum
crm_counted_number(PG_FUNCTION_ARGS)
{
    bytea *value = PG_GETARG_BYTEA_PP(0);

    return crm_value_numeric(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

PG_FUNCTION_INFO_V1(crm_value_hash);

/* crm.value_hash(text): what stands for a text where values are counted. */
Datum
crm_value_hash(PG_FUNCTION_ARGS)
{
    ValueKey *key = fcinfo->flinfo->fn_extra;
    bytea *hash = palloc(VARHDRSZ + SIPHASH_BYTES);

    if (key == NULL) {
        key = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(ValueKey));
        *key = crm_value_key();
        fcinfo->flinfo->fn_extra = key;
    }
    SET_VARSIZE(hash, VARHDRSZ + SIPHASH_BYTES);
    crm_value_of_text(key, PG_GETARG_DATUM(0), VARDATA(hash));
    PG_RETURN_BYTEA_P(hash);
}

/*
 * counted_distinct(piece, instance, links). links: of some values which stand for another, as of a customer's record the customer. It is
 * a list in order of: the instance in four bytes, the highest first, the value, and the value that it stands for.
 */
typedef struct DistinctValue {
    char bytes[SIPHASH_BYTES];
} DistinctValue;

typedef struct DistinctEntry {
    DistinctValue value;
    char status;
    int64 count;
} DistinctEntry;

/* It is a hash already. */
static inline uint32
distinct_value_hash(DistinctValue value)
{
    uint32 hash;

    memcpy(&hash, value.bytes, sizeof(hash));
    return hash;
}

#define SH_PREFIX distinct
#define SH_ELEMENT_TYPE DistinctEntry
#define SH_KEY_TYPE DistinctValue
#define SH_KEY value
#define SH_HASH_KEY(tb, k) distinct_value_hash(k)
#define SH_EQUAL(tb, a, b) (memcmp((a).bytes, (b).bytes, SIPHASH_BYTES) == 0)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct Link {
    unsigned char instance[4];
    DistinctValue from;
    DistinctValue to;
} Link;

#define LINK_KEY offsetof(Link, to)

static DistinctValue
linked(const Link *links, int64 count, int32 instance, DistinctValue value)
{
    Link wanted = {.from = value};
    int64 low = 0;

    for (int i = 0; i < 4; i++)
        wanted.instance[i] = (unsigned char) ((uint32) instance >> (24 - 8 * i));
    while (count > 0) {
        const Link *middle = links + low + count / 2;
        int order = memcmp(&wanted, middle, LINK_KEY);

        if (order == 0)
            return middle->to;
        if (order > 0)
            low += count / 2 + 1;
        count = order > 0 ? count - count / 2 - 1 : count / 2;
    }
    return value;
}

PG_FUNCTION_INFO_V1(crm_counted_distinct_step);

Datum
crm_counted_distinct_step(PG_FUNCTION_ARGS)
{
    MemoryContext context = crm_aggregate_context(fcinfo);
    distinct_hash *state = PG_ARGISNULL(0) ? NULL : (distinct_hash *) PG_GETARG_POINTER(0);
    bytea *piece, *links;
    PieceReader reader;
    PieceEntry entry;

    if (state == NULL)
        state = distinct_create(context, 64, NULL);
    if (PG_ARGISNULL(1))
        PG_RETURN_POINTER(state);
    if (PG_ARGISNULL(2) || PG_ARGISNULL(3))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("instance and links are not to be NULL"),
                errhint("Without links give an empty bytea."));
    piece = PG_GETARG_BYTEA_PP(1);
    links = PG_GETARG_BYTEA_PP(3);
    reader = crm_piece_read(piece);
    while (crm_piece_next(&reader, &entry)) {
        DistinctValue value;
        DistinctEntry *found;
        bool known;

        if (entry.length != SIPHASH_BYTES)
            ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED), errmsg("not a piece of values to be told apart"));
        memcpy(value.bytes, entry.value, SIPHASH_BYTES);
        found = distinct_insert(state,
                                linked((const Link *) VARDATA_ANY(links),
                                       VARSIZE_ANY_EXHDR(links) / sizeof(Link), PG_GETARG_INT32(2), value),
                                &known);
        found->count = known ? found->count + entry.count : entry.count;
    }
    PG_FREE_IF_COPY(piece, 1);
    PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(crm_counted_distinct_final);

Datum
crm_counted_distinct_final(PG_FUNCTION_ARGS)
{
    distinct_hash *state = PG_ARGISNULL(0) ? NULL : (distinct_hash *) PG_GETARG_POINTER(0);
    distinct_iterator iterator;
    const DistinctEntry *entry;
    int64 count = 0;

    (void) crm_aggregate_context(fcinfo);
    if (state != NULL) {
        distinct_start_iterate(state, &iterator);
        while ((entry = distinct_iterate(state, &iterator)) != NULL)
            count += entry->count > 0;
    }
    PG_RETURN_INT64(count);
}

/*
 * counted_percentile(piece, rate, q): as percentile_cont(q) WITHIN GROUP (ORDER BY (value * rate)::double precision) over as many rows.
 */
typedef struct NumberCount {
    double value;
    int64 count;
} NumberCount;

typedef struct PercentileState {
    double q;
    NumberCount *numbers;
    uint64 count;
    uint64 room;
} PercentileState;

#define ST_SORT sort_numbers
#define ST_ELEMENT_TYPE NumberCount
#define ST_COMPARE(a, b) (((a)->value > (b)->value) - ((a)->value < (b)->value))
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

/* In order, each number once. */
static uint64
reduce_numbers(NumberCount *numbers, uint64 count)
{
    uint64 kept = 0;

    sort_numbers(numbers, count);
    for (uint64 i = 0; i < count; i++)
        if (kept > 0 && numbers[kept - 1].value == numbers[i].value)
            numbers[kept - 1].count += numbers[i].count;
        else
            numbers[kept++] = numbers[i];
    return kept;
}

static double
worth(const PieceEntry *entry, Datum rate)
{
    if (rate == (Datum) 0)
        return crm_value_double(entry->value, entry->length);
    return DatumGetFloat8(DirectFunctionCall1(
        numeric_float8,
        DirectFunctionCall2(numeric_mul, crm_value_numeric(entry->value, entry->length), rate)));
}

PG_FUNCTION_INFO_V1(crm_counted_percentile_step);

Datum
crm_counted_percentile_step(PG_FUNCTION_ARGS)
{
    MemoryContext context = crm_aggregate_context(fcinfo);
    PercentileState *state = PG_ARGISNULL(0) ? NULL : (PercentileState *) PG_GETARG_POINTER(0);
    Datum rate = 0;
    bytea *piece;
    PieceReader reader;
    PieceEntry entry;

    if (state == NULL) {
        double q = PG_ARGISNULL(3) ? -1 : PG_GETARG_FLOAT8(3);

        if (!(q >= 0 && q <= 1))
            ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("q must be between 0 and 1"),
                    errhint("0.5 is the median."));
        state = MemoryContextAllocZero(context, sizeof(PercentileState));
        state->q = q;
    }
    if (PG_ARGISNULL(1) || PG_ARGISNULL(2))
        PG_RETURN_POINTER(state);
    if (!DatumGetBool(
            DirectFunctionCall2(numeric_eq, PG_GETARG_DATUM(2), NumericGetDatum(int64_to_numeric(1)))))
        rate = PG_GETARG_DATUM(2);
    piece = PG_GETARG_BYTEA_PP(1);
    reader = crm_piece_read(piece);
    while (crm_piece_next(&reader, &entry)) {
        uint64 more = 1;

        if (state->count == state->room && state->room > 0) { /* as in counted_merge */
            state->count = reduce_numbers(state->numbers, state->count);
            more = state->room / 2;
        }
        state->numbers =
            crm_reserve(context, state->numbers, sizeof(NumberCount), state->count, more, &state->room);
        state->numbers[state->count++] = (NumberCount){.value = worth(&entry, rate), .count = entry.count};
    }
    PG_FREE_IF_COPY(piece, 1);
    PG_RETURN_POINTER(state);
}

/* The value of the row of that number, from 0. */
static double
number_at(const NumberCount *numbers, uint64 count, int64 row)
{
    for (uint64 i = 0; i < count; i++) {
        row -= Max(numbers[i].count, 0);
        if (row < 0)
            return numbers[i].value;
    }
    elog(ERROR, "a percentile lies beyond the last value");
}

PG_FUNCTION_INFO_V1(crm_counted_percentile_final);

Datum
crm_counted_percentile_final(PG_FUNCTION_ARGS)
{
    PercentileState *state = PG_ARGISNULL(0) ? NULL : (PercentileState *) PG_GETARG_POINTER(0);
    int64 rows = 0;
    double place, low, high;

    (void) crm_aggregate_context(fcinfo);
    if (state == NULL)
        PG_RETURN_NULL();
    state->count = reduce_numbers(state->numbers, state->count); /* it stays what it is */
    for (uint64 i = 0; i < state->count; i++)
        rows += Max(state->numbers[i].count, 0);
    if (rows == 0)
        PG_RETURN_NULL();
    place = state->q * (double) (rows - 1);
    low = number_at(state->numbers, state->count, (int64) floor(place));
    if (floor(place) == ceil(place))
        PG_RETURN_FLOAT8(low);
    high = number_at(state->numbers, state->count, (int64) ceil(place));
    PG_RETURN_FLOAT8(low + (place - floor(place)) * (high - low));
}
