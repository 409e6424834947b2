/*
 * golden_source.c: see golden_source.h.
 */
#include "base/compat.h"
#include "base/kept_plan.h"
#include "base/schema.h"
#include "customer/golden_source.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "nodes/makefuncs.h"
#include "parser/parse_func.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#define PREDICATE_ARGUMENTS 5

/* A predicate of a policy, and all its arguments but one. */
struct GoldenPredicate {
    FmgrInfo function;
    int count;
    int open; /* the argument that each row brings */
    Datum values[PREDICATE_ARGUMENTS];
    bool nulls[PREDICATE_ARGUMENTS];
};

static KeptPlan source_plan;
static KeptPlan rule_plan;

static void
prepare_plans(void)
{
    const char *schema = crm_schema_quoted();

    if (!kept_plan_ready(&source_plan))
        kept_plan_make(&source_plan,
                       psprintf("SELECT s.relation, s.object, s.hierarchy, s.fallback, s.by_owner, "
                                "s.by_share, s.reads, s.shown, "
                                "s.dated, s.place, s.trust FROM %s.golden_source() s",
                                schema),
                       0, NULL);
    if (!kept_plan_ready(&rule_plan))
        kept_plan_make(
            &rule_plan,
            psprintf("SELECT p.attribute, p.rule, p.shared, p.leader FROM %s.golden_plan() p", schema), 0,
            NULL);
}

/* Value n of row i, counted from 0 and 1. */
static Datum
cell(uint64 i, int n, bool *isnull)
{
    return SPI_getbinval(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, n, isnull);
}

static void
select_rows(SPIPlanPtr plan)
{
    int code = SPI_execute_plan(plan, NULL, NULL, true, 0);

    if (code != SPI_OK_SELECT)
        elog(ERROR, "a query of golden records returned %s", SPI_result_code_string(code));
}

static void
load_plan(MemoryContext context, GoldenPlan *plan)
{
    select_rows(rule_plan.plan);
    if (SPI_processed > RECORD_ATTRIBUTES)
        elog(ERROR, "golden records have %d attributes, not " UINT64_FORMAT, RECORD_ATTRIBUTES,
             SPI_processed);
    plan->attributes = (int) SPI_processed;
    for (int i = 0; i < plan->attributes; i++) {
        bool isnull;
        Datum leader;

        plan->name[i] = MemoryContextStrdup(context, TextDatumGetCString(cell((uint64) i, 1, &isnull)));
        plan->rule[i] = (uint8) DatumGetInt32(cell((uint64) i, 2, &isnull));
        plan->shared[i] = DatumGetBool(cell((uint64) i, 3, &isnull));
        leader = cell((uint64) i, 4, &isnull);
        plan->leader[i] = isnull ? -1 : DatumGetInt32(leader) - 1;
        if (plan->rule[i] > GOLDEN_RULE_MANUAL || plan->leader[i] >= i)
            elog(ERROR, "the rule of golden attribute \"%s\" is not understood", plan->name[i]);
    }
}

/* The planner's view of a call decides whether a predicate keeps its answer: constants, and a parameter where the row's value is. */
static GoldenPredicate *
make_predicate(const char *name, int count, const Oid *types, int open, const Datum *values,
               const bool *nulls)
{
    GoldenPredicate *predicate = palloc0(sizeof(GoldenPredicate));
    Oid oid = LookupFuncName(
        list_make2(makeString(get_namespace_name(crm_schema_oid())), makeString(pstrdup(name))), count, types,
        false);
    List *arguments = NIL;

    predicate->count = count;
    predicate->open = open;
    for (int i = 0; i < count; i++) {
        int16 length;
        bool by_value;

        get_typlenbyval(types[i], &length, &by_value);
        predicate->nulls[i] = i == open || nulls[i];
        predicate->values[i] = predicate->nulls[i] ? (Datum) 0 : datumCopy(values[i], by_value, length);
        if (i == open) {
            Param *param = makeNode(Param);

            param->paramkind = PARAM_EXEC;
            param->paramtype = types[i];
            param->paramtypmod = -1;
            param->location = -1;
            arguments = lappend(arguments, param);
        } else
            arguments = lappend(arguments, makeConst(types[i], -1, get_typcollation(types[i]), length,
                                                     predicate->values[i], predicate->nulls[i], by_value));
    }
    fmgr_info(oid, &predicate->function);
    fmgr_info_set_expr((Node *) makeFuncExpr(oid, BOOLOID, arguments, InvalidOid, DEFAULT_COLLATION_OID,
                                             COERCE_EXPLICIT_CALL),
                       &predicate->function);
    return predicate;
}

static bool
passes(GoldenPredicate *predicate, const Datum *values, const bool *nulls, int column)
{
    LOCAL_FCINFO(call, PREDICATE_ARGUMENTS);
    Datum answer;

    InitFunctionCallInfoData(*call, &predicate->function, predicate->count, DEFAULT_COLLATION_OID, NULL,
                             NULL);
    for (int i = 0; i < predicate->count; i++) {
        call->args[i].value = i == predicate->open ? values[column] : predicate->values[i];
        call->args[i].isnull = i == predicate->open ? nulls[column] : predicate->nulls[i];
    }
    if (predicate->function.fn_strict)
        for (int i = 0; i < predicate->count; i++)
            if (call->args[i].isnull)
                return false;
    answer = FunctionCallInvoke(call);
    return !call->isnull && DatumGetBool(answer);
}

/* Row i of golden_source(): object, hierarchy, fallback, by_owner and by_share are its columns 2 to 6. */
static void
make_predicates(GoldenSource *source, uint64 i)
{
    static const Oid texts[] = {TEXTOID, TEXTOID, TEXTOID, TEXTOID, TEXTOID};
    static const Oid shared_types[] = {TEXTOID, REGCLASSOID, TEXTOID};
    static const Oid granted_types[] = {REGCLASSOID, JSONBOID, TEXTOID};
    Datum read = CStringGetTextDatum("read");
    Datum relation = ObjectIdGetDatum(source->relation);
    Datum by_unit[PREDICATE_ARGUMENTS] = {0, 0, read};
    bool unknown[PREDICATE_ARGUMENTS] = {false};
    bool isnull;

    by_unit[1] = cell(i, 2, &unknown[1]);
    by_unit[3] = cell(i, 3, &unknown[3]);
    by_unit[4] = cell(i, 4, &unknown[4]);
    if (source->reads == GOLDEN_READS_BY_POLICY)
        source->granted = make_predicate("policy_grants", 3, granted_types, 1, (Datum[]){relation, 0, read},
                                         (bool[3]){false});
    if (source->reads != GOLDEN_READS_BY_UNIT)
        return;
    source->visible = make_predicate("visible", 5, texts, 0, by_unit, unknown);
    source->undenied = make_predicate("undenied", 5, texts, 0, by_unit, unknown);
    if (DatumGetBool(cell(i, 5, &isnull)))
        source->owned = make_predicate("owned", 3, texts, 0, by_unit, unknown);
    if (DatumGetBool(cell(i, 6, &isnull)))
        source->shared =
            make_predicate("shared", 3, shared_types, 0, (Datum[]){0, relation, read}, (bool[3]){false});
}

static GoldenReads
reads_by_name(const char *name)
{
    return strcmp(name, "all") == 0      ? GOLDEN_READS_ALL
           : strcmp(name, "unit") == 0   ? GOLDEN_READS_BY_UNIT
           : strcmp(name, "policy") == 0 ? GOLDEN_READS_BY_POLICY
                                         : GOLDEN_READS_NONE;
}

static void
load_sources(MemoryContext context, const GoldenPlan *plan, GoldenSources *sources)
{
    MemoryContext before;
    GoldenSource *made;

    select_rows(source_plan.plan);
    before = MemoryContextSwitchTo(context);
    sources->count = (int) SPI_processed;
    sources->source = made = palloc0(sizeof(GoldenSource) * (Size) (sources->count + 1));
    for (int i = 0; i < sources->count; i++) {
        GoldenSource *source = &made[i];
        bool isnull;
        Datum trust;

        source->relation = DatumGetObjectId(cell((uint64) i, 1, &isnull));
        source->reads = reads_by_name(TextDatumGetCString(cell((uint64) i, 7, &isnull)));
        source->shown = (uint32) DatumGetInt32(cell((uint64) i, 8, &isnull));
        source->dated = DatumGetBool(cell((uint64) i, 9, &isnull));
        source->place = DatumGetInt32(cell((uint64) i, 10, &isnull));
        trust = cell((uint64) i, 11, &isnull);
        if (!isnull) {
            ArrayType *places = DatumGetArrayTypePCopy(trust);

            if (ARR_HASNULL(places) || ArrayGetNItems(ARR_NDIM(places), ARR_DIMS(places)) != plan->attributes)
                elog(ERROR, "golden_source() does not say of every attribute whom it trusts");
            source->trust = (const int32 *) ARR_DATA_PTR(places);
        }
        make_predicates(source, (uint64) i);
    }
    MemoryContextSwitchTo(before);
}

void
golden_sources_load(MemoryContext context, GoldenPlan *plan, GoldenSources *sources)
{
    SPI_connect();
    prepare_plans();
    load_plan(context, plan);
    load_sources(context, plan, sources);
    SPI_finish();
}

const GoldenSource *
golden_source_find(const GoldenSources *sources, Oid relation)
{
    for (int i = 0; i < sources->count; i++)
        if (sources->source[i].relation == relation)
            return &sources->source[i];
    return NULL;
}

bool
golden_source_may_read(const GoldenSource *source, const RecordColumns *columns, const Datum *values,
                       const bool *nulls)
{
    if (source->reads == GOLDEN_READS_BY_POLICY)
        return passes(source->granted, values, nulls, columns->decides);
    if (source->reads != GOLDEN_READS_BY_UNIT)
        return source->reads == GOLDEN_READS_ALL;
    return passes(source->visible, values, nulls, columns->unit) ||
           (((source->owned != NULL && passes(source->owned, values, nulls, columns->owner)) ||
             (source->shared != NULL && passes(source->shared, values, nulls, columns->record_key))) &&
            passes(source->undenied, values, nulls, columns->unit));
}
