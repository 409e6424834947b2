/*
 * row_object.c: rows as JSON objects of text forms, as merge.h says: their keys, some of their columns, how two differ. Called
 * for every row of a merge, which SQL functions would make many times slower.
 */
#include "base/aggregate.h"
#include "base/compat.h"
#include "base/error.h"
#include "customer/merge.h"

#include "catalog/pg_type.h"
#include "common/cryptohash.h"
#include "common/sha2.h"
#include "lib/stringinfo.h"
#include "mb/pg_wchar.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"

static int
read_names(ArrayType *array, Datum **names)
{
    int count;
    bool *nulls;

    deconstruct_array(array, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR, names, &nulls, &count);
    for (int i = 0; i < count; i++)
        if (nulls[i])
            ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("a column without name"),
                    errhint("Leave NULL out of the list of columns."));
    return count;
}

static JsonbValue
name_value(Datum name)
{
    JsonbValue value = {.type = jbvString};

    value.val.string.val = NameStr(*DatumGetName(name));
    value.val.string.len = (int) strlen(value.val.string.val);
    return value;
}

/* The value of a column, or NULL where the object has none. */
static JsonbValue *
find_column(Jsonb *row, Datum name)
{
    JsonbValue key = name_value(name);

    return findJsonbValueFromContainer(&row->root, JB_FOBJECT, &key);
}

/*
 * A row without key is known by all that is in it. An index holds no more than a third of a page, so that of a long row its
 * beginning and a hash stand for it; it is looked up by what is in it, never by this.
 */
#define WHOLE_ROW 1000
#define BEGINNING 100

static text *
whole_row_key(Jsonb *row)
{
    char *whole = JsonbToCString(NULL, &row->root, (int) VARSIZE(row));
    int length = (int) strlen(whole);
    uint8 digest[PG_SHA256_DIGEST_LENGTH];
    pg_cryptohash_ctx *context;
    StringInfoData key;

    if (length <= WHOLE_ROW)
        return cstring_to_text_with_len(whole, length);
    context = pg_cryptohash_create(PG_SHA256);
    if (context == NULL || pg_cryptohash_init(context) < 0 ||
        pg_cryptohash_update(context, (const uint8 *) whole, (size_t) length) < 0 ||
        pg_cryptohash_final(context, digest, sizeof(digest)) < 0)
        elog(ERROR, "a row could not be hashed");
    pg_cryptohash_free(context);
    initStringInfo(&key);
    appendBinaryStringInfo(&key, whole, pg_mbcliplen(whole, length, BEGINNING));
    appendStringInfoString(&key, "... ");
    for (size_t i = 0; i < sizeof(digest); i++)
        appendStringInfo(&key, "%02x", digest[i]);
    return cstring_to_text_with_len(key.data, key.len);
}

PG_FUNCTION_INFO_V1(crm_row_key);

/* crm.row_key(columns name[], row jsonb) → text */
Datum
crm_row_key(PG_FUNCTION_ARGS)
{
    Jsonb *row;
    Datum *names;
    int count;
    StringInfoData key;

    if (PG_ARGISNULL(1))
        PG_RETURN_NULL();
    row = PG_GETARG_JSONB_P(1);
    if (PG_ARGISNULL(0)) /* no key: the whole row */
        PG_RETURN_TEXT_P(whole_row_key(row));
    count = read_names(PG_GETARG_ARRAYTYPE_P(0), &names);
    initStringInfo(&key);
    for (int i = 0; i < count; i++) {
        JsonbValue *value = find_column(row, names[i]);

        if (value == NULL || value->type != jbvString)
            PG_RETURN_NULL();
        if (count == 1)
            PG_RETURN_TEXT_P(cstring_to_text_with_len(value->val.string.val, value->val.string.len));
        appendStringInfoString(&key, i == 0 ? "[" : ", ");
        escape_json(&key, pnstrdup(value->val.string.val, (Size) value->val.string.len));
    }
    appendStringInfoChar(&key, ']');
    PG_RETURN_TEXT_P(cstring_to_text_with_len(key.data, key.len));
}

PG_FUNCTION_INFO_V1(crm_row_pick);

/* crm.pick(row jsonb, columns name[]) → jsonb: these columns, null where the row has none. */
Datum
crm_row_pick(PG_FUNCTION_ARGS)
{
    Jsonb *row = PG_GETARG_JSONB_P(0);
    Datum *names;
    int count = read_names(PG_GETARG_ARRAYTYPE_P(1), &names);
    JsonbParseState *state = NULL;
    JsonbValue nothing = {.type = jbvNull};

    pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
    for (int i = 0; i < count; i++) {
        JsonbValue key = name_value(names[i]);
        JsonbValue *value = find_column(row, names[i]);

        pushJsonbValue(&state, WJB_KEY, &key);
        pushJsonbValue(&state, WJB_VALUE, value == NULL ? &nothing : value);
    }
    PG_RETURN_JSONB_P(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

static bool
scalars_equal(const JsonbValue *a, const JsonbValue *b)
{
    if (a == NULL || b == NULL || a->type != b->type)
        return false;
    return a->type == jbvNull ||
           (a->val.string.len == b->val.string.len &&
            memcmp(a->val.string.val, b->val.string.val, (size_t) a->val.string.len) == 0);
}

PG_FUNCTION_INFO_V1(crm_row_difference);

/* crm.row_difference(a jsonb, b jsonb) → jsonb: what of b is not the same in a. Both hold strings and nulls only. */
Datum
crm_row_difference(PG_FUNCTION_ARGS)
{
    Jsonb *a = PG_GETARG_JSONB_P(0);
    Jsonb *b = PG_GETARG_JSONB_P(1);
    JsonbParseState *state = NULL;
    JsonbIterator *iterator = JsonbIteratorInit(&b->root);
    JsonbIteratorToken token;
    JsonbValue key, value;

    pushJsonbValue(&state, WJB_BEGIN_OBJECT, NULL);
    while ((token = JsonbIteratorNext(&iterator, &key, true)) != WJB_DONE) {
        if (token != WJB_KEY)
            continue;
        if (JsonbIteratorNext(&iterator, &value, true) != WJB_VALUE ||
            (value.type != jbvString && value.type != jbvNull))
            elog(ERROR, "not a row of text forms");
        if (!scalars_equal(findJsonbValueFromContainer(&a->root, JB_FOBJECT, &key), &value)) {
            pushJsonbValue(&state, WJB_KEY, &key);
            pushJsonbValue(&state, WJB_VALUE, &value);
        }
    }
    PG_RETURN_JSONB_P(JsonbValueToJsonb(pushJsonbValue(&state, WJB_END_OBJECT, NULL)));
}

PG_FUNCTION_INFO_V1(crm_row_columns);

/* crm.row_columns(row jsonb) → name[] */
Datum
crm_row_columns(PG_FUNCTION_ARGS)
{
    Jsonb *row = PG_GETARG_JSONB_P(0);
    int room = (int) JB_ROOT_COUNT(row);
    Datum *names = palloc(mul_size(sizeof(Datum), (Size) Max(room, 1)));
    JsonbIterator *iterator = JsonbIteratorInit(&row->root);
    JsonbIteratorToken token;
    JsonbValue value;
    int count = 0;

    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE) {
        Name name;

        if (token != WJB_KEY || count == room)
            continue;
        name = palloc0(NAMEDATALEN);
        memcpy(NameStr(*name), value.val.string.val, (size_t) Min(value.val.string.len, NAMEDATALEN - 1));
        names[count++] = NameGetDatum(name);
    }
    PG_RETURN_ARRAYTYPE_P(construct_array(names, count, NAMEOID, NAMEDATALEN, false, TYPALIGN_CHAR));
}

/* The state of the aggregate row_list: what it holds lies in the aggregate's context, a copy of what it was given. */
typedef struct RowList {
    JsonbParseState *state;
    Size bytes; /* at least so long will it be */
} RowList;

/*
 * A jsonb array holds 256 MB, and finds that out at its end: what is too long is refused here, by name. Beside its texts a row takes
 * four bytes for each of them, and some for its objects.
 */
#define LIST_LIMIT ((Size) 200 * 1024 * 1024)
#define ROW_BYTES 48

static void
count_bytes(RowList *list, Size bytes)
{
    list->bytes += bytes;
    if (list->bytes > LIST_LIMIT)
        ereport(
            ERROR,
            (errcode(ERRCODE_CRM_CANNOT_MERGE), errmsg("too many rows would change at once"),
             errdetail(
                 "Keys and new values of one table's rows, without a key whole rows, take more than %zu MB.",
                 LIST_LIMIT / (1024 * 1024)),
             errhint("Merge fewer rows at once, or first UPDATE the rows that refer to them, in portions.")));
}

static void
add_name(RowList *list, const char *name)
{
    JsonbValue key = {.type = jbvString};

    key.val.string.val = unconstify(char *, name);
    key.val.string.len = (int) strlen(name);
    pushJsonbValue(&list->state, WJB_KEY, &key);
}

static void
add_text(RowList *list, JsonbIteratorToken token, const char *text, int length)
{
    JsonbValue value = {.type = jbvString};

    value.val.string.val = pnstrdup(text, (Size) length);
    value.val.string.len = length;
    count_bytes(list, (Size) length + sizeof(JEntry));
    pushJsonbValue(&list->state, token, &value);
}

static void
add_object(RowList *list, const Jsonb *object)
{
    Jsonb *copy = palloc(VARSIZE(object));
    JsonbValue value = {.type = jbvBinary};

    count_bytes(list, VARSIZE(object));
    memcpy(copy, object, VARSIZE(object));
    value.val.binary.data = &copy->root;
    value.val.binary.len = (int) (VARSIZE(copy) - VARHDRSZ);
    pushJsonbValue(&list->state, WJB_VALUE, &value);
}

/* The columns of a key; all of them are strings or null. */
static void
add_key(RowList *list, Jsonb *row, ArrayType *columns)
{
    Datum *names;
    int count = read_names(columns, &names);
    JsonbValue nothing = {.type = jbvNull};

    pushJsonbValue(&list->state, WJB_BEGIN_OBJECT, NULL);
    for (int i = 0; i < count; i++) {
        const char *name = NameStr(*DatumGetName(names[i]));
        JsonbValue *value = find_column(row, names[i]);

        add_text(list, WJB_KEY, name, (int) strlen(name));
        if (value == NULL || value->type != jbvString)
            pushJsonbValue(&list->state, WJB_VALUE, &nothing);
        else
            add_text(list, WJB_VALUE, value->val.string.val, value->val.string.len);
    }
    pushJsonbValue(&list->state, WJB_END_OBJECT, NULL);
}

PG_FUNCTION_INFO_V1(crm_row_list_add);

/* crm.row_list_add(list, name text, row jsonb, key name[], wanted jsonb): a step of the aggregate row_list. */
Datum
crm_row_list_add(PG_FUNCTION_ARGS)
{
    MemoryContext context = crm_aggregate_context(fcinfo);
    MemoryContext before;
    RowList *list;
    Jsonb *row, *wanted;

    if (PG_ARGISNULL(2))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("a list of rows without the row"),
                errhint("The third argument is the row, as JSON."));
    row = PG_GETARG_JSONB_P(2); /* here, so that what they are unpacked to is soon gone */
    wanted = PG_ARGISNULL(4) ? NULL : PG_GETARG_JSONB_P(4);
    before = MemoryContextSwitchTo(context);
    if (PG_ARGISNULL(0)) {
        list = palloc0(sizeof(RowList));
        pushJsonbValue(&list->state, WJB_BEGIN_ARRAY, NULL);
    } else
        list = (RowList *) PG_GETARG_POINTER(0);
    count_bytes(list, ROW_BYTES);
    pushJsonbValue(&list->state, WJB_BEGIN_OBJECT, NULL);
    if (!PG_ARGISNULL(1)) {
        text *name = PG_GETARG_TEXT_PP(1);

        add_name(list, "n");
        add_text(list, WJB_VALUE, VARDATA_ANY(name), (int) VARSIZE_ANY_EXHDR(name));
    }
    add_name(list, "k");
    if (PG_ARGISNULL(3))
        add_object(list, row);
    else
        add_key(list, row, PG_GETARG_ARRAYTYPE_P(3));
    if (wanted != NULL) {
        add_name(list, "s");
        add_object(list, wanted);
    }
    pushJsonbValue(&list->state, WJB_END_OBJECT, NULL);
    MemoryContextSwitchTo(before);
    PG_RETURN_POINTER(list);
}

PG_FUNCTION_INFO_V1(crm_row_list_end);

/* crm.row_list_end(list) → jsonb */
Datum
crm_row_list_end(PG_FUNCTION_ARGS)
{
    RowList *list;
    JsonbParseState state;
    JsonbParseState *end = &state;

    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    list = (RowList *) PG_GETARG_POINTER(0);
    Assert(list->state->next == NULL);
    state = *list->state; /* the state itself stays: a final function may be asked twice */
    PG_RETURN_JSONB_P(JsonbValueToJsonb(pushJsonbValue(&end, WJB_END_ARRAY, NULL)));
}
