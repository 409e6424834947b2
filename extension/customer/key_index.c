/*
 * key_index.c: look-ups in link_block and link_key. See key_index.h.
 */
#include "base/compat.h"
#include "base/schema.h"
#include "customer/key_index.h"
#include "customer/key_pack.h"
#include "customer/number_array.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define HOLDERS 256 /* of a key, that are looked at: larger blocks the linker made smaller by pairs of keys */

typedef struct Found {
    KeyCandidate *item;
    int count;
    int room;
} Found;

static void
add(Found *found, int64 record_no, double bits)
{
    if (found->count == found->room) {
        found->room *= 2;
        found->item = repalloc(found->item, sizeof(KeyCandidate) * (Size) found->room);
    }
    found->item[found->count++] = (KeyCandidate){record_no, bits};
}

/* What sharing a key with so many tells, in bits. */
static double
rarity(double records, int holders)
{
    return log2(1 + Max(records, 1) / Max(holders, 1));
}

static int
compare_slots(const void *a, const void *b)
{
    uint32 x = *(const uint32 *) a;
    uint32 y = *(const uint32 *) b;

    return x < y ? -1 : x > y;
}

static SPIPlanPtr
keep_plan(SPIPlanPtr *plan, const char *query, int count, Oid *types)
{
    if (*plan == NULL) {
        SPIPlanPtr made = SPI_prepare(query, count, types);

        if (made == NULL)
            elog(ERROR, "SPI_prepare returned %s", SPI_result_code_string(SPI_result));
        SPI_keepplan(made);
        *plan = made;
    }
    return *plan;
}

static void
find_in_list(Found *found, const ModelInForce *model, const bytea *list, uint32 slot, const int32 *keys,
             int key_count)
{
    int64 holder[HOLDERS];

    for (int k = 0; k < key_count; k++) {
        int holders;

        if (key_pack_slot((uint32) keys[k], model->bits) != slot)
            continue;
        holders = key_pack_find((const uint8_t *) VARDATA_ANY(list), VARSIZE_ANY_EXHDR(list),
                                (uint32) keys[k], holder, HOLDERS);
        if (holders < 0)
            ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("a row of link_block is damaged"),
                            errhint("Type CALL %s.resolve(); it makes them anew.", crm_schema_quoted())));
        for (int i = 0; i < Min(holders, HOLDERS); i++)
            add(found, holder[i], rarity(model->records, holders));
    }
}

static void
find_in_blocks(Found *found, const ModelInForce *model, const int32 *keys, int key_count)
{
    static SPIPlanPtr plan = NULL;
    Oid types[2] = {INT8OID, INT4ARRAYOID};
    uint32 *slots = palloc(sizeof(uint32) * (Size) key_count);
    int slot_count = 0;
    Datum values[2];

    for (int k = 0; k < key_count; k++)
        slots[k] = key_pack_slot((uint32) keys[k], model->bits);
    qsort(slots, (size_t) key_count, sizeof(uint32), compare_slots);
    for (int k = 0; k < key_count; k++)
        if (slot_count == 0 || slots[slot_count - 1] != slots[k])
            slots[slot_count++] = slots[k];
    values[0] = Int64GetDatum(model->build);
    values[1] = PointerGetDatum(number_array_make(slots, slot_count, INT4OID, sizeof(int32)));
    keep_plan(&plan,
              psprintf("SELECT b.slot, b.entries FROM %s.link_block b WHERE b.build OPERATOR(pg_catalog.=) "
                       "$1 AND b.slot "
                       "OPERATOR(pg_catalog.=) ANY ($2)",
                       crm_schema_quoted()),
              2, types);
    if (SPI_execute_plan(plan, values, NULL, true, 0) != SPI_OK_SELECT)
        elog(ERROR, "link_block could not be read");
    for (uint64 i = 0; i < SPI_processed; i++) {
        bool isnull;
        uint32 slot =
            (uint32) DatumGetInt32(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));
        Datum list = SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 2, &isnull);

        if (!isnull)
            find_in_list(found, model, DatumGetByteaPP(list), slot, keys, key_count);
    }
    SPI_freetuptable(SPI_tuptable);
}

static void
find_in_changed(Found *found, double records, const int32 *keys, int key_count)
{
    static SPIPlanPtr plan = NULL;
    Oid type = INT4ARRAYOID;
    Datum value = PointerGetDatum(number_array_make(keys, key_count, INT4OID, sizeof(int32)));

    keep_plan(
        &plan,
        psprintf("SELECT k.record_no, k.keys FROM %s.link_key k WHERE k.keys OPERATOR(pg_catalog.&&) $1",
                 crm_schema_quoted()),
        1, &type);
    if (SPI_execute_plan(plan, &value, NULL, true, 10 * HOLDERS) != SPI_OK_SELECT)
        elog(ERROR, "link_key could not be read");
    for (uint64 i = 0; i < SPI_processed; i++) {
        HeapTuple row = SPI_tuptable->vals[i];
        bool isnull;
        int64 record_no = DatumGetInt64(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &isnull));
        int other_count;
        const int32 *other = number_array_elements(
            DatumGetArrayTypeP(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &isnull)), &other_count);
        int shared = 0;

        for (int k = 0; k < key_count; k++)
            for (int o = 0; o < other_count; o++)
                shared += keys[k] == other[o];
        add(found, record_no, shared * rarity(records, HOLDERS));
    }
    SPI_freetuptable(SPI_tuptable);
}

static int
compare_records(const void *a, const void *b)
{
    int64 x = ((const KeyCandidate *) a)->record_no;
    int64 y = ((const KeyCandidate *) b)->record_no;

    return x < y ? -1 : x > y;
}

static int
compare_bits(const void *a, const void *b)
{
    double x = ((const KeyCandidate *) a)->bits;
    double y = ((const KeyCandidate *) b)->bits;

    return x > y ? -1 : x < y ? 1 : compare_records(a, b);
}

int
key_index_find(const ModelInForce *model, const int32 *keys, int key_count, KeyCandidate *candidates,
               int room)
{
    Found found = {palloc(sizeof(KeyCandidate) * 1024), 0, 1024};
    int count = 0;

    if (key_count == 0)
        return 0;
    find_in_blocks(&found, model, keys, key_count);
    find_in_changed(&found, model->records, keys, key_count);
    qsort(found.item, (size_t) found.count, sizeof(KeyCandidate), compare_records);
    for (int i = 0; i < found.count; i++) {
        if (count > 0 && found.item[count - 1].record_no == found.item[i].record_no)
            found.item[count - 1].bits += found.item[i].bits;
        else
            found.item[count++] = found.item[i];
    }
    qsort(found.item, (size_t) count, sizeof(KeyCandidate), compare_bits);
    count = Min(count, room);
    memcpy(candidates, found.item, sizeof(KeyCandidate) * (Size) count);
    pfree(found.item);
    return count;
}
