/*
 * resolve_run.c: the state of a run and its way from snapshot to clusters. See resolve_run.h.
 *
 * The lock is a session lock on resolve_run, as VACUUM takes on its table: it outlives the commits of the run, and the server
 * releases it where the session ends or an error aborts its transaction.
 */
#include "base/compat.h"
#include "base/error.h"
#include "base/schema.h"
#include "customer/linker_host.h"
#include "customer/model_store.h"
#include "customer/number_array.h"
#include "customer/record_input.h"
#include "customer/resolve_progress.h"
#include "customer/resolve_run.h"

#include "access/xact.h"
#include "commands/tablespace.h"
#include "executor/spi.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "storage/lmgr.h"
#include "storage/lock.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "catalog/pg_type.h"

PG_FUNCTION_INFO_V1(crm_resolve_begin);
PG_FUNCTION_INFO_V1(crm_resolve_try_begin);
PG_FUNCTION_INFO_V1(crm_resolve_segment);
PG_FUNCTION_INFO_V1(crm_resolve_read);
PG_FUNCTION_INFO_V1(crm_resolve_compute);
PG_FUNCTION_INFO_V1(crm_resolve_compute_here);
PG_FUNCTION_INFO_V1(crm_resolve_end);

#define READ_AT_ONCE 5000 /* rows of a cursor's fetch */

typedef enum RunState { RUN_OPEN, RUN_READ, RUN_DONE } RunState;

typedef struct NumberedNode {
    int64 number; /* first: number_compare looks at it alone */
    uint32 node;
} NumberedNode;

struct ResolveRun {
    MemoryContext context;
    LinkHost host;
    RunState state;
    Linker *linker;
    LinkModel *model; /* the one that was loaded, or NULL */
    int64 *number;    /* record_no of each node */
    uint32 count;
    uint32 room;
    dsm_segment *segment;     /* NULL inside of resolve_pending */
    SubTransactionId made_in; /* inside of resolve_pending: it goes with this subtransaction */
    LOCKTAG lock;
    bool locked; /* by a session lock */
};

static ResolveRun *run = NULL;

static void
give_back(void)
{
    ResolveRun *gone = run;

    if (gone == NULL)
        return;
    run = NULL;
    linker_free(gone->linker);
    link_model_free(gone->model);
    if (gone->segment != NULL)
        dsm_detach(gone->segment);
    MemoryContextDelete(gone->context);
}

static void
at_end_of_transaction(XactEvent event, void *arg)
{
    if (run == NULL)
        return;
    if (event == XACT_EVENT_ABORT)
        give_back(); /* the server releases the lock */
    else if ((event == XACT_EVENT_COMMIT || event == XACT_EVENT_PREPARE) && run->segment == NULL)
        give_back();
}

static void
at_end_of_subtransaction(SubXactEvent event, SubTransactionId mine, SubTransactionId parent, void *arg)
{
    if (run == NULL || run->segment != NULL || run->made_in != mine)
        return;
    if (event == SUBXACT_EVENT_ABORT_SUB)
        give_back();
    else if (event == SUBXACT_EVENT_COMMIT_SUB)
        run->made_in = parent;
}

static ResolveRun *
new_run(void)
{
    static bool registered = false;
    MemoryContext context;
    ResolveRun *made;

    PreventCommandDuringRecovery("resolve");
    if (!registered) {
        RegisterXactCallback(at_end_of_transaction, NULL);
        RegisterSubXactCallback(at_end_of_subtransaction, NULL);
        registered = true;
    }
    context = AllocSetContextCreate(TopMemoryContext, "crm resolve", ALLOCSET_DEFAULT_SIZES);
    made = MemoryContextAllocZero(context, sizeof(ResolveRun));
    made->context = context;
    made->host.context = context;
    SET_LOCKTAG_RELATION(made->lock, MyDatabaseId, crm_relation_oid("resolve_run"));
    return made;
}

static ResolveRun *
require_run(RunState state)
{
    if (run == NULL || run->state != state)
        ereport(
            ERROR,
            (errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE), errmsg("no run of resolve is at this point"),
             errhint("This function is called by resolve; type CALL %s.resolve().", crm_schema_quoted())));
    return run;
}

static void
end_run(void)
{
    if (run != NULL && run->locked)
        LockRelease(&run->lock, ShareUpdateExclusiveLock, true);
    give_back();
}

Datum
crm_resolve_begin(PG_FUNCTION_ARGS)
{
    ResolveRun *made;

    if (fcinfo->context == NULL || !IsA(fcinfo->context, CallContext) ||
        castNode(CallContext, fcinfo->context)->atomic)
        ereport(
            ERROR,
            (errcode(ERRCODE_ACTIVE_SQL_TRANSACTION), errmsg("resolve cannot run inside a transaction block"),
             errdetail("It commits several times, so that nobody waits for it and it holds back no vacuum."),
             errhint(
                 "Type CALL %s.resolve() by itself; SELECT %s.resolve_pending() links changes inside of a "
                 "transaction.",
                 crm_schema_quoted(), crm_schema_quoted())));
    end_run();
    made = new_run();
    if (LockAcquire(&made->lock, ShareUpdateExclusiveLock, true, true) == LOCKACQUIRE_NOT_AVAIL) {
        MemoryContextDelete(made->context);
        ereport(
            ERROR,
            (errcode(ERRCODE_LOCK_NOT_AVAILABLE), errmsg("another resolve is running"),
             errhint(
                 "SELECT * FROM %s.resolve_progress shows how far it is; pg_cancel_backend(pid) stops it.",
                 crm_schema_quoted())));
    }
    made->locked = true;
    run = made;
    made->segment = resolve_progress_create();
    made->host.progress = dsm_segment_address(made->segment);
    PG_RETURN_NULL();
}

Datum
crm_resolve_try_begin(PG_FUNCTION_ARGS)
{
    ResolveRun *made;

    if (run != NULL)
        PG_RETURN_BOOL(false);
    made = new_run();
    if (LockAcquire(&made->lock, ShareUpdateExclusiveLock, false, true) == LOCKACQUIRE_NOT_AVAIL) {
        MemoryContextDelete(made->context);
        PG_RETURN_BOOL(false);
    }
    made->made_in = GetCurrentSubTransactionId();
    run = made;
    PG_RETURN_BOOL(true);
}

Datum
crm_resolve_segment(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT64((int64) dsm_segment_handle(require_run(RUN_OPEN)->segment));
}

static void
add_record(ResolveRun *to, const RecordInput *record)
{
    if (to->count == to->room) {
        to->room = Max(1024, to->room * 2);
        to->number = to->number == NULL ? MemoryContextAllocHuge(to->context, sizeof(int64) * (Size) to->room)
                                        : repalloc_huge(to->number, sizeof(int64) * (Size) to->room);
    }
    to->number[to->count++] = record->record_no;
    link_host_check(&to->host, to->linker, linker_add(to->linker, &record->input));
}

/* The records of one table, in the order of their keys. */
static void
read_table(ResolveRun *to, SPIPlanPtr plan, Datum relation, RecordInput *record)
{
    Portal cursor = SPI_cursor_open(NULL, plan, &relation, NULL, true);
    MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext, "crm records", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = MemoryContextSwitchTo(batch);

    do {
        CHECK_FOR_INTERRUPTS();
        SPI_cursor_fetch(cursor, true, READ_AT_ONCE);
        for (uint64 i = 0; i < SPI_processed; i++) {
            record_input_read(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, record);
            add_record(to, record);
        }
        SPI_freetuptable(SPI_tuptable);
        MemoryContextReset(batch);
        if (to->host.progress != NULL)
            resolve_progress_tell(to->host.progress, LINK_READING, to->count, 0);
    } while (SPI_processed == READ_AT_ONCE);
    MemoryContextSwitchTo(before);
    SPI_cursor_close(cursor);
}

static void
read_records(ResolveRun *to)
{
    const char *schema = crm_schema_quoted();
    RecordInput record = {0};
    Oid type = REGCLASSOID;
    SPIPlanPtr plan;
    SPITupleTable *tables;
    uint64 count;
    bool isnull;

    plan = SPI_prepare_cursor(
        psprintf("SELECT %s FROM %s.record_copy r WHERE r.relation OPERATOR(pg_catalog.=) $1 "
                 "ORDER BY r.record_key",
                 crm_record_columns(), schema),
        1, &type, CURSOR_OPT_FAST_PLAN | CURSOR_OPT_NO_SCROLL);
    if (plan == NULL)
        elog(ERROR, "SPI_prepare_cursor returned %s", SPI_result_code_string(SPI_result));
    if (SPI_execute(
            psprintf(
                "SELECT a.relation FROM %s.adoption a ORDER BY a.relation::pg_catalog.text COLLATE \"C\"",
                schema),
            true, 0) != SPI_OK_SELECT)
        elog(ERROR, "the adopted tables could not be read");
    tables = SPI_tuptable;
    count = SPI_processed;
    for (uint64 i = 0; i < count; i++)
        read_table(to, plan, SPI_getbinval(tables->vals[i], tables->tupdesc, 1, &isnull), &record);
}

static const NumberedNode *
find_node(const NumberedNode *sorted, uint32 count, Datum number)
{
    int64 wanted = DatumGetInt64(number);

    return bsearch(&wanted, sorted, count, sizeof(NumberedNode), number_compare);
}

static void
read_verdicts(ResolveRun *to)
{
    NumberedNode *sorted;
    bool isnull;

    if (SPI_execute(psprintf("SELECT a, b, same FROM %s.verdict_pair", crm_schema_quoted()), true, 0) !=
        SPI_OK_SELECT)
        elog(ERROR, "the verdicts could not be read");
    if (SPI_processed == 0)
        return;
    sorted = palloc_extended(sizeof(NumberedNode) * (Size) Max(to->count, 1), MCXT_ALLOC_HUGE);
    for (uint32 i = 0; i < to->count; i++)
        sorted[i] = (NumberedNode){to->number[i], i};
    qsort(sorted, to->count, sizeof(NumberedNode), number_compare);
    for (uint64 i = 0; i < SPI_processed; i++) {
        HeapTuple row = SPI_tuptable->vals[i];
        TupleDesc descriptor = SPI_tuptable->tupdesc;
        const NumberedNode *a = find_node(sorted, to->count, SPI_getbinval(row, descriptor, 1, &isnull));
        const NumberedNode *b = find_node(sorted, to->count, SPI_getbinval(row, descriptor, 2, &isnull));

        if (a != NULL && b != NULL)
            link_host_check(&to->host, to->linker,
                            linker_decide(to->linker, a->node, b->node,
                                          DatumGetBool(SPI_getbinval(row, descriptor, 3, &isnull))
                                              ? LINK_SAME
                                              : LINK_DIFFERENT));
    }
    pfree(sorted);
}

/* resolve_read(version bigint) bigint: with the model of that version, or none. */
Datum
crm_resolve_read(PG_FUNCTION_ARGS)
{
    ResolveRun *to = require_run(RUN_OPEN);
    LinkerOptions options;

    SPI_connect();
    if (!PG_ARGISNULL(0))
        to->model = model_load(PG_GETARG_INT64(0));
    options = link_host_options(&to->host, to->model);
    options.threads = link_host_threads();
    link_host_check(&to->host, NULL, linker_create(&options, &to->linker));
    read_records(to);
    read_verdicts(to);
    SPI_finish();
    to->state = RUN_READ;
    PG_RETURN_INT64(to->count);
}

static void
compute(ResolveRun *of)
{
    LinkStatus status;

    /* asking for them later could read catalogues, and so take a snapshot */
    PrepareTempTablespaces();
    InvalidateCatalogSnapshot();
    status = linker_run(of->linker);
    link_host_check(&of->host, of->linker, status);
    of->state = RUN_DONE;
}

Datum
crm_resolve_compute(PG_FUNCTION_ARGS)
{
    ResolveRun *of = require_run(RUN_READ);

    SPI_connect_ext(SPI_OPT_NONATOMIC);
    SPI_commit(); /* the snapshot of the CALL goes with it */
    compute(of);
    SPI_finish();
    PG_RETURN_NULL();
}

Datum
crm_resolve_compute_here(PG_FUNCTION_ARGS)
{
    compute(require_run(RUN_READ));
    PG_RETURN_VOID();
}

ResolveRun *
resolve_run_done(void)
{
    return require_run(RUN_DONE);
}

Linker *
resolve_run_linker(const ResolveRun *of)
{
    return of->linker;
}

int64
resolve_run_number(const ResolveRun *of, uint32 node)
{
    return of->number[node];
}

uint32
resolve_run_count(const ResolveRun *of)
{
    return of->count;
}

void
resolve_run_tell(uint64 done, uint64 total)
{
    if (run != NULL && run->host.progress != NULL)
        resolve_progress_tell(run->host.progress, LINK_DONE, done, total);
}

Datum
crm_resolve_end(PG_FUNCTION_ARGS)
{
    end_run();
    PG_RETURN_VOID();
}
