/*
 * row_array.c: see row_array.h.
 */
#include "funnel/row_array.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/lsyscache.h"
#include "utils/numeric.h"
#include "utils/typcache.h"

void
crm_row_array_begin(RowArray *array, FunctionCallInfo fcinfo, int columns)
{
    array->type = get_element_type(get_func_rettype(fcinfo->flinfo->fn_oid));
    array->columns = lookup_rowtype_tupdesc_copy(array->type, -1);
    array->rows = initArrayResult(array->type, CurrentMemoryContext, false);
    if (array->columns->natts != columns)
        elog(ERROR, "a row of this result has %d columns, not %d", columns, array->columns->natts);
}

void
crm_row_array_add(RowArray *array, const NullableDatum *values)
{
    int columns = array->columns->natts;
    Datum *value = palloc(sizeof(Datum) * (Size) columns);
    bool *is_null = palloc(sizeof(bool) * (Size) columns);
    HeapTuple row;

    CHECK_FOR_INTERRUPTS();
    for (int i = 0; i < columns; i++) {
        value[i] = values[i].value;
        is_null[i] = values[i].isnull;
    }
    row = heap_form_tuple(array->columns, value, is_null);
    accumArrayResult(array->rows, HeapTupleGetDatum(row), false, array->type, CurrentMemoryContext);
    pfree(value);
    pfree(is_null);
}

Datum
crm_row_array_end(RowArray *array)
{
    return makeArrayResult(array->rows, CurrentMemoryContext);
}

NullableDatum
crm_share(int64 part, int64 whole)
{
    if (whole == 0)
        return CRM_NULL;
    return CRM_VALUE(NumericGetDatum(
        int64_div_fast_to_numeric((int64) (((__int128) part * 20000 + whole) / ((__int128) whole * 2)), 4)));
}
