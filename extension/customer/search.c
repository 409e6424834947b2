/*
 * search.c: see search.h.
 *
 * Called for each column of each row: what is looked for is taken apart once, ASCII is folded here, and only other texts are
 * folded as lower() does it.
 */
#include "base/compat.h"
#include "customer/search.h"

#include <string.h>

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/formatting.h"

PG_FUNCTION_INFO_V1(crm_holds_any);

#define ON_STACK 1024

typedef struct Words {
    int count;
    const char **word;
    size_t *length;
    size_t shortest;
} Words;

typedef struct Search {
    Words words;
    Words digits;
} Search;

static void
take(Words *words, ArrayType *array, MemoryContext context)
{
    MemoryContext before = MemoryContextSwitchTo(context);
    Datum *element;
    int count;

    deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &element, NULL, &count);
    words->word = palloc(sizeof(char *) * (Size) Max(count, 1));
    words->length = palloc(sizeof(size_t) * (Size) Max(count, 1));
    words->count = count;
    words->shortest = SIZE_MAX;
    for (int i = 0; i < count; i++) {
        words->word[i] = TextDatumGetCString(element[i]);
        words->length[i] = strlen(words->word[i]);
        words->shortest = Min(words->shortest, words->length[i]);
    }
    pfree(element);
    MemoryContextSwitchTo(before);
}

static bool
holds(const Words *words, const char *document, size_t length)
{
    if (length < words->shortest)
        return false;
    for (int i = 0; i < words->count; i++)
        if (words->length[i] <= length && memmem(document, length, words->word[i], words->length[i]) != NULL)
            return true;
    return false;
}

/* Lower case, of ASCII; false where the document is more than that. */
static bool
fold(const char *document, size_t length, char *folded)
{
    unsigned char all = 0;

    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char) document[i];

        all |= c;
        folded[i] = (char) (c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
    }
    return all < 0x80;
}

/* ASCII letters and digits alone; returns how many, 0 where there is no digit. */
static size_t
strip(const char *document, size_t length, char *stripped)
{
    size_t kept = 0;
    bool digit = false;

    for (size_t i = 0; i < length; i++) {
        char c = document[i];
        bool is_digit = c >= '0' && c <= '9';

        stripped[kept] = c;
        kept += is_digit || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        digit |= is_digit;
    }
    return digit ? kept : 0;
}

Datum
crm_holds_any(PG_FUNCTION_ARGS)
{
    text *document = PG_GETARG_TEXT_PP(0);
    const char *data = VARDATA_ANY(document);
    size_t length = VARSIZE_ANY_EXHDR(document);
    Search *search = fcinfo->flinfo->fn_extra;
    char on_stack[ON_STACK];
    char *work = length < ON_STACK ? on_stack : palloc(length + 1);
    bool found;

    if (search == NULL || !get_fn_expr_arg_stable(fcinfo->flinfo, 1) ||
        !get_fn_expr_arg_stable(fcinfo->flinfo, 2)) {
        search = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, sizeof(Search));
        take(&search->words, PG_GETARG_ARRAYTYPE_P(1), fcinfo->flinfo->fn_mcxt);
        take(&search->digits, PG_GETARG_ARRAYTYPE_P(2), fcinfo->flinfo->fn_mcxt);
        fcinfo->flinfo->fn_extra = search;
    }
    if (fold(data, length, work)) {
        found = holds(&search->words, work, length);
    } else {
        char *lower = str_tolower(data, length, DEFAULT_COLLATION_OID);

        found = holds(&search->words, lower, strlen(lower));
        pfree(lower);
    }
    if (!found && search->digits.count > 0)
        found = holds(&search->digits, work, strip(data, length, work));
    if (work != on_stack)
        pfree(work);
    PG_FREE_IF_COPY(document, 0);
    PG_RETURN_BOOL(found);
}
