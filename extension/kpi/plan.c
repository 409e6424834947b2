/*
 * plan.c: compiles the components of a table into two projections. See plan.h.
 *
 * The first computes each attribute once, since components share them and some cost (a date in a time zone). The second
 * yields the dimensions, then for each component its filter, its day and its sums. Day and sums stand inside CASE WHEN
 * filter, so that an expression that only fails outside the filter never runs there.
 */
#include "base/compat.h"
#include "kpi/plan.h"

#include "access/table.h"
#include "access/tupconvert.h"
#include "base/mapped_row.h"
#include "base/schema.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "kpi/expression.h"
#include "kpi/value.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_collate.h"
#include "pgtime.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* In the order of kpi_dims and kpi_pending. */
static const char *const dimension_attributes[CRM_DIMS] = {
    "funnel", "unit", "stage", "campaign", "channel", "product", "owner", "segment", "currency"};

/* Where one component stands in the projected row. */
typedef struct PlanPart {
    int32 instance;
    bool from_beginning;
    bool day_is_date;
    pg_tz *zone;
    int filter; /* -1: none */
    int day;
    int sum_count;
    int sums;
    CrmCounted counted;
} PlanPart;

/* Days that were cut lately: components share a row's times, and times are often whole days. */
#define DAYS 256
typedef struct CutDay {
    TimestampTz at;
    pg_tz *zone; /* NULL: nothing yet */
    DateADT day;
} CutDay;

struct CrmPlan {
    Oid table;
    MemoryContext context;
    ExprContext *econtext;
    ProjectionInfo *attributes;
    ProjectionInfo *projection;
    TupleConversionMap *map; /* NULL: the relation has the table's own row type */
    TupleTableSlot *converted;
    bool plain;
    int count;
    PlanPart *parts;
    ValueKey value_key; /* where values are counted */
    CutDay days[DAYS];
};

/* While compiling. */
typedef struct Compiler {
    CrmPlan *plan;
    Oid table;
    Oid row_type;
    bool own_table;   /* one of crm's own tables: its columns stand for attributes */
    List *attributes; /* of TargetEntry, resname is the attribute */
    List *targets;    /* of TargetEntry */
} Compiler;

CrmPlanRights
crm_plan_enter(Oid owner)
{
    CrmPlanRights rights;

    GetUserIdAndSecContext(&rights.user, &rights.context);
    SetUserIdAndSecContext(owner, rights.context | SECURITY_LOCAL_USERID_CHANGE);
    return rights;
}

void
crm_plan_leave(CrmPlanRights rights)
{
    SetUserIdAndSecContext(rights.user, rights.context);
}

/* A column of one of crm's own tables; in transition_log stage is the column to_stage. */
static Node *
own_column(const Compiler *compiler, const char *attribute)
{
    AttrNumber column = get_attnum(compiler->table, attribute);
    Oid type, collation;
    int32 typmod;

    if (column == InvalidAttrNumber && strcmp(attribute, "stage") == 0)
        column = get_attnum(compiler->table, "to_stage");
    if (column == InvalidAttrNumber)
        return NULL;
    get_atttypetypmodcoll(compiler->table, column, &type, &typmod, &collation);
    return (Node *) makeVar(1, column, type, typmod, collation, 0);
}

static bool
is_plain(const Expr *planned)
{
    const Node *core = (const Node *) planned;

    while (IsA(core, RelabelType))
        core = (const Node *) ((const RelabelType *) core)->arg;
    return IsA(core, Var) || IsA(core, Const);
}

/* An attribute stands as a column of the first projection, where it is added when it is first used. */
static Node *
attribute_to_node(ParseState *pstate, const char *attribute, int location, void *arg)
{
    Compiler *compiler = arg;
    TargetEntry *entry = NULL;
    Node *node;
    ListCell *cell;

    foreach (cell, compiler->attributes)
        if (strcmp(((TargetEntry *) lfirst(cell))->resname, attribute) == 0)
            entry = lfirst(cell);
    if (entry == NULL) {
        node = compiler->own_table ? own_column(compiler, attribute)
                                   : crm_mapped_attribute(pstate, compiler->row_type, attribute);
        if (node == NULL) {
            Oid type = crm_plan_attribute_type(compiler->table, attribute);

            return (Node *) makeNullConst(type, -1, get_typcollation(type));
        }
        assign_expr_collations(pstate, node);
        entry = makeTargetEntry(expression_planner((Expr *) node), list_length(compiler->attributes) + 1,
                                pstrdup(attribute), false);
        if (!is_plain(entry->expr))
            compiler->plan->plain = false;
        compiler->attributes = lappend(compiler->attributes, entry);
    }
    return (Node *) makeVarFromTargetEntry(1, entry);
}

/* Adds an expression to the projection; returns its place. */
static int
add_target(Compiler *compiler, Node *node)
{
    Expr *planned = expression_planner((Expr *) node);

    if (!is_plain(planned))
        compiler->plan->plain = false;
    compiler->targets =
        lappend(compiler->targets, makeTargetEntry(planned, list_length(compiler->targets) + 1, NULL, false));
    return list_length(compiler->targets) - 1;
}

static Node *
when_filter(const Node *filter, Node *node)
{
    CaseExpr *expression;
    CaseWhen *when;

    if (filter == NULL)
        return node;
    when = makeNode(CaseWhen);
    when->expr = (Expr *) copyObjectImpl(filter);
    when->result = (Expr *) node;
    when->location = -1;
    expression = makeNode(CaseExpr);
    expression->casetype = exprType(node);
    expression->casecollid = exprCollation(node);
    expression->args = list_make1(when);
    expression->defresult = (Expr *) makeNullConst(exprType(node), -1, exprCollation(node));
    expression->location = -1;
    return (Node *) expression;
}

static void
add_dimensions(Compiler *compiler)
{
    for (int i = 0; i < CRM_DIMS; i++)
        add_target(compiler,
                   crm_expression_parse(dimension_attributes[i], TEXTOID, attribute_to_node, compiler));
}

static void
add_instance(Compiler *compiler, const CrmInstance *instance, PlanPart *part)
{
    Node *filter = NULL;
    Node *day;

    part->instance = instance->instance;
    part->from_beginning = instance->from_beginning;
    part->zone = pg_tzset(instance->zone);
    part->filter = -1;
    if (part->zone == NULL)
        elog(ERROR, "time zone \"%s\" is not known any more", instance->zone);
    if (instance->filter) {
        filter = crm_expression_parse(instance->filter, BOOLOID, attribute_to_node, compiler);
        part->filter = add_target(compiler, copyObject(filter));
    }
    day = crm_expression_parse(instance->day, InvalidOid, attribute_to_node, compiler);
    part->day_is_date = exprType(day) == DATEOID;
    part->day = add_target(compiler, when_filter(filter, day));
    part->sum_count = instance->sum_count;
    part->sums = list_length(compiler->targets);
    part->counted = instance->counted;
    if (part->counted == COUNTED_TEXT)
        compiler->plan->value_key = crm_value_key();
    for (int i = 0; i < instance->sum_count; i++) {
        Oid type = part->counted == COUNTED_TEXT ? TEXTOID : NUMERICOID;
        Node *sum = instance->sums[i]
                        ? crm_expression_parse(instance->sums[i], type, attribute_to_node, compiler)
                        : (Node *) makeNullConst(type, -1, get_typcollation(type));

        add_target(compiler, when_filter(filter, sum));
    }
}

/* A partition's columns may stand in another order than the table's. */
static void
prepare_conversion(CrmPlan *plan, Relation rel)
{
    Relation table;
    TupleDesc desc;

    if (RelationGetRelid(rel) == plan->table)
        return;
    table = table_open(plan->table, AccessShareLock);
    desc = CreateTupleDescCopy(RelationGetDescr(table));
    plan->map = convert_tuples_by_name(RelationGetDescr(rel), desc);
    if (plan->map)
        plan->converted = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
    table_close(table, AccessShareLock);
}

static ProjectionInfo *
project(const CrmPlan *plan, List *targets)
{
    return ExecBuildProjectionInfo(targets, plan->econtext,
                                   MakeSingleTupleTableSlot(ExecTypeFromTL(targets), &TTSOpsVirtual), NULL,
                                   NULL);
}

CrmPlan *
crm_plan_build(Relation rel, Oid root, List *instances)
{
    MemoryContext context =
        AllocSetContextCreate(CurrentMemoryContext, "crm capture plan", ALLOCSET_SMALL_SIZES);
    MemoryContext old = MemoryContextSwitchTo(context);
    CrmPlan *plan = palloc0(sizeof(CrmPlan));
    Compiler compiler = {.plan = plan,
                         .table = root,
                         .row_type = get_rel_type_id(root),
                         .own_table = get_rel_namespace(root) == crm_schema_oid()};
    int level = crm_expression_enter();
    ListCell *cell;

    plan->table = root;
    plan->context = context;
    plan->plain = true;
    plan->parts = palloc0(sizeof(PlanPart) * Max(list_length(instances), 1));
    prepare_conversion(plan, rel);
    add_dimensions(&compiler);
    foreach (cell, instances)
        add_instance(&compiler, lfirst(cell), &plan->parts[plan->count++]);
    plan->econtext = CreateStandaloneExprContext();
    plan->attributes = project(plan, compiler.attributes);
    plan->projection = project(plan, compiler.targets);
    AtEOXact_GUC(true, level);
    MemoryContextSwitchTo(old);
    return plan;
}

bool
crm_plan_is_plain(const CrmPlan *plan)
{
    return plan->plain;
}

bool
crm_plan_is_empty(const CrmPlan *plan)
{
    return plan->count == 0;
}

Oid
crm_plan_table(const CrmPlan *plan)
{
    return plan->table;
}

static DateADT
cut_day(CrmPlan *plan, TimestampTz at, pg_tz *zone)
{
    CutDay *cut = &plan->days[((uint64) at * UINT64CONST(0x9E3779B97F4A7C15)) >> 56];
    struct pg_tm tm;
    fsec_t fsec;
    int offset;

    if (cut->zone == zone && cut->at == at)
        return cut->day;
    if (timestamp2tm(at, &offset, &tm, &fsec, NULL, zone) != 0)
        ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range"));
    *cut = (CutDay){
        .at = at, .zone = zone, .day = date2j(tm.tm_year, tm.tm_mon, tm.tm_mday) - POSTGRES_EPOCH_JDATE};
    return cut->day;
}

/* The day of a component, cut in its zone; false where the row has none. */
static bool
part_day(CrmPlan *plan, const PlanPart *part, Datum value, bool isnull, DateADT *day)
{
    bool finite = !isnull && (part->day_is_date ? !DATE_NOT_FINITE(DatumGetDateADT(value))
                                                : !TIMESTAMP_NOT_FINITE(DatumGetTimestampTz(value)));

    if (!finite) {
        DATE_NOBEGIN(*day);
        return part->from_beginning;
    }
    *day = part->day_is_date ? DatumGetDateADT(value) : cut_day(plan, DatumGetTimestampTz(value), part->zone);
    return true;
}

/* The value of a row that is counted; 0 where it has none. */
static int
counted_value(const CrmPlan *plan, const PlanPart *part, Datum value, char *small, const char **bytes)
{
    if (part->counted == COUNTED_NUMBER)
        return Max(crm_value_of_number(value, small, bytes), 0);
    crm_value_of_text(&plan->value_key, value, small);
    *bytes = small;
    return SIPHASH_BYTES;
}

void
crm_plan_row(CrmPlan *plan, TupleTableSlot *slot, int sign, CrmChanges *changes)
{
    const TupleTableSlot *row;
    CrmPartKey key = {.group = -1};
    MemoryContext old;

    ResetExprContext(plan->econtext);
    plan->econtext->ecxt_scantuple =
        plan->map ? execute_attr_map_slot(plan->map->attrMap, slot, plan->converted) : slot;
    plan->econtext->ecxt_scantuple = ExecProject(plan->attributes);
    row = ExecProject(plan->projection);
    old = MemoryContextSwitchTo(plan->econtext->ecxt_per_tuple_memory);
    for (int i = 0; i < plan->count; i++) {
        const PlanPart *part = &plan->parts[i];
        char small[Max(VALUE_SMALL, SIPHASH_BYTES)];
        const char *value = NULL;
        int length = 0;

        if (part->filter >= 0 &&
            (row->tts_isnull[part->filter] || !DatumGetBool(row->tts_values[part->filter])))
            continue;
        if (!part_day(plan, part, row->tts_values[part->day], row->tts_isnull[part->day], &key.day))
            continue;
        if (part->counted != COUNTED_NOT) {
            if (!row->tts_isnull[part->sums])
                length = counted_value(plan, part, row->tts_values[part->sums], small, &value);
            if (length == 0)
                continue;
        }
        if (key.group < 0)
            key.group = crm_changes_group(changes, row->tts_values, row->tts_isnull);
        key.instance = part->instance;
        if (part->counted != COUNTED_NOT)
            crm_changes_count(changes, key, value, length, sign);
        else
            crm_changes_add(changes, key, sign, part->sum_count, row->tts_values + part->sums,
                            row->tts_isnull + part->sums);
    }
    MemoryContextSwitchTo(old);
}
