/*
 * key_order.c: a text that sorts keys as people do.
 *
 * Each run of digits loses its leading zeros and gets its length, three digits, in front: "Case 2" becomes "Case 0012"
 * and "Case 10" becomes "Case 00210". Runs above 999 digits all count as 999 long.
 */
#include "base/compat.h"

#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

static bool
is_digit(char c)
{
    return c >= '0' && c <= '9';
}

PG_FUNCTION_INFO_V1(crm_key_order);

Datum
crm_key_order(PG_FUNCTION_ARGS)
{
    text *key = PG_GETARG_TEXT_PP(0);
    const char *at = VARDATA_ANY(key);
    const char *end = at + VARSIZE_ANY_EXHDR(key);
    StringInfoData result;

    initStringInfo(&result);
    while (at < end) {
        const char *run = at;

        if (!is_digit(*at)) {
            appendStringInfoChar(&result, *at++);
            continue;
        }
        while (at < end && is_digit(*at))
            at++;
        while (run < at - 1 && *run == '0')
            run++;
        appendStringInfo(&result, "%03d", (int) Min(at - run, 999));
        appendBinaryStringInfo(&result, run, (int) (at - run));
    }
    PG_RETURN_TEXT_P(cstring_to_text_with_len(result.data, result.len));
}
