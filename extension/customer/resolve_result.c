/*
 * resolve_result.c: what a run found, as values of SQL. See resolve_run.h.
 */
#include "base/compat.h"
#include "customer/number_array.h"
#include "customer/resolve_run.h"

#include <math.h>

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(crm_resolve_result);
PG_FUNCTION_INFO_V1(crm_resolve_report);
PG_FUNCTION_INFO_V1(crm_resolve_doubts);

/* resolve_result(OUT numbers bigint[], OUT labels integer[]): labels are nodes, from 1, as assign_customers takes them. */
Datum
crm_resolve_result(PG_FUNCTION_ARGS)
{
    const ResolveRun *run = resolve_run_done();
    const uint32 *clusters = linker_clusters(resolve_run_linker(run));
    int count = (int) resolve_run_count(run);
    int64 *numbers = palloc_extended(sizeof(int64) * (Size) Max(count, 1), MCXT_ALLOC_HUGE);
    int32 *labels = palloc_extended(sizeof(int32) * (Size) Max(count, 1), MCXT_ALLOC_HUGE);
    TupleDesc descriptor;
    Datum values[2];
    bool nulls[2] = {false, false};

    if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    for (int i = 0; i < count; i++) {
        numbers[i] = resolve_run_number(run, (uint32) i);
        labels[i] = (int32) clusters[i] + 1;
    }
    values[0] = PointerGetDatum(number_array_make(numbers, count, INT8OID, sizeof(int64)));
    values[1] = PointerGetDatum(number_array_make(labels, count, INT4OID, sizeof(int32)));
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls)));
}

static void
add_by_attribute(StringInfo json, const LinkReport *report)
{
    const char *separator = "";

    appendStringInfoString(json, ", \"candidates_by\": {");
    for (int i = 0; i <= LINK_ATTRIBUTES; i++) {
        if (report->candidates_by[i] == 0)
            continue;
        appendStringInfoString(json, separator);
        escape_json(json, i < LINK_ATTRIBUTES ? link_attribute_name((LinkAttribute) i) : "two attributes");
        appendStringInfo(json, ": " UINT64_FORMAT, report->candidates_by[i]);
        separator = ", ";
    }
    appendStringInfoChar(json, '}');
}

static void
add_seconds(StringInfo json, const LinkReport *report)
{
    static const char *const phases[LINK_DONE] = {"reading", "blocking", "comparing", "fitting",
                                                  "clustering"};

    appendStringInfoString(json, ", \"seconds\": {");
    for (int i = 0; i < LINK_DONE; i++)
        appendStringInfo(json, "%s\"%s\": %.3f", i == 0 ? "" : ", ", phases[i], report->seconds[i]);
    appendStringInfoChar(json, '}');
}

Datum
crm_resolve_report(PG_FUNCTION_ARGS)
{
    const LinkReport *report = linker_report(resolve_run_linker(resolve_run_done()));
    StringInfoData json;

    initStringInfo(&json);
    appendStringInfo(
        &json,
        "{\"records\": " UINT64_FORMAT ", \"clusters\": " UINT64_FORMAT
        ", \"candidate_pairs\": " UINT64_FORMAT ", \"kept_pairs\": " UINT64_FORMAT
        ", \"cluster_pairs\": " UINT64_FORMAT
        ", \"expected_pairs\": %.1f, \"threshold\": %.3f, \"sure\": %s, \"fixed\": %s, \"memory_bytes\": %zu"
        ", \"spilled_bytes\": " UINT64_FORMAT,
        report->records, report->clusters, report->candidates, report->kept, report->cluster_pairs,
        isfinite(report->posterior_sum) ? report->posterior_sum : 0,
        isfinite(report->threshold) ? report->threshold : 0, report->sure ? "true" : "false",
        report->fixed ? "true" : "false", report->memory, report->spilled);
    add_by_attribute(&json, report);
    add_seconds(&json, report);
    appendStringInfoChar(&json, '}');
    PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}

/* resolve_doubts(max_rows integer) SETOF (a bigint, b bigint, weight float8, worth float8) */
Datum
crm_resolve_doubts(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    const ResolveRun *run = resolve_run_done();
    int room = Max(PG_GETARG_INT32(0), 0);
    LinkDoubt *doubts = palloc(sizeof(LinkDoubt) * (Size) Max(room, 1));
    int count = linker_doubts(resolve_run_linker(run), doubts, room);

    InitMaterializedSRF(fcinfo, 0);
    for (int i = 0; i < count; i++) {
        Datum values[4] = {Int64GetDatum(resolve_run_number(run, doubts[i].a)),
                           Int64GetDatum(resolve_run_number(run, doubts[i].b)),
                           Float8GetDatum(doubts[i].weight), Float8GetDatum(doubts[i].worth)};
        bool nulls[4] = {false};

        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    return (Datum) 0;
}
