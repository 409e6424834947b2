/*
 * match.c: see match.h.
 *
 * Candidates are found by their keys, of all records; those that the caller may not read are left out before they count, so that
 * nothing hides behind them and their number tells nothing. Of the rest the most promising are compared, by the model in
 * force; before the first full run there is none, and the usual one stands in for it.
 */
#include "base/compat.h"
#include "base/error.h"
#include "base/schema.h"
#include "customer/index_probe.h"
#include "base/kept_plan.h"
#include "customer/key_index.h"
#include "customer/match.h"
#include "customer/match_input.h"
#include "customer/model_store.h"
#include "customer/readable_record.h"
#include "customer/record_input.h"
#include "customer/small_linker.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(crm_match);

#define COMPARED 24       /* records */
#define FIRST 32          /* candidates: enough where all may be read */
#define MORE 8            /* times as many, where they do not suffice */
#define YOUNG 240         /* candidates, before anything was linked */
#define LEAST_BITS (-6.0) /* less than 1.5 % is not worth showing */

typedef struct Found {
    Oid relation;
    text *key;
    char *relation_name;
    double weight;
    int node; /* of the linker */
} Found;

typedef struct Match {
    LinkInput input;
    SmallLinker *linker; /* the input is its first node */
    Found found[COMPARED];
    int count;
} Match;

/* The candidates, most promising first, save those that the caller may not read; until there are enough. */
static void
add_records(Match *match, const KeyCandidate *candidates, int count)
{
    int64 *numbers = palloc(sizeof(int64) * (Size) Max(count, 1));
    ReadableRecords records;
    RecordInput record = {0};
    Oid relation;
    text *key;

    for (int i = 0; i < count; i++)
        numbers[i] = candidates[i].record_no;
    readable_records_open(&records, numbers, count);
    while (match->count < COMPARED && readable_records_next(&records, &record, &relation, &key)) {
        if (!link_kinds_agree(record.input.kind, match->input.kind))
            continue;
        match->found[match->count++] =
            (Found){.relation = relation, .key = key, .node = match->linker->count};
        small_linker_add(match->linker, &record.input, record.record_no);
    }
    readable_records_close(&records);
}

static int
compare_found(const void *a, const void *b)
{
    const Found *x = a;
    const Found *y = b;
    int order;

    if (x->weight != y->weight)
        return x->weight > y->weight ? -1 : 1;
    order = strcmp(x->relation_name, y->relation_name);
    return order != 0 ? order : strcmp(text_to_cstring(x->key), text_to_cstring(y->key));
}

/* Leaves those that it could be, most probable first. */
static void
weigh(Match *match)
{
    LinkEvidence evidence[LINK_ATTRIBUTES];
    double prior;
    int count = 0;

    for (int i = 0; i < match->count; i++) {
        Found found = match->found[i];

        linker_explain(match->linker->linker, 0, (uint32) found.node, evidence, &prior, &found.weight);
        if (found.weight < LEAST_BITS)
            continue;
        found.relation_name =
            count > 0 && match->found[count - 1].relation == found.relation
                ? match->found[count - 1].relation_name
                : DatumGetCString(DirectFunctionCall1(regclassout, ObjectIdGetDatum(found.relation)));
        match->found[count++] = found;
    }
    match->count = count;
    qsort(match->found, (size_t) count, sizeof(Found), compare_found);
}

static Datum
reasons(const LinkEvidence *evidence, int count)
{
    StringInfoData json;

    initStringInfo(&json);
    appendStringInfoChar(&json, '[');
    for (int i = 0; i < count; i++) {
        appendStringInfoString(&json, i == 0 ? "{\"attribute\": " : ", {\"attribute\": ");
        escape_json(&json, link_attribute_name(evidence[i].attribute));
        appendStringInfoString(&json, ", \"level\": ");
        escape_json(&json, link_level_name(evidence[i].attribute, evidence[i].level));
        appendStringInfo(&json, ", \"bits\": %.2f}", evidence[i].bits);
    }
    appendStringInfoChar(&json, ']');
    return DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data));
}

static void
put(ReturnSetInfo *result, Match *match, int max_rows)
{
    LinkEvidence evidence[LINK_ATTRIBUTES];
    IndexProbe links;

    index_probe_open(&links, "record_link", "record_link_pkey", 1);
    for (int i = 0; i < Min(match->count, max_rows); i++) {
        const Found *found = &match->found[i];
        Datum values[5] = {ObjectIdGetDatum(found->relation), PointerGetDatum(found->key)};
        bool nulls[5] = {false};
        ScanKeyData key;
        TupleTableSlot *link;
        double prior;
        double weight;
        int count = linker_explain(match->linker->linker, 0, (uint32) found->node, evidence, &prior, &weight);

        ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ,
                    Int64GetDatum(match->linker->number[found->node]));
        link = index_probe_find(&links, &key);
        if (link != NULL)
            values[2] = slot_getattr(link, 2, &nulls[2]);
        else
            nulls[2] = true;
        values[3] = Float8GetDatum(1 / (1 + exp2(-weight)));
        values[4] = reasons(evidence, count);
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    index_probe_close(&links);
}

/* Adds the records that share the rarest keys. */
static void
add_near(Match *match, const ModelInForce *model)
{
    LinkKey keys[LINK_MAX_KEYS];
    SmallLinker *linker = small_linker_open(model->model, false);
    int key_count;
    int done = 0;

    small_linker_add(linker, &match->input, 0);
    key_count = small_linker_keys(linker, 0, keys);
    small_linker_close(linker);
    for (int room = FIRST;; room *= MORE) {
        KeyCandidate *candidates = palloc(sizeof(KeyCandidate) * (Size) room);
        int count = key_index_find(model, keys, key_count, match->input.kind, candidates, room);

        add_records(match, candidates + done, count - done);
        pfree(candidates);
        if (count < room || match->count == COMPARED)
            break;
        done = count; /* the next time these are the first again */
    }
}

/* Before anything was linked: adds what match_young finds. */
static void
add_young(Match *match, Jsonb *attributes)
{
    static KeptPlan plan;
    Oid types[2] = {JSONBOID, INT4OID};
    Datum values[2] = {JsonbPGetDatum(attributes), Int32GetDatum(YOUNG)};
    KeyCandidate candidates[YOUNG];
    int count;

    if (!kept_plan_ready(&plan))
        kept_plan_make(&plan,
                       psprintf("SELECT y.record_no FROM %s.match_young($1, $2) y", crm_schema_quoted()), 2,
                       types);
    if (SPI_execute_plan(plan.plan, values, NULL, true, YOUNG) != SPI_OK_SELECT)
        elog(ERROR, "candidates could not be read");
    count = (int) SPI_processed;
    for (int i = 0; i < count; i++) {
        bool isnull;

        candidates[i] = (KeyCandidate){
            DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull)), 0};
    }
    SPI_freetuptable(SPI_tuptable);
    add_records(match, candidates, count);
}

Datum
crm_match(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    Jsonb *attributes = PG_ARGISNULL(0) ? NULL : PG_GETARG_JSONB_P(0);
    Match match = {0};
    const ModelInForce *model;

    InitMaterializedSRF(fcinfo, 0);
    SPI_connect();
    match_input_read(attributes, &match.input);
    if (PG_ARGISNULL(1) || PG_GETARG_INT32(1) < 1)
        ereport(ERROR, (errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("max_rows must be 1 or more"),
                        errhint("Leave it out for 10.")));
    model = model_in_force();
    match.linker = small_linker_open(model != NULL ? model->model : model_usual(), true);
    small_linker_add(match.linker, &match.input, 0);
    if (model != NULL)
        add_near(&match, model);
    else
        add_young(&match, attributes);
    weigh(&match);
    put(result, &match, PG_GETARG_INT32(1));
    small_linker_close(match.linker);
    model_check();
    SPI_finish();
    return (Datum) 0;
}
