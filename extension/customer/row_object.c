/*
 * row_object.c: rows as JSON objects of text forms, as merge.h says: their keys, some of their columns, how two differ. Called
 * for every row of a merge, which SQL functions would make many times slower.
 */
#include "base/compat.h"
#include "customer/merge.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
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
            elog(ERROR, "a column without name");
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
        PG_RETURN_TEXT_P(cstring_to_text(JsonbToCString(NULL, &row->root, VARSIZE(row))));
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
