/*
 * email.c: the SQL type crm.email. See email.h; what is valid and what is equal stands in email_syntax.h.
 */
#include "base/compat.h"
#include "customer/email.h"
#include "customer/email_syntax.h"

#include "common/hashfn.h"
#include "fmgr.h"
#include "libpq/pqformat.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"
#include "utils/sortsupport.h"

PG_FUNCTION_INFO_V1(crm_email_in);
PG_FUNCTION_INFO_V1(crm_email_out);
PG_FUNCTION_INFO_V1(crm_email_recv);
PG_FUNCTION_INFO_V1(crm_email_send);
PG_FUNCTION_INFO_V1(crm_email_from_text);
PG_FUNCTION_INFO_V1(crm_try_email);
PG_FUNCTION_INFO_V1(crm_email_local);
PG_FUNCTION_INFO_V1(crm_email_domain);
PG_FUNCTION_INFO_V1(crm_email_match_key);
PG_FUNCTION_INFO_V1(crm_email_eq);
PG_FUNCTION_INFO_V1(crm_email_ne);
PG_FUNCTION_INFO_V1(crm_email_lt);
PG_FUNCTION_INFO_V1(crm_email_le);
PG_FUNCTION_INFO_V1(crm_email_gt);
PG_FUNCTION_INFO_V1(crm_email_ge);
PG_FUNCTION_INFO_V1(crm_email_cmp);
PG_FUNCTION_INFO_V1(crm_email_sortsupport);
PG_FUNCTION_INFO_V1(crm_email_hash);
PG_FUNCTION_INFO_V1(crm_email_hash_extended);

static EmailFault
parse(const char *text, size_t length, Email **result)
{
    char canonical[EMAIL_MAX_LENGTH];
    size_t canonical_length;
    EmailFault fault =
        email_syntax_parse(text, length, GetDatabaseEncoding() == PG_UTF8, canonical, &canonical_length);

    *result =
        fault == EMAIL_OK ? (Email *) cstring_to_text_with_len(canonical, (int) canonical_length) : NULL;
    return fault;
}

Email *
crm_email_try(const char *text, size_t length)
{
    Email *result;

    (void) parse(text, length, &result);
    return result;
}

/* Text to value; where it is no address the error is raised, or left in the context of a soft call. */
static Datum
input(const char *text, size_t length, Node *context)
{
    Email *result;
    EmailFault fault = parse(text, length, &result);

    if (fault != EMAIL_OK) {
        int shown = pg_mbcliplen(text, (int) Min(length, 1000), 100);

        crm_input_error(context, (Datum) 0,
                        (errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                         errmsg("invalid e-mail address: \"%.*s\"%s", shown, text,
                                (size_t) shown < length ? " and more" : ""),
                         errdetail("%s", email_syntax_fault(fault)),
                         errhint("%s", email_syntax_hint(fault))));
    }
    PG_RETURN_POINTER(result);
}

Datum
crm_email_in(PG_FUNCTION_ARGS)
{
    const char *text = PG_GETARG_CSTRING(0);

    return input(text, strlen(text), fcinfo->context);
}

Datum
crm_email_out(PG_FUNCTION_ARGS)
{
    PG_RETURN_CSTRING(TextDatumGetCString(PG_GETARG_DATUM(0)));
}

Datum
crm_email_recv(PG_FUNCTION_ARGS)
{
    StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
    int length;
    char *text = pq_getmsgtext(message, message->len - message->cursor, &length);
    Datum result = input(text, (size_t) length, fcinfo->context);

    pfree(text);
    return result;
}

Datum
crm_email_send(PG_FUNCTION_ARGS)
{
    Email *email = PG_GETARG_VARLENA_PP(0);
    StringInfoData message;

    pq_begintypsend(&message);
    pq_sendtext(&message, VARDATA_ANY(email), VARSIZE_ANY_EXHDR(email));
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

Datum
crm_email_from_text(PG_FUNCTION_ARGS)
{
    text *value = PG_GETARG_TEXT_PP(0);

    return input(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), fcinfo->context);
}

Datum
crm_try_email(PG_FUNCTION_ARGS)
{
    text *value = PG_GETARG_TEXT_PP(0);
    Email *result = crm_email_try(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));

    if (result == NULL)
        PG_RETURN_NULL();
    PG_RETURN_POINTER(result);
}

Datum
crm_email_local(PG_FUNCTION_ARGS)
{
    Email *email = PG_GETARG_VARLENA_PP(0);
    size_t at = email_syntax_at(VARDATA_ANY(email), VARSIZE_ANY_EXHDR(email));

    PG_RETURN_TEXT_P(cstring_to_text_with_len(VARDATA_ANY(email), (int) at));
}

Datum
crm_email_domain(PG_FUNCTION_ARGS)
{
    Email *email = PG_GETARG_VARLENA_PP(0);
    size_t length = VARSIZE_ANY_EXHDR(email);
    size_t at = email_syntax_at(VARDATA_ANY(email), length);

    PG_RETURN_TEXT_P(cstring_to_text_with_len(VARDATA_ANY(email) + at + 1, (int) (length - at - 1)));
}

Datum
crm_email_match_key(PG_FUNCTION_ARGS)
{
    Email *email = PG_GETARG_VARLENA_PP(0);
    char key[EMAIL_MAX_LENGTH];
    size_t length = email_syntax_match_key(VARDATA_ANY(email), VARSIZE_ANY_EXHDR(email), key);

    PG_RETURN_TEXT_P(cstring_to_text_with_len(key, (int) length));
}

static int
compare(Datum a, Datum b)
{
    Email *x = (Email *) PG_DETOAST_DATUM_PACKED(a);
    Email *y = (Email *) PG_DETOAST_DATUM_PACKED(b);
    int result =
        email_syntax_compare(VARDATA_ANY(x), VARSIZE_ANY_EXHDR(x), VARDATA_ANY(y), VARSIZE_ANY_EXHDR(y));

    if ((Pointer) x != DatumGetPointer(a))
        pfree(x);
    if ((Pointer) y != DatumGetPointer(b))
        pfree(y);
    return result;
}

#define COMPARISON(name, relop)                                                                              \
    Datum crm_email_##name(PG_FUNCTION_ARGS)                                                                 \
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
crm_email_cmp(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT32(compare(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)));
}

static int
compare_for_sort(Datum a, Datum b, SortSupport support)
{
    return compare(a, b);
}

Datum
crm_email_sortsupport(PG_FUNCTION_ARGS)
{
    SortSupport support = (SortSupport) PG_GETARG_POINTER(0);

    support->comparator = compare_for_sort;
    PG_RETURN_VOID();
}

/* Folds into a buffer on the stack: a valid address is at most EMAIL_MAX_LENGTH long. */
static uint64
hash(Datum value, uint64 seed, bool extended)
{
    Email *email = (Email *) PG_DETOAST_DATUM_PACKED(value);
    char folded[EMAIL_MAX_LENGTH];
    int length = (int) VARSIZE_ANY_EXHDR(email);
    uint64 result;

    if (length > EMAIL_MAX_LENGTH)
        elog(ERROR, "an e-mail value has %d bytes", length);
    email_syntax_fold(VARDATA_ANY(email), (size_t) length, folded);
    result = extended ? hash_bytes_extended((unsigned char *) folded, length, seed)
                      : hash_bytes((unsigned char *) folded, length);
    if ((Pointer) email != DatumGetPointer(value))
        pfree(email);
    return result;
}

Datum
crm_email_hash(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT32((int32) hash(PG_GETARG_DATUM(0), 0, false));
}

Datum
crm_email_hash_extended(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT64((int64) hash(PG_GETARG_DATUM(0), (uint64) PG_GETARG_INT64(1), true));
}
