/*
 * mapping.c: turns what somebody typed as the mapping of an attribute into an expression that is safe to evaluate.
 *
 * crm.mapping_expression(relation, attribute, kind, text, zone) takes the name of a column or an expression over
 * columns of one row, and returns the expression as SQL over a parameter r of the table's row type, coerced to what
 * the kind of attribute promises. It goes through the server's own parser and comes back deparsed from the analysed
 * tree, so that nothing but an expression can come out of it. Refused, by name of the attribute:
 *
 * - columns that do not exist, with the nearest one in the hint; system columns and whole rows; virtual generated columns,
 *   whose value no row has: a trigger would read NULL;
 * - whatever is not immutable: a number must not change because somebody's time zone does;
 * - subqueries, aggregates and the like (the parser's rules for index expressions);
 * - functions that belong to neither pg_catalog nor an extension, and values of a team's own types: mappings are
 *   evaluated with the extension's rights, and nobody may run his text as somebody else. The analysis itself evaluates
 *   constants and runs as the table's owner.
 */
#include "base/compat.h"

#include "access/table.h"
#include "base/error.h"
#include "base/foreign.h"
#include "base/nearest.h"
#include "base/schema.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/clauses.h"
#include "optimizer/optimizer.h"
#include "parser/parse_coerce.h"
#include "parser/parse_collate.h"
#include "parser/parse_expr.h"
#include "parser/parse_relation.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/datetime.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

typedef struct Mapping {
    Relation rel;
    const char *attribute;
    const char *kind;
    const char *text;
    const char *zone;
} Mapping;

static const char *
type_of_kind(const char *kind)
{
    static const char *const types[][2] = {{"time", "timestamptz"}, {"date", "date"},
                                           {"number", "numeric"},   {"integer", "bigint"},
                                           {"boolean", "boolean"},  {"json", "jsonb"}};

    for (size_t i = 0; i < lengthof(types); i++)
        if (strcmp(kind, types[i][0]) == 0)
            return types[i][1];
    return "text";
}

static void
mapping_context(void *arg)
{
    const Mapping *m = arg;
    int position = geterrposition();

    if (position > 0) { /* a position in the text that the parser saw, which was not the user's statement */
        errposition(0);
        internalerrquery(m->text);
    }
    switch (geterrcode()) { /* what the parser found wrong is a mapping that cannot work */
    case ERRCODE_SYNTAX_ERROR:
    case ERRCODE_FEATURE_NOT_SUPPORTED:
    case ERRCODE_GROUPING_ERROR:
    case ERRCODE_WINDOWING_ERROR:
    case ERRCODE_UNDEFINED_COLUMN:
    case ERRCODE_UNDEFINED_FUNCTION:
    case ERRCODE_CANNOT_COERCE:
        errcode(ERRCODE_CRM_INVALID_MAPPING);
        errhint(
            "Map \"%s\" to a column, or to one expression over columns of the row, that can be cast to %s.",
            m->attribute, type_of_kind(m->kind));
        break;
    default:
        break;
    }
    errcontext("mapping of attribute \"%s\" of table %s", m->attribute, RelationGetRelationName(m->rel));
}

/* A column that does not exist is the most frequent mistake: say which one was probably meant. */
static void
refuse_unknown_column(const Mapping *m, const char *name)
{
    char *near = crm_nearest_column(m->rel, name);

    ereport(ERROR, errcode(ERRCODE_CRM_INVALID_MAPPING),
            errmsg("attribute \"%s\" is mapped to column \"%s\", which table \"%s\" does not have",
                   m->attribute, name, RelationGetRelationName(m->rel)),
            near
                ? errhint("Perhaps you meant the column \"%s\".", near)
                : errhint("Type \\d %s to see its columns; text constants need quotes inside: \"'visitor'\".",
                          RelationGetRelationName(m->rel)));
}

/* The raw parse tree of one expression; anything else that parses after SELECT is refused. */
static Node *
parse_one_expression(const Mapping *m)
{
    char *query = psprintf("SELECT (%s\n)", m->text);
    List *statements = raw_parser(query, RAW_PARSE_DEFAULT);
    SelectStmt *select;
    ResTarget *target;
    bool plain = false;

    if (list_length(statements) == 1) {
        select = (SelectStmt *) linitial_node(RawStmt, statements)->stmt;
        plain = IsA(select, SelectStmt) && list_length(select->targetList) == 1 &&
                select->distinctClause == NIL && select->intoClause == NULL && select->fromClause == NIL &&
                select->whereClause == NULL && select->groupClause == NIL && select->havingClause == NULL &&
                select->windowClause == NIL && select->valuesLists == NIL && select->sortClause == NIL &&
                select->limitCount == NULL && select->limitOffset == NULL && select->lockingClause == NIL &&
                select->withClause == NULL && select->op == SETOP_NONE;
    }
    if (!plain)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_MAPPING),
                errmsg("mapping of attribute \"%s\" is not one expression: %s", m->attribute, m->text),
                errhint("Give the name of a column, or one expression over columns of the row."));
    target = linitial_node(ResTarget, select->targetList);
    if (IsA(target->val, ColumnRef)) {
        List *fields = ((ColumnRef *) target->val)->fields;
        Node *first = linitial(fields);

        if (list_length(fields) == 1 && IsA(first, String) &&
            get_attnum(RelationGetRelid(m->rel), strVal(first)) == InvalidAttrNumber)
            refuse_unknown_column(m, strVal(first));
    }
    return target->val;
}

static Node *
raw_cast(Node *raw, Oid type)
{
    TypeCast *cast = makeNode(TypeCast);

    cast->arg = raw;
    cast->typeName = makeTypeNameFromOid(type, -1);
    cast->location = -1;
    return (Node *) cast;
}

static Node *
raw_in_zone(const Mapping *m, Node *raw)
{
    A_Const *zone = makeNode(A_Const);

    zone->val.sval.type = T_String;
    zone->val.sval.sval = pstrdup(m->zone);
    zone->location = -1;
    return (Node *) makeFuncCall(
        list_make2(makeString(pstrdup("pg_catalog")), makeString(pstrdup("timezone"))), list_make2(zone, raw),
        COERCE_EXPLICIT_CALL, -1);
}

static bool
is_key_kind(const char *kind)
{
    return strcmp(kind, "key") == 0 || strcmp(kind, "reference") == 0;
}

/* Whether a cast to text asks no setting and no catalogue: what is marked immutable may do so all the same. */
static bool
is_plain_text(Oid base)
{
    static const Oid plain[] = {TEXTOID, VARCHAROID, BPCHAROID, NAMEOID, INT2OID,   INT4OID,
                                INT8OID, NUMERICOID, UUIDOID,   BOOLOID, UNKNOWNOID};

    for (size_t i = 0; i < lengthof(plain); i++)
        if (base == plain[i])
            return true;
    return get_element_type(base) == InvalidOid && get_typtype(base) == TYPTYPE_BASE &&
           type_is_collatable(base);
}

/* Coerces to the type that the kind of attribute promises; immutably where the server can. */
static Node *
raw_coerced(const Mapping *m, Node *raw, Oid type)
{
    Oid base = getBaseType(type);

    if (strcmp(m->kind, "value") == 0)
        return raw;
    if (strcmp(m->kind, "time") == 0) {
        if (base == DATEOID)
            raw = raw_cast(raw, TIMESTAMPOID);
        if (base == DATEOID || base == TIMESTAMPOID)
            return raw_in_zone(m, raw);
        return raw_cast(raw, TIMESTAMPTZOID);
    }
    if (strcmp(m->kind, "date") == 0) {
        if (base == TIMESTAMPTZOID)
            raw = raw_in_zone(m, raw);
        return raw_cast(raw, DATEOID);
    }
    if (strcmp(m->kind, "number") == 0)
        return raw_cast(raw, NUMERICOID);
    if (strcmp(m->kind, "integer") == 0)
        return raw_cast(raw, INT8OID);
    if (strcmp(m->kind, "boolean") == 0)
        return raw_cast(raw, BOOLOID);
    if (strcmp(m->kind, "json") == 0)
        return raw_cast(raw, JSONBOID);
    if (is_key_kind(m->kind) && !is_plain_text(base))
        return (Node *) makeFuncCall(
            list_make2(makeString(get_namespace_name(crm_schema_oid())), makeString(pstrdup("key_text"))),
            list_make1(raw), COERCE_EXPLICIT_CALL, -1);
    if (base == DATEOID) /* a cast would ask how the session writes dates */
        return (Node *) makeFuncCall(
            list_make2(makeString(get_namespace_name(crm_schema_oid())), makeString(pstrdup("iso_date"))),
            list_make1(raw), COERCE_EXPLICIT_CALL, -1);
    if (type_is_enum(base)) /* its text is only stable: whoever reads it casts */
        return raw;
    return raw_cast(raw, TEXTOID);
}

static void
refuse_foreign(const Mapping *m, Node *node)
{
    switch (crm_foreign_find(node)) {
    case CRM_FOREIGN_NONE:
        break;
    case CRM_FOREIGN_FUNCTION:
        ereport(
            ERROR, errcode(ERRCODE_CRM_INVALID_MAPPING),
            errmsg("mapping of attribute \"%s\" calls a function that belongs to no extension", m->attribute),
            errhint("Make a stored generated column of it, and map that column."));
    case CRM_FOREIGN_TYPE:
        ereport(
            ERROR, errcode(ERRCODE_CRM_INVALID_MAPPING),
            errmsg("mapping of attribute \"%s\" makes a value of a type of your own", m->attribute),
            errhint("Cast to a type of the system instead, or make a stored generated column and map that."));
    }
}

static bool
refuse_walker(Node *node, void *context)
{
    const Mapping *m = context;

    if (node == NULL)
        return false;
    if (IsA(node, Var) && ((Var *) node)->varattno <= 0)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_MAPPING),
                errmsg("mapping of attribute \"%s\" uses a whole row or a system column", m->attribute),
                errhint("Name the columns that it needs."));
    if (IsA(node, Var) && ((Var *) node)->varno > 0 &&
        TupleDescAttr(RelationGetDescr(m->rel), ((Var *) node)->varattno - 1)->attgenerated ==
            ATTRIBUTE_GENERATED_VIRTUAL)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_MAPPING),
                errmsg("mapping of attribute \"%s\" uses a virtual generated column", m->attribute),
                errhint("Map its expression, or make the column STORED."));
    return expression_tree_walker(node, refuse_walker, context);
}

static Node *
transform(ParseState *pstate, Node *raw)
{
    Node *node = transformExpr(pstate, copyObject(raw), EXPR_KIND_INDEX_EXPRESSION);

    assign_expr_collations(pstate, node);
    return node;
}

static Node *
analyse(const Mapping *m)
{
    ParseState *pstate = make_parsestate(NULL);
    ParseNamespaceItem *item =
        addRangeTableEntryForRelation(pstate, m->rel, AccessShareLock, NULL, false, true);
    Node *raw;
    Node *node;

    addNSItemToQuery(pstate, item, true, true, true);
    if (get_attnum(RelationGetRelid(m->rel), m->text) > 0) { /* a column's name, however it is spelt */
        ColumnRef *column = makeNode(ColumnRef);

        column->fields = list_make1(makeString(pstrdup(m->text)));
        column->location = -1;
        raw = (Node *) column;
    } else
        raw = parse_one_expression(m);
    node = transform(pstate, raw);
    node = transform(pstate, raw_coerced(m, raw, exprType(node)));
    refuse_foreign(m, node);
    refuse_walker(node, unconstify(Mapping *, m));
    if (contain_mutable_functions((Node *) expression_planner((Expr *) copyObject(node))))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_MAPPING),
                errmsg("mapping of attribute \"%s\" is not immutable: %s", m->attribute, m->text),
                errdetail("Its value could change with a setting, the time or another table."),
                errhint("Write time zones out, as in (opened AT TIME ZONE 'Europe/Madrid'), and map columns "
                        "of fitting "
                        "types: a %s is needed.",
                        m->kind));
    free_parsestate(pstate);
    return node;
}

PG_FUNCTION_INFO_V1(crm_mapping_expression);

Datum
crm_mapping_expression(PG_FUNCTION_ARGS)
{
    Mapping m = {.attribute = text_to_cstring(PG_GETARG_TEXT_PP(1)),
                 .kind = text_to_cstring(PG_GETARG_TEXT_PP(2)),
                 .text = text_to_cstring(PG_GETARG_TEXT_PP(3)),
                 .zone = text_to_cstring(PG_GETARG_TEXT_PP(4))};
    ErrorContextCallback *outer = error_context_stack;
    ErrorContextCallback context = {.callback = mapping_context,
                                    .arg = &m}; /* without the callers: noise to a user */
    TupleDesc desc;
    Datum values[2];
    bool nulls[2] = {false, false};
    CrmRights rights;
    Node *node;

    if (get_call_result_type(fcinfo, NULL, &desc) != TYPEFUNC_COMPOSITE)
        elog(ERROR, "return type must be a row type");
    m.rel = crm_given_table_open(PG_GETARG_OID(0), AccessShareLock);
    error_context_stack = &context;
    rights = crm_rights_enter(m.rel->rd_rel->relowner);
    node = analyse(&m);
    crm_rights_leave(rights);
    error_context_stack = outer;
    values[0] = CStringGetTextDatum(
        deparse_expression(node, deparse_context_for("r", RelationGetRelid(m.rel)), true, false));
    values[1] = ObjectIdGetDatum(exprType(node));
    table_close(m.rel, NoLock); /* what was checked stays as it is until the function is made */
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(desc), values, nulls)));
}

PG_FUNCTION_INFO_V1(crm_depend_on_table);

/*
 * crm.depend_on_table(function, relation): what a map_ function depends on, made fitting.
 *
 * A dependency on the table itself makes DROP TABLE take the function with it, as it does with triggers. The one on
 * its row type goes: with it the server refuses ADD COLUMN ... DEFAULT and every rewrite of the table, for a function
 * that only picks fields by their number. Those on columns stay: they follow a rename, and refuse DROP COLUMN and
 * ALTER TYPE of what is mapped.
 */
Datum
crm_depend_on_table(PG_FUNCTION_ARGS)
{
    Oid function_oid = PG_GETARG_OID(0);
    Oid relation_oid = PG_GETARG_OID(1);
    ObjectAddress function;
    ObjectAddress table;

    ObjectAddressSet(function, ProcedureRelationId, function_oid);
    ObjectAddressSet(table, RelationRelationId, relation_oid);
    deleteDependencyRecordsForSpecific(ProcedureRelationId, function_oid, DEPENDENCY_NORMAL, TypeRelationId,
                                       get_rel_type_id(relation_oid));
    deleteDependencyRecordsForSpecific(ProcedureRelationId, function_oid, DEPENDENCY_AUTO, RelationRelationId,
                                       relation_oid);
    recordDependencyOn(&function, &table, DEPENDENCY_AUTO);
    PG_RETURN_VOID();
}

PG_FUNCTION_INFO_V1(crm_iso_date);

Datum
crm_iso_date(PG_FUNCTION_ARGS)
{
    DateADT date = PG_GETARG_DATEADT(0);
    char text[MAXDATELEN + 1];
    struct pg_tm tm = {0};

    if (DATE_NOT_FINITE(date)) {
        EncodeSpecialDate(date, text);
    } else {
        j2date(date + POSTGRES_EPOCH_JDATE, &tm.tm_year, &tm.tm_mon, &tm.tm_mday);
        EncodeDateOnly(&tm, USE_ISO_DATES, text);
    }
    PG_RETURN_TEXT_P(cstring_to_text(text));
}
