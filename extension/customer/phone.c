/*
 * phone.c: the SQL type crm.phone. See phone.h; what is read and how it is kept stands in phone_syntax.h.
 */
#include "base/compat.h"
#include "base/error.h"
#include "customer/phone.h"
#include "customer/phone_syntax.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/sortsupport.h"

PG_FUNCTION_INFO_V1(crm_phone_in);
PG_FUNCTION_INFO_V1(crm_phone_out);
PG_FUNCTION_INFO_V1(crm_phone_recv);
PG_FUNCTION_INFO_V1(crm_phone_send);
PG_FUNCTION_INFO_V1(crm_phone_from_text);
PG_FUNCTION_INFO_V1(crm_phone_of_country);
PG_FUNCTION_INFO_V1(crm_try_phone);
PG_FUNCTION_INFO_V1(crm_phone_calling_code);
PG_FUNCTION_INFO_V1(crm_phone_extension);
PG_FUNCTION_INFO_V1(crm_phone_match_key);
PG_FUNCTION_INFO_V1(crm_phone_eq);
PG_FUNCTION_INFO_V1(crm_phone_ne);
PG_FUNCTION_INFO_V1(crm_phone_lt);
PG_FUNCTION_INFO_V1(crm_phone_le);
PG_FUNCTION_INFO_V1(crm_phone_gt);
PG_FUNCTION_INFO_V1(crm_phone_ge);
PG_FUNCTION_INFO_V1(crm_phone_cmp);
PG_FUNCTION_INFO_V1(crm_phone_sortsupport);
PG_FUNCTION_INFO_V1(crm_phone_hash);
PG_FUNCTION_INFO_V1(crm_phone_hash_extended);

static PhoneFault
parse(const char *text, size_t length, const PhonePlan *country, Phone **result)
{
    char canonical[PHONE_MAX_LENGTH];
    size_t canonical_length;
    PhoneFault fault = phone_syntax_parse(text, length, country, canonical, &canonical_length);

    *result =
        fault == PHONE_OK ? (Phone *) cstring_to_text_with_len(canonical, (int) canonical_length) : NULL;
    return fault;
}

/* Text to value; where it is no number the error is raised, or left in the context of a soft call. */
static Datum
input(const char *text, size_t length, const PhonePlan *country, Node *context)
{
    Phone *result;
    PhoneFault fault = parse(text, length, country, &result);

    if (fault != PHONE_OK) {
        int shown = pg_mbcliplen(text, (int) Min(length, 1000), 100);

        crm_input_error(context, (Datum) 0,
                        (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                         errmsg("invalid phone number: \"%.*s\"%s", shown, text,
                                (size_t) shown < length ? " and more" : ""),
                         errdetail("%s", phone_syntax_fault(fault)),
                         errhint("%s", phone_syntax_hint(fault))));
    }
    PG_RETURN_POINTER(result);
}

Datum
crm_phone_in(PG_FUNCTION_ARGS)
{
    const char *text = PG_GETARG_CSTRING(0);

    return input(text, strlen(text), NULL, fcinfo->context);
}

Datum
crm_phone_out(PG_FUNCTION_ARGS)
{
    PG_RETURN_CSTRING(TextDatumGetCString(PG_GETARG_DATUM(0)));
}

Datum
crm_phone_recv(PG_FUNCTION_ARGS)
{
    StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
    int length;
    char *text = pq_getmsgtext(message, message->len - message->cursor, &length);
    Datum result = input(text, (size_t) length, NULL, fcinfo->context);

    pfree(text);
    return result;
}

Datum
crm_phone_send(PG_FUNCTION_ARGS)
{
    Phone *phone = PG_GETARG_VARLENA_PP(0);
    StringInfoData message;

    pq_begintypsend(&message);
    pq_sendtext(&message, VARDATA_ANY(phone), VARSIZE_ANY_EXHDR(phone));
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

Datum
crm_phone_from_text(PG_FUNCTION_ARGS)
{
    text *value = PG_GETARG_TEXT_PP(0);

    return input(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), NULL, fcinfo->context);
}

Datum
crm_phone_of_country(PG_FUNCTION_ARGS)
{
    text *value = PG_GETARG_TEXT_PP(0);
    text *country = PG_GETARG_TEXT_PP(1);
    const PhonePlan *plan = phone_plan_country(VARDATA_ANY(country), VARSIZE_ANY_EXHDR(country));

    if (plan == NULL)
        ereport(ERROR, (errcode(ERRCODE_CRM_UNKNOWN_NAME),
                        errmsg("country \"%s\" does not exist", text_to_cstring(country)),
                        errhint("Give an ISO 3166 code, as DE or DEU, or the English name.")));
    return input(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), plan, fcinfo->context);
}

/* The country may be NULL or unknown: then only numbers with a calling code are read. */
Datum
crm_try_phone(PG_FUNCTION_ARGS)
{
    const PhonePlan *plan = NULL;
    text *value;
    Phone *result;

    if (PG_ARGISNULL(0))
        PG_RETURN_NULL();
    value = PG_GETARG_TEXT_PP(0);
    if (!PG_ARGISNULL(1)) {
        text *country = PG_GETARG_TEXT_PP(1);

        plan = phone_plan_country(VARDATA_ANY(country), VARSIZE_ANY_EXHDR(country));
    }
    if (parse(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), plan, &result) != PHONE_OK)
        PG_RETURN_NULL();
    PG_RETURN_POINTER(result);
}

Datum
crm_phone_calling_code(PG_FUNCTION_ARGS)
{
    Phone *phone = PG_GETARG_VARLENA_PP(0);
    const PhonePlan *plan = phone_plan_code(VARDATA_ANY(phone) + 1, VARSIZE_ANY_EXHDR(phone) - 1);

    if (plan == NULL)
        PG_RETURN_NULL();
    PG_RETURN_INT32(plan->code);
}

Datum
crm_phone_extension(PG_FUNCTION_ARGS)
{
    Phone *phone = PG_GETARG_VARLENA_PP(0);
    size_t length = VARSIZE_ANY_EXHDR(phone);
    size_t end = phone_syntax_main(VARDATA_ANY(phone), length) + strlen(";ext=");

    if (end >= length)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text_with_len(VARDATA_ANY(phone) + end, (int) (length - end)));
}

Datum
crm_phone_match_key(PG_FUNCTION_ARGS)
{
    Phone *phone = PG_GETARG_VARLENA_PP(0);
    size_t end = phone_syntax_main(VARDATA_ANY(phone), VARSIZE_ANY_EXHDR(phone));

    PG_RETURN_TEXT_P(cstring_to_text_with_len(VARDATA_ANY(phone), (int) end));
}

static int
compare(Datum a, Datum b)
{
    Phone *x = (Phone *) PG_DETOAST_DATUM_PACKED(a);
    Phone *y = (Phone *) PG_DETOAST_DATUM_PACKED(b);
    size_t x_length = VARSIZE_ANY_EXHDR(x);
    size_t y_length = VARSIZE_ANY_EXHDR(y);
    int result = memcmp(VARDATA_ANY(x), VARDATA_ANY(y), Min(x_length, y_length));

    if (result != 0)
        result = result < 0 ? -1 : 1;
    else if (x_length != y_length)
        result = x_length < y_length ? -1 : 1;
    if ((Pointer) x != DatumGetPointer(a))
        pfree(x);
    if ((Pointer) y != DatumGetPointer(b))
        pfree(y);
    return result;
}

#define COMPARISON(name, relop)                                                                              \
    Datum crm_phone_##name(PG_FUNCTION_ARGS)                                                                 \
    {                                                                                                        \
        PG_RETURN_BOOL(compare(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)) relop 0);                             \
    }

COMPARISON(eq, ==)
COMPARISON(ne, !=)
COMPARISON(lt, <)
COMPARISON(le, <=)
COMPARISON(gt, >)
COMPARISON(ge, >=)

Datum
crm_phone_cmp(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT32(compare(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)));
}

static int
compare_for_sort(Datum a, Datum b, SortSupport support)
{
    return compare(a, b);
}

Datum
crm_phone_sortsupport(PG_FUNCTION_ARGS)
{
    SortSupport support = (SortSupport) PG_GETARG_POINTER(0);

    support->comparator = compare_for_sort;
    PG_RETURN_VOID();
}

Datum
crm_phone_hash(PG_FUNCTION_ARGS)
{
    Phone *phone = PG_GETARG_VARLENA_PP(0);
    uint32 result = hash_bytes((const unsigned char *) VARDATA_ANY(phone), (int) VARSIZE_ANY_EXHDR(phone));

    PG_FREE_IF_COPY(phone, 0);
    PG_RETURN_INT32((int32) result);
}

Datum
crm_phone_hash_extended(PG_FUNCTION_ARGS)
{
    Phone *phone = PG_GETARG_VARLENA_PP(0);
    uint64 result = hash_bytes_extended((const unsigned char *) VARDATA_ANY(phone),
                                        (int) VARSIZE_ANY_EXHDR(phone), (uint64) PG_GETARG_INT64(1));

    PG_FREE_IF_COPY(phone, 0);
    PG_RETURN_INT64((int64) result);
}
