/*
 * text_forms.c: see text_forms.h. The settings are plain variables here, which no error puts back.
 */
#include "base/compat.h"
#include "base/text_forms.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/bytea.h"
#include "utils/float.h"
#include "utils/lsyscache.h"

PG_FUNCTION_INFO_V1(crm_key_text);

static CrmTextForms
set_forms(CrmTextForms wanted)
{
    CrmTextForms before = {DateStyle,          DateOrder,    IntervalStyle,
                           extra_float_digits, bytea_output, session_timezone};

    DateStyle = wanted.date_style;
    DateOrder = wanted.date_order;
    IntervalStyle = wanted.interval_style;
    extra_float_digits = wanted.float_digits;
    bytea_output = wanted.bytea_form;
    session_timezone = wanted.zone;
    return before;
}

CrmTextForms
crm_text_forms_fix(void)
{
    return set_forms((CrmTextForms){USE_ISO_DATES, DATEORDER_YMD, INTSTYLE_ISO_8601, 1, BYTEA_OUTPUT_HEX,
                                    pg_tzset("UTC")});
}

void
crm_text_forms_restore(CrmTextForms before)
{
    (void) set_forms(before);
}

static text *
write_fixed(FmgrInfo *output, Datum value)
{
    text *volatile written = NULL;
    CrmTextForms before = crm_text_forms_fix();

    PG_TRY()
        ;
        {
            written = cstring_to_text(OutputFunctionCall(output, value));
        }
        PG_FINALLY();
        {
            crm_text_forms_restore(before);
        }
    PG_END_TRY();
    return written;
}

/* key_text(anyelement); the type's output function is kept in fn_extra. */
Datum
crm_key_text(PG_FUNCTION_ARGS)
{
    FmgrInfo *output = fcinfo->flinfo->fn_extra;

    if (output == NULL) {
        Oid type = get_fn_expr_argtype(fcinfo->flinfo, 0);
        Oid function;
        bool is_varlena;

        if (!OidIsValid(type))
            elog(ERROR, "the type of a key is not known");
        getTypeOutputInfo(type, &function, &is_varlena);
        output = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(FmgrInfo));
        fmgr_info_cxt(function, output, fcinfo->flinfo->fn_mcxt);
        fcinfo->flinfo->fn_extra = output;
    }
    PG_RETURN_TEXT_P(write_fixed(output, PG_GETARG_DATUM(0)));
}
