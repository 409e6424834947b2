/*
 * golden_sql.c: golden records for SQL: golden_of, golden_choices_of and may_read_customer (sql/customer/46-golden.sql).
 *
 * Each makes its answer for one customer from what golden_read.h may show the caller, so that a join with customers asks for those that
 * it needs, and no more.
 */
#include "base/compat.h"
#include "customer/golden_read.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(crm_golden_of);
PG_FUNCTION_INFO_V1(crm_golden_choices_of);
PG_FUNCTION_INFO_V1(crm_may_read_customer);

static text *
candidate_text(const SurvivorshipCandidate *candidate)
{
    return cstring_to_text_with_len(candidate->value, candidate->length);
}

static void
append_set(StringInfo json, const GoldenTable *table, int attribute)
{
    appendStringInfoString(json, json->len == 0 ? "{" : ",");
    escape_json(json, table->plan->name[attribute]);
    for (int k = 0; k < table->ordered[attribute]; k++) {
        appendStringInfoString(json, k == 0 ? ":[" : ",");
        escape_json(json, text_to_cstring(candidate_text(golden_candidate(table, attribute, k))));
    }
    appendStringInfoChar(json, ']');
}

/* All values of the attributes whose rule is set, as jsonb; false where there are none. */
static bool
value_sets(const GoldenTable *table, Datum *sets)
{
    StringInfoData json;

    initStringInfo(&json);
    for (int i = 0; i < table->plan->attributes; i++)
        if (table->golden[i] && table->plan->rule[i] == SURVIVORSHIP_SET)
            append_set(&json, table, i);
    if (json.len == 0)
        return false;
    appendStringInfoChar(&json, '}');
    *sets = DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
    return true;
}

/* Behind the attributes stand when the oldest record began, how many there are, and the sets. */
Datum
crm_golden_of(PG_FUNCTION_ARGS)
{
    GoldenReader *reader = golden_reader();
    const GoldenPlan *plan = golden_reader_plan(reader);
    GoldenCustomer *customer = golden_read(reader, PG_GETARG_INT64(0));
    TupleDesc desc;
    GoldenSaid said;
    GoldenTable *table;
    Datum values[GOLDEN_MAX_ATTRIBUTES + 4];
    bool nulls[GOLDEN_MAX_ATTRIBUTES + 4];
    int behind = plan->attributes + 1;
    TimestampTz began = 0;
    int64 visible = 0;

    if (!customer->visible)
        PG_RETURN_NULL();
    desc = golden_reader_result(reader, fcinfo);
    if (desc->natts != behind + 3)
        elog(ERROR, "golden_record has %d columns, not %d", behind + 3, desc->natts);
    golden_read_said(reader, customer, &said);
    table = golden_decide(plan, customer->records, customer->count);
    values[0] = PG_GETARG_DATUM(0);
    nulls[0] = false;
    for (int i = 0; i < plan->attributes; i++) {
        nulls[i + 1] = said.known[i] ? said.value[i] == NULL : !table->golden[i];
        if (!nulls[i + 1])
            values[i + 1] = PointerGetDatum(said.known[i] ? said.value[i]
                                                          : candidate_text(golden_candidate(table, i, 0)));
    }
    nulls[behind] = true;
    for (int n = 0; n < customer->count; n++) {
        const GoldenRecord *record = &customer->records[n];

        visible += record->visible;
        if (record->visible && record->has_time && (nulls[behind] || record->created_at < began)) {
            began = record->created_at;
            nulls[behind] = false;
        }
    }
    values[behind] = TimestampTzGetDatum(began);
    values[behind + 1] = Int64GetDatum(visible);
    nulls[behind + 1] = false;
    nulls[behind + 2] = !value_sets(table, &values[behind + 2]);
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(desc, values, nulls)));
}

static Datum
choice(const GoldenTable *table, int attribute, int rank, TupleDesc desc)
{
    const SurvivorshipCandidate *candidate = golden_candidate(table, attribute, rank);
    Datum values[7];
    bool nulls[7] = {false};

    values[0] = Int32GetDatum(attribute + 1);
    values[1] = Int32GetDatum(rank + (table->golden[attribute] ? 1 : 2));
    values[2] = PointerGetDatum(candidate_text(candidate));
    values[3] = Int32GetDatum(candidate->place);
    values[4] = PointerGetDatum(cstring_to_text_with_len(candidate->key, candidate->key_length));
    values[5] = TimestampTzGetDatum(candidate->since);
    nulls[5] = candidate->since == SURVIVORSHIP_NO_TIME;
    values[6] =
        BoolGetDatum((golden_holder(table, attribute, rank)->readable & (UINT32_C(1) << attribute)) != 0);
    return HeapTupleGetDatum(heap_form_tuple(desc, values, nulls));
}

/* Every value that took part, attribute by attribute, in the order of the rule. */
Datum
crm_golden_choices_of(PG_FUNCTION_ARGS)
{
    GoldenReader *reader = golden_reader();
    const GoldenPlan *plan = golden_reader_plan(reader);
    GoldenCustomer *customer = golden_read(reader, PG_GETARG_INT64(0));
    Oid element = get_element_type(get_fn_expr_rettype(fcinfo->flinfo));
    GoldenTable *table;
    TupleDesc desc;
    Datum *choices;
    int count = 0;

    if (!customer->visible)
        PG_RETURN_NULL();
    table = golden_decide(plan, customer->records, customer->count);
    desc = lookup_rowtype_tupdesc(element, -1);
    choices = MemoryContextAllocHuge(
        CurrentMemoryContext,
        mul_size(sizeof(Datum), mul_size((Size) plan->attributes, (Size) customer->count)));
    for (int i = 0; i < plan->attributes; i++)
        for (int k = 0; k < table->ordered[i]; k++)
            choices[count++] = choice(table, i, k, desc);
    ReleaseTupleDesc(desc);
    PG_RETURN_ARRAYTYPE_P(construct_array(choices, count, element, -1, false, TYPALIGN_DOUBLE));
}

Datum
crm_may_read_customer(PG_FUNCTION_ARGS)
{
    PG_RETURN_BOOL(golden_may_read(golden_reader(), PG_GETARG_INT64(0)));
}
