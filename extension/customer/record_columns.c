/*
 * record_columns.c: see record_columns.h.
 */
#include "base/compat.h"
#include "base/schema.h"
#include "customer/record_columns.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

PG_FUNCTION_INFO_V1(crm_golden_attributes);

enum { KIND = 0, NAME = 1, GIVEN_NAME = 2, FAMILY_NAME = 3, COMPANY = 4 };

static int
column_index(Oid table, const char *name)
{
    AttrNumber number = get_attnum(table, name);

    if (number == InvalidAttrNumber)
        elog(ERROR, "record_copy has no column \"%s\"", name);
    return number - 1;
}

void
record_columns_find(RecordColumns *columns)
{
    static const char *const names[RECORD_ATTRIBUTES] = {
        "kind",    "full_name",  "given_name", "family_name", "company", "email",
        "phone",   "website",    "address",    "postcode",    "city",    "region",
        "country", "birth_date", "gender",     "job_title",   "tax_id",  "segment"};
    Oid table = crm_relation_oid("record_copy");

    for (int i = 0; i < RECORD_ATTRIBUTES; i++)
        columns->attribute[i] = column_index(table, names[i]);
    columns->record_no = column_index(table, "record_no");
    columns->relation = column_index(table, "relation");
    columns->record_key = column_index(table, "record_key");
    columns->unit = column_index(table, "unit");
    columns->owner = column_index(table, "owner");
    columns->created_at = column_index(table, "created_at");
    columns->email_key = column_index(table, "email_key");
    columns->phone_key = column_index(table, "phone_key");
    columns->changed = column_index(table, "changed");
    columns->decides = column_index(table, "decides");
}

static const text *
joined(const text *a, const text *b)
{
    Size left;
    Size right;
    text *both;

    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    left = VARSIZE_ANY_EXHDR(a);
    right = VARSIZE_ANY_EXHDR(b);
    both = palloc(VARHDRSZ + left + 1 + right);
    SET_VARSIZE(both, VARHDRSZ + left + 1 + right);
    memcpy(VARDATA(both), VARDATA_ANY(a), left);
    VARDATA(both)[left] = ' ';
    memcpy(VARDATA(both) + left + 1, VARDATA_ANY(b), right);
    return both;
}

/* An organisation is called by its company, anybody else by the full name, the parts of it, or the company. */
static const text *
called(const text *const *attributes, const text *full_name)
{
    static const char organisation[] = "organisation";
    const text *kind = attributes[KIND];
    const text *name;

    if (kind != NULL && VARSIZE_ANY_EXHDR(kind) == strlen(organisation) &&
        memcmp(VARDATA_ANY(kind), organisation, strlen(organisation)) == 0)
        return attributes[COMPANY] != NULL ? attributes[COMPANY] : full_name;
    if (full_name != NULL)
        return full_name;
    name = joined(attributes[GIVEN_NAME], attributes[FAMILY_NAME]);
    return name != NULL ? name : attributes[COMPANY];
}

void
record_columns_attributes(const RecordColumns *columns, const Datum *values, const bool *nulls,
                          const text **attributes)
{
    for (int i = 0; i < RECORD_ATTRIBUTES; i++) {
        int column = columns->attribute[i];

        attributes[i] = nulls[column] ? NULL : DatumGetTextPP(values[column]);
    }
    attributes[NAME] = called(attributes, attributes[NAME]);
}

/* golden_attributes(record_copy) */
Datum
crm_golden_attributes(PG_FUNCTION_ARGS)
{
    HeapTupleHeader row;
    RecordColumns *columns = fcinfo->flinfo->fn_extra;
    TupleDesc desc;
    HeapTupleData tuple = {0};
    Datum *values;
    bool *nulls;
    const text *attributes[RECORD_ATTRIBUTES];
    Datum elements[RECORD_ATTRIBUTES];
    bool missing[RECORD_ATTRIBUTES];
    int count = RECORD_ATTRIBUTES;
    int lower = 1;

    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    row = PG_GETARG_HEAPTUPLEHEADER(0);
    desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
    tuple.t_len = HeapTupleHeaderGetDatumLength(row);
    tuple.t_data = row;
    values = palloc(sizeof(Datum) * (Size) desc->natts);
    nulls = palloc(sizeof(bool) * (Size) desc->natts);
    if (columns == NULL) {
        columns = fcinfo->flinfo->fn_extra =
            MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(RecordColumns));
        record_columns_find(columns);
    }
    ItemPointerSetInvalid(&tuple.t_self);
    heap_deform_tuple(&tuple, desc, values, nulls);
    ReleaseTupleDesc(desc);
    record_columns_attributes(columns, values, nulls, attributes);
    for (int i = 0; i < RECORD_ATTRIBUTES; i++) {
        missing[i] = attributes[i] == NULL;
        elements[i] = PointerGetDatum(attributes[i]);
    }
    PG_RETURN_ARRAYTYPE_P(
        construct_md_array(elements, missing, 1, &count, &lower, TEXTOID, -1, false, TYPALIGN_INT));
}
