/*
 * mapped_row.c: see mapped_row.h.
 */
#include "base/compat.h"
#include "base/mapped_row.h"
#include "base/schema.h"

#include "access/sysattr.h"
#include "access/table.h"
#include "access/tupconvert.h"
#include "catalog/pg_type.h"
#include "executor/executor.h"
#include "nodes/makefuncs.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "parser/parse_collate.h"
#include "parser/parse_func.h"
#include "parser/parse_node.h"
#include "utils/lsyscache.h"

struct CrmMappedRow {
    int count;
    Oid *types;
    bool plain;
    Bitmapset *columns;
    ExprContext *econtext;
    ProjectionInfo *projection;
    TupleConversionMap *map; /* NULL: the relation has the table's own row type */
    TupleTableSlot *converted;
};

/* The label of an enum, by its output function: a cast to text may be the owner's own, and would run with the rights of whoever reads. */
static Node *
label_of(Node *value)
{
    CoerceViaIO *label = makeNode(CoerceViaIO);

    label->arg = (Expr *) value;
    label->resulttype = TEXTOID;
    label->coerceformat = COERCE_EXPLICIT_CAST;
    label->location = -1;
    return (Node *) label;
}

Node *
crm_mapped_attribute(ParseState *pstate, Oid row_type, const char *attribute)
{
    List *name = list_make2(makeString(get_namespace_name(crm_schema_oid())),
                            makeString(psprintf("map_%s", attribute)));
    Oid function = LookupFuncName(name, 1, &row_type, true);
    Node *row = (Node *) makeVar(1, InvalidAttrNumber, row_type, -1, InvalidOid, 0);
    Node *call;

    if (!OidIsValid(function))
        return NULL;
    call = (Node *) makeFuncExpr(function, get_func_rettype(function), list_make1(row), InvalidOid,
                                 InvalidOid, COERCE_EXPLICIT_CALL);
    if (type_is_enum(exprType(call)))
        call = label_of(call);
    assign_expr_collations(pstate, call);
    return call;
}

/* Types whose text cannot fail to be written. */
static bool
is_plain_type(Oid type)
{
    switch (type) {
    case BOOLOID:
    case INT2OID:
    case INT4OID:
    case INT8OID:
    case NUMERICOID:
    case UUIDOID:
    case NAMEOID:
        return true;
    default:
        return false;
    }
}

static bool
is_plain(const Node *planned)
{
    for (;;) {
        if (IsA(planned, RelabelType))
            planned = (const Node *) ((const RelabelType *) planned)->arg;
        else if (IsA(planned, CoerceViaIO) &&
                 is_plain_type(exprType((const Node *) ((const CoerceViaIO *) planned)->arg)) &&
                 ((const CoerceViaIO *) planned)->resulttype == TEXTOID)
            planned = (const Node *) ((const CoerceViaIO *) planned)->arg;
        else
            break;
    }
    return IsA(planned, Const) || (IsA(planned, Var) && ((const Var *) planned)->varattno > 0);
}

/* A partition's columns may stand in another order than the table's. */
static void
prepare_conversion(CrmMappedRow *reader, Relation rel, Oid table_oid)
{
    Relation table;
    TupleDesc desc;

    if (RelationGetRelid(rel) == table_oid)
        return;
    table = table_open(table_oid, AccessShareLock);
    desc = CreateTupleDescCopy(RelationGetDescr(table));
    reader->map = convert_tuples_by_name(RelationGetDescr(rel), desc);
    if (reader->map != NULL) {
        reader->converted = MakeSingleTupleTableSlot(desc, &TTSOpsVirtual);
        reader->columns =
            bms_add_member(reader->columns, InvalidAttrNumber - FirstLowInvalidHeapAttributeNumber);
    }
    table_close(table, AccessShareLock);
}

CrmMappedRow *
crm_mapped_row_build(Relation rel, Oid table, const char *const *attributes, int count)
{
    CrmMappedRow *reader = palloc0(sizeof(CrmMappedRow));
    ParseState *pstate = make_parsestate(NULL);
    List *targets = NIL;

    reader->count = count;
    reader->types = palloc0(sizeof(Oid) * (Size) count);
    reader->plain = true;
    prepare_conversion(reader, rel, table);
    for (int i = 0; i < count; i++) {
        Node *call = crm_mapped_attribute(pstate, get_rel_type_id(table), attributes[i]);
        Expr *planned;

        if (call == NULL) {
            planned = (Expr *) makeNullConst(TEXTOID, -1, InvalidOid);
        } else {
            reader->types[i] = exprType(call);
            planned = expression_planner((Expr *) call);
        }
        reader->plain = reader->plain && is_plain((Node *) planned);
        pull_varattnos((Node *) planned, 1, &reader->columns);
        targets = lappend(targets, makeTargetEntry(planned, (AttrNumber) (i + 1), NULL, false));
    }
    free_parsestate(pstate);
    reader->econtext = CreateStandaloneExprContext();
    reader->projection = ExecBuildProjectionInfo(
        targets, reader->econtext, MakeSingleTupleTableSlot(ExecTypeFromTL(targets), &TTSOpsVirtual), NULL,
        NULL);
    return reader;
}

Oid
crm_mapped_row_type(const CrmMappedRow *reader, int attribute)
{
    return reader->types[attribute];
}

bool
crm_mapped_row_is_plain(const CrmMappedRow *reader)
{
    return reader->plain;
}

const Bitmapset *
crm_mapped_row_columns(const CrmMappedRow *reader)
{
    return reader->columns;
}

void
crm_mapped_row_read(CrmMappedRow *reader, TupleTableSlot *slot, Datum *values, bool *nulls)
{
    const TupleTableSlot *row;

    reader->econtext->ecxt_scantuple =
        reader->map ? execute_attr_map_slot(reader->map->attrMap, slot, reader->converted) : slot;
    row = ExecProject(reader->projection);
    memcpy(values, row->tts_values, sizeof(Datum) * (Size) reader->count);
    memcpy(nulls, row->tts_isnull, sizeof(bool) * (Size) reader->count);
}

void
crm_mapped_row_reset(CrmMappedRow *reader)
{
    ResetExprContext(reader->econtext);
}
