/*
 * captured_sums.c: captured_sums(kpis, since, until, ends, by, units): KPIs by period and dimensions from what their components counted, in
 * one pass. Days are added up first, and each set of dimensions is understood once; a year of days costs little more than a day.
 */
#include "base/aggregate.h"
#include "kpi/term.h"

#include "base/error.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

/* The dimensions of a result, in the order of its columns; the numbers are those of CellDims. */
static const struct {
    const char *name;
    int dim;
} dimensions[] = {{"unit_key", DIM_UNIT}, {"stage", DIM_STAGE}, {"campaign", 3}, {"channel", 4},
                  {"product", 5},         {"owner", 6},         {"segment", 7},  {"currency", 8}};
#define DIMENSIONS ((int) lengthof(dimensions))
enum {
    RESULT_KPI,
    RESULT_DAY,
    RESULT_DIMENSIONS,
    RESULT_NUMERATOR = RESULT_DIMENSIONS + DIMENSIONS,
    RESULT_DENOMINATOR,
    RESULT_COLUMNS
};

typedef struct SumGroup {
    Datum values[DIMENSIONS]; /* text; 0: NULL */
} SumGroup;

typedef struct GroupKey {
    const char *bytes;
    int length;
} GroupKey;

typedef struct GroupEntry {
    GroupKey key;
    uint32 hash;
    char status;
    int32 group;
} GroupEntry;

#define SH_PREFIX group
#define SH_ELEMENT_TYPE GroupEntry
#define SH_KEY_TYPE GroupKey
#define SH_KEY key
#define SH_HASH_KEY(tb, k) hash_bytes((const unsigned char *) (k).bytes, (k).length)
#define SH_EQUAL(tb, a, b) ((a).length == (b).length && memcmp((a).bytes, (b).bytes, (a).length) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct ResultKey {
    int32 kpi;
    int32 group;
    DateADT period;
} ResultKey;

/* One side of a KPI: rows that were counted, and what was summed. */
typedef struct Side {
    bool known; /* something was counted or summed */
    int64 rows;
    CrmTotal sum;
} Side;

typedef struct SumRow {
    ResultKey key;
    char status;
    int64 rows; /* by sign, of both sides */
    bool stock;
    Side numerator;
    Side denominator;
} SumRow;

#define SH_PREFIX result
#define SH_ELEMENT_TYPE SumRow
#define SH_KEY_TYPE ResultKey
#define SH_KEY key
#define SH_HASH_KEY(tb, k) hash_bytes((const unsigned char *) &(k), sizeof(ResultKey))
#define SH_EQUAL(tb, a, b) ((a).kpi == (b).kpi && (a).group == (b).group && (a).period == (b).period)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* What is known of a set of dimensions as one feed reads it. */
typedef struct Reading {
    bool read;
    bool wanted; /* the unit is one of those asked for */
    DimsMeaning meaning;
    int32 group;
} Reading;

typedef struct Summing {
    Terms *terms;
    Cells *cells;
    CrmOrganisation *organisation;
    bool by[DIMENSIONS];
    const bool *units; /* by the organisation's number; NULL: all */
    Reading *readings; /* feeds x dims */
    SumGroup *groups;
    uint64 group_count;
    uint64 group_room;
    group_hash *group_table;
    result_hash *results;
    List **terms_of; /* for each source, Term * */
} Summing;

static void
read_by(ArrayType *array, bool *by)
{
    Datum *names;
    bool *nulls;
    int count;

    deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &names, &nulls, &count);
    for (int i = 0; i < count; i++)
        for (int d = 0; d < DIMENSIONS && !nulls[i]; d++)
            if (strcmp(TextDatumGetCString(names[i]), dimensions[d].name) == 0)
                by[d] = true;
}

static const bool *
read_units(const CrmOrganisation *organisation, ArrayType *array)
{
    bool *wanted = palloc0(sizeof(bool) * (Size) Max(organisation->unit_count, 1));
    Datum *keys;
    bool *nulls;
    int count;

    deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &keys, &nulls, &count);
    for (int i = 0; i < count; i++) {
        int unit = nulls[i] ? -1 : crm_organisation_unit(organisation, DatumGetTextPP(keys[i]));

        if (unit >= 0)
            wanted[unit] = true;
    }
    return wanted;
}

static int32
find_group(Summing *summing, const CellDims *dims, const DimsMeaning *meaning)
{
    StringInfoData bytes;
    SumGroup group;
    GroupEntry *entry;
    bool found;

    initStringInfo(&bytes);
    for (int d = 0; d < DIMENSIONS; d++) {
        int dim = dimensions[d].dim;
        const char *value = dim == DIM_UNIT      ? meaning->unit
                            : dim == DIM_STAGE   ? meaning->stage
                            : !dims->values[dim] ? NULL
                            : summing->by[d]     ? text_to_cstring(dims->values[dim])
                                                 : NULL;
        bool present = summing->by[d] && value != NULL;

        appendStringInfoChar(&bytes, present ? 1 : 0);
        if (present)
            appendBinaryStringInfo(&bytes, value, (int) strlen(value) + 1);
        group.values[d] = present ? CStringGetTextDatum(value) : (Datum) 0;
    }
    entry = group_insert(summing->group_table, (GroupKey){bytes.data, bytes.len}, &found);
    if (!found) {
        summing->groups = crm_reserve(CurrentMemoryContext, summing->groups, sizeof(SumGroup),
                                      summing->group_count, 1, &summing->group_room);
        summing->groups[summing->group_count] = group;
        entry->group = (int32) summing->group_count++;
    }
    return entry->group;
}

static const Reading *
reading_of(Summing *summing, int32 dims, int feed)
{
    Reading *reading = &summing->readings[(Size) dims * (Size) summing->terms->feed_count + (Size) feed];
    const CellDims *values = &summing->cells->dims[dims];

    if (reading->read)
        return reading;
    reading->read = true;
    dims_meaning(summing->terms, summing->organisation, &summing->terms->feeds[feed], values,
                 &reading->meaning);
    reading->wanted = true;
    if (summing->units != NULL) {
        int unit = reading->meaning.unit == NULL
                       ? -1
                       : crm_organisation_unit(summing->organisation, cstring_to_text(reading->meaning.unit));

        reading->wanted = unit >= 0 && summing->units[unit];
    }
    if (reading->wanted)
        reading->group = find_group(summing, values, &reading->meaning);
    return reading;
}

static void
add_to_side(Side *side, const Cell *cell, const Term *term)
{
    if (term->sum == -1) {
        side->known = true;
        side->rows += term->sign * cell->rows;
    } else if (term->sum >= 0 && cell->sums[term->sum].any) {
        side->known = true;
        crm_total_join(&side->sum, &cell->sums[term->sum], term->sign, CurrentMemoryContext);
    }
}

static void
add_cell(Summing *summing, const Cell *cell)
{
    ListCell *lc;

    foreach (lc, summing->terms_of[cell->key.source]) {
        const Term *term = lfirst(lc);
        const Reading *reading;
        SumRow *result;
        bool found;

        if (cell->key.period == CELL_BEFORE && !term->stock && summing->terms->sources[term->source].before)
            continue;
        reading = reading_of(summing, cell->key.dims, term->feed);
        if (!reading->wanted || !term_matches(term, &reading->meaning))
            continue;
        result = result_insert(
            summing->results,
            (ResultKey){.kpi = term->kpi, .group = reading->group, .period = cell->key.period}, &found);
        if (!found) {
            ResultKey key = result->key;
            char status = result->status;

            memset(result, 0, sizeof(SumRow));
            result->key = key;
            result->status = status;
            result->stock = term->stock;
        }
        result->rows += term->sign * cell->rows;
        add_to_side(term->numerator ? &result->numerator : &result->denominator, cell, term);
    }
}

static bool
side_is_zero(const Side *side)
{
    return side->rows == 0 && crm_total_is_zero(&side->sum);
}

/* What came and went again is not there. */
static bool
is_nothing(const SumRow *row)
{
    return row->rows == 0 && side_is_zero(&row->numerator) && side_is_zero(&row->denominator);
}

static Datum
side_value(const Side *side, bool *isnull)
{
    *isnull = !side->known;
    if (!side->known)
        return (Datum) 0;
    if (!side->sum.any)
        return NumericGetDatum(int64_to_numeric(side->rows));
    return NumericGetDatum(
        numeric_add_opt_error(crm_total_numeric(&side->sum), int64_to_numeric(side->rows), NULL));
}

static void
put(ReturnSetInfo *result_set, const Summing *summing, const SumRow *result, DateADT day)
{
    Datum values[RESULT_COLUMNS];
    bool nulls[RESULT_COLUMNS] = {false};
    const SumGroup *group = &summing->groups[result->key.group];

    values[RESULT_KPI] = CStringGetTextDatum(summing->terms->kpis[result->key.kpi]);
    values[RESULT_DAY] = DateADTGetDatum(day);
    for (int d = 0; d < DIMENSIONS; d++) {
        values[RESULT_DIMENSIONS + d] = group->values[d];
        nulls[RESULT_DIMENSIONS + d] = group->values[d] == (Datum) 0;
    }
    values[RESULT_NUMERATOR] = side_value(&result->numerator, &nulls[RESULT_NUMERATOR]);
    values[RESULT_DENOMINATOR] = side_value(&result->denominator, &nulls[RESULT_DENOMINATOR]);
    tuplestore_putvalues(result_set->setResult, result_set->setDesc, values, nulls);
}

static int
compare_results(const void *a, const void *b)
{
    const ResultKey *x = &(*(SumRow *const *) a)->key;
    const ResultKey *y = &(*(SumRow *const *) b)->key;

    if (x->kpi != y->kpi)
        return x->kpi < y->kpi ? -1 : 1;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return x->period < y->period ? -1 : x->period > y->period;
}

static void
carry(Side *to, const Side *from)
{
    to->known |= from->known;
    to->rows += from->rows;
    crm_total_join(&to->sum, &from->sum, 1, CurrentMemoryContext);
}

/* A stock at the end of each period, from the first that has it. */
static void
put_stock(ReturnSetInfo *result_set, const Summing *summing, SumRow *const *list, int count,
          const CellPeriods *periods)
{
    SumRow sum = {.key = list[0]->key};
    int next = 0;
    bool any = false;

    for (int i = 0; i < periods->count; i++) {
        for (; next < count && list[next]->key.period <= periods->ends[i]; next++) {
            any |= !is_nothing(list[next]);
            sum.rows += list[next]->rows;
            carry(&sum.numerator, &list[next]->numerator);
            carry(&sum.denominator, &list[next]->denominator);
        }
        if (any)
            put(result_set, summing, &sum, periods->ends[i]);
    }
}

static void
put_all(ReturnSetInfo *result_set, const Summing *summing, const CellPeriods *periods)
{
    SumRow **list =
        MemoryContextAllocHuge(CurrentMemoryContext, sizeof(SumRow *) * Max(summing->results->members, 1));
    int count = 0;
    result_iterator iterator;
    SumRow *result;

    result_start_iterate(summing->results, &iterator);
    while ((result = result_iterate(summing->results, &iterator)) != NULL)
        list[count++] = result;
    qsort(list, (size_t) count, sizeof(SumRow *), compare_results);
    for (int first = 0, next; first < count; first = next) {
        CHECK_FOR_INTERRUPTS();
        next = first + 1;
        if (periods->ends == NULL || !list[first]->stock) {
            if (!is_nothing(list[first]))
                put(result_set, summing, list[first], list[first]->key.period);
            continue;
        }
        while (next < count && list[next]->key.kpi == list[first]->key.kpi &&
               list[next]->key.group == list[first]->key.group)
            next++;
        put_stock(result_set, summing, list + first, next - first, periods);
    }
}

static void
read_periods(FunctionCallInfo fcinfo, CellPeriods *periods)
{
    Datum *ends;
    DateADT *days;

    periods->since = PG_ARGISNULL(1) ? DATEVAL_NOBEGIN : PG_GETARG_DATEADT(1);
    periods->until = PG_ARGISNULL(2) ? DATEVAL_NOEND : PG_GETARG_DATEADT(2);
    periods->ends = NULL;
    periods->count = 0;
    if (PG_ARGISNULL(3))
        return;
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), DATEOID, sizeof(DateADT), true, TYPALIGN_INT, &ends, NULL,
                      &periods->count);
    days = palloc(sizeof(DateADT) * (Size) Max(periods->count, 1));
    for (int i = 0; i < periods->count; i++) {
        days[i] = DatumGetDateADT(ends[i]);
        if (i > 0 && days[i] <= days[i - 1])
            ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("periods are not in order"),
                    errhint("Each ends later than the one before."));
    }
    periods->ends = days;
    if (periods->count > 0)
        periods->until = Min(periods->until, days[periods->count - 1]);
}

PG_FUNCTION_INFO_V1(crm_captured_sums);

Datum
crm_captured_sums(PG_FUNCTION_ARGS)
{
    ReturnSetInfo *result_set = (ReturnSetInfo *) fcinfo->resultinfo;
    Summing summing = {0};
    CellPeriods periods;
    MemoryContext context = CurrentMemoryContext;
    Cell **cells;
    int64 count;

    InitMaterializedSRF(fcinfo, 0);
    read_periods(fcinfo, &periods);
    if (periods.ends != NULL && periods.count == 0)
        PG_RETURN_NULL();
    SPI_connect();
    summing.terms = terms_read(PG_ARGISNULL(0) ? NULL : PG_GETARG_ARRAYTYPE_P(0), context);
    SPI_finish();
    summing.organisation = crm_organisation();
    summing.cells = cells_read(summing.terms->sources, summing.terms->source_count, &periods);
    if (!PG_ARGISNULL(4))
        read_by(PG_GETARG_ARRAYTYPE_P(4), summing.by);
    summing.units = PG_ARGISNULL(5) ? NULL : read_units(summing.organisation, PG_GETARG_ARRAYTYPE_P(5));
    summing.readings = MemoryContextAllocExtended(
        CurrentMemoryContext,
        sizeof(Reading) * Max((Size) summing.cells->dims_count * (Size) summing.terms->feed_count, 1),
        MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
    summing.group_table = group_create(CurrentMemoryContext, 256, NULL);
    summing.results = result_create(CurrentMemoryContext, 1024, NULL);
    summing.terms_of = palloc0(sizeof(List *) * (Size) Max(summing.terms->source_count, 1));
    for (int i = 0; i < summing.terms->count; i++) {
        Term *term = &summing.terms->list[i];

        summing.terms_of[term->source] = lappend(summing.terms_of[term->source], term);
    }
    count = cells_list(summing.cells, &cells);
    for (int64 i = 0; i < count; i++) {
        CHECK_FOR_INTERRUPTS();
        add_cell(&summing, cells[i]);
    }
    put_all(result_set, &summing, &periods);
    PG_RETURN_NULL();
}
