/*
 * golden_read.c: see golden_read.h.
 */
#include "base/compat.h"
#include "base/schema.h"
#include "customer/golden_read.h"
#include "customer/golden_source.h"
#include "customer/record_columns.h"
#include "org/identity.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/stratnum.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

struct GoldenReader {
    MemoryContext context; /* of everything below; reset when it is made anew */
    bool made;
    CrmMoment moment;
    CommandId command;
    uint64 completed;
    TransactionId snapshot_min;
    TransactionId snapshot_max;
    TupleDesc result;
    RecordColumns columns;
    Oid link, link_by_customer, copy, copy_by_number, said, said_by_number;
    bool anything_said;
    GoldenPlan plan;
    GoldenSources sources;
};

static bool
still_holds(const GoldenReader *reader)
{
    Snapshot snapshot = GetActiveSnapshot();

    return reader->made && reader->command == snapshot->curcid &&
           reader->completed == snapshot->snapXactCompletionCount && reader->snapshot_min == snapshot->xmin &&
           reader->snapshot_max == snapshot->xmax && crm_moment_holds(&reader->moment);
}

/* Held until the transaction ends, as a statement holds its tables: to open it again for each customer costs next to nothing then. */
static Oid
locked_relation(const char *name)
{
    Oid relation = crm_relation_oid(name);

    LockRelationOid(relation, AccessShareLock);
    return relation;
}

static void
make_reader(GoldenReader *reader)
{
    Snapshot snapshot = GetActiveSnapshot();
    Relation said;

    MemoryContextReset(reader->context);
    reader->result = NULL;
    reader->made = false;
    reader->moment = crm_moment_now(); /* before: what is heard of meanwhile may be known or not */
    golden_sources_load(reader->context, &reader->plan, &reader->sources);
    record_columns_find(&reader->columns);
    reader->link = locked_relation("record_link");
    reader->link_by_customer = locked_relation("record_link_customer");
    reader->copy = locked_relation("record_copy");
    reader->copy_by_number = locked_relation("record_copy_record_no_key");
    reader->said = locked_relation("golden_value");
    reader->said_by_number = locked_relation("golden_value_pkey");
    said = table_open(reader->said, AccessShareLock);
    reader->anything_said = RelationGetNumberOfBlocks(said) > 0;
    table_close(said, AccessShareLock);
    reader->command = snapshot->curcid;
    reader->completed = snapshot->snapXactCompletionCount;
    reader->snapshot_min = snapshot->xmin;
    reader->snapshot_max = snapshot->xmax;
    reader->made = true;
}

GoldenReader *
golden_reader(void)
{
    static GoldenReader *reader = NULL;

    if (reader == NULL) {
        reader = MemoryContextAllocZero(TopMemoryContext, sizeof(GoldenReader));
        reader->context = AllocSetContextCreate(TopMemoryContext, "crm golden reader", ALLOCSET_SMALL_SIZES);
    }
    if (!still_holds(reader))
        make_reader(reader);
    return reader;
}

const GoldenPlan *
golden_reader_plan(const GoldenReader *reader)
{
    return &reader->plan;
}

TupleDesc
golden_reader_result(GoldenReader *reader, FunctionCallInfo fcinfo)
{
    if (reader->result == NULL) {
        MemoryContext before = MemoryContextSwitchTo(reader->context);

        if (get_call_result_type(fcinfo, NULL, &reader->result) != TYPEFUNC_COMPOSITE)
            elog(ERROR, "golden_of returns a row");
        reader->result = BlessTupleDesc(reader->result);
        MemoryContextSwitchTo(before);
    }
    return reader->result;
}

/* The numbers of a customer's records, as an array for a search; *count of them. */
static ArrayType *
find_numbers(const GoldenReader *reader, int64 customer_id, int *count)
{
    Relation link = table_open(reader->link, AccessShareLock);
    TupleDesc desc = RelationGetDescr(link);
    int room = 8;
    Datum *numbers = palloc(sizeof(Datum) * (Size) room);
    ScanKeyData key;
    SysScanDesc scan;
    HeapTuple tuple;
    bool isnull;

    *count = 0;
    ScanKeyInit(&key, 2, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(customer_id));
    scan = systable_beginscan(link, reader->link_by_customer, true, GetActiveSnapshot(), 1, &key);
    while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
        if (*count == room) {
            room *= 2;
            numbers = repalloc_huge(numbers, sizeof(Datum) * (Size) room);
        }
        numbers[(*count)++] = heap_getattr(tuple, 1, desc, &isnull);
    }
    systable_endscan(scan);
    table_close(link, NoLock);
    return *count == 0
               ? NULL
               : construct_array(numbers, *count, INT8OID, sizeof(int64), FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

static SysScanDesc
begin_by_numbers(Relation table, Oid index, AttrNumber column, ArrayType *numbers)
{
    ScanKeyData key;

    ScanKeyEntryInitialize(&key, SK_SEARCHARRAY, column, BTEqualStrategyNumber, INT8OID, InvalidOid, F_INT8EQ,
                           PointerGetDatum(numbers));
    return systable_beginscan(table, index, true, GetActiveSnapshot(), 1, &key);
}

static void
fill_record(const GoldenReader *reader, const GoldenSource *source, const Datum *values, const bool *nulls,
            GoldenRecord *record)
{
    const RecordColumns *columns = &reader->columns;

    record_columns_attributes(columns, values, nulls, record->values);
    record->visible = golden_source_may_read(source, columns, values, nulls);
    record->readable = record->visible ? source->shown : 0;
    if (record->values[RECORD_EMAIL] != NULL && nulls[columns->email_key])
        record->invalid |= UINT32_C(1) << RECORD_EMAIL;
    if (record->values[RECORD_PHONE] != NULL && nulls[columns->phone_key])
        record->invalid |= UINT32_C(1) << RECORD_PHONE;
    record->place = source->place;
    record->has_time = !nulls[columns->created_at] && (source->dated || !record->visible);
    record->created_at = record->has_time ? DatumGetTimestampTz(values[columns->created_at]) : 0;
    record->key = DatumGetTextPP(values[columns->record_key]);
    record->changed = nulls[columns->changed] ? NULL : DatumGetArrayTypeP(values[columns->changed]);
    record->trust = source->trust;
}

GoldenCustomer *
golden_read(GoldenReader *reader, int64 customer_id)
{
    GoldenCustomer *customer = palloc0(sizeof(GoldenCustomer));
    int linked;
    ArrayType *numbers = find_numbers(reader, customer_id, &linked);
    GoldenRecord *records;
    int64 *number;
    Relation copy;
    TupleDesc desc;
    SysScanDesc scan;
    HeapTuple tuple;

    if (linked == 0)
        return customer;
    customer->records = records =
        MemoryContextAllocExtended(CurrentMemoryContext, mul_size(sizeof(GoldenRecord), (Size) linked),
                                   MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    customer->numbers = number =
        MemoryContextAllocHuge(CurrentMemoryContext, mul_size(sizeof(int64), (Size) linked));
    copy = table_open(reader->copy, AccessShareLock);
    desc = RelationGetDescr(copy);
    scan =
        begin_by_numbers(copy, reader->copy_by_number, (AttrNumber) (reader->columns.record_no + 1), numbers);
    while (HeapTupleIsValid(tuple = systable_getnext(scan)) && customer->count < linked) {
        Datum *values = palloc(sizeof(Datum) * (Size) desc->natts);
        bool *nulls = palloc(sizeof(bool) * (Size) desc->natts);
        const GoldenSource *source;

        heap_deform_tuple(heap_copytuple(tuple), desc, values, nulls);
        source = golden_source_find(&reader->sources, DatumGetObjectId(values[reader->columns.relation]));
        if (source == NULL)
            continue;
        number[customer->count] = DatumGetInt64(values[reader->columns.record_no]);
        fill_record(reader, source, values, nulls, &records[customer->count]);
        customer->visible |= records[customer->count++].visible;
        CHECK_FOR_INTERRUPTS();
    }
    systable_endscan(scan);
    table_close(copy, NoLock);
    return customer;
}

bool
golden_may_read(GoldenReader *reader, int64 customer_id)
{
    int linked;
    ArrayType *numbers = find_numbers(reader, customer_id, &linked);
    bool may = false;
    Relation copy;
    TupleDesc desc;
    SysScanDesc scan;
    HeapTuple tuple;
    Datum *values;
    bool *nulls;

    if (linked == 0)
        return false;
    copy = table_open(reader->copy, AccessShareLock);
    desc = RelationGetDescr(copy);
    values = palloc(sizeof(Datum) * (Size) desc->natts);
    nulls = palloc(sizeof(bool) * (Size) desc->natts);
    scan =
        begin_by_numbers(copy, reader->copy_by_number, (AttrNumber) (reader->columns.record_no + 1), numbers);
    while (!may && HeapTupleIsValid(tuple = systable_getnext(scan))) {
        const GoldenSource *source;

        heap_deform_tuple(tuple, desc, values, nulls);
        source = golden_source_find(&reader->sources, DatumGetObjectId(values[reader->columns.relation]));
        may = source != NULL && golden_source_may_read(source, &reader->columns, values, nulls);
        CHECK_FOR_INTERRUPTS();
    }
    systable_endscan(scan);
    table_close(copy, NoLock);
    return may;
}

static int
find_attribute(const GoldenPlan *plan, const char *name)
{
    for (int i = 0; i < plan->attributes; i++)
        if (strcmp(plan->name[i], name) == 0)
            return i;
    return -1;
}

/* Of two records' values for one attribute the one stands that was set later, then that of the later record. */
void
golden_read_said(GoldenReader *reader, const GoldenCustomer *customer, GoldenSaid *said)
{
    TimestampTz latest[GOLDEN_MAX_ATTRIBUTES] = {0};
    Relation table;

    memset(said, 0, sizeof(GoldenSaid));
    if (!reader->anything_said)
        return;
    table = table_open(reader->said, AccessShareLock);
    for (int n = 0; n < customer->count; n++) {
        ScanKeyData key;
        SysScanDesc scan;
        HeapTuple tuple;

        ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(customer->numbers[n]));
        scan = systable_beginscan(table, reader->said_by_number, true, GetActiveSnapshot(), 1, &key);
        while (HeapTupleIsValid(tuple = systable_getnext(scan))) {
            Datum values[6];
            bool nulls[6];
            int i;

            heap_deform_tuple(heap_copytuple(tuple), RelationGetDescr(table), values, nulls);
            i = find_attribute(&reader->plan, TextDatumGetCString(values[1]));
            if (i < 0 || (said->known[i] && DatumGetTimestampTz(values[4]) < latest[i]))
                continue;
            said->known[i] = true;
            said->value[i] = nulls[2] ? NULL : DatumGetTextPP(values[2]);
            latest[i] = DatumGetTimestampTz(values[4]);
        }
        systable_endscan(scan);
    }
    table_close(table, NoLock);
}
