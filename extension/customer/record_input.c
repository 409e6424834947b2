/*
 * record_input.c: see record_input.h.
 */
#include "base/compat.h"
#include "base/schema.h"
#include "customer/record_input.h"

#include "access/htup_details.h"
#include "common/hashfn.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

/* Columns of record_copy and names of attributes, in the order of LinkField. */
static const char *const fields[LINK_FIELDS] = {
    [LINK_GIVEN_NAME] = "given_name", [LINK_FAMILY_NAME] = "family_name",
    [LINK_FULL_NAME] = "full_name",   [LINK_COMPANY] = "company",
    [LINK_EMAIL] = "email",           [LINK_PHONE] = "phone",
    [LINK_WEBSITE] = "website",       [LINK_ADDRESS] = "address",
    [LINK_POSTCODE] = "postcode",     [LINK_CITY] = "city",
    [LINK_REGION] = "region",         [LINK_COUNTRY] = "country",
    [LINK_BIRTH_DATE] = "birth_date", [LINK_TAX_ID] = "tax_id",
    [LINK_GENDER] = "gender",         [LINK_JOB_TITLE] = "job_title",
};

enum { COLUMN_RECORD_NO, COLUMN_RELATION, COLUMN_KEY, COLUMN_KIND, COLUMN_UNMATCHABLE, COLUMN_FIELDS };

char *
crm_record_columns(void)
{
    StringInfoData list;

    initStringInfo(&list);
    appendStringInfo(
        &list,
        "r.record_no, r.relation, r.record_key, r.kind, EXISTS (SELECT FROM %s.unmatchable_record x "
        "WHERE x.relation OPERATOR(pg_catalog.=) r.relation AND x.record_key OPERATOR(pg_catalog.=) "
        "r.record_key)",
        crm_schema_quoted());
    for (int i = 0; i < LINK_FIELDS; i++)
        appendStringInfo(&list, ", r.%s", fields[i]);
    return list.data;
}

int
record_input_field(const char *attribute, size_t length)
{
    for (int i = 0; i < LINK_FIELDS; i++)
        if (strlen(fields[i]) == length && memcmp(fields[i], attribute, length) == 0)
            return i;
    return -1;
}

LinkText
record_input_text(Datum text)
{
    struct varlena *value = PG_DETOAST_DATUM_PACKED(text);
    LinkText result = {VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value)};

    if (GetDatabaseEncoding() != PG_UTF8 && GetDatabaseEncoding() != PG_SQL_ASCII && result.length > 0) {
        char *converted = pg_server_to_any(result.data, (int) result.length, PG_UTF8);

        if (converted != result.data)
            result = (LinkText){converted, strlen(converted)};
    }
    return result;
}

LinkKind
record_input_kind(const char *kind, size_t length)
{
    return length == 6 && memcmp(kind, "person", 6) == 0           ? LINK_PERSON
           : length == 12 && memcmp(kind, "organisation", 12) == 0 ? LINK_ORGANISATION
                                                                   : LINK_ANY;
}

/* A hash of the table's name, so that a record is called the same after a dump. Tables come in runs. */
static void
enter_relation(RecordInput *record, Oid relation)
{
    const char *name = get_rel_name(relation);
    const char *schema = get_namespace_name(get_rel_namespace(relation));
    char *full = psprintf("%s.%s", schema == NULL ? "" : schema, name == NULL ? "" : name);

    record->seed = hash_bytes_extended((unsigned char *) full, (int) strlen(full), 0);
    record->relation = relation;
}

static void
read_head(RecordInput *record, Datum number, Datum relation, Datum key, Datum kind, bool no_kind)
{
    struct varlena *name = PG_DETOAST_DATUM_PACKED(key);

    record->record_no = DatumGetInt64(number);
    if (DatumGetObjectId(relation) != record->relation)
        enter_relation(record, DatumGetObjectId(relation));
    record->input.name =
        hash_bytes_extended((unsigned char *) VARDATA_ANY(name), VARSIZE_ANY_EXHDR(name), record->seed);
    record->input.kind = LINK_ANY;
    if (!no_kind) {
        LinkText text = record_input_text(kind);

        record->input.kind = record_input_kind(text.data, text.length);
    }
}

void
record_input_read(HeapTuple row, TupleDesc descriptor, RecordInput *record)
{
    Datum values[COLUMN_FIELDS + LINK_FIELDS];
    bool nulls[COLUMN_FIELDS + LINK_FIELDS];

    heap_deform_tuple(row, descriptor, values, nulls);
    read_head(record, values[COLUMN_RECORD_NO], values[COLUMN_RELATION], values[COLUMN_KEY],
              values[COLUMN_KIND], nulls[COLUMN_KIND]);
    record->unmatchable = DatumGetBool(values[COLUMN_UNMATCHABLE]);
    for (int i = 0; i < LINK_FIELDS; i++)
        record->input.field[i] = nulls[COLUMN_FIELDS + i] || record->unmatchable
                                     ? (LinkText){NULL, 0}
                                     : record_input_text(values[COLUMN_FIELDS + i]);
}

/* Where the columns of record_copy stand. */
static const AttrNumber *
slot_columns(TupleDesc descriptor)
{
    static Oid table = InvalidOid;
    static AttrNumber column[COLUMN_FIELDS + LINK_FIELDS];
    static const char *const head[] = {"record_no", "relation", "record_key", "kind", NULL};

    if (table == TupleDescAttr(descriptor, 0)->attrelid)
        return column;
    table = TupleDescAttr(descriptor, 0)->attrelid;
    for (int i = 0; i < COLUMN_FIELDS + LINK_FIELDS; i++) {
        const char *name = i < COLUMN_FIELDS ? head[i] : fields[i - COLUMN_FIELDS];

        for (int k = 0; name != NULL && k < descriptor->natts; k++)
            if (strcmp(NameStr(TupleDescAttr(descriptor, k)->attname), name) == 0)
                column[i] = (AttrNumber) (k + 1);
    }
    return column;
}

void
record_input_read_slot(TupleTableSlot *row, RecordInput *record, Datum *key)
{
    const AttrNumber *column = slot_columns(row->tts_tupleDescriptor);
    bool no_kind;
    bool isnull;
    Datum kind;

    slot_getallattrs(row);
    *key = slot_getattr(row, column[COLUMN_KEY], &isnull);
    kind = slot_getattr(row, column[COLUMN_KIND], &no_kind);
    read_head(record, slot_getattr(row, column[COLUMN_RECORD_NO], &isnull),
              slot_getattr(row, column[COLUMN_RELATION], &isnull), *key, kind, no_kind);
    record->unmatchable = false;
    for (int i = 0; i < LINK_FIELDS; i++) {
        Datum value = slot_getattr(row, column[COLUMN_FIELDS + i], &isnull);

        record->input.field[i] = isnull ? (LinkText){NULL, 0} : record_input_text(value);
    }
}
