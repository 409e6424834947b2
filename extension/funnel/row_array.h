/*
 * row_array.h: results of aggregates that are several rows: an array of a composite type, to be unnested.
 */
#ifndef CRM_FUNNEL_ROW_ARRAY_H
#define CRM_FUNNEL_ROW_ARRAY_H

#include "base/compat.h"

#include "access/tupdesc.h"
#include "fmgr.h"
#include "utils/array.h"

typedef struct RowArray {
    Oid type;
    TupleDesc columns;
    ArrayBuildState *rows;
} RowArray;

/* For a function that returns an array of a composite type, of so many columns. */
extern void crm_row_array_begin(RowArray *array, FunctionCallInfo fcinfo, int columns);
/* One value for each column. */
extern void crm_row_array_add(RowArray *array, const NullableDatum *values);
extern Datum crm_row_array_end(RowArray *array);

/* part / whole as numeric with four places; NULL where whole is 0. Neither is negative. */
extern NullableDatum crm_share(int64 part, int64 whole);

#define CRM_VALUE(datum) ((NullableDatum){.value = (datum)})
#define CRM_NULL ((NullableDatum){.isnull = true})

#endif
