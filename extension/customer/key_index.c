/*
 * key_index.c: look-ups in link_block and link_key. See key_index.h.
 *
 * What is found first is only how many records have each key. They are read from the rarest key on until there are enough, and
 * each gets the bits of the keys that it shares; of keys that come from one word or value, those of the rarest (key_tally.h).
 */
#include "base/compat.h"
#include "base/schema.h"
#include "customer/index_probe.h"
#include "base/kept_plan.h"
#include "customer/key_index.h"
#include "customer/key_pack.h"
#include "customer/key_tally.h"
#include "customer/number_array.h"

#include <math.h>

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"

#define USUAL 0.1         /* a key of more records than this share tells nothing */
#define MOST_CHANGED 1000 /* of link_key, by estimate */

typedef struct Wanted {
    uint32 key;
    uint32 group;
    KeyHolders holders;
} Wanted;

/* A record that changed, and a key that it has now. */
typedef struct Changed {
    int wanted;
    int64 record;
} Changed;

/* What is found: a list of records for each key, and one for those that changed. */
typedef struct Lists {
    KeyList *list;
    int count;
} Lists;

static void
damaged(void)
{
    ereport(ERROR, (errcode(ERRCODE_DATA_CORRUPTED), errmsg("a row of link_block is damaged"),
                    errhint("Type CALL %s.resolve(); it makes them anew.", crm_schema_quoted())));
}

/* What sharing a key with so many tells, in bits. */
static double
rarity(double records, double holders)
{
    return log2(1 + Max(records, 1) / Max(holders, 1));
}

static int
compare_keys(const void *a, const void *b)
{
    uint32 x = ((const Wanted *) a)->key;
    uint32 y = ((const Wanted *) b)->key;

    return x < y ? -1 : x > y;
}

static int
compare_counts(const void *a, const void *b)
{
    uint32 x = ((const Wanted *) a)->holders.count;
    uint32 y = ((const Wanted *) b)->holders.count;

    return x < y ? -1 : x > y ? 1 : compare_keys(a, b);
}

/* The list of a slot, or NULL; it stays. */
static bytea *
read_list(IndexProbe *blocks, int64 build, int32 slot)
{
    ScanKeyData keys[2];
    TupleTableSlot *row;
    bool isnull;

    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(build));
    ScanKeyInit(&keys[1], 2, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(slot));
    row = index_probe_find(blocks, keys);
    return row == NULL ? NULL : DatumGetByteaPCopy(slot_getattr(row, 3, &isnull));
}

static void
find_key(const bytea *list, Wanted *wanted)
{
    if (list != NULL && !key_pack_find((const uint8_t *) VARDATA_ANY(list), VARSIZE_ANY_EXHDR(list),
                                       wanted->key, &wanted->holders))
        damaged();
}

/* How many have each key: wanted is sorted by key, so that keys of one slot come together. */
static void
count_holders(IndexProbe *blocks, const ModelInForce *model, Wanted *wanted, int count)
{
    bytea *list = NULL;
    int64 slot = -1;

    for (int k = 0; k < count; k++) {
        uint32 its = key_pack_slot(wanted[k].key, model->bits);

        if (its != slot)
            list = read_list(blocks, model->build, (int32) its);
        slot = its;
        find_key(list, &wanted[k]);
    }
}

static void
add_list(Lists *to, const ModelInForce *model, const Wanted *wanted, const int64 *records, uint32 count)
{
    to->list[to->count++] = (KeyList){.record = records,
                                      .end = records + count,
                                      .group = wanted->group,
                                      .bits = (float) rarity(model->records, wanted->holders.count)};
}

static void
add_holders(Lists *to, IndexProbe *blocks, const ModelInForce *model, Wanted *wanted)
{
    uint32_t told = wanted->holders.count;
    int64 *records;

    if (told == 0)
        return;
    if (wanted->holders.elsewhere) {
        find_key(read_list(blocks, model->build, key_pack_own_slot(wanted->key)), wanted);
        if (wanted->holders.elsewhere || wanted->holders.count != told)
            damaged();
    }
    records = palloc(sizeof(int64) * (Size) told);
    if (!key_pack_records(&wanted->holders, records))
        damaged();
    add_list(to, model, wanted, records, told);
}

/* How many of the keys, rarest first, are asked for among the records that changed. */
static int
askable(const ModelInForce *model, const Wanted *wanted, int count)
{
    double share = model->changed / Max(model->records, 1);
    double expected = 0;
    int asked = 0;

    while (asked < count && (expected += wanted[asked].holders.count * share) <= MOST_CHANGED)
        asked++;
    return asked;
}

/* The changed records that have any of the keys: the rows are SPI's. */
static void
ask_changed(const Wanted *wanted, int asked)
{
    static KeptPlan plan;
    Oid type = INT4ARRAYOID;
    Datum value;
    int32 *keys = palloc(sizeof(int32) * (Size) asked);

    for (int k = 0; k < asked; k++)
        keys[k] = (int32) wanted[k].key;
    value = PointerGetDatum(number_array_make(keys, asked, INT4OID, sizeof(int32)));
    if (!kept_plan_ready(&plan))
        kept_plan_make(&plan,
                       psprintf("SELECT k.record_no, k.keys FROM %s.link_key k WHERE k.keys "
                                "OPERATOR(pg_catalog.&&) $1",
                                crm_schema_quoted()),
                       1, &type);
    if (SPI_execute_plan(plan.plan, &value, NULL, true, KEY_INDEX_MOST_HOLDERS) != SPI_OK_SELECT)
        elog(ERROR, "link_key could not be read");
}

static int
compare_changed(const void *a, const void *b)
{
    const Changed *x = a;
    const Changed *y = b;

    if (x->wanted != y->wanted)
        return x->wanted < y->wanted ? -1 : 1;
    return x->record < y->record ? -1 : x->record > y->record;
}

/* Which of the keys each row has: of what kind the records are is seen when they are read. */
static Changed *
read_changed(const Wanted *wanted, int asked, int *count)
{
    Changed *changed = palloc(sizeof(Changed) * (Size) (SPI_processed * (uint64) asked + 1));

    *count = 0;
    for (uint64 i = 0; i < SPI_processed; i++) {
        HeapTuple row = SPI_tuptable->vals[i];
        bool isnull;
        int64 number = DatumGetInt64(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &isnull));
        int key_count;
        const int32 *keys = number_array_elements(
            DatumGetArrayTypeP(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &isnull)), &key_count);

        for (int w = 0; w < asked; w++)
            for (int k = 0; k < key_count; k++)
                if ((int32) wanted[w].key == keys[k]) {
                    changed[(*count)++] = (Changed){w, key_pack_record(number, LINK_ANY)};
                    break;
                }
    }
    SPI_freetuptable(SPI_tuptable);
    qsort(changed, (size_t) *count, sizeof(Changed), compare_changed);
    return changed;
}

static void
add_changed(Lists *to, const ModelInForce *model, const Wanted *wanted, int asked)
{
    Changed *changed;
    int64 *records;
    int count;

    ask_changed(wanted, asked);
    changed = read_changed(wanted, asked, &count);
    records = palloc(sizeof(int64) * (Size) Max(count, 1));
    for (int first = 0, end; first < count; first = end) {
        for (end = first; end < count && changed[end].wanted == changed[first].wanted; end++)
            records[end] = changed[end].record;
        add_list(to, model, &wanted[changed[first].wanted], records + first, (uint32) (end - first));
    }
}

/* How many of the keys, rarest first, are read. */
static int
affordable(const ModelInForce *model, const Wanted *wanted, int count)
{
    double usual = Max(USUAL * model->records, KEY_PACK_MANY);
    uint64 holders = 0;
    int read = 0;

    while (read < count && wanted[read].holders.count <= usual &&
           (holders += wanted[read].holders.count) <= KEY_INDEX_MOST_HOLDERS)
        read++;
    return read;
}

/* Kept by the session: to clear it takes longer than most look-ups. */
static KeyTally *
tally_room(void)
{
    static KeyTally *tally = NULL;

    if (tally == NULL)
        tally = MemoryContextAllocZero(TopMemoryContext, sizeof(KeyTally));
    return tally;
}

static int
find(IndexProbe *blocks, const ModelInForce *model, Wanted *wanted, int key_count, LinkKind kind,
     KeyCandidate *candidates, int room)
{
    Lists lists = {.list = palloc(sizeof(KeyList) * (Size) (2 * key_count + 1))};
    int read;
    int asked;

    qsort(wanted, (size_t) key_count, sizeof(Wanted), compare_keys);
    count_holders(blocks, model, wanted, key_count);
    qsort(wanted, (size_t) key_count, sizeof(Wanted), compare_counts);
    read = affordable(model, wanted, key_count);
    for (int k = 0; k < read; k++)
        add_holders(&lists, blocks, model, &wanted[k]);
    asked = model->changed > 0 ? askable(model, wanted, key_count) : 0; /* nothing else is in link_key */
    if (asked > 0)
        add_changed(&lists, model, wanted, asked);
    return key_tally(tally_room(), lists.list, lists.count, kind, candidates, room);
}

int
key_index_find(const ModelInForce *model, const LinkKey *keys, int key_count, LinkKind kind,
               KeyCandidate *candidates, int room)
{
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "crm keys", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(context);
    Wanted *wanted = palloc0(sizeof(Wanted) * (Size) Max(key_count, 1));
    IndexProbe blocks;
    int count;

    for (int k = 0; k < key_count; k++) {
        wanted[k].key = keys[k].key;
        wanted[k].group = keys[k].group;
    }
    index_probe_open(&blocks, "link_block", "link_block_pkey", 2);
    count = find(&blocks, model, wanted, key_count, kind, candidates, room);
    index_probe_close(&blocks);
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    return count;
}
