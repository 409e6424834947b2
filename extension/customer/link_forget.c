/*
 * link_forget.c: see link_forget.h.
 *
 * The hashes are those that the linker asks for when it is given the records: so none can be forgotten here that it makes.
 */
#include "base/compat.h"
#include "base/kept_plan.h"
#include "base/schema.h"
#include "customer/key_pack.h"
#include "customer/link_forget.h"
#include "customer/model_store.h"
#include "customer/number_array.h"
#include "customer/small_linker.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(crm_link_hashes);
PG_FUNCTION_INFO_V1(crm_key_index_forget);

#define SLOTS_AT_ONCE 1000

typedef struct Seen {
    int *space;
    int64 *hash;
    int count;
    int room;
    bool full; /* no error may be raised where it is called */
} Seen;

static void
note(void *context, int space, int64_t hash)
{
    Seen *seen = context;

    if (seen->count == seen->room) {
        seen->full = true;
        return;
    }
    seen->space[seen->count] = space;
    seen->hash[seen->count++] = hash;
}

/* link_hashes(numbers bigint[]) returns (kind, hash, space): some may come more than once. */
Datum
crm_link_hashes(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    int count;
    const int64 *numbers = number_array_elements(PG_GETARG_ARRAYTYPE_P(0), &count);
    Seen seen = {.room = 1 << 16};
    const ModelInForce *model;

    InitMaterializedSRF(fcinfo, 0);
    SPI_connect();
    seen.space = palloc(sizeof(int) * (Size) seen.room);
    seen.hash = palloc(sizeof(int64) * (Size) seen.room);
    model = model_in_force();
    for (int i = 0; model != NULL && i < count; i++) {
        SmallLinker *linker = small_linker_open(model->model, false);
        LinkEvidence evidence[LINK_ATTRIBUTES];
        double ignored[2];

        CHECK_FOR_INTERRUPTS();
        small_linker_add_records(linker, &numbers[i], 1);
        model_watch(note, &seen);
        if (linker->count == 1)
            (void) linker_explain(linker->linker, 0, 0, evidence, &ignored[0], &ignored[1]);
        model_watch(NULL, NULL);
        model_check();
        small_linker_close(linker);
        if (seen.full)
            elog(ERROR, "a record has more than %d words", seen.room);
        for (int s = 0; s < seen.count; s++) {
            Datum values[3] = {CStringGetTextDatum(model_space_name(seen.space[s])),
                               Int64GetDatum(seen.hash[s]), Int64GetDatum(seen.space[s])};
            bool nulls[3] = {false, false, false};

            tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
        }
        seen.count = 0;
    }
    SPI_finish();
    PG_RETURN_NULL();
}

/* Whether the row had any of the records, which rise. */
static bool
forget_slot(HeapTuple row, TupleDesc descriptor, SPIPlanPtr update, const int64 *numbers, int count)
{
    bool isnull;
    Datum values[3] = {SPI_getbinval(row, descriptor, 1, &isnull),
                       SPI_getbinval(row, descriptor, 2, &isnull)};
    bytea *list = DatumGetByteaPP(SPI_getbinval(row, descriptor, 3, &isnull));
    size_t size = VARSIZE_ANY_EXHDR(list);
    bytea *shorter = palloc(VARHDRSZ + size);
    size_t left = key_pack_without((const uint8_t *) VARDATA_ANY(list), size, numbers, (size_t) count,
                                   (uint8_t *) VARDATA(shorter));

    if (left == KEY_PACK_DAMAGED)
        ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("block keys cannot be read"),
                        errhint("Type CALL %s.resolve() first.", crm_schema_quoted())));
    if (left < size) {
        SET_VARSIZE(shorter, VARHDRSZ + left);
        values[2] = PointerGetDatum(shorter);
        if (SPI_execute_plan(update, values, NULL, false, 0) != SPI_OK_UPDATE)
            elog(ERROR, "link_block could not be written");
    }
    pfree(shorter);
    return left < size;
}

/* key_index_forget(numbers bigint[]) bigint: how many rows changed. Keys in lists of their own many have: they tell nobody. */
Datum
crm_key_index_forget(PG_FUNCTION_ARGS)
{
    int count;
    const int64 *given = number_array_elements(PG_GETARG_ARRAYTYPE_P(0), &count);
    int64 *numbers = palloc(sizeof(int64) * (Size) Max(count, 1));
    Oid types[3] = {INT8OID, INT4OID, BYTEAOID};
    SPIPlanPtr update;
    Portal cursor;
    int64 changed = 0;
    uint64 rows;

    memcpy(numbers, given, sizeof(int64) * (Size) count);
    qsort(numbers, (size_t) count, sizeof(int64), number_compare);
    SPI_connect();
    update = plan_prepare(
        psprintf("UPDATE %s.link_block SET entries = $3 WHERE build OPERATOR(pg_catalog.=) $1 AND slot "
                 "OPERATOR(pg_catalog.=) $2",
                 crm_schema_quoted()),
        3, types);
    cursor = SPI_cursor_open(NULL,
                             plan_prepare(psprintf("SELECT b.build, b.slot, b.entries FROM %s.link_block b "
                                                   "WHERE b.slot OPERATOR(pg_catalog.>=) 0",
                                                   crm_schema_quoted()),
                                          0, NULL),
                             NULL, NULL, true);
    do {
        SPITupleTable *table;

        CHECK_FOR_INTERRUPTS();
        SPI_cursor_fetch(cursor, true, SLOTS_AT_ONCE);
        rows = SPI_processed;
        table = SPI_tuptable;
        for (uint64 i = 0; i < rows; i++)
            changed += forget_slot(table->vals[i], table->tupdesc, update, numbers, count);
        SPI_freetuptable(table);
    } while (rows == SLOTS_AT_ONCE);
    SPI_cursor_close(cursor);
    SPI_finish();
    PG_RETURN_INT64(changed);
}
