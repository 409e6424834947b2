/*
 * near_record.c: see near_record.h.
 *
 * Two clusters whose pairs all weigh less than AGGLOMERATE_FLOOR never join, and a pair more of such weight lowers their mean: who
 * is not near a changed record joins nobody because of it. So those that are near, with the rest of their customers, are all that
 * has to be clustered again. A record that changed can also part those that it held together, and then they go where they would
 * have gone without it: so the rest of its customer is looked at, too, as long as they are few. In a customer of many no single
 * record holds the others.
 *
 * Most records have few that are like them, and those are the most promising ones. So some are compared, and more only while
 * there were near ones among the last. Who is to be clustered anyway is not compared.
 */
#include "base/compat.h"
#include "customer/agglomerate.h"
#include "customer/index_probe.h"
#include "customer/key_index.h"
#include "customer/near_record.h"
#include "customer/number_array.h"
#include "customer/record_input.h"
#include "customer/small_linker.h"

#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(crm_link_near);

#define FIRST 64 /* candidates that are compared; then twice as many */
#define MOST 240
#define FEW 8 /* records of a customer: if it has more, those that did not change are not looked at */

typedef struct NearSearch {
    const ModelInForce *model;
    IndexProbe records;
    IndexProbe links; /* by record */
    IndexProbe customers;
    RecordInput record; /* the last that was read */
    HTAB *found;        /* record numbers */
    ReturnSetInfo *result;
    double least_bits;     /* that a candidate's keys tell: what the prior takes away */
    MemoryContext context; /* of one record */
} NearSearch;

static bool
is_found(const NearSearch *search, int64 number)
{
    return hash_search(search->found, &number, HASH_FIND, NULL) != NULL;
}

static void
put(NearSearch *search, int64 number)
{
    Datum value = Int64GetDatum(number);
    bool known;
    bool isnull = false;

    hash_search(search->found, &number, HASH_ENTER, &known);
    if (!known)
        tuplestore_putvalues(search->result->setResult, search->result->setDesc, &value, &isnull);
}

/* Puts a record and the rest of its customer; returns how many they are, of whom the first are written to family. */
static int
put_family(NearSearch *search, int64 number, int64 *family, int room)
{
    ScanKeyData key;
    TupleTableSlot *link;
    bool isnull;
    int count = 0;

    put(search, number);
    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(number));
    link = index_probe_find(&search->links, &key);
    if (link == NULL)
        return 0; /* it came just now */
    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, slot_getattr(link, 2, &isnull));
    for (link = index_probe_find(&search->customers, &key); link != NULL;
         link = index_probe_next(&search->customers)) {
        int64 its = DatumGetInt64(slot_getattr(link, 1, &isnull));

        put(search, its);
        if (count < room)
            family[count] = its;
        count++;
    }
    return count;
}

/* False where it is gone. */
static bool
add_record(NearSearch *search, SmallLinker *linker, int64 number)
{
    ScanKeyData key;
    TupleTableSlot *row;
    Datum record_key;

    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(number));
    row = index_probe_find(&search->records, &key);
    if (row == NULL)
        return false;
    record_input_read_slot(row, &search->record, &record_key);
    small_linker_add(linker, &search->record.input, number);
    return true;
}

/* Puts those of the linker's records that are near its first one; returns how many. */
static int
compare(NearSearch *search, SmallLinker *linker)
{
    LinkEvidence evidence[LINK_ATTRIBUTES];
    int near = 0;

    for (int i = 1; i < linker->count; i++) {
        double prior;
        double weight;

        if (!link_kinds_agree(linker->kind[0], linker->kind[i]))
            continue;
        linker_explain(linker->linker, 0, (uint32) i, evidence, &prior, &weight);
        if (weight < (double) AGGLOMERATE_FLOOR)
            continue;
        put_family(search, linker->number[i], NULL, 0);
        near++;
    }
    return near;
}

static void
find_near(NearSearch *search, SmallLinker *changed, int node)
{
    KeyCandidate candidates[MOST];
    LinkKey keys[LINK_MAX_KEYS];
    int count = key_index_find(search->model, keys, small_linker_keys(changed, node, keys),
                               changed->kind[node], candidates, MOST);
    int near = 1;

    while (count > 0 && candidates[count - 1].bits < search->least_bits)
        count--;
    for (int next = 0, wanted = FIRST; next < count && near > 0; wanted *= 2) {
        SmallLinker *linker = small_linker_open(search->model->model, true);

        if (add_record(search, linker, changed->number[node]))
            for (; next < count && linker->count <= wanted; next++)
                if (!is_found(search, candidates[next].record_no))
                    add_record(search, linker, candidates[next].record_no);
        near = compare(search, linker);
        small_linker_close(linker);
    }
}

static void
find_all_near(NearSearch *search, const int64 *numbers, int count)
{
    SmallLinker *changed = small_linker_open(search->model->model, false);

    small_linker_add_records(changed, numbers, count);
    for (int i = 0; i < changed->count; i++) {
        MemoryContext before = MemoryContextSwitchTo(search->context);

        CHECK_FOR_INTERRUPTS();
        find_near(search, changed, i);
        MemoryContextSwitchTo(before);
        MemoryContextReset(search->context);
    }
    small_linker_close(changed);
}

static void
open_search(NearSearch *search)
{
    HASHCTL control = {.keysize = sizeof(int64), .entrysize = sizeof(int64), .hcxt = CurrentMemoryContext};

    search->found = hash_create("crm near records", 1024, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
    search->least_bits = (double) AGGLOMERATE_FLOOR - link_model_numbers(search->model->model)->prior;
    search->context = AllocSetContextCreate(CurrentMemoryContext, "crm near record", ALLOCSET_DEFAULT_SIZES);
    index_probe_open(&search->records, "record_copy", "record_copy_record_no_key", 1);
    index_probe_open(&search->links, "record_link", "record_link_pkey", 1);
    index_probe_open(&search->customers, "record_link", "record_link_customer", 1);
}

static void
close_search(NearSearch *search)
{
    index_probe_close(&search->customers);
    index_probe_close(&search->links);
    index_probe_close(&search->records);
    model_check();
}

Datum
crm_link_near(PG_FUNCTION_ARGS)
{
    NearSearch search = {.result = (ReturnSetInfo *) fcinfo->resultinfo};
    int count;
    const int64 *numbers = number_array_elements(PG_GETARG_ARRAYTYPE_P(0), &count);

    InitMaterializedSRF(fcinfo, MAT_SRF_USE_EXPECTED_DESC);
    SPI_connect();
    search.model = model_in_force();
    if (search.model != NULL) {
        int64 *looked_at = palloc(sizeof(int64) * ((Size) count * (FEW + 1) + 1));
        int looking = 0;

        open_search(&search);
        for (int i = 0; i < count; i++) {
            int64 *family = &looked_at[looking];
            int members = put_family(&search, numbers[i], family, FEW);

            if (members == 0 || members > FEW)
                family[0] = numbers[i];
            looking += members == 0 || members > FEW ? 1 : members;
        }
        find_all_near(&search, looked_at, looking);
        close_search(&search);
    }
    SPI_finish();
    return (Datum) 0;
}
