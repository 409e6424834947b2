/*
 * capture.c: the trigger that captures changes, and the scans behind TRUNCATE, backfill and verification.
 *
 * All of them do one thing: read rows from sources, each with a sign, evaluate the table's components and hand the
 * aggregated changes to a sink. They differ in sources (transition tables, a row, a scan of the table and its
 * partitions) and sinks (kpi_pending, a result set).
 *
 * A component that fails must not make the team's statement fail. So whatever is more than reading columns runs in a
 * subtransaction, one for the statement; when that fails, each component runs alone in one of its own, and those that
 * fail are noted in kpi_broken. The note is part of the writer's transaction: it is gone with a write that is rolled
 * back, and seen by whoever sees a write that was not captured.
 */
#include "base/compat.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/tableam.h"
#include "base/schema.h"
#include "base/subtransaction.h"
#include "base/transition_rows.h"
#include "catalog/pg_class.h"
#include "catalog/pg_inherits.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/progress.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "funcapi.h"
#include "kpi/capture.h"
#include "kpi/pending.h"
#include "kpi/plan.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/backend_progress.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"
#include "utils/tuplestore.h"

typedef struct Capture {
    TriggerData *trigger; /* NULL for scans */
    List *relations;      /* to scan, of OID; for a trigger its own relation */
    CrmPlan
        *plan; /* a trigger's, where it was at hand: no matter that it may become stale meanwhile, since new
                           * instances wait for this statement's lock */
    Oid root;
    int scan_sign;
    Snapshot snapshot;
    bool shown; /* how far it got stands where status looks */
    int64 rows; /* read */
} Capture;

/* Rows between two reports of how far a backfill got. */
#define SHOWN_EVERY 1024

static void
read_transition_table(Capture *capture, CrmPlan *plan, Relation rel, Tuplestorestate *store, int sign,
                      CrmChanges *changes)
{
    CrmTransitionRows rows = crm_transition_rows_begin(store, CreateTupleDescCopy(RelationGetDescr(rel)));

    while (crm_transition_rows_next(&rows)) {
        capture->rows++;
        crm_plan_row(plan, rows.slot, sign, changes);
        if (crm_changes_full(changes))
            crm_changes_flush(changes);
    }
    crm_transition_rows_end(&rows);
}

static void
read_row_trigger(Capture *capture, CrmPlan *plan, CrmChanges *changes)
{
    TriggerData *trigger = capture->trigger;

    if (!TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
        crm_plan_row(plan, trigger->tg_trigslot, -1, changes);
    if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
        crm_plan_row(plan, trigger->tg_trigslot, 1, changes);
    else if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
        crm_plan_row(plan, trigger->tg_newslot, 1, changes);
    capture->rows++;
}

static void
read_scan(Capture *capture, CrmPlan *plan, Relation rel, CrmChanges *changes)
{
    TupleTableSlot *slot = table_slot_create(rel, NULL);
    TableScanDesc scan = table_beginscan(rel, capture->snapshot, 0, NULL);

    while (table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
        CHECK_FOR_INTERRUPTS();
        capture->rows++;
        if (capture->shown && capture->rows % SHOWN_EVERY == 0)
            pgstat_progress_update_param(PROGRESS_COPY_TUPLES_PROCESSED, capture->rows);
        crm_plan_row(plan, slot, capture->scan_sign, changes);
        if (crm_changes_full(changes))
            crm_changes_flush(changes);
    }
    table_endscan(scan);
    ExecDropSingleTupleTableSlot(slot);
}

static void
read_sources(Capture *capture, CrmPlan *plan, Relation rel, CrmChanges *changes)
{
    TriggerData *trigger = capture->trigger;

    if (trigger == NULL || TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
        read_scan(capture, plan, rel, changes);
    else if (TRIGGER_FIRED_FOR_ROW(trigger->tg_event))
        read_row_trigger(capture, plan, changes);
    else {
        read_transition_table(capture, plan, rel, trigger->tg_oldtable, -1, changes);
        read_transition_table(capture, plan, rel, trigger->tg_newtable, 1, changes);
    }
}

static Oid
table_owner(Oid relid)
{
    HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
    Oid owner;

    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for relation %u", relid);
    owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
    ReleaseSysCache(tuple);
    return owner;
}

/* Evaluates the instances over all sources. A plan for all of a table's instances is kept for the session. */
static void
evaluate(Capture *capture, List *instances, bool keep, CrmChanges *changes)
{
    CrmPlanRights rights = crm_plan_enter(table_owner(capture->root));
    ListCell *cell;

    foreach (cell, capture->relations) {
        Relation rel = table_open(lfirst_oid(cell), AccessShareLock);
        CrmPlan *plan = capture->plan;

        if (plan == NULL) {
            plan = crm_plan_build(rel, capture->root, instances);
            if (keep)
                crm_plan_keep(RelationGetRelid(rel), plan);
        }
        read_sources(capture, plan, rel, changes);
        table_close(rel, NoLock);
    }
    crm_plan_leave(rights);
}

/*
 * Evaluates in a subtransaction. Returns the message of the error that undid it, or NULL. What was written early, because
 * there was much, is closed before the subtransaction ends: it holds the table and buffers for it.
 */
typedef struct Evaluation {
    Capture *capture;
    List *instances;
    bool keep;
    CrmChanges *changes;
    CrmPending *pending;
} Evaluation;

static void
evaluate_to_end(void *arg)
{
    Evaluation *evaluation = arg;

    evaluate(evaluation->capture, evaluation->instances, evaluation->keep, evaluation->changes);
    crm_pending_end(evaluation->pending);
}

static char *
try_evaluate(Capture *capture, List *instances, bool keep, CrmChanges *changes, CrmPending *pending)
{
    Evaluation evaluation = {capture, instances, keep, changes, pending};
    ErrorData *error = crm_in_subtransaction(evaluate_to_end, &evaluation);

    if (error == NULL)
        return NULL;
    crm_rethrow_interruption(error);
    return error->message;
}

/*
 * One attempt: evaluates and writes to kpi_pending. Writing stays outside the subtransaction, where it needs no
 * transaction id of its own, unless there is too much to hold in memory. What a failed attempt buffered is dropped.
 */
static char *
attempt(Capture *capture, List *instances, bool keep, bool guarded)
{
    CrmPending *pending = crm_pending_begin(capture->root);
    CrmChanges *changes = crm_changes_begin(crm_pending_sink, pending);
    char *error = NULL;

    if (guarded)
        error = try_evaluate(capture, instances, keep, changes, pending);
    else
        evaluate(capture, instances, keep, changes);
    if (error == NULL) {
        crm_changes_flush(changes);
        crm_pending_end(pending);
    }
    crm_changes_end(changes);
    return error;
}

static void
pause_component(const Capture *capture, const CrmInstance *instance, const char *error)
{
    crm_broken_append(instance->instance, error, false);
    CacheInvalidateRelcacheByRelid(capture->root);
    ereport(
        WARNING,
        errmsg("component \"%s\" of table \"%s\" is paused: %s", instance->component,
               get_rel_name(capture->root), error),
        errhint("Its KPIs read NULL with state broken. Mend the rows or the mapping, then type SELECT * FROM "
                "%s.capture('%s'); and CALL %s.backfill('%s');",
                crm_schema_quoted(), get_rel_name(capture->root), crm_schema_quoted(),
                get_rel_name(capture->root)));
}

/* All instances, or where that fails each alone; those that fail are paused. */
static void
capture_guarded(Capture *capture, List *instances, bool keep)
{
    ListCell *cell;

    if (attempt(capture, instances, keep, true) == NULL)
        return;
    if (capture->plan) {
        capture->plan = NULL;
        instances = crm_plan_instances(capture->root);
    }
    foreach (cell, instances) {
        char *error;

        capture->rows = 0;
        error = attempt(capture, list_make1(lfirst(cell)), false, true);
        if (error)
            pause_component(capture, lfirst(cell), error);
    }
}

static int pending_hard_limit = 10000000;

int64
crm_pending_hard_limit(void)
{
    return pending_hard_limit;
}

/* Nobody folds, and a disk is not endless: numbers are given up rather than writes. False where they are already. */
static bool
pause_table(Oid root)
{
    List *instances = crm_plan_instances(root);
    ListCell *cell;

    if (instances == NIL)
        return false;
    foreach (cell, instances)
        crm_broken_append(((CrmInstance *) lfirst(cell))->instance, "crm.pending_hard_limit is passed", true);
    CacheInvalidateRelcacheByRelid(root);
    ereport(
        WARNING,
        errmsg("changes of table \"%s\" are not counted any more: more than %d rows of changes are pending",
               get_rel_name(root), pending_hard_limit),
        errhint("Its KPIs read NULL with state paused. Start crmd, or type SELECT %s.fold(); and "
                "CALL %s.backfill('%s');",
                crm_schema_quoted(), crm_schema_quoted(), get_rel_name(root)));
    return true;
}

/* Runs a trigger's capture, with the kept plan where there is one. */
static void
capture_trigger(Capture *capture, Oid relid)
{
    CrmPlan *plan = crm_plan_find(relid);

    capture->root = plan ? crm_plan_table(plan) : crm_plan_root(relid);
    if (!OidIsValid(capture->root) || (plan && crm_plan_is_empty(plan)))
        return;
    if (crm_pending_exceeds("kpi_pending", 80, pending_hard_limit) && pause_table(capture->root))
        return;
    capture->relations = list_make1_oid(relid);
    capture->plan = plan;
    if (plan && crm_plan_is_plain(plan))
        (void) attempt(capture, NIL, true, false);
    else
        capture_guarded(capture, plan ? NIL : crm_plan_instances(capture->root), true);
}

PG_FUNCTION_INFO_V1(crm_capture_change);

/* The trigger function crm.capture_change(). */
Datum
crm_capture_change(PG_FUNCTION_ARGS)
{
    TriggerData *trigger = (TriggerData *) fcinfo->context;
    Capture capture = {.trigger = trigger};
    MemoryContext context, old;

    if (!CALLED_AS_TRIGGER(fcinfo))
        ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                errmsg("capture_change can only be called as a trigger"));
    context = AllocSetContextCreate(CurrentMemoryContext, "crm capture", ALLOCSET_SMALL_SIZES);
    old = MemoryContextSwitchTo(context);
    if (!TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event))
        capture_trigger(&capture, RelationGetRelid(trigger->tg_relation));
    else if (trigger->tg_relation->rd_rel->relkind == RELKIND_RELATION) {
        /* TRUNCATE removes what is there now, not what the transaction's snapshot sees; partitions have this trigger too */
        capture.scan_sign = -1;
        capture.snapshot = RegisterSnapshot(GetLatestSnapshot());
        capture_trigger(&capture, RelationGetRelid(trigger->tg_relation));
        UnregisterSnapshot(capture.snapshot);
    }
    MemoryContextSwitchTo(old);
    MemoryContextDelete(context);
    return PointerGetDatum(NULL);
}

/* A table's leaves, locked for reading. */
static List *
leaves(Oid root)
{
    List *found = NIL;
    ListCell *cell;

    foreach (cell, find_all_inheritors(root, AccessShareLock, NULL))
        if (get_rel_relkind(lfirst_oid(cell)) == RELKIND_RELATION)
            found = lappend_oid(found, lfirst_oid(cell));
    return found;
}

static List *
chosen_instances(Oid root, ArrayType *wanted)
{
    List *chosen = NIL;
    ListCell *cell;
    Datum *values;
    int count;

    deconstruct_array(wanted, INT4OID, sizeof(int32), true, TYPALIGN_INT, &values, NULL, &count);
    foreach (cell, crm_plan_instances(root))
        for (int i = 0; i < count; i++)
            if (((CrmInstance *) lfirst(cell))->instance == DatumGetInt32(values[i]))
                chosen = lappend(chosen, lfirst(cell));
    return chosen;
}

PG_FUNCTION_INFO_V1(crm_capture_rows);

/* crm.capture_rows(relation, instances integer[]) → bigint: counts the rows of the statement's snapshot as changes. */
Datum
crm_capture_rows(PG_FUNCTION_ARGS)
{
    Oid root = PG_GETARG_OID(0);
    List *instances = chosen_instances(root, PG_GETARG_ARRAYTYPE_P(1));
    Capture capture = {.root = root,
                       .relations = leaves(root),
                       .scan_sign = 1,
                       .snapshot = GetActiveSnapshot(),
                       .shown = true};

    /* a COPY of neither kind, which pg_stat_progress_copy shows without a command; an error ends it, too */
    pgstat_progress_start_command(PROGRESS_COMMAND_COPY, root);
    if (instances != NIL)
        capture_guarded(&capture, instances, false);
    pgstat_progress_end_command();
    PG_RETURN_INT64(capture.rows);
}

static void
put_result(ReturnSetInfo *result, text *const *dims, Datum *values, bool *nulls, int columns)
{
    for (int i = 0; i < CRM_DIMS; i++) {
        values[columns + i] = PointerGetDatum(dims[i]);
        nulls[columns + i] = dims[i] == NULL;
    }
    tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
}

/* A sink that makes result rows: instance, day, rows, invalid, sums, dimensions. */
static void
result_sink(void *arg, const CrmGroupChange *change)
{
    Datum values[CRM_PART_COLUMNS + CRM_DIMS];
    bool nulls[CRM_PART_COLUMNS + CRM_DIMS];

    for (int i = 0; i < change->part_count; i++) {
        crm_pending_part(change->parts[i], values, nulls);
        put_result(arg, change->dims, values, nulls, CRM_PART_COLUMNS);
    }
}

/* Likewise: instance, day, piece, dimensions. */
static void
value_sink(void *arg, const CrmGroupChange *change)
{
    Datum values[CRM_VALUE_PART_COLUMNS + CRM_DIMS];
    bool nulls[CRM_VALUE_PART_COLUMNS + CRM_DIMS] = {false};

    for (int used = 0; used < change->value_count;) {
        used += crm_pending_value_part(change->values + used, change->value_count - used, values);
        put_result(arg, change->dims, values, nulls, CRM_VALUE_PART_COLUMNS);
    }
}

static Datum
recompute(FunctionCallInfo fcinfo, CrmChangesSink sink)
{
    Oid root = PG_GETARG_OID(0);
    Capture capture = {.root = root, .scan_sign = 1, .snapshot = GetActiveSnapshot()};
    List *instances;
    CrmChanges *changes;

    table_close(crm_given_table_open(root, AccessShareLock), NoLock);
    capture.relations = leaves(root);
    instances = crm_plan_instances(root);
    InitMaterializedSRF(fcinfo, 0);
    changes = crm_changes_begin(sink, fcinfo->resultinfo);
    if (instances != NIL)
        evaluate(&capture, instances, false, changes);
    crm_changes_flush(changes);
    crm_changes_end(changes);
    return (Datum) 0;
}

PG_FUNCTION_INFO_V1(crm_recompute);

/* crm.recompute(relation): what the components of a table are by its rows, in the statement's snapshot. */
Datum
crm_recompute(PG_FUNCTION_ARGS)
{
    return recompute(fcinfo, result_sink);
}

PG_FUNCTION_INFO_V1(crm_recount_values);

/* crm.recount_values(relation): likewise what their counted values are. */
Datum
crm_recount_values(PG_FUNCTION_ARGS)
{
    return recompute(fcinfo, value_sink);
}

PG_FUNCTION_INFO_V1(crm_capture_changed);

/* crm.capture_changed(relation): every session compiles the table's components anew. */
Datum
crm_capture_changed(PG_FUNCTION_ARGS)
{
    table_close(crm_given_table_open(PG_GETARG_OID(0), AccessShareLock), NoLock);
    CacheInvalidateRelcacheByRelid(PG_GETARG_OID(0));
    PG_RETURN_VOID();
}

static int pending_limit = 1000000;

void
crm_kpi_init(void)
{
    DefineCustomIntVariable("crm.pending_limit",
                            "Rows of pending changes past which fold drains all of them.",
                            "The view crm.status warns from half of it.", &pending_limit, 1000000, 1000,
                            INT_MAX, PGC_SUSET, 0, NULL, NULL, NULL);
    DefineCustomIntVariable("crm.pending_hard_limit",
                            "Rows of pending changes past which changes are not counted any more.",
                            "KPIs then read NULL with state paused until fold has drained them and backfill "
                            "has counted anew.",
                            &pending_hard_limit, 10000000, 1000, INT_MAX, PGC_SUSET, 0, NULL, NULL, NULL);
}

PG_FUNCTION_INFO_V1(crm_pending_limit);

/* crm.pending_limit(): the setting; the library, which defines it, may not have been loaded before. */
Datum
crm_pending_limit(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT64(pending_limit);
}
