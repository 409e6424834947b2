/*
 * link_small.c: what small_linker.h is used for by SQL: clusters of some records, why two go together.
 */
#include "base/compat.h"
#include "base/error.h"
#include "base/schema.h"
#include "customer/model_store.h"
#include "customer/number_array.h"
#include "customer/record_input.h"
#include "customer/small_linker.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(crm_link_cluster);
PG_FUNCTION_INFO_V1(crm_link_explain);

static const ModelInForce *
require_model(void)
{
    const ModelInForce *model = model_in_force();

    if (model == NULL)
        ereport(ERROR, (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("nothing was linked yet"),
                        errhint("Type CALL %s.resolve() first.", crm_schema_quoted())));
    return model;
}

/* The place of a number among those of the linker, which rise; -1 where it is not there. */
static int
find_number(const SmallLinker *linker, int64 number)
{
    const int64 *found =
        bsearch(&number, linker->number, (size_t) linker->count, sizeof(int64), number_compare);

    return found == NULL ? -1 : (int) (found - linker->number);
}

static void
decide(SmallLinker *linker, ArrayType *pairs, LinkVerdict verdict)
{
    int count;
    const int64 *numbers = number_array_elements(pairs, &count);

    for (int i = 0; i + 1 < count; i += 2) {
        int a = find_number(linker, numbers[i]);
        int b = find_number(linker, numbers[i + 1]);

        if (a >= 0 && b >= 0)
            link_host_check(&linker->host, linker->linker,
                            linker_decide(linker->linker, (uint32) a, (uint32) b, verdict));
    }
}

/* link_cluster(records bigint[], same bigint[], different bigint[], OUT numbers bigint[], OUT labels integer[]) */
Datum
crm_link_cluster(PG_FUNCTION_ARGS)
{
    MemoryContext caller = CurrentMemoryContext;
    TupleDesc descriptor;
    SmallLinker *linker;
    const uint32 *clusters;
    int32 *labels;
    int count;
    const int64 *numbers = number_array_elements(PG_GETARG_ARRAYTYPE_P(0), &count);
    Datum values[2];
    bool nulls[2] = {false, false};

    if (get_call_result_type(fcinfo, NULL, &descriptor) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    BlessTupleDesc(descriptor);
    SPI_connect();
    linker = small_linker_open(require_model()->model, false);
    small_linker_add_records(linker, numbers, count);
    decide(linker, PG_GETARG_ARRAYTYPE_P(1), LINK_SAME);
    decide(linker, PG_GETARG_ARRAYTYPE_P(2), LINK_DIFFERENT);
    link_host_check(&linker->host, linker->linker, linker_run(linker->linker));
    model_check();
    clusters = linker_clusters(linker->linker);
    MemoryContextSwitchTo(caller);
    labels = palloc(sizeof(int32) * (Size) Max(linker->count, 1));
    for (int i = 0; i < linker->count; i++)
        labels[i] = (int32) clusters[i] + 1;
    values[0] = PointerGetDatum(number_array_make(linker->number, linker->count, INT8OID, sizeof(int64)));
    values[1] = PointerGetDatum(number_array_make(labels, linker->count, INT4OID, sizeof(int32)));
    small_linker_close(linker);
    SPI_finish();
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(descriptor, values, nulls)));
}

/* A row of link_explain; level may be NULL, and bits count where has_bits is set. */
static void
put_line(ReturnSetInfo *result, const char *name, const char *level, bool has_bits, double bits)
{
    Datum values[4] = {CStringGetTextDatum(name), level == NULL ? (Datum) 0 : CStringGetTextDatum(level),
                       Float8GetDatum(bits), (Datum) 0};
    bool nulls[4] = {false, level == NULL, !has_bits, true};

    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/*
 * link_explain(a bigint, b bigint) SETOF (attribute text, level text, bits float8, given text): a row for each attribute that
 * both have, one that is called contradiction where they contradict each other, then prior, sum and threshold; before the
 * first full run, which finds the threshold, the last is one that is called model.
 */
Datum
crm_link_explain(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    int64 numbers[2] = {PG_GETARG_INT64(0), PG_GETARG_INT64(1)};
    LinkEvidence evidence[LINK_ATTRIBUTES];
    double prior = 0;
    double sum = 0;
    const ModelInForce *model;
    SmallLinker *linker;
    LinkContradiction contradiction = LINK_NO_CONTRADICTION;
    int count = 0;

    InitMaterializedSRF(fcinfo, 0);
    SPI_connect();
    model = model_in_force();
    linker = small_linker_open(model != NULL ? model->model : model_usual(), false);
    small_linker_add_records(linker, numbers, 2);
    if (linker->count == 2) {
        count = linker_explain(linker->linker, 0, 1, evidence, &prior, &sum);
        contradiction = linker_contradiction(linker->linker, 0, 1);
    }
    model_check();
    for (int i = 0; i < count; i++) {
        Datum values[4] = {CStringGetTextDatum(link_attribute_name(evidence[i].attribute)),
                           CStringGetTextDatum(link_level_name(evidence[i].attribute, evidence[i].level)),
                           Float8GetDatum(evidence[i].bits), (Datum) 0};
        bool nulls[4] = {false, false, false, evidence[i].given < 0};

        if (evidence[i].given >= 0)
            values[3] = CStringGetTextDatum(link_attribute_name((LinkAttribute) evidence[i].given));
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    if (contradiction != LINK_NO_CONTRADICTION)
        put_line(result, "contradiction", link_contradiction_name(contradiction), false, 0);
    put_line(result, "prior", NULL, true, prior);
    put_line(result, "sum", NULL, true, sum);
    if (model != NULL)
        put_line(result, "threshold", NULL, true, model->threshold);
    else
        put_line(result, "model", "usual", false, 0);
    small_linker_close(linker);
    SPI_finish();
    return (Datum) 0;
}
