/*
 * model_store.c: reading models. See model_store.h; model_save.c writes them.
 *
 * A model of a million records has as many frequencies, of which a look-up needs a few hundred: those of the model in force
 * are read one by one from the table's index, and kept, so that a session holds what it met and no more.
 */
#include "base/compat.h"
#include "base/schema.h"
#include "customer/index_probe.h"
#include "base/kept_plan.h"
#include "customer/model_store.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define READ_AT_ONCE 10000
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

/* Columns of link_model. */
enum {
    MODEL_VERSION = 1,
    MODEL_RECORDS = 4,
    MODEL_PRIOR,
    MODEL_THRESHOLD,
    MODEL_LARGE_BLOCK,
    MODEL_HELD,
    MODEL_FORMAT,
    MODEL_BUILD,
    MODEL_KEY_BITS,
    MODEL_CHANGED
};

/* NULL is 0. */
static Datum
column(TupleTableSlot *row, int number)
{
    bool isnull;
    Datum value = slot_getattr(row, number, &isnull);

    return isnull ? (Datum) 0 : value;
}

static double
float_column(TupleTableSlot *row, int number)
{
    bool isnull;
    Datum value = slot_getattr(row, number, &isnull);

    return isnull ? 0 : DatumGetFloat8(value);
}

static LinkModel *
load_numbers(int64 version)
{
    LinkNumbers numbers = {0};
    IndexProbe models;
    ScanKeyData key;
    TupleTableSlot *row;
    LinkModel *model;

    index_probe_open(&models, "link_model", "link_model_pkey", 1);
    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(version));
    row = index_probe_find(&models, &key);
    if (row == NULL)
        elog(ERROR, "there is no model of version " INT64_FORMAT, version);
    numbers.version = DatumGetInt32(column(row, MODEL_FORMAT));
    numbers.records = (uint64) DatumGetInt64(column(row, MODEL_RECORDS));
    numbers.prior = float_column(row, MODEL_PRIOR);
    numbers.threshold = float_column(row, MODEL_THRESHOLD);
    numbers.cap = (uint32) DatumGetInt64(column(row, MODEL_LARGE_BLOCK));
    numbers.fixed = DatumGetBool(column(row, MODEL_HELD));
    index_probe_close(&models);
    model = link_model_create(&numbers);
    if (model == NULL)
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
    return model;
}

static void
load_parameters(LinkModel *model, int64 version)
{
    enum { ATTRIBUTE = 2, LEVEL, LABEL, GIVEN, GIVEN_LEVEL, M, U };
    IndexProbe parameters;
    ScanKeyData key;

    index_probe_open(&parameters, "link_parameter", "link_parameter_pkey", 1);
    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(version));
    for (TupleTableSlot *row = index_probe_find(&parameters, &key); row != NULL;
         row = index_probe_next(&parameters)) {
        int attribute = attribute_number(TextDatumGetCString(column(row, ATTRIBUTE)));
        LinkParameter parameter = {.attribute = (LinkAttribute) attribute,
                                   .given = attribute_number(TextDatumGetCString(column(row, GIVEN))),
                                   .given_level = DatumGetInt32(column(row, GIVEN_LEVEL)),
                                   .level = DatumGetInt32(column(row, LEVEL)),
                                   .m = float_column(row, M),
                                   .u = float_column(row, U)};

        if (attribute >= 0 && !link_model_add_parameter(model, &parameter))
            ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
    }
    index_probe_close(&parameters);
}

static void
add_frequency(LinkModel *model, const char *kind, int64 hash, double share)
{
    LinkFrequency frequency = {.space = space_number(kind), .hash = hash, .frequency = share};

    if (frequency.space >= 0 && !link_model_add_frequency(model, &frequency))
        ereport(ERROR, (errcode(ERRCODE_OUT_OF_MEMORY), errmsg("out of memory")));
}

/* Those that are of no value: the numbers by which the others are read. */
static void
load_few_frequencies(LinkModel *model, int64 version)
{
    IndexProbe frequencies;

    index_probe_open(&frequencies, "link_frequency", "link_frequency_pkey", 2);
    for (int64 hash = 0; hash <= LINK_SPACES; hash++) {
        ScanKeyData keys[2];

        ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(version));
        ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(hash));
        for (TupleTableSlot *row = index_probe_find(&frequencies, keys); row != NULL;
             row = index_probe_next(&frequencies)) {
            const char *kind = TextDatumGetCString(column(row, 3));

            if (strcmp(kind, model_space_name(LINK_SPACE_SPREAD)) == 0 ||
                strcmp(kind, model_space_name(LINK_SPACE_UNSEEN)) == 0)
                add_frequency(model, kind, hash, float_column(row, 4));
        }
    }
    index_probe_close(&frequencies);
}

static void
load_all_frequencies(LinkModel *model, int64 version)
{
    Portal cursor;
    SPIPlanPtr plan =
        plan_prepare(psprintf("SELECT f.kind, f.hash, f.share FROM %s.link_frequency f WHERE f.version "
                              "OPERATOR(pg_catalog.=) " INT64_FORMAT,
                              crm_schema_quoted(), version),
                     0, NULL);
    bool isnull;

    cursor = SPI_cursor_open(NULL, plan, NULL, NULL, true);
    do {
        CHECK_FOR_INTERRUPTS();
        SPI_cursor_fetch(cursor, true, READ_AT_ONCE);
        for (uint64 i = 0; i < SPI_processed; i++) {
            HeapTuple row = SPI_tuptable->vals[i];
            TupleDesc descriptor = SPI_tuptable->tupdesc;
            char *kind = SPI_getvalue(row, descriptor, 1);

            add_frequency(model, kind, DatumGetInt64(SPI_getbinval(row, descriptor, 2, &isnull)),
                          DatumGetFloat8(SPI_getbinval(row, descriptor, 3, &isnull)));
            pfree(kind);
        }
        SPI_freetuptable(SPI_tuptable);
    } while (SPI_processed == READ_AT_ONCE);
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
            if (all)
                load_all_frequencies(model, version);
            else
                load_few_frequencies(model, version);
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

/* The row of link_model that is in force, to in_force; its version is returned, 0 where there is none. */
static int64
read_in_force(void)
{
    IndexProbe models;
    ScanKeyData key;
    TupleTableSlot *row;
    int64 version = 0;

    index_probe_open(&models, "link_model", "link_model_in_force", 1);
    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_BOOLEQ, BoolGetDatum(true));
    row = index_probe_find(&models, &key);
    if (row != NULL) {
        version = DatumGetInt64(column(row, MODEL_VERSION));
        in_force.build = DatumGetInt64(column(row, MODEL_BUILD));
        in_force.bits = DatumGetInt32(column(row, MODEL_KEY_BITS));
        in_force.records = (double) DatumGetInt64(column(row, MODEL_RECORDS));
        in_force.threshold = float_column(row, MODEL_THRESHOLD);
        in_force.changed = (double) DatumGetInt64(column(row, MODEL_CHANGED));
    }
    index_probe_close(&models);
    return version;
}

const ModelInForce *
model_in_force(void)
{
    static Oid extension = InvalidOid; /* that in_force is of */
    int64 version;

    error = NULL; /* of a statement that was given up, as is the probe, which was closed then */
    probe = NULL;
    watch = NULL;
    version = read_in_force();
    if (version == 0)
        return NULL;
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
