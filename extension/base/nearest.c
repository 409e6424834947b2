/*
 * nearest.c: the name that somebody probably meant. See nearest.h.
 *
 * Levenshtein distance by the server's own function. Near means: at most a third of the letters change, and where
 * the name is short, at most two.
 */
#include "base/compat.h"
#include "base/nearest.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "lib/stringinfo.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/varlena.h"

#define LONGEST_NAME 200 /* the server's function takes at most 255 characters */

static char *
fold_case(const char *text)
{
    return asc_tolower(text, Min(strlen(text), LONGEST_NAME));
}

void
crm_nearest_try(CrmNearest *state, const char *candidate)
{
    char *a = fold_case(state->name);
    char *b = fold_case(candidate);
    int allowed = Max(2, (int) strlen(a) / 3);
    int distance;

    if (state->best != NULL)
        allowed = Min(allowed, state->best_distance - 1);
    if (allowed < 0)
        return;
    distance = varstr_levenshtein_less_equal(a, (int) strlen(a), b, (int) strlen(b), 1, 1, 1, allowed, true);
    /* A short name that keeps no letter of the original is not near. */
    if (distance <= allowed && distance < (int) Max(strlen(a), strlen(b))) {
        state->best = candidate;
        state->best_distance = distance;
    }
    pfree(a);
    pfree(b);
}

char *
crm_nearest_column(Relation rel, const char *name)
{
    CrmNearest state = {.name = name};
    TupleDesc desc = RelationGetDescr(rel);

    for (int i = 0; i < desc->natts; i++) {
        Form_pg_attribute attribute = TupleDescAttr(desc, i);

        if (!attribute->attisdropped)
            crm_nearest_try(&state, NameStr(attribute->attname));
    }
    return state.best ? pstrdup(state.best) : NULL;
}

PG_FUNCTION_INFO_V1(crm_nearest);

Datum
crm_nearest(PG_FUNCTION_ARGS)
{
    CrmNearest state = {0};
    Datum *values;
    bool *nulls;
    int count;

    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        PG_RETURN_NULL();
    state.name = text_to_cstring(PG_GETARG_TEXT_PP(0));
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(1), TEXTOID, -1, false, TYPALIGN_INT, &values, &nulls, &count);
    for (int i = 0; i < count; i++)
        if (!nulls[i])
            crm_nearest_try(&state, TextDatumGetCString(values[i]));
    if (state.best == NULL)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(state.best));
}
