/*
 * redirect.c: see redirect.h.
 *
 * The columns are those of the trigger's own column list: Postgres keeps that right under renames, in partitions with
 * another column order and in dumps, where a name in an argument would go stale. What a trigger needs to know of its foreign
 * key, with a saved plan, is kept for the session and looked up again after a change of either table.
 */
#include "base/compat.h"
#include "base/error.h"
#include "base/foreign.h"
#include "base/kept_plan.h"
#include "base/schema.h"
#include "customer/redirect.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_constraint.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datum.h"
#include "utils/fmgroids.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/ruleutils.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(crm_redirect_reference);

typedef struct Redirect {
    Oid trigger;  /* the hash key */
    Oid relation; /* the table or partition that it stands on */
    Oid parent;   /* the table referred to; invalid where no foreign key has the trigger's columns */
    Oid owner;    /* of the parent */
    bool valid;
    int count;
    AttrNumber here[INDEX_MAX_KEYS];
    AttrNumber there[INDEX_MAX_KEYS];
    Oid equal[INDEX_MAX_KEYS]; /* operators, parent = child */
    SPIPlanPtr lock;           /* NULL until made */
} Redirect;

/* A reference: the values of the columns, in the order of Redirect.here. */
typedef struct Reference {
    Datum value[INDEX_MAX_KEYS];
} Reference;

static HTAB *redirects = NULL;

static void
forget(Datum arg, Oid relation)
{
    HASH_SEQ_STATUS scan;
    Redirect *redirect;

    hash_seq_init(&scan, redirects);
    while ((redirect = hash_seq_search(&scan)) != NULL)
        if (relation == InvalidOid || redirect->relation == relation || redirect->parent == relation)
            redirect->valid = false;
}

/* The table that the constraint was written for; its copies for partitions of that table say the partition. */
static Oid
written_target(const FormData_pg_constraint *constraint)
{
    Oid target = constraint->confrelid;
    Oid above = constraint->conparentid;

    while (OidIsValid(above)) {
        HeapTuple tuple = SearchSysCache1(CONSTROID, ObjectIdGetDatum(above));
        const FormData_pg_constraint *form;

        if (!HeapTupleIsValid(tuple))
            elog(ERROR, "cache lookup failed for constraint %u", above);
        form = (Form_pg_constraint) GETSTRUCT(tuple);
        target = form->confrelid;
        above = form->conparentid;
        ReleaseSysCache(tuple);
    }
    return target;
}

static bool
has_columns(const Redirect *redirect, const Trigger *trigger)
{
    if (redirect->count != trigger->tgnattr)
        return false;
    for (int i = 0; i < trigger->tgnattr; i++) {
        bool found = false;

        for (int k = 0; k < redirect->count; k++)
            found = found || redirect->here[k] == trigger->tgattr[i];
        if (!found)
            return false;
    }
    return true;
}

/* Fills redirect from the foreign key that has the trigger's columns; leaves parent invalid where there is none. */
static void
find_foreign_key(Redirect *redirect, const Trigger *trigger)
{
    Relation catalogue = table_open(ConstraintRelationId, AccessShareLock);
    ScanKeyData key;
    SysScanDesc scan;
    HeapTuple tuple;

    redirect->parent = InvalidOid;
    ScanKeyInit(&key, Anum_pg_constraint_conrelid, BTEqualStrategyNumber, F_OIDEQ,
                ObjectIdGetDatum(redirect->relation));
    scan = systable_beginscan(catalogue, ConstraintRelidTypidNameIndexId, true, NULL, 1, &key);
    while (!OidIsValid(redirect->parent) && HeapTupleIsValid(tuple = systable_getnext(scan))) {
        Form_pg_constraint constraint = (Form_pg_constraint) GETSTRUCT(tuple);

        if (constraint->contype != CONSTRAINT_FOREIGN || written_target(constraint) != constraint->confrelid)
            continue;
        DeconstructFkConstraintRow(tuple, &redirect->count, redirect->here, redirect->there, redirect->equal,
                                   NULL, NULL, NULL, NULL);
        if (has_columns(redirect, trigger))
            redirect->parent = constraint->confrelid;
    }
    systable_endscan(scan);
    table_close(catalogue, AccessShareLock);
}

static Redirect *
look_up(const TriggerData *data)
{
    Redirect *redirect;
    bool found;

    if (redirects == NULL) {
        HASHCTL control = {.keysize = sizeof(Oid), .entrysize = sizeof(Redirect)};

        redirects = hash_create("crm redirects", 64, &control, HASH_ELEM | HASH_BLOBS);
        CacheRegisterRelcacheCallback(forget, (Datum) 0);
    }
    redirect = hash_search(redirects, &data->tg_trigger->tgoid, HASH_ENTER, &found);
    if (!found) {
        redirect->valid = false;
        redirect->lock = NULL;
    }
    if (!redirect->valid) {
        if (redirect->lock != NULL)
            SPI_freeplan(redirect->lock);
        redirect->lock = NULL;
        redirect->relation = RelationGetRelid(data->tg_relation);
        find_foreign_key(redirect, data->tg_trigger);
        if (OidIsValid(redirect->parent)) {
            Relation parent = table_open(redirect->parent, AccessShareLock);

            redirect->owner = parent->rd_rel->relowner;
            table_close(parent, NoLock);
        }
        redirect->valid = true; /* both tables are locked: nobody changes them between */
    }
    return redirect;
}

static void
prepare_lock(Redirect *redirect, TupleDesc child)
{
    StringInfoData query;
    Oid types[INDEX_MAX_KEYS];
    const char *parent = quote_qualified_identifier(get_namespace_name(get_rel_namespace(redirect->parent)),
                                                    get_rel_name(redirect->parent));

    initStringInfo(&query);
    appendStringInfo(&query, "SELECT 1 FROM %s%s p WHERE ",
                     get_rel_relkind(redirect->parent) == RELKIND_RELATION ? "ONLY " : "", parent);
    for (int i = 0; i < redirect->count; i++) {
        const char *column =
            psprintf("p.%s", quote_identifier(get_attname(redirect->parent, redirect->there[i], false)));

        types[i] = TupleDescAttr(child, redirect->here[i] - 1)->atttypid;
        if (i > 0)
            appendStringInfoString(&query, " AND ");
        generate_operator_clause(&query, column, get_atttype(redirect->parent, redirect->there[i]),
                                 redirect->equal[i], psprintf("$%d", i + 1), types[i]);
    }
    appendStringInfoString(&query, " FOR KEY SHARE OF p");
    redirect->lock = plan_prepare(query.data, redirect->count, types);
    SPI_keepplan(redirect->lock);
}

/* Whether the row referred to is there; if so nobody can merge it away before this transaction's end. */
static bool
lock_target(Redirect *redirect, TupleDesc child, Reference *reference)
{
    CrmRights rights = crm_rights_enter(redirect->owner);
    int result;
    bool found;

    if (redirect->lock != NULL &&
        !SPI_plan_is_valid(redirect->lock)) { /* its text may name what is renamed */
        SPI_freeplan(redirect->lock);
        redirect->lock = NULL;
    }
    if (redirect->lock == NULL)
        prepare_lock(redirect, child);
    result = SPI_execute_plan(redirect->lock, reference->value, NULL, false, 1);
    if (result != SPI_OK_SELECT)
        elog(ERROR, "SPI_execute_plan returned %s", SPI_result_code_string(result));
    found = SPI_processed > 0;
    crm_rights_leave(rights);
    return found;
}

static Datum
names_of(Oid relation, const AttrNumber *columns, int count)
{
    Datum names[INDEX_MAX_KEYS];

    for (int i = 0; i < count; i++)
        names[i] = CStringGetTextDatum(get_attname(relation, columns[i], false));
    return PointerGetDatum(construct_array(names, count, TEXTOID, -1, false, TYPALIGN_INT));
}

/* The reference that texts, in the order of Redirect.here, are the text forms of. */
static void
read_texts(const Redirect *redirect, TupleDesc child, ArrayType *array, Reference *reference)
{
    Datum *texts;
    int count;

    deconstruct_array(array, TEXTOID, -1, false, TYPALIGN_INT, &texts, NULL, &count);
    if (count != redirect->count)
        elog(ERROR, "a redirect has %d columns and not %d", count, redirect->count);
    for (int i = 0; i < count; i++) {
        Form_pg_attribute column = TupleDescAttr(child, redirect->here[i] - 1);
        Oid input;
        Oid argument;

        getTypeInputInfo(column->atttypid, &input, &argument);
        reference->value[i] =
            OidInputFunctionCall(input, TextDatumGetCString(texts[i]), argument, column->atttypmod);
    }
}

/*
 * Replaces the reference by what the log of merges says; false where it says nothing. The log writes down what the row
 * meant, for an unmerge. From one call to the next *texts holds the reference's text forms, *merge_id the merge followed;
 * NULL and 0 before the first.
 */
static bool
follow_log(const Redirect *redirect, const TriggerData *data, HeapTuple row, Reference *reference,
           ArrayType **texts, int64 *merge_id)
{
    TupleDesc child = RelationGetDescr(data->tg_relation);
    Oid types[] = {REGCLASSOID,
                   TEXTARRAYOID,
                   REGCLASSOID,
                   TEXTARRAYOID,
                   TEXTARRAYOID,
                   INT8OID,
                   data->tg_relation->rd_rel->reltype};
    Datum values[] = {ObjectIdGetDatum(redirect->parent),
                      names_of(redirect->parent, redirect->there, redirect->count),
                      ObjectIdGetDatum(redirect->relation),
                      names_of(redirect->relation, redirect->here, redirect->count),
                      PointerGetDatum(*texts),
                      Int64GetDatum(*merge_id),
                      heap_copy_tuple_as_datum(row, child)};
    const char nulls[] = {' ', ' ', ' ', ' ', *texts == NULL ? 'n' : ' ', ' ', ' ', '\0'};
    CrmRights rights = crm_rights_enter(crm_extension_owner());
    const char *schema = crm_schema_quoted();
    bool followed;
    bool isnull;

    if (SPI_execute_with_args(
            psprintf("SELECT f.merge_id, f.kept FROM %s.follow_reference($1, $2, $3, $4, $5, $6, "
                     "%s.row_as_text($7)) f",
                     schema, schema),
            lengthof(types), types, values, nulls, false, 1) != SPI_OK_SELECT)
        elog(ERROR, "the log of merges cannot be asked");
    followed = SPI_processed == 1;
    if (followed) {
        HeapTuple found = SPI_tuptable->vals[0];

        *merge_id = DatumGetInt64(SPI_getbinval(found, SPI_tuptable->tupdesc, 1, &isnull));
        *texts = DatumGetArrayTypePCopy(SPI_getbinval(found, SPI_tuptable->tupdesc, 2, &isnull));
    }
    crm_rights_leave(rights);
    if (followed)
        read_texts(redirect, child, *texts, reference); /* a domain's CHECK runs as whoever writes the row */
    return followed;
}

/* Reads the reference of a row; false where a column is NULL. */
static bool
read_reference(const Redirect *redirect, TupleDesc child, HeapTuple row, Reference *reference)
{
    for (int i = 0; i < redirect->count; i++) {
        bool isnull;

        reference->value[i] = heap_getattr(row, redirect->here[i], child, &isnull);
        if (isnull)
            return false;
    }
    return true;
}

static bool
same_reference(const Redirect *redirect, TupleDesc child, const Reference *a, const Reference *b)
{
    for (int i = 0; i < redirect->count; i++) {
        Form_pg_attribute column = TupleDescAttr(child, redirect->here[i] - 1);

        if (!datum_image_eq(a->value[i], b->value[i], column->attbyval, column->attlen))
            return false;
    }
    return true;
}

Datum
crm_redirect_reference(PG_FUNCTION_ARGS)
{
    TriggerData *data = (TriggerData *) fcinfo->context;
    bool update;
    HeapTuple row;
    TupleDesc child;
    Redirect *redirect;
    Reference reference;
    Reference before;
    ArrayType *texts = NULL;
    int64 merge_id = 0;
    bool there;

    if (!CALLED_AS_TRIGGER(fcinfo) || !TRIGGER_FIRED_FOR_ROW(data->tg_event) ||
        !TRIGGER_FIRED_BEFORE(data->tg_event) || TRIGGER_FIRED_BY_DELETE(data->tg_event))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("redirect_reference is a trigger for rows, before insert or update"),
                        errhint("install_redirect creates it where it belongs.")));
    update = TRIGGER_FIRED_BY_UPDATE(data->tg_event);
    row = update ? data->tg_newtuple : data->tg_trigtuple;
    child = RelationGetDescr(data->tg_relation);
    redirect = look_up(data);
    if (!OidIsValid(redirect->parent) || !read_reference(redirect, child, row, &reference) ||
        (update && read_reference(redirect, child, data->tg_trigtuple, &before) &&
         same_reference(redirect, child, &reference, &before)))
        return PointerGetDatum(row);
    SPI_connect();
    /* Once more after each answer: the row that it names may be merged away itself while this one waits for it. */
    while (!(there = lock_target(redirect, child, &reference)) &&
           follow_log(redirect, data, row, &reference, &texts, &merge_id))
        CHECK_FOR_INTERRUPTS();
    if (there && merge_id != 0) {
        int columns[INDEX_MAX_KEYS];

        for (int i = 0; i < redirect->count; i++)
            columns[i] = redirect->here[i];
        row = SPI_modifytuple(data->tg_relation, row, redirect->count, columns, reference.value, NULL);
    }
    SPI_finish();
    return PointerGetDatum(row);
}

/* Whether a text was none of a type's: of its syntax, or beyond its range. */
static bool
refused_text(int code)
{
    return code == ERRCODE_INVALID_TEXT_REPRESENTATION || code == ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE ||
           code == ERRCODE_INVALID_DATETIME_FORMAT || code == ERRCODE_DATETIME_FIELD_OVERFLOW;
}

/* Runs the query for a key, whose text its column's type may refuse: that is told as what it means here. */
static void
ask_for_key(const char *query, Oid relation, const char *key)
{
    MemoryContext context = CurrentMemoryContext;
    int result = 0;

    PG_TRY()
        ;
        {
            result = SPI_execute(query, true, 1);
        }
        PG_CATCH();
        {
            ErrorData *error;

            MemoryContextSwitchTo(context);
            error = CopyErrorData();
            if (!refused_text(error->sqlerrcode))
                PG_RE_THROW();
            FlushErrorState();
            ereport(ERROR, (errcode(ERRCODE_CRM_UNKNOWN_RECORD),
                            errmsg("key \"%s\" is none of %s", key, get_rel_name(relation)),
                            errdetail("What its column's type says: %s.", error->message),
                            errhint("Write the key as the table shows it.")));
        }
    PG_END_TRY();
    if (result != SPI_OK_SELECT || SPI_processed != 1)
        elog(ERROR, "the rows cannot be asked for");
}

PG_FUNCTION_INFO_V1(crm_resolve_key);

/*
 * crm.resolve_key(relation, key). What to look for comes from the log, which the caller may not read; whether the rows are
 * there he is asked to see for himself, with the rights of this very moment.
 */
Datum
crm_resolve_key(PG_FUNCTION_ARGS)
{
    Oid types[] = {REGCLASSOID, TEXTOID};
    Datum values[] = {PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)};
    CrmRights rights;
    Datum answer = (Datum) 0;
    char *query;
    char *key;

    SPI_connect();
    rights = crm_rights_enter(crm_extension_owner());
    if (SPI_execute_with_args(psprintf("SELECT %s.resolve_key_query($1, $2)", crm_schema_quoted()), 2, types,
                              values, NULL, true, 1) != SPI_OK_SELECT)
        elog(ERROR, "the log of merges cannot be asked");
    query = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
    crm_rights_leave(rights);
    ask_for_key(query, PG_GETARG_OID(0), text_to_cstring(PG_GETARG_TEXT_PP(1)));
    key = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
    if (key != NULL)
        answer = SPI_datumTransfer(PointerGetDatum(cstring_to_text(key)), false, -1);
    SPI_finish();
    if (key == NULL)
        PG_RETURN_NULL();
    PG_RETURN_DATUM(answer);
}
