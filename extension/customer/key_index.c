/*
 * key_index.c: look-ups in link_block and link_key. See key_index.h.
 *
 * What is found first is only how many records have each key. They are read from the rarest key on until there is no room, and
 * each gets the bits of the keys that it shares; of keys that come from one word or value, those of the rarest.
 */
#include "base/compat.h"
#include "base/schema.h"
#include "customer/index_probe.h"
#include "base/kept_plan.h"
#include "customer/key_index.h"
#include "customer/key_pack.h"
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

/* What a record was found to share. */
typedef struct Sharer {
    int64 record_no;
    uint64 groups; /* a bit for each that it shares a key of; the last stands for all further ones */
    double bits;
} Sharer;

typedef struct Sharers {
    Sharer *item;
    uint32 count;
    uint32 *place; /* by a hash of the record's number: its item, from 1; 0: free */
    uint32 places; /* a power of two */
} Sharers;

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
add(Sharers *to, int64 record_no, uint32 group, double bits)
{
    uint32 at = (uint32) ((uint64) record_no * UINT64CONST(0x9E3779B97F4A7C15) >> 32) & (to->places - 1);
    uint64 mask = UINT64CONST(1) << Min(group, 63);
    Sharer *sharer;

    while (to->place[at] != 0 && to->item[to->place[at] - 1].record_no != record_no)
        at = (at + 1) & (to->places - 1);
    if (to->place[at] == 0) {
        to->item[to->count++] = (Sharer){.record_no = record_no};
        to->place[at] = to->count;
    }
    sharer = &to->item[to->place[at] - 1];
    if ((sharer->groups & mask) == 0)
        sharer->bits += bits;
    sharer->groups |= mask;
}

static void
add_holders(Sharers *to, IndexProbe *blocks, const ModelInForce *model, Wanted *wanted, int64 *scratch)
{
    double bits = rarity(model->records, wanted->holders.count);

    if (wanted->holders.elsewhere) {
        uint32 told = wanted->holders.count;

        find_key(read_list(blocks, model->build, key_pack_own_slot(wanted->key)), wanted);
        if (wanted->holders.elsewhere || wanted->holders.count != told)
            damaged();
    }
    if (!key_pack_records(&wanted->holders, scratch))
        damaged();
    for (uint32 i = 0; i < wanted->holders.count; i++)
        add(to, scratch[i], wanted->group, bits);
}

/* Asks for the changed records that share the rarest keys; how many keys were asked for is returned, the rows are SPI's. */
static int
ask_changed(const ModelInForce *model, const Wanted *wanted, int count)
{
    static KeptPlan plan;
    Oid type = INT4ARRAYOID;
    Datum value;
    int32 *keys = palloc(sizeof(int32) * (Size) count);
    double share = model->changed / Max(model->records, 1);
    double expected = 0;
    int asked = 0;

    while (asked < count && (expected += wanted[asked].holders.count * share) <= MOST_CHANGED) {
        keys[asked] = (int32) wanted[asked].key;
        asked++;
    }
    value = PointerGetDatum(number_array_make(keys, asked, INT4OID, sizeof(int32)));
    if (!kept_plan_ready(&plan))
        kept_plan_make(&plan,
                       psprintf("SELECT k.record_no, k.keys FROM %s.link_key k WHERE k.keys "
                                "OPERATOR(pg_catalog.&&) $1",
                                crm_schema_quoted()),
                       1, &type);
    if (SPI_execute_plan(plan.plan, &value, NULL, true, KEY_INDEX_MOST_HOLDERS) != SPI_OK_SELECT)
        elog(ERROR, "link_key could not be read");
    pfree(keys);
    return asked;
}

static void
add_changed(Sharers *to, const ModelInForce *model, const Wanted *wanted, int asked)
{
    for (uint64 i = 0; i < SPI_processed; i++) {
        HeapTuple row = SPI_tuptable->vals[i];
        bool isnull;
        int64 record_no = DatumGetInt64(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &isnull));
        int key_count;
        const int32 *keys = number_array_elements(
            DatumGetArrayTypeP(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &isnull)), &key_count);

        for (int w = 0; w < asked; w++)
            for (int k = 0; k < key_count; k++)
                if ((int32) wanted[w].key == keys[k])
                    add(to, record_no, wanted[w].group, rarity(model->records, wanted[w].holders.count));
    }
    SPI_freetuptable(SPI_tuptable);
}

static int
compare_bits(const void *a, const void *b)
{
    const KeyCandidate *x = a;
    const KeyCandidate *y = b;

    if (x->bits != y->bits)
        return x->bits > y->bits ? -1 : 1;
    return x->record_no < y->record_no ? -1 : x->record_no > y->record_no;
}

/* Puts a candidate into its place in a heap whose top is the least promising one. */
static void
sift(KeyCandidate *heap, int count, int at, KeyCandidate candidate)
{
    for (int child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && compare_bits(&heap[child + 1], &heap[child]) > 0)
            child++;
        if (compare_bits(&candidate, &heap[child]) >= 0)
            break;
        heap[at] = heap[child];
    }
    heap[at] = candidate;
}

/* The most promising ones, in order. */
static int
choose(const Sharers *from, KeyCandidate *candidates, int room)
{
    int count = 0;

    for (uint32 i = 0; i < from->count; i++) {
        KeyCandidate candidate = {from->item[i].record_no, from->item[i].bits};

        if (count < room) {
            candidates[count++] = candidate;
            for (int k = count == room ? room / 2 : 0; k-- > 0;)
                sift(candidates, count, k, candidates[k]);
        } else if (room > 0 && compare_bits(&candidate, &candidates[0]) < 0) {
            sift(candidates, count, 0, candidate);
        }
    }
    qsort(candidates, (size_t) count, sizeof(KeyCandidate), compare_bits);
    return count;
}

/* How many of the keys, rarest first, are read; adds up their holders. */
static int
affordable(const ModelInForce *model, const Wanted *wanted, int count, uint64 *holders)
{
    double usual = Max(USUAL * model->records, KEY_PACK_MANY);
    int read = 0;

    *holders = 0;
    while (read < count && wanted[read].holders.count <= usual &&
           *holders + wanted[read].holders.count <= KEY_INDEX_MOST_HOLDERS)
        *holders += wanted[read++].holders.count;
    return read;
}

static int
find(IndexProbe *blocks, const ModelInForce *model, Wanted *wanted, int key_count, KeyCandidate *candidates,
     int room)
{
    Sharers sharers = {.places = 64};
    uint64 holders;
    uint32 most;
    int64 *scratch;
    int read;
    int asked;

    qsort(wanted, (size_t) key_count, sizeof(Wanted), compare_keys);
    count_holders(blocks, model, wanted, key_count);
    qsort(wanted, (size_t) key_count, sizeof(Wanted), compare_counts);
    read = affordable(model, wanted, key_count, &holders);
    asked = ask_changed(model, wanted, key_count);
    most = (uint32) (holders + SPI_processed);
    while (sharers.places < 2 * most)
        sharers.places *= 2;
    sharers.place = palloc0(sizeof(uint32) * sharers.places);
    sharers.item = palloc(sizeof(Sharer) * (Size) (most + 1));
    scratch = palloc(sizeof(int64) * (Size) (holders + 1));
    for (int k = 0; k < read; k++)
        add_holders(&sharers, blocks, model, &wanted[k], scratch);
    add_changed(&sharers, model, wanted, asked);
    return choose(&sharers, candidates, room);
}

int
key_index_find(const ModelInForce *model, const LinkKey *keys, int key_count, KeyCandidate *candidates,
               int room)
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
    count = find(&blocks, model, wanted, key_count, candidates, room);
    index_probe_close(&blocks);
    MemoryContextSwitchTo(before);
    MemoryContextDelete(context);
    return count;
}
