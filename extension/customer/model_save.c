/*
 * model_save.c: writes the model of a run. See model_store.h.
 */
#include "base/compat.h"
#include "base/kept_plan.h"
#include "base/schema.h"
#include "customer/model_store.h"
#include "customer/number_array.h"
#include "customer/resolve_run.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(crm_model_save);

#define SAVE_AT_ONCE 10000

static void
expect(int result, int expected)
{
    if (result != expected)
        elog(ERROR, "SPI returned %s", SPI_result_code_string(result));
}

/* Rows on their way to link_frequency. */
typedef struct Save {
    int64 version;
    SPIPlanPtr frequency_plan;
    SPIPlanPtr parameter_plan;
    ArrayType *names;
    int32 *space;
    int64 *hash;
    double *share;
    int count;
} Save;

static void
flush(Save *save)
{
    Datum values[5] = {
        Int64GetDatum(save->version), PointerGetDatum(save->names),
        PointerGetDatum(number_array_make(save->space, save->count, INT4OID, sizeof(int32))),
        PointerGetDatum(number_array_make(save->hash, save->count, INT8OID, sizeof(int64))),
        PointerGetDatum(number_array_make(save->share, save->count, FLOAT8OID, sizeof(double)))};

    CHECK_FOR_INTERRUPTS();
    expect(SPI_execute_plan(save->frequency_plan, values, NULL, false, 0), SPI_OK_INSERT);
    for (int i = 2; i < 5; i++)
        pfree(DatumGetPointer(values[i]));
    save->count = 0;
}

static bool
save_frequency(void *context, const LinkFrequency *frequency)
{
    Save *save = context;

    save->space[save->count] = frequency->space + 1;
    save->hash[save->count] = frequency->hash;
    save->share[save->count++] = frequency->frequency;
    if (save->count == SAVE_AT_ONCE)
        flush(save);
    return true;
}

static bool
save_parameter(void *context, const LinkParameter *parameter)
{
    Save *save = context;
    Datum values[8] = {Int64GetDatum(save->version),
                       CStringGetTextDatum(link_attribute_name(parameter->attribute)),
                       Int32GetDatum(parameter->level),
                       CStringGetTextDatum(link_level_name(parameter->attribute, parameter->level)),
                       CStringGetTextDatum(
                           parameter->given < 0 ? "" : link_attribute_name((LinkAttribute) parameter->given)),
                       Int32GetDatum(parameter->given < 0 ? -1 : parameter->given_level),
                       Float8GetDatum(parameter->m),
                       Float8GetDatum(parameter->u)};

    expect(SPI_execute_plan(save->parameter_plan, values, NULL, false, 0), SPI_OK_INSERT);
    return true;
}

static void
prepare_save(Save *save)
{
    Oid frequency_types[5] = {INT8OID, TEXTARRAYOID, INT4ARRAYOID, INT8ARRAYOID, FLOAT8ARRAYOID};
    Oid parameter_types[8] = {INT8OID, TEXTOID, INT4OID, TEXTOID, TEXTOID, INT4OID, FLOAT8OID, FLOAT8OID};
    Datum names[LINK_SPACES];

    for (int space = 0; space < LINK_SPACES; space++)
        names[space] = CStringGetTextDatum(model_space_name(space));
    save->names = construct_array(names, LINK_SPACES, TEXTOID, -1, false, TYPALIGN_INT);
    save->space = palloc(sizeof(int32) * SAVE_AT_ONCE);
    save->hash = palloc(sizeof(int64) * SAVE_AT_ONCE);
    save->share = palloc(sizeof(double) * SAVE_AT_ONCE);
    save->frequency_plan = plan_prepare(psprintf("INSERT INTO %s.link_frequency (version, hash, kind, share) "
                                                 "SELECT $1, u.hash, $2[u.space], u.share FROM "
                                                 "ROWS FROM (pg_catalog.unnest($3), pg_catalog.unnest($4), "
                                                 "pg_catalog.unnest($5)) AS u (space, hash, share)",
                                                 crm_schema_quoted()),
                                        5, frequency_types);
    save->parameter_plan = plan_prepare(
        psprintf("INSERT INTO %s.link_parameter (version, attribute, level, label, given, given_level, m, "
                 "u) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                 crm_schema_quoted()),
        8, parameter_types);
}

/* model_save(version bigint): of the run; the row of link_model is there. */
Datum
crm_model_save(PG_FUNCTION_ARGS)
{
    const LinkModel *model = linker_model(resolve_run_linker(resolve_run_done()));
    const LinkNumbers *numbers = link_model_numbers(model);
    Save save = {.version = PG_GETARG_INT64(0)};
    Oid types[7] = {INT8OID, INT4OID, FLOAT8OID, FLOAT8OID, INT8OID, BOOLOID, INT8OID};
    Datum values[7] = {Int64GetDatum(save.version),
                       Int32GetDatum(numbers->version),
                       Float8GetDatum(numbers->prior),
                       Float8GetDatum(numbers->threshold),
                       Int64GetDatum((int64) numbers->cap),
                       BoolGetDatum(numbers->fixed),
                       Int64GetDatum((int64) numbers->records)};

    SPI_connect();
    expect(
        SPI_execute_with_args(
            psprintf("UPDATE %s.link_model m SET format = $2, prior = $3, threshold = $4, large_block = $5, "
                     "held = $6, records = $7 WHERE m.version OPERATOR(pg_catalog.=) $1",
                     crm_schema_quoted()),
            7, types, values, NULL, false, 0),
        SPI_OK_UPDATE);
    prepare_save(&save);
    link_model_each_parameter(model, save_parameter, &save);
    link_model_each_frequency(model, save_frequency, &save);
    flush(&save);
    SPI_finish();
    PG_RETURN_VOID();
}
