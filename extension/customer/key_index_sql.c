/*
 * key_index_sql.c: keys of some records, for resolve_pending. See key_index.h.
 */
#include "base/compat.h"
#include "base/error.h"
#include "base/schema.h"
#include "customer/key_index.h"
#include "customer/number_array.h"
#include "customer/small_linker.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "utils/tuplestore.h"

PG_FUNCTION_INFO_V1(crm_link_keys);

/* A linker of the records in the array, and the model in force; NULL where nothing was linked yet. */
static SmallLinker *
open_records(ArrayType *array, const ModelInForce **model)
{
    int count;
    const int64 *numbers = number_array_elements(array, &count);
    SmallLinker *linker;

    *model = model_in_force();
    if (*model == NULL)
        return NULL;
    linker = small_linker_open((*model)->model, false);
    small_linker_add_records(linker, numbers, count);
    return linker;
}

Datum
crm_link_keys(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
    const ModelInForce *model;
    SmallLinker *linker;

    InitMaterializedSRF(fcinfo, 0);
    SPI_connect();
    linker = open_records(PG_GETARG_ARRAYTYPE_P(0), &model);
    for (int i = 0; linker != NULL && i < linker->count; i++) {
        LinkKey keys[LINK_MAX_KEYS];
        int32 plain[LINK_MAX_KEYS];
        int count = small_linker_keys(linker, i, keys);
        Datum values[2];
        bool nulls[2] = {false, false};

        for (int k = 0; k < count; k++)
            plain[k] = (int32) keys[k].key;
        values[0] = Int64GetDatum(linker->number[i]);
        values[1] = PointerGetDatum(number_array_make(plain, count, INT4OID, sizeof(int32)));
        tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
    }
    SPI_finish();
    return (Datum) 0;
}
