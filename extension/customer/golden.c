/*
 * golden.c: the aggregates golden_values and golden_choices. See golden.h.
 *
 * One state serves both: the records of a customer as they come. Everything is decided at the end, attribute by attribute, since
 * customers have few records. The plan says for each attribute which rule it has, whether it is shared, and by which other
 * attribute it is led; it is the same for every row of a statement and copied once for each customer.
 */
#include "base/compat.h"
#include "base/error.h"
#include "customer/golden.h"
#include "customer/survivorship.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#define RULE_MANUAL (SURVIVORSHIP_SET + 1)
#define FIRST_CAPACITY 4

/* Element i of a plan: the rule in the lowest four bits, then whether it is shared, then the position of its leader or 0. */
#define PLAN_RULE(element) ((element) &15)
#define PLAN_SHARED(element) (((element) &16) != 0)
#define PLAN_LEADER(element) ((element) >> 8)

typedef struct GoldenRecord {
    uint32 readable; /* a bit for each attribute: whether the reader may read it of this record */
    uint32 invalid;
    int32 place;
    bool has_time;
    TimestampTz created_at;
    text *key;
    ArrayType *changed; /* NULL where nothing did */
    ArrayType *trust;   /* NULL where nobody is trusted */
    ArrayType *values;
} GoldenRecord;

typedef struct GoldenState {
    int attributes;
    int32 plan[GOLDEN_MAX_ATTRIBUTES];
    int count;
    int capacity;
    GoldenRecord *records;
} GoldenState;

/* What the final functions work on: a candidate for each record and attribute. */
typedef struct GoldenTable {
    const GoldenState *state;
    SurvivorshipCandidate
        *candidates; /* record after record of the first attribute, then of the second ... */
    int *order;      /* the same shape: the records in order */
    int *ordered;    /* how many of them for each attribute */
    bool *golden;    /* whether the first of them is the golden one */
    bool readable;   /* at least one record is */
} GoldenTable;

PG_FUNCTION_INFO_V1(crm_golden_step);
PG_FUNCTION_INFO_V1(crm_golden_values);
PG_FUNCTION_INFO_V1(crm_golden_choices);
PG_FUNCTION_INFO_V1(crm_survivor);

static GoldenState *
new_state(ArrayType *plan, MemoryContext context)
{
    GoldenState *state = MemoryContextAllocZero(context, sizeof(GoldenState));
    int count = ArrayGetNItems(ARR_NDIM(plan), ARR_DIMS(plan));

    if (count < 1 || count > GOLDEN_MAX_ATTRIBUTES || ARR_HASNULL(plan))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("a plan of golden records has 1 to %d elements and no null", GOLDEN_MAX_ATTRIBUTES));
    state->attributes = count;
    memcpy(state->plan, ARR_DATA_PTR(plan), sizeof(int32) * (Size) count);
    for (int i = 0; i < count; i++)
        if (PLAN_RULE(state->plan[i]) > RULE_MANUAL || PLAN_LEADER(state->plan[i]) < 0 ||
            PLAN_LEADER(state->plan[i]) > i)
            ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                    errmsg("element %d of a plan of golden records is out of range", i + 1));
    return state;
}

static void *
copy_argument(FunctionCallInfo fcinfo, int n)
{
    return PG_ARGISNULL(n) ? NULL : PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(n));
}

Datum
crm_golden_step(PG_FUNCTION_ARGS)
{
    MemoryContext context;
    MemoryContext before;
    GoldenState *state;
    GoldenRecord *record;

    if (!AggCheckCallContext(fcinfo, &context))
        elog(ERROR, "golden_step is called outside an aggregate");
    if (PG_ARGISNULL(0) && PG_ARGISNULL(1))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("golden records need a plan"));
    state =
        PG_ARGISNULL(0) ? new_state(PG_GETARG_ARRAYTYPE_P(1), context) : (GoldenState *) PG_GETARG_POINTER(0);
    if (PG_ARGISNULL(5) || PG_ARGISNULL(9))
        PG_RETURN_POINTER(state);
    before = MemoryContextSwitchTo(context);
    if (state->count == state->capacity) {
        state->capacity = state->capacity == 0 ? FIRST_CAPACITY : 2 * state->capacity;
        state->records = state->records == NULL
                             ? palloc(sizeof(GoldenRecord) * (Size) state->capacity)
                             : repalloc_huge(state->records, sizeof(GoldenRecord) * (Size) state->capacity);
    }
    record = &state->records[state->count++];
    record->readable = PG_ARGISNULL(2) ? 0 : (uint32) PG_GETARG_INT32(2);
    record->invalid = PG_ARGISNULL(3) ? 0 : (uint32) PG_GETARG_INT32(3);
    record->place = PG_ARGISNULL(4) ? PG_INT32_MAX : PG_GETARG_INT32(4);
    record->key = copy_argument(fcinfo, 5);
    record->has_time = !PG_ARGISNULL(6);
    record->created_at = record->has_time ? PG_GETARG_TIMESTAMPTZ(6) : 0;
    record->changed = copy_argument(fcinfo, 7);
    record->trust = copy_argument(fcinfo, 8);
    record->values = copy_argument(fcinfo, 9);
    MemoryContextSwitchTo(before);
    PG_RETURN_POINTER(state);
}

/* One record's column of candidates, for all attributes. */
static void
read_record(GoldenTable *table, int n)
{
    const GoldenState *state = table->state;
    const GoldenRecord *record = &state->records[n];
    Datum *values;
    bool *nulls;
    Datum *changed = NULL;
    bool *unchanged = NULL;
    int value_count;
    int changed_count = 0;
    int trust_count = record->trust == NULL || ARR_HASNULL(record->trust)
                          ? 0
                          : ArrayGetNItems(ARR_NDIM(record->trust), ARR_DIMS(record->trust));

    deconstruct_array(record->values, TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &value_count);
    if (record->changed != NULL)
        deconstruct_array(record->changed, TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL,
                          TYPALIGN_DOUBLE, &changed, &unchanged, &changed_count);
    if (record->readable != 0)
        table->readable = true;
    for (int i = 0; i < state->attributes && i < value_count; i++) {
        SurvivorshipCandidate *candidate = &table->candidates[i * state->count + n];
        uint32 bit = UINT32_C(1) << i;

        if (nulls[i] || ((record->readable & bit) == 0 && !PLAN_SHARED(state->plan[i])))
            continue;
        candidate->value = VARDATA_ANY(DatumGetPointer(values[i]));
        candidate->length = (int) VARSIZE_ANY_EXHDR(DatumGetPointer(values[i]));
        if (PLAN_RULE(state->plan[i]) == SURVIVORSHIP_LONGEST)
            candidate->characters = pg_mbstrlen_with_len(candidate->value, candidate->length);
        candidate->invalid = (record->invalid & bit) != 0;
        candidate->since = record->has_time ? record->created_at : SURVIVORSHIP_NO_TIME;
        if (i < changed_count && !unchanged[i])
            candidate->since = DatumGetTimestampTz(changed[i]);
        candidate->trust = i < trust_count ? ((int32 *) ARR_DATA_PTR(record->trust))[i] : PG_INT32_MAX;
        candidate->place = record->place;
        candidate->key = VARDATA_ANY(record->key);
        candidate->key_length = (int) VARSIZE_ANY_EXHDR(record->key);
    }
}

/* Whether a record says nothing else than what is chosen of the attributes that the same one leads, itself included. */
static bool
agrees(const GoldenTable *table, int leader, const int *chosen, int n)
{
    const GoldenState *state = table->state;

    for (int i = leader; i < state->attributes; i++) {
        const SurvivorshipCandidate *candidate = &table->candidates[i * state->count + n];

        if (i != leader && PLAN_LEADER(state->plan[i]) != leader + 1)
            continue;
        if (candidate->value != NULL && chosen[i] >= 0 &&
            !survivorship_same(candidate, &table->candidates[i * state->count + chosen[i]]))
            return false;
    }
    return true;
}

/*
 * The attributes that one leads come from its golden record; where that has none, from the next that agrees with it. Without any
 * value of the leader, each goes by itself. The chosen record is moved to the front of each order.
 */
static void
follow_leader(GoldenTable *table, int leader, int *chosen)
{
    const GoldenState *state = table->state;
    const int *leading = &table->order[leader * state->count];

    chosen[leader] = table->ordered[leader] > 0 ? leading[0] : -1;
    for (int k = 0; k < table->ordered[leader]; k++) {
        if (!agrees(table, leader, chosen, leading[k]))
            continue;
        for (int i = leader + 1; i < state->attributes; i++)
            if (PLAN_LEADER(state->plan[i]) == leader + 1 && chosen[i] < 0 &&
                table->candidates[i * state->count + leading[k]].value != NULL)
                chosen[i] = leading[k];
    }
    for (int i = leader + 1; i < state->attributes; i++) {
        int *order = &table->order[i * state->count];
        int at = 0;

        if (PLAN_LEADER(state->plan[i]) != leader + 1 || table->ordered[leader] == 0)
            continue;
        table->golden[i] = chosen[i] >= 0;
        if (chosen[i] < 0) /* only records that contradict the leader's have one */
            continue;
        while (order[at] != chosen[i])
            at++;
        memmove(&order[1], &order[0], sizeof(int) * (Size) at);
        order[0] = chosen[i];
    }
}

static GoldenTable *
decide(const GoldenState *state)
{
    GoldenTable *table = palloc0(sizeof(GoldenTable));
    Size cells = mul_size((Size) state->attributes, (Size) state->count);
    int chosen[GOLDEN_MAX_ATTRIBUTES];

    table->state = state;
    table->candidates =
        MemoryContextAllocExtended(CurrentMemoryContext, mul_size(cells, sizeof(SurvivorshipCandidate)),
                                   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    table->order = MemoryContextAllocHuge(CurrentMemoryContext, mul_size(cells, sizeof(int)));
    table->ordered = palloc0(sizeof(int) * (Size) state->attributes);
    table->golden = palloc0(sizeof(bool) * (Size) state->attributes);
    for (int n = 0; n < state->count; n++)
        read_record(table, n);
    for (int i = 0; i < state->attributes; i++) {
        int rule = PLAN_RULE(state->plan[i]);

        chosen[i] = -1;
        if (rule != RULE_MANUAL)
            table->ordered[i] = survivorship_order(rule, &table->candidates[i * state->count], state->count,
                                                   &table->order[i * state->count]);
        table->golden[i] = table->ordered[i] > 0;
        CHECK_FOR_INTERRUPTS();
    }
    for (int i = 0; i < state->attributes; i++)
        if (PLAN_LEADER(state->plan[i]) == 0)
            follow_leader(table, i, chosen);
    return table;
}

static Datum
candidate_text(const GoldenTable *table, int attribute, int rank)
{
    const SurvivorshipCandidate *candidate =
        &table->candidates[attribute * table->state->count +
                           table->order[attribute * table->state->count + rank]];

    return PointerGetDatum(cstring_to_text_with_len(candidate->value, candidate->length));
}

/* All values of an attribute, as a JSON array of strings. */
static Datum
candidate_set(const GoldenTable *table, int attribute)
{
    StringInfoData json;

    initStringInfo(&json);
    for (int k = 0; k < table->ordered[attribute]; k++) {
        appendStringInfoChar(&json, k == 0 ? '[' : ',');
        escape_json(&json, TextDatumGetCString(candidate_text(table, attribute, k)));
    }
    appendStringInfoChar(&json, ']');
    return PointerGetDatum(cstring_to_text_with_len(json.data, json.len));
}

/* The golden values by position; behind them, where a rule is set, all values of the attributes that have it. */
Datum
crm_golden_values(PG_FUNCTION_ARGS)
{
    const GoldenState *state = PG_ARGISNULL(0) ? NULL : (GoldenState *) PG_GETARG_POINTER(0);
    GoldenTable *table;
    Datum values[2 * GOLDEN_MAX_ATTRIBUTES];
    bool nulls[2 * GOLDEN_MAX_ATTRIBUTES];
    int count;
    int lower = 1;

    if (state == NULL || state->count == 0)
        PG_RETURN_NULL();
    table = decide(state);
    if (!table->readable)
        PG_RETURN_NULL();
    count = state->attributes;
    for (int i = 0; i < state->attributes; i++) {
        int behind = state->attributes + i;

        nulls[i] = !table->golden[i];
        nulls[behind] = nulls[i] || PLAN_RULE(state->plan[i]) != SURVIVORSHIP_SET;
        if (!nulls[i])
            values[i] = candidate_text(table, i, 0);
        if (!nulls[behind]) {
            values[behind] = candidate_set(table, i);
            count = 2 * state->attributes;
        }
    }
    PG_RETURN_ARRAYTYPE_P(
        construct_md_array(values, nulls, 1, &count, &lower, TEXTOID, -1, false, TYPALIGN_INT));
}

static Datum
choice(const GoldenTable *table, int attribute, int rank, TupleDesc desc)
{
    const SurvivorshipCandidate *candidate =
        &table->candidates[attribute * table->state->count +
                           table->order[attribute * table->state->count + rank]];
    uint32 readable =
        table->state->records[candidate - &table->candidates[attribute * table->state->count]].readable;
    Datum values[7];
    bool nulls[7] = {false};

    values[0] = Int32GetDatum(attribute + 1);
    values[1] = Int32GetDatum(rank + (table->golden[attribute] ? 1 : 2));
    values[2] = candidate_text(table, attribute, rank);
    values[3] = Int32GetDatum(candidate->place);
    values[4] = PointerGetDatum(cstring_to_text_with_len(candidate->key, candidate->key_length));
    values[5] = TimestampTzGetDatum(candidate->since);
    nulls[5] = candidate->since == SURVIVORSHIP_NO_TIME;
    values[6] = BoolGetDatum((readable & (UINT32_C(1) << attribute)) != 0);
    return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

/* Every value that took part, attribute by attribute, in the order of the rule. */
Datum
crm_golden_choices(PG_FUNCTION_ARGS)
{
    const GoldenState *state = PG_ARGISNULL(0) ? NULL : (GoldenState *) PG_GETARG_POINTER(0);
    Oid element = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
    GoldenTable *table;
    TupleDesc desc;
    Datum *choices;
    int count = 0;

    if (state == NULL || state->count == 0)
        PG_RETURN_NULL();
    table = decide(state);
    if (!table->readable)
        PG_RETURN_NULL();
    desc = lookup_rowtype_tupdesc(element, -1);
    choices = palloc(sizeof(Datum) * (Size) (state->attributes * state->count));
    for (int i = 0; i < state->attributes; i++)
        for (int k = 0; k < table->ordered[i]; k++)
            choices[count++] = choice(table, i, k, desc);
    ReleaseTupleDesc(desc);
    PG_RETURN_ARRAYTYPE_P(construct_array(choices, count, element, -1, false, TYPALIGN_DOUBLE));
}

static SurvivorshipRule
rule_by_name(text *name, bool *manual)
{
    static const char *const names[] = {"most_recent", "most_frequent", "most_trusted", "longest", "set"};
    char *wanted = text_to_cstring(name);

    *manual = strcmp(wanted, "manual") == 0;
    for (int i = 0; i < (int) lengthof(names); i++)
        if (*manual || strcmp(wanted, names[i]) == 0)
            return (SurvivorshipRule) i;
    ereport(ERROR, errcode(ERRCODE_CRM_UNKNOWN_NAME), errmsg("rule \"%s\" does not exist", wanted),
            errhint("There are: most_recent, most_frequent, most_trusted, longest, set, manual."));
}

/* survivor(rule, values, since, trust) */
Datum
crm_survivor(PG_FUNCTION_ARGS)
{
    bool manual;
    SurvivorshipRule rule;
    Datum *values;
    Datum *since = NULL;
    Datum *trust = NULL;
    bool *nulls;
    bool *since_nulls;
    bool *trust_nulls;
    int count;
    int since_count = 0;
    int trust_count = 0;
    SurvivorshipCandidate *candidates;
    int *order;

    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        PG_RETURN_NULL();
    rule = rule_by_name(PG_GETARG_TEXT_PP(0), &manual);
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
    if (!PG_ARGISNULL(2))
        deconstruct_array(PG_GETARG_ARRAYTYPE_P(2), TIMESTAMPTZOID, sizeof(TimestampTz), FLOAT8PASSBYVAL,
                          TYPALIGN_DOUBLE, &since, &since_nulls, &since_count);
    if (!PG_ARGISNULL(3))
        deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), INT4OID, sizeof(int32), true, TYPALIGN_INT, &trust,
                          &trust_nulls, &trust_count);
    candidates = palloc0(sizeof(SurvivorshipCandidate) * (Size) (count + 1));
    order = palloc(sizeof(int) * (Size) (count + 1));
    for (int i = 0; i < count; i++) {
        SurvivorshipCandidate *candidate = &candidates[i];

        candidate->place = i;
        candidate->since =
            i < since_count && !since_nulls[i] ? DatumGetTimestampTz(since[i]) : SURVIVORSHIP_NO_TIME;
        candidate->trust = i < trust_count && !trust_nulls[i] ? DatumGetInt32(trust[i]) : PG_INT32_MAX;
        if (nulls[i])
            continue;
        candidate->value = VARDATA_ANY(DatumGetPointer(values[i]));
        candidate->length = (int) VARSIZE_ANY_EXHDR(DatumGetPointer(values[i]));
        candidate->characters = pg_mbstrlen_with_len(candidate->value, candidate->length);
    }
    if (manual || survivorship_order(rule, candidates, count, order) == 0)
        PG_RETURN_NULL();
    PG_RETURN_INT32(order[0] + 1);
}
