/*
 * record_key.c: the key of a record as text. A key of one column is its text form; a composite key is a JSON array of
 * the text forms, made here so that it is immutable (the server's own JSON constructors are only stable).
 */
#include "base/compat.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/json.h"

PG_FUNCTION_INFO_V1(crm_record_key);

Datum
crm_record_key(PG_FUNCTION_ARGS)
{
    Datum *values;
    bool *nulls;
    int count;
    StringInfoData key;

    deconstruct_array(PG_GETARG_ARRAYTYPE_P(0), TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
    initStringInfo(&key);
    for (int i = 0; i < count; i++) {
        if (nulls[i])
            PG_RETURN_NULL();
        appendStringInfoString(&key, i == 0 ? "[" : ", ");
        escape_json(&key, TextDatumGetCString(values[i]));
    }
    appendStringInfoChar(&key, ']');
    PG_RETURN_TEXT_P(cstring_to_text_with_len(key.data, key.len));
}
