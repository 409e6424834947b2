/*
 * body.c: texts of messages for SQL: made to fit (fit.h), and as e-mail carries them (mime.h).
 */
#include "base/compat.h"

#include "alert/fit.h"
#include "alert/mime.h"
#include "common/string.h"
#include "fmgr.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(crm_fit_text);
PG_FUNCTION_INFO_V1(crm_mime_header_sql);
PG_FUNCTION_INFO_V1(crm_mime_quoted_sql);

static CrmFitStyle
style_of(const text *value)
{
    static const char *const names[] = {"plain", "slack", "html", "telegram", "markdown"};
    char *name = text_to_cstring(value);

    for (int i = 0; i < (int) lengthof(names); i++)
        if (strcmp(names[i], name) == 0)
            return (CrmFitStyle) i;
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown style of a text: \"%s\"", name)));
    return CRM_FIT_PLAIN;
}

/* A text in UTF-8, but in a database of no encoding, where it is whatever it is. */
static char *
to_utf8(const text *value)
{
    char *plain = text_to_cstring(value);

    return GetDatabaseEncoding() == PG_SQL_ASCII ? plain
                                                 : pg_server_to_any(plain, (int) strlen(plain), PG_UTF8);
}

/* fit_text(value text, most integer, style text, note text) returns text */
Datum
crm_fit_text(PG_FUNCTION_ARGS)
{
    int most = PG_GETARG_INT32(1);
    CrmFitStyle style = style_of(PG_GETARG_TEXT_PP(2));
    char *note = text_to_cstring(PG_GETARG_TEXT_PP(3));
    char *utf8 = to_utf8(PG_GETARG_TEXT_PP(0));
    char *fitted;

    if (most < 1 || strlen(note) >= (size_t) most || !pg_is_ascii(note))
        ereport(ERROR, (errcode(ERRCODE_INVALID_PARAMETER_VALUE),
                        errmsg("a text that is cut needs room for a note in ASCII")));
    fitted = palloc_extended(CRM_FIT_SIZE(strlen(utf8)) + strlen(note), MCXT_ALLOC_HUGE);
    (void) crm_fit(utf8, strlen(utf8), style, (size_t) most, note, fitted);
    if (GetDatabaseEncoding() != PG_SQL_ASCII)
        fitted = pg_any_to_server(fitted, (int) strlen(fitted), PG_UTF8);
    PG_RETURN_TEXT_P(cstring_to_text(fitted));
}

/* mime_header(value text) returns text */
Datum
crm_mime_header_sql(PG_FUNCTION_ARGS)
{
    char *utf8 = to_utf8(PG_GETARG_TEXT_PP(0));
    char *out = palloc_extended(CRM_MIME_HEADER_SIZE(strlen(utf8)), MCXT_ALLOC_HUGE);

    (void) crm_mime_header(utf8, strlen(utf8), out);
    PG_RETURN_TEXT_P(cstring_to_text(out));
}

/* mime_quoted(value text) returns text */
Datum
crm_mime_quoted_sql(PG_FUNCTION_ARGS)
{
    char *utf8 = to_utf8(PG_GETARG_TEXT_PP(0));
    char *out = palloc_extended(CRM_MIME_QUOTED_SIZE(strlen(utf8)), MCXT_ALLOC_HUGE);

    (void) crm_mime_quoted(utf8, strlen(utf8), out);
    PG_RETURN_TEXT_P(cstring_to_text(out));
}
