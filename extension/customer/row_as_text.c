/*
 * row_as_text.c: crm_row_as_text of merge.h.
 */
#include "base/compat.h"
#include "base/text_forms.h"
#include "customer/merge.h"

#include "access/htup_details.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "storage/shmem.h"
#include "utils/builtins.h"
#include "utils/json.h"
#include "utils/jsonb.h"
#include "utils/lsyscache.h"
#include "utils/typcache.h"

/* The output functions of a row type, kept for the rows that follow. */
typedef struct Outputs {
    Oid type;
    int32 typmod;
    int count;
    FmgrInfo functions[FLEXIBLE_ARRAY_MEMBER];
} Outputs;

static Outputs *
find_outputs(FmgrInfo *flinfo, TupleDesc desc)
{
    Outputs *outputs = flinfo->fn_extra;

    if (outputs != NULL && outputs->type == desc->tdtypeid && outputs->typmod == desc->tdtypmod &&
        outputs->count == desc->natts)
        return outputs;
    outputs =
        MemoryContextAllocZero(flinfo->fn_mcxt, add_size(offsetof(Outputs, functions),
                                                         mul_size(sizeof(FmgrInfo), (Size) desc->natts)));
    outputs->type = desc->tdtypeid;
    outputs->typmod = desc->tdtypmod;
    outputs->count = desc->natts;
    for (int i = 0; i < desc->natts; i++) {
        Oid function;
        bool is_varlena;

        if (TupleDescAttr(desc, i)->attisdropped)
            continue;
        getTypeOutputInfo(TupleDescAttr(desc, i)->atttypid, &function, &is_varlena);
        fmgr_info_cxt(function, &outputs->functions[i], flinfo->fn_mcxt);
    }
    flinfo->fn_extra = outputs;
    return outputs;
}

static void
append_row(StringInfo json, HeapTupleHeader row, TupleDesc desc, FmgrInfo *flinfo)
{
    Outputs *outputs = find_outputs(flinfo, desc);
    HeapTupleData tuple = {
        .t_len = HeapTupleHeaderGetDatumLength(row), .t_tableOid = InvalidOid, .t_data = row};
    Datum *values = palloc(mul_size(sizeof(Datum), (Size) desc->natts));
    bool *nulls = palloc(mul_size(sizeof(bool), (Size) desc->natts));
    const char *separator = "";

    ItemPointerSetInvalid(&tuple.t_self);
    heap_deform_tuple(&tuple, desc, values, nulls);
    appendStringInfoChar(json, '{');
    for (int i = 0; i < desc->natts; i++) {
        if (TupleDescAttr(desc, i)->attisdropped)
            continue;
        appendStringInfoString(json, separator);
        separator = ",";
        escape_json(json, NameStr(TupleDescAttr(desc, i)->attname));
        appendStringInfoChar(json, ':');
        if (nulls[i])
            appendStringInfoString(json, "null");
        else
            escape_json(json, OutputFunctionCall(&outputs->functions[i], values[i]));
    }
    appendStringInfoChar(json, '}');
}

PG_FUNCTION_INFO_V1(crm_row_as_text);

Datum
crm_row_as_text(PG_FUNCTION_ARGS)
{
    HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(0);
    TupleDesc desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
    StringInfoData json;
    CrmTextForms before;

    initStringInfo(&json);
    before = crm_text_forms_fix();
    PG_TRY()
        ; /* plain variables, which no error puts back */
        {
            append_row(&json, row, desc, fcinfo->flinfo);
        }
        PG_FINALLY();
        {
            crm_text_forms_restore(before);
        }
    PG_END_TRY();
    ReleaseTupleDesc(desc);
    PG_RETURN_DATUM(DirectFunctionCall1(jsonb_in, CStringGetDatum(json.data)));
}
