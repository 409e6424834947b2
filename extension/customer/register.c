/*
 * register.c: the trigger of registered tables. See register.h.
 *
 * One saved plan for each table (or partition) and event, made at its first use in a session and made anew when the
 * table's definition changes: adopting and disowning create and drop triggers, which is such a change. The plan calls
 * map_id, which the planner inlines.
 *
 * Keys that are columns cannot fail to be read. Those that are expressions can (1 / x), and so can planning; both run in
 * a subtransaction, which plain keys do without: it costs a transaction id for each statement.
 */
#include "base/compat.h"
#include "base/kept_plan.h"
#include "base/row_as_statement.h"
#include "base/schema.h"
#include "base/subtransaction.h"
#include "customer/register.h"

#include "commands/trigger.h"
#include "executor/spi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(crm_record_changed);

typedef struct ChangeKey {
    Oid relation;
    uint32 event; /* of TriggerEvent: insert, update, delete or truncate */
} ChangeKey;

typedef struct Change {
    ChangeKey key;
    bool valid;      /* root and guarded are known, and plan was made since the last change of the table */
    bool guarded;    /* the key is an expression: reading it may fail */
    Oid root;        /* the adopted table; invalid where there is none */
    SPIPlanPtr plan; /* NULL until made */
} Change;

static HTAB *changes = NULL;

static void
forget(Datum arg, Oid relation)
{
    HASH_SEQ_STATUS scan;
    Change *change;

    hash_seq_init(&scan, changes);
    while ((change = hash_seq_search(&scan)) != NULL)
        if (relation == InvalidOid || change->key.relation == relation)
            change->valid = false;
}

static void
run(const char *query, int expected)
{
    int result = SPI_execute(query, false, 0);

    if (result != expected)
        elog(ERROR, "SPI_execute returned %s", SPI_result_code_string(result));
}

/* Finds the adopted table and whether its key is made of columns only. */
static void
look_up_root(Change *change)
{
    StringInfoData query;
    bool isnull;

    initStringInfo(&query);
    appendStringInfo(
        &query,
        "SELECT a.relation, NOT (i.expression OPERATOR(pg_catalog.~) "
        "'^([[:alpha:]_][[:alnum:]_]*|\"[^\"]+\")$' OR pg_catalog.starts_with(i.expression, %s)) "
        "FROM %s.adoption a JOIN %s.adoption_attribute i USING (relation) "
        "WHERE a.relation OPERATOR(pg_catalog.=) %s.adopted_root('%u'::pg_catalog.regclass) "
        "AND i.attribute OPERATOR(pg_catalog.=) 'id'",
        quote_literal_cstr(psprintf("%s.record_key(", crm_schema_quoted())), crm_schema_quoted(),
        crm_schema_quoted(), crm_schema_quoted(), change->key.relation);
    run(query.data, SPI_OK_SELECT);
    change->root = InvalidOid;
    if (SPI_processed == 1) {
        HeapTuple row = SPI_tuptable->vals[0];

        change->root = DatumGetObjectId(SPI_getbinval(row, SPI_tuptable->tupdesc, 1, &isnull));
        change->guarded = DatumGetBool(SPI_getbinval(row, SPI_tuptable->tupdesc, 2, &isnull));
    }
}

static Change *
look_up(Oid relation, uint32 event)
{
    ChangeKey key = {relation, event};
    Change *change;
    bool found;

    if (changes == NULL) {
        HASHCTL control = {.keysize = sizeof(ChangeKey), .entrysize = sizeof(Change)};

        changes = hash_create("crm record changes", 64, &control, HASH_ELEM | HASH_BLOBS);
        CacheRegisterRelcacheCallback(forget, (Datum) 0);
    }
    change = hash_search(changes, &key, HASH_ENTER, &found);
    if (!found) {
        change->valid = false;
        change->plan = NULL;
    }
    if (!change->valid) {
        if (change->plan != NULL)
            SPI_freeplan(change->plan);
        change->plan = NULL;
        change->valid = true; /* first, so that an invalidation during the look-up counts */
        PG_TRY()
            ;
            {
                look_up_root(change);
            }
            PG_CATCH();
            {
                change->valid = false;
                PG_RE_THROW();
            }
        PG_END_TRY();
    }
    return change;
}

static void
make_plan(Change *change)
{
    const char *schema = crm_schema_quoted();
    const char *root = quote_qualified_identifier(get_namespace_name(get_rel_namespace(change->root)),
                                                  get_rel_name(change->root));
    StringInfoData query;

    initStringInfo(&query);
    appendStringInfo(&query,
                     "INSERT INTO %s.record_dirty (relation, record_key) "
                     "SELECT '%u'::pg_catalog.regclass, k.record_key FROM (",
                     schema, change->root);
    if (change->key.event != TRIGGER_EVENT_INSERT)
        appendStringInfo(&query, "SELECT %s.map_id(r::%s) AS record_key FROM crm_old r", schema, root);
    if (change->key.event == TRIGGER_EVENT_UPDATE)
        appendStringInfoString(&query, " UNION ");
    if (change->key.event != TRIGGER_EVENT_DELETE)
        appendStringInfo(&query, "SELECT %s.map_id(r::%s) AS record_key FROM crm_new r", schema, root);
    appendStringInfoString(&query, ") k WHERE k.record_key IS NOT NULL");
    change->plan = plan_prepare(query.data, 0, NULL);
    SPI_keepplan(change->plan);
}

static void
note_keys(void *arg)
{
    Change *change = arg;
    int result;

    if (change->plan == NULL)
        make_plan(change);
    result = SPI_execute_plan(change->plan, NULL, NULL, false, 0);
    if (result != SPI_OK_INSERT)
        elog(ERROR, "SPI_execute_plan returned %s", SPI_result_code_string(result));
}

static void
note_table(Oid root)
{
    run(psprintf("INSERT INTO %s.record_dirty (relation) VALUES ('%u'::pg_catalog.regclass)",
                 crm_schema_quoted(), root),
        SPI_OK_INSERT);
}

/* note_keys, or, where that fails, note_table. A cancelled statement stays cancelled. */
static void
note_keys_guarded(Change *change)
{
    ErrorData *error = crm_in_subtransaction(note_keys, change);

    if (error == NULL)
        return;
    if (error->sqlerrcode == ERRCODE_QUERY_CANCELED)
        ReThrowError(error);
    FreeErrorData(error);
    note_table(change->root);
}

Datum
crm_record_changed(PG_FUNCTION_ARGS)
{
    TriggerData *data = (TriggerData *) fcinfo->context;
    CrmRowAsStatement as;
    Change *change;
    bool each_row;

    if (!CALLED_AS_TRIGGER(fcinfo) ||
        !(TRIGGER_FIRED_AFTER(data->tg_event) || TRIGGER_FIRED_BY_TRUNCATE(data->tg_event)))
        ereport(ERROR, (errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                        errmsg("record_changed is a trigger for what has been written"),
                        errhint("register_records creates it where it belongs.")));
    each_row = TRIGGER_FIRED_FOR_ROW(data->tg_event);
    SPI_connect();
    if (each_row) /* of a table that was adopted with row_triggers */
        data = crm_row_as_statement_begin(&as, data);
    change = look_up(RelationGetRelid(data->tg_relation), data->tg_event & TRIGGER_EVENT_OPMASK);
    if (OidIsValid(change->root)) {
        if (TRIGGER_FIRED_BY_TRUNCATE(data->tg_event)) {
            note_table(change->root);
        } else {
            if (SPI_register_trigger_data(data) != SPI_OK_TD_REGISTER)
                elog(ERROR, "transition tables could not be registered");
            if (change->plan == NULL || change->guarded)
                note_keys_guarded(change);
            else
                note_keys(change);
        }
    }
    if (each_row)
        crm_row_as_statement_end(&as);
    SPI_finish();
    return PointerGetDatum(NULL);
}
