/*
 * visible_support.c: tells the planner which share of the rows passes a predicate, and how an index finds them.
 *
 * The share is an estimate for whoever plans: the units reached, as a share of all, as if rows were spread evenly
 * over units. The index condition is `column = ANY (listing)`, the listing a stable function of values.c: it is
 * asked again at every execution. The condition is lossy, so that the predicate itself still judges every row:
 * an open cursor obeys a revocation, and a collation that calls different strings equal betrays nothing.
 *
 * It costs planning time for every unit in the list, for every index and partition. So it is not offered where
 * the table, or another condition on it that an index serves, leaves few rows for each unit anyway.
 */
#include "base/compat.h"
#include "base/caller.h"
#include "base/schema.h"
#include "org/access.h"
#include "org/ask.h"
#include "org/plans.h"

#include "access/stratnum.h"
#include "catalog/pg_am.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "nodes/pathnodes.h"
#include "nodes/supportnodes.h"
#include "optimizer/optimizer.h"
#include "optimizer/pathnode.h"
#include "optimizer/paths.h"
#include "parser/parse_func.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"

PGDLLEXPORT Datum crm_visible_support(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_undenied_support(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_owned_support(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_shared_support(PG_FUNCTION_ARGS);

/* Fewer rows for each listed value are found faster by whatever else there is. */
#define ROWS_PER_VALUE_MIN 30.0

/* Somebody that rules hold for, who plans. */
typedef struct Planner {
    CrmOrganisation *organisation;
    int principal;
} Planner;

/* NULL where it is no constant, or null. */
static Const *
constant(List *args, int n)
{
    Node *node = n < list_length(args) ? list_nth(args, n) : NULL;

    return node != NULL && IsA(node, Const) && !((Const *) node)->constisnull ? (Const *) node : NULL;
}

static text *
constant_text(List *args, int n)
{
    Const *value = constant(args, n);

    return value == NULL ? NULL : DatumGetTextPP(value->constvalue);
}

static bool
all_constant(List *args)
{
    for (int i = 1; i < list_length(args); i++) {
        if (!IsA(list_nth(args, i), Const))
            return false;
    }
    return true;
}

/* The question of visible and undenied; NULL where its arguments are not known when planning. */
static CrmQuestion *
find_question(Planner planner, List *args)
{
    CrmQuestionText texts = {constant_text(args, 1), constant_text(args, 2), constant_text(args, 3),
                             constant_text(args, 4)};

    if (texts.object == NULL || texts.privilege == NULL || !all_constant(args))
        return NULL;
    return crm_question(planner.organisation, planner.principal, &texts);
}

/* Index conditions */

/* Whether an index serves an operator on its leading column, by its family or (^@) by the operator's own support
 * function. Under a policy the operator must be leakproof, too. */
static bool
serves(IndexOptInfo *index, Oid op, List *args)
{
    Oid function = get_opcode(op);

    if (index->nkeycolumns == 0 || !get_func_leakproof(function) ||
        !(op_in_opfamily(op, index->opfamily[0]) || OidIsValid(get_func_support(function))))
        return false;
    return match_index_to_operand(linitial(args), 0, index) ||
           (list_length(args) == 2 && match_index_to_operand(lsecond(args), 0, index));
}

static bool
some_index_serves(RelOptInfo *rel, Expr *clause)
{
    ListCell *cell;

    foreach (cell, rel->indexlist) {
        IndexOptInfo *index = lfirst_node(IndexOptInfo, cell);

        if (IsA(clause, OpExpr) && serves(index, ((OpExpr *) clause)->opno, ((OpExpr *) clause)->args))
            return true;
        if (IsA(clause, ScalarArrayOpExpr) &&
            serves(index, ((ScalarArrayOpExpr *) clause)->opno, ((ScalarArrayOpExpr *) clause)->args))
            return true;
    }
    return false;
}

/* Rows that the best other condition that an index serves would leave. */
static double
rows_left_by_others(PlannerInfo *root, RelOptInfo *rel)
{
    double rows = rel->tuples;
    ListCell *cell;

    foreach (cell, rel->baserestrictinfo) {
        RestrictInfo *clause = lfirst_node(RestrictInfo, cell);

        if (some_index_serves(rel, clause->clause))
            rows = Min(rows, rel->tuples * clause_selectivity(root, (Node *) clause, 0, JOIN_INNER, NULL));
    }
    return rows;
}

static bool
is_worth_listing(SupportRequestIndexCondition *request, double values)
{
    return values == 0 ||
           rows_left_by_others(request->root, request->index->rel) >= ROWS_PER_VALUE_MIN * values;
}

/* `column = ANY (crm.listing(arguments))` as the index writes it, or NULL where the index has no such operator. */
static List *
make_condition(SupportRequestIndexCondition *request, const char *listing, List *arguments)
{
    IndexOptInfo *index = request->index;
    List *args = ((FuncExpr *) request->node)->args;
    Node *column = linitial(args);
    Oid type = exprType(column);
    Oid array_type = get_array_type(type);
    Oid op = get_opfamily_member(request->opfamily, type, type, BTEqualStrategyNumber);
    Oid argument_types[FUNC_MAX_ARGS];
    const char *suffix = type == TEXTOID   ? "texts"
                         : type == INT4OID ? "integers"
                         : type == INT8OID ? "bigints"
                                           : "uuids";
    ScalarArrayOpExpr *condition;
    ListCell *cell;
    Oid function;
    int count = 0;

    if (!index->amsearcharray || index->relam != BTREE_AM_OID || !OidIsValid(op))
        return NIL;
    foreach (cell, arguments)
        argument_types[count++] = exprType(lfirst(cell));
    function = LookupFuncName(list_make2(makeString(get_namespace_name(crm_schema_oid())),
                                         makeString(psprintf("%s_%s", listing, suffix))),
                              count, argument_types, true);
    if (!OidIsValid(function))
        return NIL;
    condition = makeNode(ScalarArrayOpExpr);
    condition->opno = op;
    condition->opfuncid = get_opcode(op);
    condition->useOr = true;
    condition->inputcollid = request->indexcollation;
    condition->args = list_make2(
        column, makeFuncExpr(function, array_type, arguments, InvalidOid, InvalidOid, COERCE_EXPLICIT_CALL));
    condition->location = -1;
    request->lossy = true;
    return list_make1(condition);
}

/* Only the column itself, only with arguments that are known, and only where a role that plans is the role that
 * asks: a function that runs with its owner's rights keeps its plans for whoever calls it next. */
static bool
may_list(SupportRequestIndexCondition *request)
{
    return request->indexarg == 0 && IsA(request->node, FuncExpr) &&
           all_constant(((FuncExpr *) request->node)->args) && GetUserId() == crm_caller_oid();
}

static List *
arguments_of(SupportRequestIndexCondition *request)
{
    return list_copy_tail(((FuncExpr *) request->node)->args, 1);
}

/* What each predicate says of itself: the share of rows that pass, false where that is not known; and the index
 * condition, NIL where there is none. */
typedef struct Predicate {
    bool (*estimate)(Planner planner, SupportRequestSelectivity *request);
    List *(*list)(Planner planner, SupportRequestIndexCondition *request);
} Predicate;

static bool
estimate(const Predicate *predicate, SupportRequestSelectivity *request)
{
    Planner planner = {.organisation = crm_organisation()};
    const CrmIdentity *identity;

    if (request->is_join)
        return false;
    identity = crm_identity_current(planner.organisation);
    planner.principal = identity->principal;
    if (!identity->outside && identity->principal >= 0)
        return predicate->estimate(planner, request);
    request->selectivity = 1.0;
    return identity->outside;
}

static List *
list_rows(const Predicate *predicate, SupportRequestIndexCondition *request)
{
    Planner planner = {.organisation = crm_organisation()};
    const CrmIdentity *identity = crm_identity_current(planner.organisation);

    planner.principal = identity->principal;
    if (identity->outside || identity->principal < 0 || !may_list(request))
        return NIL;
    return predicate->list(planner, request);
}

static Datum
support(FunctionCallInfo fcinfo, const Predicate *predicate)
{
    Node *request = (Node *) PG_GETARG_POINTER(0);

    if (IsA(request, SupportRequestSelectivity) && estimate(predicate, (SupportRequestSelectivity *) request))
        PG_RETURN_POINTER(request);
    if (IsA(request, SupportRequestIndexCondition) && predicate->list != NULL)
        PG_RETURN_POINTER(list_rows(predicate, (SupportRequestIndexCondition *) request));
    PG_RETURN_POINTER(NULL);
}

#define SUPPORT(name, predicate)                                                                             \
    PG_FUNCTION_INFO_V1(name);                                                                               \
    Datum name(PG_FUNCTION_ARGS)                                                                             \
    {                                                                                                        \
        return support(fcinfo, &(predicate));                                                                \
    }

/* visible */

static bool
estimate_units(Planner planner, SupportRequestSelectivity *request)
{
    CrmQuestion *question = find_question(planner, request->args);

    if (question == NULL || planner.organisation->unit_count == 0)
        return false;
    crm_plans_note(planner.organisation, request->funcid, text_to_cstring(constant_text(request->args, 1)),
                   question->privilege, question->fallback,
                   crm_plans_listable(planner.organisation, question->access, question->fallback));
    request->selectivity = (Selectivity) question->access->count / planner.organisation->unit_count;
    return true;
}

static List *
list_units(Planner planner, SupportRequestIndexCondition *request)
{
    CrmQuestion *question = find_question(planner, ((FuncExpr *) request->node)->args);

    if (question == NULL || !crm_plans_listable(planner.organisation, question->access, question->fallback) ||
        !is_worth_listing(request, question->access->count))
        return NIL;
    return make_condition(request, "visible", arguments_of(request));
}

static const Predicate visible_predicate = {estimate_units, list_units};
SUPPORT(crm_visible_support, visible_predicate)

/* undenied: nearly always true */

static bool
estimate_undenied(Planner planner, SupportRequestSelectivity *request)
{
    request->selectivity = 1.0;
    return true;
}

static const Predicate undenied_predicate = {estimate_undenied, NULL};
SUPPORT(crm_undenied_support, undenied_predicate)

/* owned: as if principals owned evenly */

static double
owners(Planner planner)
{
    return 1.0 + list_length(planner.organisation->teams[planner.principal]);
}

static bool
estimate_owned(Planner planner, SupportRequestSelectivity *request)
{
    request->selectivity = Min(1.0, owners(planner) / Max(planner.organisation->principal_count, 1));
    return true;
}

static List *
list_owned(Planner planner, SupportRequestIndexCondition *request)
{
    if (!is_worth_listing(request, owners(planner)))
        return NIL;
    return make_condition(request, "owned", arguments_of(request));
}

static const Predicate owned_predicate = {estimate_owned, list_owned};
SUPPORT(crm_owned_support, owned_predicate)

/* shared: few */

static void
count_share(const char *key, void *arg)
{
    (*(double *) arg)++;
}

/* -1 where it is not known. */
static double
count_shares(Planner planner, List *args)
{
    Const *relation = constant(args, 1);
    text *privilege = constant_text(args, 2);
    double count = 0;
    uint64 changes;

    if (relation == NULL || privilege == NULL)
        return -1;
    crm_shares_each(crm_shares(planner.organisation, planner.principal, &changes),
                    DatumGetObjectId(relation->constvalue), crm_privilege_parse(text_to_cstring(privilege)),
                    count_share, &count);
    return count;
}

static bool
estimate_shared(Planner planner, SupportRequestSelectivity *request)
{
    RelOptInfo *rel = request->varRelid == 0 ? NULL : find_base_rel(request->root, request->varRelid);
    double count = count_shares(planner, request->args);

    if (count < 0)
        return false;
    request->selectivity = rel != NULL && rel->tuples > 0 ? Min(1.0, count / rel->tuples)
                           : count > 0                    ? 0.001
                                                          : 0.0;
    return true;
}

static List *
list_shared(Planner planner, SupportRequestIndexCondition *request)
{
    double count = count_shares(planner, ((FuncExpr *) request->node)->args);

    if (count < 0 || count > CRM_LISTED_UNITS_MAX)
        return NIL;
    return make_condition(request, "shared", arguments_of(request));
}

static const Predicate shared_predicate = {estimate_shared, list_shared};
SUPPORT(crm_shared_support, shared_predicate)
