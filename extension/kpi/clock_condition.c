/*
 * clock_condition.c: conditions of service levels, row by row, so that one that fails on a row decides nothing about the others.
 *
 * A condition is compiled against the columns of the record that it is given, by their names, as components are. One that can fail is
 * evaluated in a subtransaction, so nothing here is for parallel workers.
 */
#include "base/compat.h"
#include "base/error.h"
#include "base/subtransaction.h"
#include "kpi/expression.h"

#include "access/htup_details.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/typcache.h"

PGDLLEXPORT Datum crm_condition_may_fail(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_clock_verdicts(PG_FUNCTION_ARGS);

typedef struct Condition {
    const char *source;
    Expr *planned;     /* NULL: it could not be compiled */
    const char *error; /* why */
    ExprState *state;
    MemoryContext
        memory; /* of state, which is made anew after a failure: what it called may have been left half way */
} Condition;

/* What one call site keeps of the conditions that it was given. */
typedef struct Compiled {
    TupleDesc desc;
    ArrayType *sources;
    int count;
    Condition *conditions;
    ExprContext *context;
    TupleTableSlot *slot;
    MemoryContext memory; /* of all this */
} Compiled;

/* One piece of work that may fail. */
typedef struct Trial {
    Compiled *compiled;
    int first, last;
    bool *holds;
} Trial;

static Node *
column_of_record(ParseState *pstate, const char *attribute, int location, void *arg)
{
    TupleDesc desc = arg;

    for (int i = 0; i < desc->natts; i++) {
        Form_pg_attribute column = TupleDescAttr(desc, i);

        if (!column->attisdropped && strcmp(NameStr(column->attname), attribute) == 0)
            return (Node *) makeVar(1, (AttrNumber) (i + 1), column->atttypid, column->atttypmod,
                                    column->attcollation, 0);
    }
    ereport(ERROR, errcode(ERRCODE_CRM_UNKNOWN_NAME), errmsg("attribute \"%s\" does not exist", attribute),
            errhint("The view entity_attribute lists what an entity has."));
}

static char *
error_said(const ErrorData *error)
{
    return psprintf("%s (%s)", error->message, unpack_sql_state(error->sqlerrcode));
}

static void
compile_one(void *arg)
{
    Trial *trial = arg;
    Condition *condition = &trial->compiled->conditions[trial->first];
    MemoryContext old = MemoryContextSwitchTo(trial->compiled->memory);
    int level = crm_expression_enter();
    Node *node = crm_expression_parse(condition->source, BOOLOID, column_of_record, trial->compiled->desc);

    AtEOXact_GUC(true, level);
    condition->planned = expression_planner((Expr *) node);
    MemoryContextSwitchTo(old);
}

/* Makes ready to evaluate, at first and after a failure. */
static void
make_ready(Compiled *compiled)
{
    MemoryContext old;

    if (compiled->context != NULL)
        FreeExprContext(compiled->context, false);
    old = MemoryContextSwitchTo(compiled->memory);
    compiled->context = CreateStandaloneExprContext();
    compiled->context->ecxt_scantuple = compiled->slot;
    for (int i = 0; i < compiled->count; i++) {
        Condition *condition = &compiled->conditions[i];

        if (condition->planned == NULL)
            continue;
        MemoryContextReset(condition->memory);
        MemoryContextSwitchTo(condition->memory);
        condition->state = ExecInitExpr(condition->planned, NULL);
    }
    MemoryContextSwitchTo(old);
}

static Compiled *
compile(TupleDesc desc, ArrayType *sources, MemoryContext parent)
{
    MemoryContext memory = AllocSetContextCreate(parent, "crm conditions of clocks", ALLOCSET_SMALL_SIZES);
    MemoryContext old = MemoryContextSwitchTo(memory);
    Compiled *compiled = palloc0(sizeof *compiled);
    Datum *texts;

    compiled->memory = memory;
    compiled->desc = CreateTupleDescCopy(desc);
    compiled->sources = (ArrayType *) PG_DETOAST_DATUM_COPY(PointerGetDatum(sources));
    deconstruct_array(compiled->sources, TEXTOID, -1, false, TYPALIGN_INT, &texts, NULL, &compiled->count);
    compiled->conditions = palloc0(mul_size(sizeof *compiled->conditions, (Size) compiled->count));
    compiled->slot = MakeSingleTupleTableSlot(compiled->desc, &TTSOpsHeapTuple);
    for (int i = 0; i < compiled->count; i++) {
        Trial trial = {.compiled = compiled, .first = i, .last = i};
        ErrorData *error;

        compiled->conditions[i].source = TextDatumGetCString(texts[i]);
        compiled->conditions[i].memory =
            AllocSetContextCreate(memory, "crm condition of clocks", ALLOCSET_SMALL_SIZES);
        error = crm_in_subtransaction(compile_one, &trial);
        if (error == NULL)
            continue;
        crm_rethrow_interruption(error);
        compiled->conditions[i].planned = NULL;
        compiled->conditions[i].error = error_said(error);
    }
    make_ready(compiled);
    MemoryContextSwitchTo(old);
    return compiled;
}

static void
evaluate(void *arg)
{
    Trial *trial = arg;

    for (int i = trial->first; i <= trial->last; i++) {
        Condition *condition = &trial->compiled->conditions[i];
        bool isnull = true;
        Datum value = (Datum) 0;

        if (condition->state != NULL)
            value = ExecEvalExprSwitchContext(condition->state, trial->compiled->context, &isnull);
        trial->holds[i] = !isnull && DatumGetBool(value);
    }
}

/* What each condition says of the row in the slot: '' it holds, NULL it does not, else why nobody knows. */
static Datum
judge(Compiled *compiled)
{
    bool *holds = palloc0(mul_size(sizeof *holds, (Size) compiled->count));
    Datum *verdicts = palloc0(mul_size(sizeof *verdicts, (Size) compiled->count));
    bool *nulls = palloc0(mul_size(sizeof *nulls, (Size) compiled->count));
    Trial all = {.compiled = compiled, .first = 0, .last = compiled->count - 1, .holds = holds};
    ErrorData *error = crm_in_subtransaction(evaluate, &all);
    int bounds[] = {compiled->count};

    if (error != NULL)
        crm_rethrow_interruption(error);
    for (int i = 0; i < compiled->count; i++) {
        const char *failed = compiled->conditions[i].error;

        if (error != NULL && failed == NULL) { /* which of them it was */
            Trial one = {.compiled = compiled, .first = i, .last = i, .holds = holds};
            ErrorData *its_own;

            make_ready(compiled);
            holds[i] = false;
            its_own = crm_in_subtransaction(evaluate, &one);
            if (its_own != NULL) {
                crm_rethrow_interruption(its_own);
                failed = error_said(its_own);
            }
        }
        nulls[i] = failed == NULL && !holds[i];
        if (!nulls[i])
            verdicts[i] = CStringGetTextDatum(failed == NULL ? "" : failed);
    }
    if (error != NULL)
        make_ready(compiled);
    return PointerGetDatum(
        construct_md_array(verdicts, nulls, 1, bounds, (int[]){1}, TEXTOID, -1, false, TYPALIGN_INT));
}

PG_FUNCTION_INFO_V1(crm_clock_verdicts);

/* crm.clock_verdicts(attributes record, conditions text[]) → text[]. */
Datum
crm_clock_verdicts(PG_FUNCTION_ARGS)
{
    HeapTupleHeader row = PG_GETARG_HEAPTUPLEHEADER(0);
    ArrayType *sources = PG_GETARG_ARRAYTYPE_P(1);
    TupleDesc desc = lookup_rowtype_tupdesc(HeapTupleHeaderGetTypeId(row), HeapTupleHeaderGetTypMod(row));
    Compiled *compiled = fcinfo->flinfo->fn_extra;
    HeapTupleData tuple = {.t_len = HeapTupleHeaderGetDatumLength(row), .t_data = row};
    Datum verdicts;

    if (ARR_NDIM(sources) > 1 || ARR_HASNULL(sources) || ARR_ELEMTYPE(sources) != TEXTOID)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("conditions are a plain list of expressions"),
                errhint("Leave NULL out of the array."));
    if (compiled != NULL &&
        !(equalTupleDescs(compiled->desc, desc) &&
          datumIsEqual(PointerGetDatum(compiled->sources), PointerGetDatum(sources), false, -1))) {
        MemoryContextDelete(compiled->memory);
        compiled = NULL;
    }
    fcinfo->flinfo->fn_extra = NULL;
    if (compiled == NULL)
        compiled = compile(desc, sources, fcinfo->flinfo->fn_mcxt);
    fcinfo->flinfo->fn_extra = compiled;
    ReleaseTupleDesc(desc);
    if (compiled->count == 0)
        PG_RETURN_ARRAYTYPE_P(construct_empty_array(TEXTOID));
    ItemPointerSetInvalid(&tuple.t_self);
    ExecForceStoreHeapTuple(&tuple, compiled->slot, false);
    verdicts = judge(compiled);
    ExecClearTuple(compiled->slot);
    ResetExprContext(compiled->context);
    PG_RETURN_DATUM(verdicts);
}

/* Attributes as columns of a record, for looking at an expression alone. */
static TupleDesc
describe(ArrayType *names, ArrayType *kinds)
{
    Datum *name;
    Datum *kind;
    int count;
    int kind_count;
    TupleDesc desc;

    deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &name, NULL, &count);
    deconstruct_array(kinds, TEXTOID, -1, false, TYPALIGN_INT, &kind, NULL, &kind_count);
    if (kind_count != count)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("attributes and kinds differ in number"),
                errhint("This function is called by set_sla; use that."));
    desc = CreateTemplateTupleDesc(count);
    for (int i = 0; i < count; i++)
        TupleDescInitEntry(desc, (AttrNumber) (i + 1), TextDatumGetCString(name[i]),
                           crm_kind_type(TextDatumGetCString(kind[i])), -1, 0);
    return desc;
}

PG_FUNCTION_INFO_V1(crm_condition_may_fail);

/* crm.condition_may_fail(attributes, kinds, condition): whether evaluating it could raise, whatever the row. */
Datum
crm_condition_may_fail(PG_FUNCTION_ARGS)
{
    TupleDesc desc = describe(PG_GETARG_ARRAYTYPE_P(0), PG_GETARG_ARRAYTYPE_P(1));
    char *condition = text_to_cstring(PG_GETARG_TEXT_PP(2));
    int level = crm_expression_enter();
    Node *node = (Node *) expression_planner(
        (Expr *) crm_expression_parse(condition, BOOLOID, column_of_record, desc));

    AtEOXact_GUC(true, level);
    PG_RETURN_BOOL(contain_leaked_vars(
        node)); /* what raises by its argument tells something of it, and is not leakproof */
}
