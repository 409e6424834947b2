/*
 * model_store.c: see model_store.h.
 *
 * A model of a million records has as many frequencies, of which a look-up needs a few hundred: those of the model in force
 * are read one by one from the table's index, and kept, so that a session holds what it met and no more.
 */
#include "base/compat.h"
#include "base/schema.h"
#include "customer/index_probe.h"
#include "base/kept_plan.h"
#include "customer/model_store.h"
#include "customer/number_array.h"
#include "customer/resolve_run.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(crm_model_save);

#define SAVE_AT_ONCE 10000
#define MOST_KEPT 200000 /* frequencies; then they are forgotten and read again */

typedef struct FrequencyKey {
    int64 hash;
    int64 space;
} FrequencyKey;

typedef struct KeptFrequency {
    FrequencyKey key;
    double share; /* negative: none */
} KeptFrequency;

static ModelInForce in_force;
static HTAB *kept = NULL;
static ErrorData *error = NULL;
static IndexProbe *probe = NULL; /* into link_frequency, open from the first look-up until model_check */
static void (*watch)(void *context, int space, int64_t hash) = NULL;
static void *watch_context = NULL;

const char *
model_space_name(int space)
{
    static const char *const names[] = {
        [LINK_SPACE_NAME_WORD - LINK_ATTRIBUTES] = "word of a name",
        [LINK_SPACE_COMPANY_WORD - LINK_ATTRIBUTES] = "word of a company",
        [LINK_SPACE_ADDRESS_WORD - LINK_ATTRIBUTES] = "word of an address",
        [LINK_SPACE_UNSEEN - LINK_ATTRIBUTES] = "unseen",
        [LINK_SPACE_SPREAD - LINK_ATTRIBUTES] = "spread",
        [LINK_SPACE_BLOCK - LINK_ATTRIBUTES] = "large block",
    };

    StaticAssertStmt(lengthof(names) == LINK_SPACES - LINK_ATTRIBUTES, "each space has a name");
    return space < LINK_ATTRIBUTES ? link_attribute_name((LinkAttribute) space)
                                   : names[space - LINK_ATTRIBUTES];
}

static int
space_number(const char *name)
{
    for (int space = 0; space < LINK_SPACES; space++)
        if (strcmp(model_space_name(space), name) == 0)
            return space;
    return -1;
}

static int
attribute_number(const char *name)
{
    for (int k = 0; k < LINK_ATTRIBUTES; k++)
        if (strcmp(link_attribute_name((LinkAttribute) k), name) == 0)
            return k;
    return -1;
}

static void
expect(int result, int expected)
{
    if (result != expected)
        elog(ERROR, "SPI returned %s", SPI_result_code_string(result));
}

static LinkModel *
load_numbers(int64 version)
{
    LinkNumbers numbers = {0};
    LinkModel *model;
    HeapTuple row;
    TupleDesc descriptor;
    bool isnull;

    expect(SPI_execute(psprintf("SELECT m.format, m.records, m.prior, m.threshold, m.large_block, m.held "
                                "FROM %s.link_model m "
                                "WHERE m.version OPERATOR(pg_catalog.=) " INT64_FORMAT,
                                crm_schema_quoted(), version),
                       true, 1),
           SPI_OK_SELECT);
    if (SPI_processed == 0)
        elog(ERROR, "there is no model of version " INT64_FORMAT, version);
    row = SPI_tuptable->vals[0];
    descriptor = SPI_tuptable->tupdesc;
    numbers.version = DatumGetInt32(SPI_getbinval(row, descriptor, 1, &isnull));
    numbers.records = (uint64) DatumGetInt64(SPI_getbinval(row, descriptor, 2, &isnull));
    numbers.prior = DatumGetFloat8(SPI_getbinval(row, descriptor, 3, &isnull));
    numbers.threshold = DatumGetFloat8(SPI_getbinval(row, descriptor, 4, &isnull));
    numbers.cap = (uint32) DatumGetInt64(SPI_getbinval(row, descriptor, 5, &isnull));
    numbers.fixed = DatumGetBool(SPI_getbinval(row, descriptor, 6, &isnull));
    model = link_model_create(&numbers);
    if (model == NULL)
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
    return model;
}

static void
load_parameters(LinkModel *model, int64 version)
{
    bool isnull;

    expect(
        SPI_execute(
            psprintf("SELECT p.attribute, p.given, p.given_level, p.level, p.m, p.u FROM %s.link_parameter p "
                     "WHERE p.version OPERATOR(pg_catalog.=) " INT64_FORMAT " ORDER BY 1, 2, 3, 4",
                     crm_schema_quoted(), version),
            true, 0),
        SPI_OK_SELECT);
    for (uint64 i = 0; i < SPI_processed; i++) {
        HeapTuple row = SPI_tuptable->vals[i];
        TupleDesc descriptor = SPI_tuptable->tupdesc;
        int attribute = attribute_number(SPI_getvalue(row, descriptor, 1));
        LinkParameter parameter = {.attribute = (LinkAttribute) attribute,
                                   .given = attribute_number(SPI_getvalue(row, descriptor, 2)),
                                   .given_level = DatumGetInt32(SPI_getbinval(row, descriptor, 3, &isnull)),
                                   .level = DatumGetInt32(SPI_getbinval(row, descriptor, 4, &isnull)),
                                   .m = DatumGetFloat8(SPI_getbinval(row, descriptor, 5, &isnull)),
                                   .u = DatumGetFloat8(SPI_getbinval(row, descriptor, 6, &isnull))};

        if (attribute >= 0 && !link_model_add_parameter(model, &parameter))
            ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
    }
}

/* All of them, or only what is of no value: the numbers by which the others are read. */
static void
load_frequencies(LinkModel *model, int64 version, bool all)
{
    Portal cursor;
    SPIPlanPtr plan = plan_prepare(
        psprintf(
            "SELECT f.kind, f.hash, f.share FROM %s.link_frequency f WHERE f.version "
            "OPERATOR(pg_catalog.=) " INT64_FORMAT "%s",
            crm_schema_quoted(), version,
            all ? ""
                : psprintf(" AND f.hash BETWEEN 0 AND %d AND f.kind IN ('spread', 'unseen')", LINK_SPACES)),
        0, NULL);
    bool isnull;

    cursor = SPI_cursor_open(NULL, plan, NULL, NULL, true);
    do {
        CHECK_FOR_INTERRUPTS();
        SPI_cursor_fetch(cursor, true, SAVE_AT_ONCE);
        for (uint64 i = 0; i < SPI_processed; i++) {
            HeapTuple row = SPI_tuptable->vals[i];
            TupleDesc descriptor = SPI_tuptable->tupdesc;
            char *kind = SPI_getvalue(row, descriptor, 1);
            LinkFrequency frequency = {.space = space_number(kind),
                                       .hash = DatumGetInt64(SPI_getbinval(row, descriptor, 2, &isnull)),
                                       .frequency =
                                           DatumGetFloat8(SPI_getbinval(row, descriptor, 3, &isnull))};

            pfree(kind);
            if (frequency.space >= 0 && !link_model_add_frequency(model, &frequency))
                ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
        }
        SPI_freetuptable(SPI_tuptable);
    } while (SPI_processed == SAVE_AT_ONCE);
    SPI_cursor_close(cursor);
}

static LinkModel *
load(int64 version, bool all)
{
    LinkModel *model = load_numbers(version);

    PG_TRY()
        ;
        {
            load_parameters(model, version);
            load_frequencies(model, version, all);
        }
        PG_CATCH();
        {
            link_model_free(model);
            PG_RE_THROW();
        }
    PG_END_TRY();
    return model;
}

LinkModel *
model_load(int64 version)
{
    return load(version, true);
}

static IndexProbe *
open_probe(void)
{
    MemoryContext before = MemoryContextSwitchTo(TopTransactionContext);

    if (probe == NULL) {
        static IndexProbe opened;

        index_probe_open(&opened, "link_frequency", "link_frequency_pkey", 3);
        probe = &opened;
    }
    MemoryContextSwitchTo(before);
    return probe;
}

static double
read_share(int space, int64 hash)
{
    IndexProbe *table = open_probe();
    TupleTableSlot *row;
    ScanKeyData keys[3];
    bool isnull;

    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(in_force.version));
    ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(hash));
    ScanKeyEntryInitialize(&keys[2], 0, 3, BTEqualStrategyNumber, InvalidOid, C_COLLATION_OID, F_TEXTEQ,
                           CStringGetTextDatum(model_space_name(space)));
    row = index_probe_find(table, keys);
    return row == NULL ? -1 : DatumGetFloat8(slot_getattr(row, 4, &isnull));
}

/* The linker's look-up: no error may leave it. */
static double
look_up(void *context, int space, int64_t hash)
{
    FrequencyKey key = {hash, space};
    MemoryContext before = CurrentMemoryContext;
    KeptFrequency *frequency;
    volatile double share = -1;

    if (error != NULL || space < 0 || space >= LINK_SPACES)
        return -1;
    if (watch != NULL)
        watch(watch_context, space, hash);
    frequency = hash_search(kept, &key, HASH_FIND, NULL);
    if (frequency != NULL)
        return frequency->share;
    PG_TRY()
        ;
        {
            share = read_share(space, hash);
            frequency = hash_search(kept, &key, HASH_ENTER, NULL);
            frequency->share = share;
        }
        PG_CATCH();
        {
            MemoryContextSwitchTo(TopMemoryContext);
            error = CopyErrorData();
            FlushErrorState();
        }
    PG_END_TRY();
    MemoryContextSwitchTo(before);
    return share;
}

void
model_check(void)
{
    ErrorData *raised = error;

    error = NULL;
    if (probe != NULL && raised == NULL)
        index_probe_close(probe);
    probe = NULL;
    if (raised != NULL)
        ReThrowError(raised);
}

void
model_watch(void (*seen)(void *context, int space, int64_t hash), void *context)
{
    watch = seen;
    watch_context = context;
}

static void
forget_kept(void)
{
    HASHCTL control = {.keysize = sizeof(FrequencyKey), .entrysize = sizeof(KeptFrequency)};

    if (kept != NULL)
        hash_destroy(kept);
    kept = NULL;
    kept = hash_create("crm frequencies", 1024, &control, HASH_ELEM | HASH_BLOBS);
}

const LinkModel *
model_usual(void)
{
    static LinkModel *usual = NULL;

    if (usual == NULL)
        usual = link_model_usual(0);
    if (usual == NULL)
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
    return usual;
}

const ModelInForce *
model_in_force(void)
{
    static KeptPlan plan;
    static Oid extension = InvalidOid; /* that in_force is of */
    int64 version;
    bool isnull;
    Datum build;

    error = NULL; /* of a statement that was given up, as is the probe, which was closed then */
    probe = NULL;
    watch = NULL;
    if (!kept_plan_ready(&plan))
        kept_plan_make(&plan,
                       psprintf("SELECT m.version, m.build, m.key_bits, m.records, m.threshold, m.changed "
                                "FROM %s.link_model m WHERE m.in_force",
                                crm_schema_quoted()),
                       0, NULL);
    expect(SPI_execute_plan(plan.plan, NULL, NULL, true, 1), SPI_OK_SELECT);
    if (SPI_processed == 0)
        return NULL;
    version = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull));
    build = SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2, &isnull);
    in_force.build = isnull ? 0 : DatumGetInt64(build);
    in_force.bits = DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 3, &isnull));
    in_force.records =
        (double) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 4, &isnull));
    in_force.threshold =
        DatumGetFloat8(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 5, &isnull));
    in_force.changed =
        (double) DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 6, &isnull));
    SPI_freetuptable(SPI_tuptable);
    if (in_force.model == NULL || in_force.version != version || extension != crm_extension_oid()) {
        link_model_free(in_force.model);
        in_force.model = NULL;
        in_force.version = version;
        extension = crm_extension_oid();
        forget_kept();
        in_force.model = load(version, false);
        link_model_look_up(in_force.model, look_up, NULL);
    } else if (hash_get_num_entries(kept) > MOST_KEPT) {
        forget_kept();
    }
    return &in_force;
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
