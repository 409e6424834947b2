/*
 * golden.c: see golden.h. Everything is decided attribute by attribute over all records of one customer, since customers have few.
 * Here too: survivor, the same rules over values that a merge has at hand.
 */
#include "base/compat.h"
#include "base/error.h"
#include "customer/golden.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(crm_survivor);

/* One record's column of candidates, for all attributes. */
static void
read_record(GoldenTable *table, int n)
{
    const GoldenPlan *plan = table->plan;
    const GoldenRecord *record = &table->records[n];
    Datum *changed = NULL;
    bool *unchanged = NULL;
    int changed_count = 0;

    if (record->changed != NULL)
        deconstruct_array(unconstify(ArrayType *, record->changed), TIMESTAMPTZOID, sizeof(TimestampTz),
                          FLOAT8PASSBYVAL, TYPALIGN_DOUBLE, &changed, &unchanged, &changed_count);
    for (int i = 0; i < plan->attributes; i++) {
        SurvivorshipCandidate *candidate = &table->candidates[i * table->count + n];
        uint32 bit = UINT32_C(1) << i;

        if (record->values[i] == NULL || ((record->readable & bit) == 0 && !plan->shared[i]))
            continue;
        candidate->value = VARDATA_ANY(record->values[i]);
        candidate->length = (int) VARSIZE_ANY_EXHDR(record->values[i]);
        if (plan->rule[i] == SURVIVORSHIP_LONGEST)
            candidate->characters = pg_mbstrlen_with_len(candidate->value, candidate->length);
        candidate->invalid = (record->invalid & bit) != 0;
        candidate->since = record->has_time ? record->created_at : SURVIVORSHIP_NO_TIME;
        if (i < changed_count && !unchanged[i])
            candidate->since = DatumGetTimestampTz(changed[i]);
        candidate->trust = record->trust == NULL ? PG_INT32_MAX : record->trust[i];
        candidate->place = record->place;
        candidate->key = VARDATA_ANY(record->key);
        candidate->key_length = (int) VARSIZE_ANY_EXHDR(record->key);
    }
}

/* Whether a record says nothing else than what is chosen of the attributes that the same one leads, itself included. */
static bool
agrees(const GoldenTable *table, int leader, const int *chosen, int n)
{
    const GoldenPlan *plan = table->plan;

    for (int i = leader; i < plan->attributes; i++) {
        const SurvivorshipCandidate *candidate = &table->candidates[i * table->count + n];

        if (i != leader && plan->leader[i] != leader)
            continue;
        if (candidate->value != NULL && chosen[i] >= 0 &&
            !survivorship_same(candidate, &table->candidates[i * table->count + chosen[i]]))
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
    const GoldenPlan *plan = table->plan;
    const int *leading = &table->order[leader * table->count];

    chosen[leader] = table->ordered[leader] > 0 ? leading[0] : -1;
    for (int k = 0; k < table->ordered[leader]; k++) {
        if (!agrees(table, leader, chosen, leading[k]))
            continue;
        for (int i = leader + 1; i < plan->attributes; i++)
            if (plan->leader[i] == leader && chosen[i] < 0 &&
                table->candidates[i * table->count + leading[k]].value != NULL)
                chosen[i] = leading[k];
    }
    for (int i = leader + 1; i < plan->attributes; i++) {
        int *order = &table->order[i * table->count];
        int at = 0;

        if (plan->leader[i] != leader || table->ordered[leader] == 0)
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

static bool
leads(const GoldenPlan *plan, int attribute)
{
    for (int i = attribute + 1; i < plan->attributes; i++)
        if (plan->leader[i] == attribute)
            return true;
    return false;
}

/*
 * What is manual of a leader is so of those that it leads. Among these a set is in the order of recency, with all records, since the one
 * that the leader's value is from may not be the first that has theirs.
 */
static uint8
rule_of(const GoldenPlan *plan, int attribute)
{
    int leader = plan->leader[attribute];

    if (leader >= 0 && plan->rule[leader] == GOLDEN_RULE_MANUAL)
        return GOLDEN_RULE_MANUAL;
    if (plan->rule[attribute] == SURVIVORSHIP_SET && (leader >= 0 || leads(plan, attribute)))
        return SURVIVORSHIP_RECENT;
    return plan->rule[attribute];
}

/* Of an attribute's order, for a set: the first of those that have one value. */
static void
keep_each_value_once(GoldenTable *table, int attribute)
{
    int *order = &table->order[attribute * table->count];
    const SurvivorshipCandidate *candidates = &table->candidates[attribute * table->count];
    int kept = 0;

    for (int k = 0; k < table->ordered[attribute]; k++) {
        int before = 0;

        while (before < kept && !survivorship_same(&candidates[order[before]], &candidates[order[k]]))
            before++;
        if (before == kept)
            order[kept++] = order[k];
    }
    table->ordered[attribute] = kept;
}

GoldenTable *
golden_decide(const GoldenPlan *plan, const GoldenRecord *records, int count)
{
    GoldenTable *table = palloc0(sizeof(GoldenTable));
    Size cells = mul_size((Size) plan->attributes, (Size) count);
    int chosen[GOLDEN_MAX_ATTRIBUTES];

    table->plan = plan;
    table->records = records;
    table->count = count;
    table->candidates =
        MemoryContextAllocExtended(CurrentMemoryContext, mul_size(cells, sizeof(SurvivorshipCandidate)),
                                   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    table->order = MemoryContextAllocHuge(CurrentMemoryContext, mul_size(cells, sizeof(int)));
    table->ordered = palloc0(sizeof(int) * (Size) plan->attributes);
    table->golden = palloc0(sizeof(bool) * (Size) plan->attributes);
    for (int n = 0; n < count; n++)
        read_record(table, n);
    for (int i = 0; i < plan->attributes; i++) {
        uint8 rule = rule_of(plan, i);

        chosen[i] = -1;
        if (rule != GOLDEN_RULE_MANUAL)
            table->ordered[i] = survivorship_order((SurvivorshipRule) rule, &table->candidates[i * count],
                                                   count, &table->order[i * count]);
        table->golden[i] = table->ordered[i] > 0;
        CHECK_FOR_INTERRUPTS();
    }
    for (int i = 0; i < plan->attributes; i++)
        if (plan->leader[i] < 0)
            follow_leader(table, i, chosen);
    for (int i = 0; i < plan->attributes; i++)
        if (plan->rule[i] == SURVIVORSHIP_SET)
            keep_each_value_once(table, i);
    return table;
}

const SurvivorshipCandidate *
golden_candidate(const GoldenTable *table, int attribute, int rank)
{
    return &table->candidates[attribute * table->count + table->order[attribute * table->count + rank]];
}

const GoldenRecord *
golden_holder(const GoldenTable *table, int attribute, int rank)
{
    return &table->records[table->order[attribute * table->count + rank]];
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
