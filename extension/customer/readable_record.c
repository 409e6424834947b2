/*
 * readable_record.c: see readable_record.h.
 */
#include "base/compat.h"
#include "base/caller.h"
#include "base/schema.h"
#include "base/kept_plan.h"
#include "customer/number_array.h"
#include "customer/readable_record.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/syscache.h"

#define ASK_FIRST 32 /* records; then all that are left */

void
readable_records_open(ReadableRecords *records, const int64 *numbers, int count)
{
    *records = (ReadableRecords){.number = numbers, .count = count};
    records->readable = palloc0(sizeof(bool) * (Size) Max(count, 1));
    index_probe_open(&records->records, "record_copy", "record_copy_record_no_key", 1);
    index_probe_open(&records->restricted, "restricted_record", "restricted_record_record", 2);
}

void
readable_records_close(ReadableRecords *records)
{
    index_probe_close(&records->records);
    index_probe_close(&records->restricted);
}

/* Whether there is nothing but the table's own privilege between the caller and its rows, and he has that. */
static bool
is_open(Oid relation)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relation));
    Oid caller = crm_caller_oid();
    bool open = false;

    if (HeapTupleIsValid(tuple)) {
        Form_pg_class class = (Form_pg_class) GETSTRUCT(tuple);

        open = !class->relrowsecurity && OidIsValid(caller) &&
               pg_class_aclcheck(relation, caller, ACL_SELECT) == ACLCHECK_OK &&
               object_aclcheck(NamespaceRelationId, class->relnamespace, caller, ACL_USAGE) == ACLCHECK_OK;
        ReleaseSysCache(tuple);
    }
    return open;
}

static bool
has_restricted(Oid relation)
{
    IndexProbe probe;
    ScanKeyData key;
    bool found;

    index_probe_open(&probe, "restricted_record", "restricted_record_record", 1);
    ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
    found = index_probe_find(&probe, &key) != NULL;
    index_probe_close(&probe);
    return found;
}

/* Asked once for each table. */
static const ReadableTable *
table_of(ReadableRecords *records, Oid relation)
{
    ReadableTable *table;

    for (int i = 0; i < records->tables; i++)
        if (records->table[i].relation == relation)
            return &records->table[i];
    records->table = records->table == NULL
                         ? palloc(sizeof(ReadableTable))
                         : repalloc(records->table, sizeof(ReadableTable) * (Size) (records->tables + 1));
    table = &records->table[records->tables++];
    *table = (ReadableTable){relation, is_open(relation), has_restricted(relation)};
    return table;
}

/* Also where the restriction was lifted: record_readable and unmatchable_record say more. */
static bool
is_restricted(ReadableRecords *records, Oid relation, Datum key)
{
    ScanKeyData keys[2];

    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relation));
    ScanKeyEntryInitialize(&keys[1], 0, 2, BTEqualStrategyNumber, InvalidOid, C_COLLATION_OID, F_TEXTEQ, key);
    return index_probe_find(&records->restricted, keys) != NULL;
}

/* Asks for the next records at once. */
static void
ask(ReadableRecords *records, int from)
{
    static KeptPlan plan;
    Oid type = INT8ARRAYOID;
    int to = records->asked == 0 ? Min(from + ASK_FIRST, records->count) : records->count;
    Datum value =
        PointerGetDatum(number_array_make(records->number + from, to - from, INT8OID, sizeof(int64)));

    if (!kept_plan_ready(&plan))
        kept_plan_make(
            &plan,
            psprintf("SELECT r.record_no FROM %1$s.record_readable r WHERE r.record_no "
                     "OPERATOR(pg_catalog.=) ANY ($1) AND r.readable AND NOT EXISTS (SELECT FROM "
                     "%1$s.unmatchable_record u WHERE u.relation OPERATOR(pg_catalog.=) r.relation "
                     "AND u.record_key OPERATOR(pg_catalog.=) r.record_key)",
                     crm_schema_quoted()),
            1, &type);
    if (SPI_execute_plan(plan.plan, &value, NULL, true, 0) != SPI_OK_SELECT)
        elog(ERROR, "records could not be read");
    for (uint64 i = 0; i < SPI_processed; i++) {
        bool isnull;
        int64 number = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1, &isnull));

        for (int k = from; k < to; k++)
            if (records->number[k] == number)
                records->readable[k] = true;
    }
    SPI_freetuptable(SPI_tuptable);
    records->asked = to;
}

bool
readable_records_next(ReadableRecords *records, RecordInput *record, Oid *relation, text **key)
{
    while (records->next < records->count) {
        int its = records->next++;
        ScanKeyData number;
        TupleTableSlot *row;
        const ReadableTable *table;
        Datum key_datum;

        ScanKeyInit(&number, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(records->number[its]));
        row = index_probe_find(&records->records, &number);
        if (row == NULL)
            continue; /* gone since */
        record_input_read_slot(row, record, &key_datum);
        table = table_of(records, record->relation);
        if (!table->open || (table->restricted && is_restricted(records, record->relation, key_datum))) {
            if (its >= records->asked)
                ask(records, its);
            if (!records->readable[its])
                continue;
        }
        *relation = record->relation;
        *key = DatumGetTextPCopy(key_datum);
        return true;
    }
    return false;
}
