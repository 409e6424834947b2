/*
 * term.c: see term.h.
 */
#include "base/compat.h"
#include "base/kept_plan.h"
#include "base/schema.h"
#include "kpi/term.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/memutils.h"

typedef struct WordKey {
    const char *funnel;
    const char *word;
} WordKey;

typedef struct Word {
    WordKey key;
    uint32 hash;
    char status;
    char *stage;
    char *milestone;
    StageOutcome outcome;
} Word;

static inline uint32
word_hash(WordKey key)
{
    return hash_combine(hash_bytes((const unsigned char *) key.funnel, (int) strlen(key.funnel)),
                        hash_bytes((const unsigned char *) key.word, (int) strlen(key.word)));
}

#define SH_PREFIX words
#define SH_ELEMENT_TYPE Word
#define SH_KEY_TYPE WordKey
#define SH_KEY key
#define SH_HASH_KEY(tb, k) word_hash(k)
#define SH_EQUAL(tb, a, b) (strcmp((a).funnel, (b).funnel) == 0 && strcmp((a).word, (b).word) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static char *
column(HeapTuple row, int number, MemoryContext context)
{
    char *value = SPI_getvalue(row, SPI_tuptable->tupdesc, number);

    return value == NULL ? NULL : MemoryContextStrdup(context, value);
}

static StageOutcome
outcome_named(const char *name)
{
    return strcmp(name, "won") == 0    ? STAGE_WON
           : strcmp(name, "lost") == 0 ? STAGE_LOST
           : strcmp(name, "open") == 0 ? STAGE_OPEN
                                       : STAGE_UNKNOWN;
}

/* The elements of a text[] column; NIL where it is null. */
static List *
texts(HeapTuple row, int number, MemoryContext context)
{
    bool isnull;
    Datum value = SPI_getbinval(row, SPI_tuptable->tupdesc, number, &isnull);
    List *result = NIL;
    Datum *elements;
    int count;
    MemoryContext old;

    if (isnull)
        return NIL;
    deconstruct_array(DatumGetArrayTypeP(value), TEXTOID, -1, false, TYPALIGN_INT, &elements, NULL, &count);
    old = MemoryContextSwitchTo(context);
    for (int i = 0; i < count; i++)
        result = lappend(result, TextDatumGetCString(elements[i]));
    MemoryContextSwitchTo(old);
    return result;
}

static int
outcome_bits(List *names)
{
    int bits = 0;
    ListCell *cell;

    foreach (cell, names)
        bits |= outcome_named(lfirst(cell));
    return bits;
}

static bool
same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

static int
feed_number(Terms *terms, const char *funnel, const char *fallback_unit)
{
    for (int i = 0; i < terms->feed_count; i++)
        if (same(terms->feeds[i].funnel, funnel) && same(terms->feeds[i].fallback_unit, fallback_unit))
            return i;
    terms->feeds[terms->feed_count] = (TermFeed){funnel, fallback_unit};
    return terms->feed_count++;
}

static int
source_number(Terms *terms, int32 instance)
{
    for (int i = 0; i < terms->source_count; i++)
        if (terms->sources[i].instance == instance)
            return i;
    terms->sources[terms->source_count] = (CellSource){.instance = instance};
    return terms->source_count++;
}

static int32
integer(HeapTuple row, int number)
{
    bool isnull;
    Datum value = SPI_getbinval(row, SPI_tuptable->tupdesc, number, &isnull);

    return isnull ? -1 : DatumGetInt32(value);
}

static bool
boolean(HeapTuple row, int number)
{
    bool isnull;
    Datum value = SPI_getbinval(row, SPI_tuptable->tupdesc, number, &isnull);

    return !isnull && DatumGetBool(value);
}

enum {
    COLUMN_KPI = 1,
    COLUMN_STOCK,
    COLUMN_NUMERATOR,
    COLUMN_SIGN,
    COLUMN_INSTANCE,
    COLUMN_COUNTS,
    COLUMN_SUM,
    COLUMN_OUTCOMES,
    COLUMN_MILESTONES,
    COLUMN_FUNNEL,
    COLUMN_FALLBACK_UNIT
};

/* Rows come by KPI. */
static void
add_term(Terms *terms, HeapTuple row, MemoryContext context)
{
    char *kpi = column(row, COLUMN_KPI, context);
    int32 sum = integer(row, COLUMN_SUM); /* from 1 */
    Term *term = &terms->list[terms->count++];
    CellSource *source;

    if (terms->kpi_count == 0 || strcmp(terms->kpis[terms->kpi_count - 1], kpi) != 0)
        terms->kpis[terms->kpi_count++] = kpi;
    *term = (Term){.kpi = terms->kpi_count - 1,
                   .source = source_number(terms, integer(row, COLUMN_INSTANCE)),
                   .feed = feed_number(terms, column(row, COLUMN_FUNNEL, context),
                                       column(row, COLUMN_FALLBACK_UNIT, context)),
                   .numerator = boolean(row, COLUMN_NUMERATOR),
                   .stock = boolean(row, COLUMN_STOCK),
                   .sign = integer(row, COLUMN_SIGN),
                   .sum = boolean(row, COLUMN_COUNTS)   ? -1
                          : sum >= 1 && sum <= CRM_SUMS ? sum - 1
                                                        : -2,
                   .outcomes = outcome_bits(texts(row, COLUMN_OUTCOMES, context)),
                   .milestones = texts(row, COLUMN_MILESTONES, context)};
    source = &terms->sources[term->source];
    source->before |= term->stock;
    if (term->sum >= 0)
        source->sums[term->sum] = true;
}

static void
read_terms(Terms *terms, ArrayType *kpis, MemoryContext context)
{
    static KeptPlan plan;
    Oid types[] = {TEXTARRAYOID};
    Datum values[] = {PointerGetDatum(kpis)};
    uint64 count;

    if (!kept_plan_ready(&plan))
        kept_plan_make(
            &plan,
            psprintf("SELECT t.kpi, t.stock, t.numerator, t.sign, t.instance, t.counts, t.sum, t.outcomes, "
                     "t.milestones, t.funnel, t.fallback_unit FROM %s.kpi_captured_term t "
                     "WHERE $1 IS NULL OR t.kpi OPERATOR(pg_catalog.=) ANY ($1) ORDER BY t.kpi",
                     crm_schema_quoted()),
            1, types);
    if (SPI_execute_plan(plan.plan, values, kpis == NULL ? "n" : NULL, true, 0) != SPI_OK_SELECT)
        elog(ERROR, "the terms of KPIs could not be read");
    count = Max(SPI_processed, 1);
    terms->kpis = MemoryContextAlloc(context, sizeof(char *) * count);
    terms->list = MemoryContextAlloc(context, sizeof(Term) * count);
    terms->sources = MemoryContextAlloc(context, sizeof(CellSource) * count);
    terms->feeds = MemoryContextAlloc(context, sizeof(TermFeed) * count);
    for (uint64 i = 0; i < SPI_processed; i++)
        add_term(terms, SPI_tuptable->vals[i], context);
    SPI_freetuptable(SPI_tuptable);
}

static void
read_words(Terms *terms, MemoryContext context)
{
    static KeptPlan plan;
    bool found;

    terms->words = words_create(context, 64, NULL);
    if (!kept_plan_ready(&plan))
        kept_plan_make(
            &plan,
            psprintf("SELECT w.funnel, w.word, w.stage, w.milestone, w.outcome FROM %s.stage_word w",
                     crm_schema_quoted()),
            0, NULL);
    if (SPI_execute_plan(plan.plan, NULL, NULL, true, 0) != SPI_OK_SELECT)
        elog(ERROR, "the words of stages could not be read");
    for (uint64 i = 0; i < SPI_processed; i++) {
        HeapTuple row = SPI_tuptable->vals[i];
        WordKey key = {column(row, 1, context), column(row, 2, context)};
        Word *word = words_insert(terms->words, key, &found);

        word->stage = column(row, 3, context);
        word->milestone = column(row, 4, context);
        word->outcome = outcome_named(column(row, 5, CurrentMemoryContext));
    }
    SPI_freetuptable(SPI_tuptable);
}

Terms *
terms_read(ArrayType *kpis, MemoryContext context)
{
    Terms *terms = MemoryContextAllocZero(context, sizeof(Terms));

    read_terms(terms, kpis, context);
    read_words(terms, context);
    return terms;
}

/* The word of a stage as stage_word has it: without the funnel before a colon, blanks around it, and capital letters. */
static char *
stage_word(const char *funnel, const char *value)
{
    Size length = strlen(funnel);
    const char *colon = strrchr(value, ':');
    const char *end;

    if (strncmp(value, funnel, length) == 0 && value[length] == ':')
        value = colon + 1;
    while (*value == ' ')
        value++;
    for (end = value + strlen(value); end > value && end[-1] == ' '; end--)
        ;
    return str_tolower(value, (Size) (end - value), DEFAULT_COLLATION_OID);
}

void
dims_meaning(const Terms *terms, CrmOrganisation *organisation, const TermFeed *feed, const CellDims *dims,
             DimsMeaning *meaning)
{
    text *const *values = dims->values;
    const char *funnel = values[DIM_FUNNEL] != NULL ? text_to_cstring(values[DIM_FUNNEL]) : feed->funnel;
    const Word *word = NULL;
    int unit = values[DIM_UNIT] == NULL
                   ? CRM_NO_VALUE
                   : crm_value_map_value(crm_organisation_units(organisation, NULL), values[DIM_UNIT]);

    meaning->unit = unit >= 0                     ? pstrdup(organisation->units[unit].key)
                    : feed->fallback_unit != NULL ? feed->fallback_unit
                    : organisation->root >= 0     ? pstrdup(organisation->units[organisation->root].key)
                                                  : NULL;
    meaning->stage = values[DIM_STAGE] != NULL ? text_to_cstring(values[DIM_STAGE]) : NULL;
    if (funnel != NULL && meaning->stage != NULL) {
        char *spelled = stage_word(funnel, meaning->stage);

        word = words_lookup(terms->words, (WordKey){funnel, spelled});
        pfree(spelled);
    }
    meaning->outcome = word != NULL ? word->outcome : STAGE_UNKNOWN;
    meaning->milestone = word != NULL ? word->milestone : NULL;
    if (word != NULL)
        meaning->stage = word->stage;
}

bool
term_matches(const Term *term, const DimsMeaning *meaning)
{
    ListCell *cell;

    if (term->outcomes != 0 && (term->outcomes & meaning->outcome) == 0)
        return false;
    if (term->milestones == NIL)
        return true;
    foreach (cell, term->milestones)
        if (meaning->milestone != NULL && strcmp(lfirst(cell), meaning->milestone) == 0)
            return true;
    return false;
}
