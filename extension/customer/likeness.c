/*
 * likeness.c: similarity of texts for SQL. See likeness.h; the logic is in similarity.c.
 */
#include "base/compat.h"
#include "customer/likeness.h"
#include "customer/similarity.h"

#include "mb/pg_wchar.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(crm_jaro_winkler);
PG_FUNCTION_INFO_V1(crm_damerau_levenshtein);
PG_FUNCTION_INFO_V1(crm_token_similarity);

StaticAssertDecl(sizeof(SimilarityChar) == sizeof(pg_wchar), "a character is a wide character of the server");

/* The characters of a text; in a database that is not UTF-8 they are whatever the encoding has for them. */
static SimilarityChar *
characters(text *value, int *count)
{
    int length = (int) VARSIZE_ANY_EXHDR(value);
    SimilarityChar *result;

    if (length > LIKENESS_MAX_LENGTH &&
        pg_mbstrlen_with_len(VARDATA_ANY(value), length) > LIKENESS_MAX_LENGTH)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("texts of more than %d characters are not compared", LIKENESS_MAX_LENGTH),
                        errhint("Compare their beginnings: left(value, %d).", LIKENESS_MAX_LENGTH)));
    result = palloc(sizeof(SimilarityChar) * (Size) (length + 1));
    *count = pg_mb2wchar_with_len(VARDATA_ANY(value), result, length);
    return result;
}

Datum
crm_jaro_winkler(PG_FUNCTION_ARGS)
{
    int n;
    int m;
    SimilarityChar *a = characters(PG_GETARG_TEXT_PP(0), &n);
    SimilarityChar *b = characters(PG_GETARG_TEXT_PP(1), &m);

    PG_RETURN_FLOAT8(similarity_jaro_winkler(a, n, b, m, palloc((Size) (n + m + 1) * sizeof(bool))));
}

Datum
crm_damerau_levenshtein(PG_FUNCTION_ARGS)
{
    int n;
    int m;
    int limit = -1;
    SimilarityChar *a;
    SimilarityChar *b;

    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        PG_RETURN_NULL();
    if (!PG_ARGISNULL(2)) {
        limit = PG_GETARG_INT32(2);
        if (limit < 0)
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("max_distance must not be negative"),
                     errhint("Leave it out to count all edits.")));
    }
    a = characters(PG_GETARG_TEXT_PP(0), &n);
    b = characters(PG_GETARG_TEXT_PP(1), &m);
    limit = Min(limit, 2 * LIKENESS_MAX_LENGTH);
    PG_RETURN_INT32(similarity_edits(a, n, b, m, limit, palloc(sizeof(int) * 3 * (Size) (m + 1))));
}

Datum
crm_token_similarity(PG_FUNCTION_ARGS)
{
    int n;
    int m;
    SimilarityChar *a = characters(PG_GETARG_TEXT_PP(0), &n);
    SimilarityChar *b = characters(PG_GETARG_TEXT_PP(1), &m);
    SimilarityToken a_tokens[SIMILARITY_MAX_TOKENS];
    SimilarityToken b_tokens[SIMILARITY_MAX_TOKENS];
    int a_count;
    int b_count;

    n = similarity_fold(a, n);
    m = similarity_fold(b, m);
    a_count = similarity_tokens(a, n, a_tokens);
    b_count = similarity_tokens(b, m, b_tokens);
    PG_RETURN_FLOAT8(similarity_token_sets(a, a_tokens, a_count, b, b_tokens, b_count,
                                           palloc((Size) (n + m + 1) * sizeof(bool))));
}
