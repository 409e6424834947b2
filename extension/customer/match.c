/*
 * match.c: see match.h.
 *
 * What a call costs is reading the candidates and making them comparable, so only those that share the rarest keys are
 * read: MATCH_CANDIDATES of them. The model, its frequencies and all plans stay in the session.
 */
#include "base/compat.h"
#include "base/error.h"
#include "base/schema.h"
#include "customer/key_index.h"
#include "customer/match.h"
#include "customer/model_store.h"
#include "customer/number_array.h"
#include "customer/record_input.h"
#include "customer/small_linker.h"

#include <math.h>

#include "executor/spi.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(crm_match_records);
PG_FUNCTION_INFO_V1(crm_link_near);

#define MATCH_CANDIDATES 24
#define MATCH_LEAST_BITS (-6.0) /* less than 1.5 % is not worth showing */

static LinkText
value_text(const JsonbValue *value, const char *attribute)
{
    switch (value->type) {
    case jbvNull:
        return (LinkText){NULL, 0};
    case jbvString:
        return record_input_text(
            PointerGetDatum(cstring_to_text_with_len(value->val.string.val, value->val.string.len)));
    case jbvNumeric:
        return record_input_text(CStringGetTextDatum(
            DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value->val.numeric)))));
    default:
        ereport(ERROR,
                (errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                 errmsg("attribute \"%s\" is neither text nor a number", attribute),
                 errhint("For example: '{\"full_name\": \"Ann Lee\", \"email\": \"ann@example.com\"}'.")));
    }
    return (LinkText){NULL, 0};
}

static void
read_attributes(Jsonb *attributes, LinkInput *input)
{
    JsonbIterator *iterator = JsonbIteratorInit(&attributes->root);
    JsonbIteratorToken token;
    JsonbValue value;
    char *name = NULL;

    if (!JB_ROOT_IS_OBJECT(attributes))
        ereport(ERROR,
                (errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("attributes must be a JSON object"),
                 errhint("For example: '{\"full_name\": \"Ann Lee\", \"email\": \"ann@example.com\"}'.")));
    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE) {
        if (token == WJB_KEY) {
            name = pnstrdup(value.val.string.val, value.val.string.len);
        } else if (token == WJB_VALUE) {
            int field = record_input_field(name, strlen(name));

            if (field >= 0)
                input->field[field] = value_text(&value, name);
        }
    }
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
put_matches(ReturnSetInfo *result, SmallLinker *linker)
{
    LinkEvidence evidence[LINK_ATTRIBUTES];

    for (int i = 1; i < linker->count; i++) {
        double prior;
        double weight;
        int count = linker_explain(linker->linker, 0, (uint32) i, evidence, &prior, &weight);
        Datum values[3];
        bool nulls[3] = {false};

        model_check();
        if (weight < MATCH_LEAST_BITS)
            continue;
        values[0] = Int64GetDatum(linker->number[i]);
        values[1] = Float8GetDatum(1 / (1 + exp2(-weight)));
        values[2] = reasons(evidence, count);
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
}

Datum
crm_match_records(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    LinkInput input = {0};
    int32 keys[LINK_MAX_KEYS];
    KeyCandidate candidates[MATCH_CANDIDATES];
    int64 numbers[MATCH_CANDIDATES];
    const ModelInForce *model;
    int count = 0;

    InitMaterializedSRF(fcinfo, 0);
    SPI_connect();
    read_attributes(PG_GETARG_JSONB_P(0), &input);
    if (!PG_ARGISNULL(1)) {
        LinkText kind = record_input_text(PG_GETARG_DATUM(1));

        input.kind = record_input_kind(kind.data, kind.length);
    }
    model = model_in_force();
    if (model != NULL)
        count = key_index_find(model, keys, link_keys(model->model, &input, keys, LINK_MAX_KEYS), candidates,
                               MATCH_CANDIDATES);
    model_check();
    if (count > 0) {
        SmallLinker *linker = small_linker_open(model->model);

        for (int i = 0; i < count; i++)
            numbers[i] = candidates[i].record_no;
        small_linker_add(linker, &input, 0);
        small_linker_add_records(linker, numbers, count);
        put_matches(result, linker);
        small_linker_close(linker);
    }
    SPI_finish();
    return (Datum) 0;
}

Datum
crm_link_near(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    int key_count;
    const int32 *keys = number_array_elements(PG_GETARG_ARRAYTYPE_P(0), &key_count);
    int room = Max(PG_GETARG_INT32(1), 0);
    KeyCandidate *candidates;
    const ModelInForce *model;
    int count;

    InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
    SPI_connect();
    candidates = palloc(sizeof(KeyCandidate) * (Size) Max(room, 1));
    model = model_in_force();
    count = model == NULL ? 0 : key_index_find(model, keys, key_count, candidates, room);
    for (int i = 0; i < count; i++) {
        Datum value = Int64GetDatum(candidates[i].record_no);
        bool isnull = false;

        tuplestore_putvalues(result->setResult, result->setDesc, &value, &isnull);
    }
    SPI_finish();
    return (Datum) 0;
}
