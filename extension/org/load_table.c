/*
 * load_table.c: see load_table.h. Tables are read as the catalogues are: no SPI, so that neither search_path nor
 * rights nor policies matter.
 */
#include "base/compat.h"
#include "base/schema.h"
#include "org/load_table.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"

typedef struct NameKey {
    const char *data;
    int length;
} NameKey;

typedef struct NameEntry {
    NameKey name;
    uint32 hash;
    int number;
    char status;
} NameEntry;

#define SH_PREFIX names
#define SH_ELEMENT_TYPE NameEntry
#define SH_KEY_TYPE NameKey
#define SH_KEY name
#define SH_HASH_KEY(table, key) hash_bytes((const unsigned char *) (key).data, (key).length)
#define SH_EQUAL(table, a, b)                                                                                \
    ((a).length == (b).length && memcmp((a).data, (b).data, (size_t) (a).length) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct CrmNames {
    CrmStrings strings;
    names_hash *hash;
};

#define STRINGS_BLOCK 32768

const char *
crm_strings_keep(CrmStrings *strings, const char *data, Size length)
{
    char *copy;

    if (length >= strings->left) {
        strings->left = Max(STRINGS_BLOCK, length + 1);
        strings->at = MemoryContextAlloc(strings->context, strings->left);
    }
    copy = strings->at;
    memcpy(copy, data, length);
    copy[length] = '\0';
    strings->at += length + 1;
    strings->left -= length + 1;
    return copy;
}

CrmNames *
crm_names_create(MemoryContext context, uint32 expected)
{
    CrmNames *names = MemoryContextAllocZero(context, sizeof(CrmNames));

    names->strings.context = context;
    names->hash = names_create(context, Max(expected, 16), NULL);
    return names;
}

static NameEntry *
insert(CrmNames *names, NameKey name, bool *found)
{
    NameEntry *entry = names_insert(names->hash, name, found);

    if (!*found)
        entry->name.data = crm_strings_keep(&names->strings, name.data, (Size) name.length);
    return entry;
}

void
crm_names_set(CrmNames *names, const char *name, int number)
{
    bool found;

    insert(names, (NameKey){name, (int) strlen(name)}, &found)->number = number;
}

static int
look_up(const CrmNames *names, NameKey name)
{
    NameEntry *entry = names_lookup(names->hash, name);

    return entry != NULL ? entry->number : -1;
}

int
crm_names_get(const CrmNames *names, const char *name)
{
    return name == NULL ? -1 : look_up(names, (NameKey){name, (int) strlen(name)});
}

int
crm_names_get_text(const CrmNames *names, const text *name)
{
    return name == NULL ? -1 : look_up(names, (NameKey){VARDATA_ANY(name), (int) VARSIZE_ANY_EXHDR(name)});
}

int
crm_names_intern(CrmNames *names, const text *name, const char **kept)
{
    bool found;
    NameEntry *entry = insert(names, (NameKey){VARDATA_ANY(name), (int) VARSIZE_ANY_EXHDR(name)}, &found);

    if (!found)
        entry->number = (int) names->hash->members - 1;
    if (kept != NULL)
        *kept = entry->name.data;
    return entry->number;
}

int
crm_names_count(const CrmNames *names)
{
    return (int) names->hash->members;
}

/* Rows */

const text *
crm_row_text(const CrmRow *row, int column)
{
    return row->nulls[column] ? NULL : DatumGetTextPP(row->values[column]);
}

const char *
crm_row_string(const CrmRow *row, int column, CrmStrings *strings)
{
    const text *value = crm_row_text(row, column);

    return value == NULL ? NULL : crm_strings_keep(strings, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
}

const char *
crm_row_name(const CrmRow *row, int column, CrmStrings *strings)
{
    const char *value = row->nulls[column] ? NULL : NameStr(*DatumGetName(row->values[column]));

    return value == NULL ? NULL : crm_strings_keep(strings, value, strlen(value));
}

uint32
crm_table_rows(const char *table)
{
    Relation rel = table_open(crm_relation_oid(table), AccessShareLock);
    double rows = rel->rd_rel->reltuples;

    table_close(rel, AccessShareLock);
    return rows > 0 ? (uint32) Min(rows, 1e7) : 0;
}

static int
find_column(TupleDesc desc, const char *name)
{
    for (int i = 0; i < desc->natts; i++) {
        if (!TupleDescAttr(desc, i)->attisdropped && namestrcmp(&TupleDescAttr(desc, i)->attname, name) == 0)
            return i + 1;
    }
    ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
            errmsg("column \"%s\" of extension crm does not exist", name),
            errhint("The library is newer than the installed script: type ALTER EXTENSION crm UPDATE."));
}

static void
scan(Relation rel, SysScanDesc rows, const char *const *columns, CrmRowReader read, void *arg)
{
    TupleDesc desc = RelationGetDescr(rel);
    Datum *values = palloc(sizeof(Datum) * (Size) desc->natts);
    bool *nulls = palloc(sizeof(bool) * (Size) desc->natts);
    int attnum[CRM_LOAD_COLUMNS];
    int count;
    HeapTuple tuple;

    for (count = 0; count < CRM_LOAD_COLUMNS && columns[count] != NULL; count++)
        attnum[count] = find_column(desc, columns[count]);
    while (HeapTupleIsValid(tuple = systable_getnext(rows))) {
        CrmRow row;

        CHECK_FOR_INTERRUPTS();
        heap_deform_tuple(tuple, desc, values, nulls);
        for (int i = 0; i < count; i++) {
            row.values[i] = values[attnum[i] - 1];
            row.nulls[i] = nulls[attnum[i] - 1];
        }
        read(arg, &row);
    }
    pfree(values);
    pfree(nulls);
}

void
crm_table_scan(const char *table, const char *const *columns, Snapshot snapshot, CrmRowReader read, void *arg)
{
    Relation rel = table_open(crm_relation_oid(table), AccessShareLock);
    SysScanDesc rows = systable_beginscan(rel, InvalidOid, false, snapshot, 0, NULL);

    scan(rel, rows, columns, read, arg);
    systable_endscan(rows);
    table_close(rel, AccessShareLock);
}

void
crm_table_scan_index(const char *table, const char *index, const char *value, const char *const *columns,
                     Snapshot snapshot, CrmRowReader read, void *arg)
{
    Relation rel = table_open(crm_relation_oid(table), AccessShareLock);
    Oid index_oid = crm_relation_oid(index);
    Relation index_rel = index_open(index_oid, AccessShareLock);
    ScanKeyData key;
    SysScanDesc rows;

    /* The collation must be the index's, or the search would go astray in its order. */
    ScanKeyEntryInitialize(&key, 0, index_rel->rd_index->indkey.values[0], BTEqualStrategyNumber, InvalidOid,
                           index_rel->rd_indcollation[0], F_TEXTEQ, CStringGetTextDatum(value));
    index_close(index_rel, AccessShareLock);
    rows = systable_beginscan(rel, index_oid, true, snapshot, 1, &key);
    scan(rel, rows, columns, read, arg);
    systable_endscan(rows);
    table_close(rel, AccessShareLock);
}
