/*
 * expression.c: parses and checks expressions of components. See expression.h.
 */
#include "base/compat.h"
#include "kpi/expression.h"

#include "base/caller.h"
#include "base/error.h"
#include "base/foreign.h"
#include "base/nearest.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parser.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"

typedef struct Parsing {
    const char *text;
    CrmAttributeHook hook;
    void *arg;
} Parsing;

static void
parsing_context(void *arg)
{
    const Parsing *p = arg;

    if (geterrposition() >
        0) { /* a position in the text that the parser saw, which was not the user's statement */
        errposition(0);
        internalerrquery(p->text);
    }
    /* what the parser says of it: no such operator, no expression at all; not that somebody may not use a function */
    if (ERRCODE_TO_CATEGORY(geterrcode()) == ERRCODE_SYNTAX_ERROR_OR_ACCESS_RULE_VIOLATION &&
        geterrcode() != ERRCODE_INSUFFICIENT_PRIVILEGE) {
        if (geterrcode() == ERRCODE_SYNTAX_ERROR)
            errhint("Give one expression over the attributes of the entity.");
        errcode(ERRCODE_CRM_INVALID_COMPONENT);
    }
    errcontext("expression of a component: %s", p->text);
}

int
crm_expression_enter(void)
{
    int level = NewGUCNestLevel();

    (void) set_config_option("search_path", "pg_catalog, pg_temp", PGC_USERSET, PGC_S_SESSION,
                             GUC_ACTION_SAVE, true, 0, false);
    return level;
}

static Node *
column_to_attribute(ParseState *pstate, ColumnRef *column)
{
    const Parsing *p = pstate->p_ref_hook_state;

    if (list_length(column->fields) != 1 || !IsA(linitial(column->fields), String))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_COMPONENT),
                errmsg("an expression of a component names attributes alone: %s", p->text),
                errhint("Write the attribute's name without a table before it."));
    return p->hook(pstate, strVal(linitial(column->fields)), column->location, p->arg);
}

static void
refuse_foreign(Node *node)
{
    switch (crm_foreign_find(node)) {
    case CRM_FOREIGN_NONE:
        break;
    case CRM_FOREIGN_FUNCTION:
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_COMPONENT),
                errmsg("an expression of a component calls a function that belongs to no extension"),
                errhint("Map an attribute to a generated column that holds its value."));
    case CRM_FOREIGN_TYPE:
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_COMPONENT),
                errmsg("an expression of a component makes a value of a type of your own"),
                errhint("Cast to a type of the system instead."));
    }
}

/* The raw tree of exactly one expression. */
static Node *
raw_expression(const char *text)
{
    List *statements = raw_parser(psprintf("SELECT (%s\n)", text), RAW_PARSE_DEFAULT);
    SelectStmt *select = (SelectStmt *) linitial_node(RawStmt, statements)->stmt;

    if (list_length(statements) != 1 || !IsA(select, SelectStmt) || list_length(select->targetList) != 1 ||
        select->fromClause != NIL || select->whereClause != NULL || select->op != SETOP_NONE ||
        select->sortClause != NIL || select->limitCount != NULL || select->groupClause != NIL)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_COMPONENT), errmsg("not one expression: %s", text),
                errhint("Give one expression over the attributes of the entity."));
    return linitial_node(ResTarget, select->targetList)->val;
}

Node *
crm_expression_parse(const char *text, Oid type, CrmAttributeHook hook, void *arg)
{
    Parsing parsing = {.text = text, .hook = hook, .arg = arg};
    ErrorContextCallback context = {
        .previous = error_context_stack, .callback = parsing_context, .arg = &parsing};
    ParseState *pstate = make_parsestate(NULL);
    Node *node;

    error_context_stack = &context;
    pstate->p_pre_columnref_hook = column_to_attribute;
    pstate->p_ref_hook_state = &parsing;
    node = transformExpr(pstate, raw_expression(text), EXPR_KIND_GENERATED_COLUMN);
    if (OidIsValid(type)) {
        Oid given = exprType(node);

        node = coerce_to_target_type(pstate, node, given, type, -1, COERCION_ASSIGNMENT, COERCE_IMPLICIT_CAST,
                                     -1);
        if (node == NULL)
            ereport(ERROR, errcode(ERRCODE_CRM_INVALID_COMPONENT),
                    errmsg("an expression of a component is of type %s where %s is needed: %s",
                           format_type_be(given), format_type_be(type), text));
    }
    assign_expr_collations(pstate, node);
    free_parsestate(pstate);
    error_context_stack = context.previous;
    return node;
}

/*
 * Checking: attributes stand as parameters of the type of their kind.
 */
typedef struct Check {
    const char *entity;
    int count;
    Datum *names;
    Datum *kinds;
    List *used; /* of String, each once */
} Check;

Oid
crm_kind_type(const char *kind)
{
    static const struct {
        const char *kind;
        Oid type;
    } types[] = {{"time", TIMESTAMPTZOID}, {"date", DATEOID},    {"number", NUMERICOID},
                 {"integer", INT8OID},     {"boolean", BOOLOID}, {"json", JSONBOID}};

    for (int i = 0; i < (int) lengthof(types); i++)
        if (strcmp(kind, types[i].kind) == 0)
            return types[i].type;
    return TEXTOID;
}

static Node *
attribute_to_param(ParseState *pstate, const char *attribute, int location, void *arg)
{
    Check *check = arg;
    CrmNearest nearest = {.name = attribute};

    for (int i = 0; i < check->count; i++) {
        char *name = TextDatumGetCString(check->names[i]);
        Param *param;

        crm_nearest_try(&nearest, name);
        if (strcmp(name, attribute) != 0)
            continue;
        if (!list_member(check->used, makeString(name)))
            check->used = lappend(check->used, makeString(name));
        param = makeNode(Param);
        param->paramkind = PARAM_EXTERN;
        param->paramid = i + 1;
        param->paramtype = crm_kind_type(TextDatumGetCString(check->kinds[i]));
        param->paramtypmod = -1;
        param->paramcollid = get_typcollation(param->paramtype);
        param->location = location;
        return (Node *) param;
    }
    ereport(ERROR, errcode(ERRCODE_CRM_UNKNOWN_NAME),
            errmsg("attribute \"%s\" of entity %s does not exist", attribute, check->entity),
            nearest.best ? errhint("Perhaps you meant \"%s\".", nearest.best)
                         : errhint("The view entity_attribute lists what an entity has."));
}

/* The names and kinds of an entity's attributes. */
static void
read_attributes(Check *check, ArrayType *names, ArrayType *kinds)
{
    int kind_count;

    deconstruct_array(names, TEXTOID, -1, false, TYPALIGN_INT, &check->names, NULL, &check->count);
    deconstruct_array(kinds, TEXTOID, -1, false, TYPALIGN_INT, &check->kinds, NULL, &kind_count);
    if (kind_count != check->count)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("attributes and kinds differ in number"),
                errhint("This function is called by define_component; use that."));
}

PG_FUNCTION_INFO_V1(crm_check_expression);

/*
 * crm.check_expression(entity, attributes, kinds, expression, role) → the attributes that it uses. role: day (a date or
 * timestamptz), filter (boolean), sum (a number).
 */
Datum
crm_check_expression(PG_FUNCTION_ARGS)
{
    Check check = {.entity = text_to_cstring(PG_GETARG_TEXT_PP(0))};
    char *expression = text_to_cstring(PG_GETARG_TEXT_PP(3));
    char *role = text_to_cstring(PG_GETARG_TEXT_PP(4));
    Oid type = strcmp(role, "filter") == 0 ? BOOLOID : strcmp(role, "sum") == 0 ? NUMERICOID : InvalidOid;
    CrmRights rights = crm_rights_enter(crm_caller_oid()); /* the parser evaluates constants */
    ArrayBuildState *used = NULL;
    Node *node;
    ListCell *cell;

    read_attributes(&check, PG_GETARG_ARRAYTYPE_P(1), PG_GETARG_ARRAYTYPE_P(2));
    (void) crm_expression_enter();
    node = crm_expression_parse(expression, type, attribute_to_param, &check);
    if (!OidIsValid(type) && exprType(node) != DATEOID && exprType(node) != TIMESTAMPTZOID)
        ereport(
            ERROR, errcode(ERRCODE_CRM_INVALID_COMPONENT),
            errmsg("the day of a component must be a date or a time, not %s: %s",
                   format_type_be(exprType(node)), expression),
            errhint("Name an attribute such as closed_at; its day is cut in the organisation's time zone."));
    refuse_foreign(node);
    if (contain_mutable_functions((Node *) expression_planner((Expr *) copyObject(node))))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_COMPONENT),
                errmsg("an expression of a component is not immutable: %s", expression),
                errdetail("Its value could change with a setting, the time or another table."),
                errhint("Write time zones out, as in (closed_at AT TIME ZONE 'Europe/Madrid')::date."));
    crm_rights_leave(rights);
    foreach (cell, check.used)
        used = accumArrayResult(used, CStringGetTextDatum(strVal(lfirst(cell))), false, TEXTOID,
                                CurrentMemoryContext);
    if (used == NULL)
        PG_RETURN_ARRAYTYPE_P(construct_empty_array(TEXTOID));
    PG_RETURN_DATUM(makeArrayResult(used, CurrentMemoryContext));
}

/* As attribute_to_param, but what is not mapped is NULL. */
typedef struct Emptiness {
    Check check;
    int mapped_count;
    Datum *mapped;
} Emptiness;

static Node *
attribute_to_param_or_null(ParseState *pstate, const char *attribute, int location, void *arg)
{
    Emptiness *emptiness = arg;
    Param *param = (Param *) attribute_to_param(pstate, attribute, location, &emptiness->check);

    for (int i = 0; i < emptiness->mapped_count; i++)
        if (strcmp(TextDatumGetCString(emptiness->mapped[i]), attribute) == 0)
            return (Node *) param;
    return (Node *) makeNullConst(param->paramtype, -1, param->paramcollid);
}

PG_FUNCTION_INFO_V1(crm_expression_is_empty);

/*
 * crm.expression_is_empty(entity, attributes, kinds, mapped, expression): whether a sum is NULL for every row of a table
 * that maps only some attributes.
 */
Datum
crm_expression_is_empty(PG_FUNCTION_ARGS)
{
    Emptiness emptiness = {.check = {.entity = text_to_cstring(PG_GETARG_TEXT_PP(0))}};
    Check *check = &emptiness.check;
    char *expression = text_to_cstring(PG_GETARG_TEXT_PP(4));
    int level = crm_expression_enter();
    Expr *planned;

    read_attributes(check, PG_GETARG_ARRAYTYPE_P(1), PG_GETARG_ARRAYTYPE_P(2));
    deconstruct_array(PG_GETARG_ARRAYTYPE_P(3), TEXTOID, -1, false, TYPALIGN_INT, &emptiness.mapped, NULL,
                      &emptiness.mapped_count);
    planned = expression_planner(
        (Expr *) crm_expression_parse(expression, NUMERICOID, attribute_to_param_or_null, &emptiness));
    AtEOXact_GUC(true, level);
    PG_RETURN_BOOL(IsA(planned, Const) && ((Const *) planned)->constisnull);
}
