/*
 * likeness.c: similarity of texts for SQL. See likeness.h; the logic is in similarity.c and similarity_words.c.
 */
#include "base/compat.h"
#include "customer/likeness.h"
#include "customer/normal_words.h"
#include "customer/similarity.h"
#include "customer/similarity_pattern.h"
#include "customer/similarity_words.h"

#include "catalog/namespace.h"
#include "mb/pg_wchar.h"
#include "utils/builtins.h"

#define MAX_PHONETIC_WORDS 16

PG_FUNCTION_INFO_V1(crm_jaro_winkler);
PG_FUNCTION_INFO_V1(crm_damerau_levenshtein);
PG_FUNCTION_INFO_V1(crm_token_similarity);
PG_FUNCTION_INFO_V1(crm_monge_elkan);
PG_FUNCTION_INFO_V1(crm_trigram_similarity);
PG_FUNCTION_INFO_V1(crm_phonetic);

StaticAssertDecl(LIKENESS_MAX_LENGTH == SIMILARITY_MAX_LENGTH, "as long a text as similarity.c compares");

typedef struct Utf8 {
    const unsigned char *data;
    int length;
} Utf8;

typedef double (*WordMeasure)(const char *a, int n, const char *b, int m);

static bool
is_ascii(const unsigned char *data, int length)
{
    unsigned char all = 0;

    for (int i = 0; i < length; i++)
        all |= data[i];
    return all < 0x80;
}

/* By the server's own conversion, never raising: what cannot be converted is a question mark. */
static Utf8
convert(const unsigned char *data, int length)
{
    int encoding = GetDatabaseEncoding();
    Oid conversion = FindDefaultConversionProc(encoding, PG_UTF8);
    unsigned char *source;
    unsigned char *out;
    int used = 0;

    if (!OidIsValid(conversion)) /* MULE_INTERNAL has some without */
        return (Utf8){data, length};
    source = (unsigned char *) pnstrdup((const char *) data, length);
    /* the server leaves two bytes of the source out where there is no room beside */
    out = palloc(((Size) length + 2) * MAX_CONVERSION_GROWTH + 1);
    for (int done = 0; done < length;) {
        done +=
            pg_do_encoding_conversion_buf(conversion, encoding, PG_UTF8, source + done, length - done,
                                          out + used, (length - done + 2) * MAX_CONVERSION_GROWTH + 1, true);
        used += (int) strlen((char *) out + used);
        if (done < length) {
            done += Min(pg_mblen((char *) source + done), length - done);
            out[used++] = '?';
        }
    }
    return (Utf8){out, used};
}

static Utf8
utf8_of(text *value)
{
    Utf8 result = {(const unsigned char *) VARDATA_ANY(value), (int) VARSIZE_ANY_EXHDR(value)};
    int encoding = GetDatabaseEncoding();

    if (encoding == PG_UTF8 || encoding == PG_SQL_ASCII)
        return result;
    result.length = pg_mbcharcliplen((const char *) result.data, result.length, LIKENESS_MAX_LENGTH);
    return is_ascii(result.data, result.length) ? result : convert(result.data, result.length);
}

/* An argument that is the same for all rows of a query, as in a search by a name. */
typedef struct Constant {
    int argument; /* -1 where none is */
    SimilarityPattern pattern;
    unsigned char text[SIMILARITY_PATTERN_LENGTH];
} Constant;

static Constant *
note_constant(FmgrInfo *function, const Utf8 *argument)
{
    static Constant none = {.argument = -1};
    int number = get_fn_expr_arg_stable(function, 1) ? 1 : get_fn_expr_arg_stable(function, 0) ? 0 : -1;
    Constant *constant;

    if (number < 0 || argument[number].length > SIMILARITY_PATTERN_LENGTH)
        return &none;
    constant = MemoryContextAlloc(function->fn_mcxt, sizeof *constant);
    constant->argument = number;
    memcpy(constant->text, argument[number].data, (size_t) argument[number].length);
    similarity_pattern_set(&constant->pattern, constant->text, argument[number].length);
    return constant->pattern.looked_up ? constant : &none;
}

/* NULL where no argument is constant. Variables of PL/pgSQL are said to be stable and change all the same. */
static Constant *
find_constant(FmgrInfo *function, const Utf8 *argument)
{
    Constant *constant;

    if (function == NULL)
        return NULL;
    if (function->fn_extra == NULL)
        function->fn_extra = note_constant(function, argument);
    constant = function->fn_extra;
    if (constant->argument < 0)
        return NULL;
    argument += constant->argument;
    if (argument->length != constant->pattern.length ||
        memcmp(argument->data, constant->text, (size_t) argument->length) != 0) {
        constant->argument = -1;
        return NULL;
    }
    return constant;
}

Datum
crm_jaro_winkler(PG_FUNCTION_ARGS)
{
    Utf8 value[] = {utf8_of(PG_GETARG_TEXT_PP(0)), utf8_of(PG_GETARG_TEXT_PP(1))};
    Constant *constant = find_constant(fcinfo->flinfo, value);

    if (constant != NULL)
        PG_RETURN_FLOAT8(similarity_pattern_jaro_winkler(
            &constant->pattern, value[1 - constant->argument].data, value[1 - constant->argument].length));
    PG_RETURN_FLOAT8(
        similarity_bytes_jaro_winkler(value[0].data, value[0].length, value[1].data, value[1].length));
}

static void
refuse_long(text *value)
{
    int length = (int) VARSIZE_ANY_EXHDR(value);

    if (length > LIKENESS_MAX_LENGTH &&
        pg_mbstrlen_with_len(VARDATA_ANY(value), length) > LIKENESS_MAX_LENGTH)
        ereport(ERROR, (errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                        errmsg("texts of more than %d characters are not compared", LIKENESS_MAX_LENGTH),
                        errhint("Compare their beginnings: left(value, %d).", LIKENESS_MAX_LENGTH)));
}

Datum
crm_damerau_levenshtein(PG_FUNCTION_ARGS)
{
    text *a_text;
    text *b_text;
    Utf8 a;
    Utf8 b;
    int limit = -1;

    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        PG_RETURN_NULL();
    if (!PG_ARGISNULL(2)) {
        limit = PG_GETARG_INT32(2);
        if (limit < 0)
            ereport(ERROR,
                    (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("max_distance must not be negative"),
                     errhint("Leave it out to count all edits.")));
    }
    a_text = PG_GETARG_TEXT_PP(0);
    b_text = PG_GETARG_TEXT_PP(1);
    refuse_long(a_text);
    refuse_long(b_text);
    a = utf8_of(a_text);
    b = utf8_of(b_text);
    PG_RETURN_INT32(similarity_bytes_edits(a.data, a.length, b.data, b.length, limit));
}

static double
measure_words(FunctionCallInfo fcinfo, WordMeasure measure)
{
    Utf8 a = utf8_of(PG_GETARG_TEXT_PP(0));
    Utf8 b = utf8_of(PG_GETARG_TEXT_PP(1));
    char a_folded[NORMAL_MAX_FOLDED];
    char b_folded[NORMAL_MAX_FOLDED];
    int n = normal_fold((const char *) a.data, (size_t) a.length, a_folded);
    int m = normal_fold((const char *) b.data, (size_t) b.length, b_folded);

    return measure(a_folded, n, b_folded, m);
}

Datum
crm_token_similarity(PG_FUNCTION_ARGS)
{
    PG_RETURN_FLOAT8(measure_words(fcinfo, similarity_word_sets));
}

Datum
crm_monge_elkan(PG_FUNCTION_ARGS)
{
    PG_RETURN_FLOAT8(measure_words(fcinfo, similarity_monge_elkan));
}

Datum
crm_trigram_similarity(PG_FUNCTION_ARGS)
{
    PG_RETURN_FLOAT8(measure_words(fcinfo, similarity_trigrams));
}

Datum
crm_phonetic(PG_FUNCTION_ARGS)
{
    Utf8 value = utf8_of(PG_GETARG_TEXT_PP(0));
    char folded[NORMAL_MAX_FOLDED];
    char codes[MAX_PHONETIC_WORDS * (NORMAL_MAX_CODE + 1)];
    NormalPiece word[MAX_PHONETIC_WORDS];
    int count = normal_split(folded, normal_fold((const char *) value.data, (size_t) value.length, folded),
                             word, MAX_PHONETIC_WORDS);
    int used = 0;

    for (int i = 0; i < count; i++) {
        int length = normal_phonetic(word[i].text, (size_t) word[i].length, codes + used);

        used += length;
        if (length > 0)
            codes[used++] = ' ';
    }
    if (used == 0)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text_with_len(codes, used - 1));
}
