/*
 * business_calendar.c: see business_calendar.h. What a function reads stays with its call site (fn_extra) and is read again when the
 * snapshot is another one: of what others do, xmax and the counts of who is running below it tell all, since nobody can come to be
 * among these; of what the transaction does itself, the command and the subtransaction, whose number does not come again.
 */
#include "base/compat.h"
#include "base/business_calendar.h"
#include "base/error.h"
#include "base/foreign.h"
#include "base/kept_plan.h"
#include "base/nearest.h"
#include "base/schema.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "datatype/timestamp.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

PGDLLEXPORT Datum crm_business_interval(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_business_deadline(PG_FUNCTION_ARGS);

#define EPOCH_SECONDS ((POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE) * SECS_PER_DAY)

typedef struct Kept {
    BusinessCalendar calendar;
    char *name;
    size_t name_length;
    struct Kept *next;
} Kept;

typedef struct Moment {
    TimestampTz transaction;
    SubTransactionId subtransaction;
    TransactionId limit;
    uint32 running;
    int32 subtransactions;
    CommandId command;
} Moment;

typedef struct Statement {
    MemoryContext context;
    Moment moment;
    Kept *calendars;
} Statement;

static void
offset_at(const void *data, int64_t at, int64_t *offset, int64_t *until)
{
    pg_tz *zone = unconstify(pg_tz *, (const pg_tz *) data);
    pg_time_t second = (at >= 0 ? at : at - (USECS_PER_SEC - 1)) / USECS_PER_SEC + EPOCH_SECONDS;
    pg_time_t change;
    long before;
    long after;
    int before_isdst;
    int after_isdst;
    int found = pg_next_dst_boundary(&second, &before, &before_isdst, &change, &after, &after_isdst, zone);

    if (found == 0) { /* said wrongly of the last change that the zone's file lists, and of none after it */
        second++;
        found = pg_next_dst_boundary(&second, &before, &before_isdst, &change, &after, &after_isdst, zone);
    }
    if (found < 0)
        ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range"));
    *offset = before * USECS_PER_SEC;
    *until = BUSINESS_NEVER;
    if (found > 0 && (change - EPOCH_SECONDS) < END_TIMESTAMP / USECS_PER_SEC)
        *until = (change - EPOCH_SECONDS) * USECS_PER_SEC;
}

BusinessZone
crm_business_zone(const char *name)
{
    BusinessZone zone = {.offset_at = offset_at, .data = pg_tzset(name)};

    if (zone.data == NULL)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("time zone \"%s\" has no rules of its own", name),
                errdetail("It is an abbreviation, or the server does not know it."),
                errhint("Write the name of a zone, as in 'Europe/Madrid'; pg_timezone_names lists them."));
    return zone;
}

static void
raise_unknown_calendar(char *name)
{
    CrmNearest nearest = {.name = name};
    char *query = psprintf("SELECT c.calendar FROM %s.calendar c ORDER BY 1", crm_schema_quoted());

    if (SPI_execute(query, true, 0) != SPI_OK_SELECT)
        elog(ERROR, "could not read the calendars");
    for (uint64 i = 0; i < SPI_processed; i++)
        crm_nearest_try(&nearest, SPI_getvalue(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, 1));
    ereport(ERROR, errcode(ERRCODE_CRM_UNKNOWN_NAME), errmsg("calendar \"%s\" does not exist", name),
            nearest.best ? errhint("Perhaps you meant \"%s\".", nearest.best)
                         : errhint("set_calendar makes one."));
}

static SPIPlanPtr
get_plan(void)
{
    static KeptPlan plan;
    Oid types[] = {TEXTOID};

    if (!kept_plan_ready(&plan))
        kept_plan_make(&plan,
                       psprintf("SELECT c.zone, c.hours, ARRAY(SELECT h.day FROM %1$s.holiday h "
                                "WHERE h.calendar OPERATOR(pg_catalog.=) c.calendar AND "
                                "pg_catalog.isfinite(h.day) ORDER BY h.day) "
                                "FROM %1$s.calendar c WHERE c.calendar OPERATOR(pg_catalog.=) $1",
                                crm_schema_quoted()),
                       1, types);
    return plan.plan;
}

/* The days of an array, where the statement's memory keeps them. */
static void
keep_holidays(BusinessCalendar *calendar, ArrayType *array, MemoryContext context)
{
    Datum *days;
    int count;
    int32_t *kept;

    deconstruct_array(array, DATEOID, sizeof(DateADT), true, TYPALIGN_INT, &days, NULL, &count);
    kept = MemoryContextAlloc(context, sizeof *kept * (Size) (count + 1));
    for (int i = 0; i < count; i++)
        kept[i] = DatumGetDateADT(days[i]);
    calendar->holidays = kept;
    calendar->holiday_count = (size_t) count;
}

static void
read_calendar(Kept *kept, char *name, MemoryContext context)
{
    Datum arguments[] = {CStringGetTextDatum(name)};
    CrmRights rights;
    HeapTuple row;
    TupleDesc columns;
    bool is_null;
    bool pushed = !ActiveSnapshotSet();

    if (pushed)
        PushActiveSnapshot(GetTransactionSnapshot());
    if (SPI_connect() != SPI_OK_CONNECT)
        elog(ERROR, "SPI_connect failed");
    rights = crm_rights_enter(crm_extension_owner()); /* of crm's own tables only */
    if (SPI_execute_plan(get_plan(), arguments, NULL, true, 1) != SPI_OK_SELECT)
        elog(ERROR, "could not read a calendar");
    if (SPI_processed == 0)
        raise_unknown_calendar(name);
    crm_rights_leave(rights);
    row = SPI_tuptable->vals[0];
    columns = SPI_tuptable->tupdesc;
    kept->calendar.zone = crm_business_zone(SPI_getvalue(row, columns, 1));
    crm_business_week_parse(DatumGetJsonbP(SPI_getbinval(row, columns, 2, &is_null)), &kept->calendar.week);
    keep_holidays(&kept->calendar, DatumGetArrayTypeP(SPI_getbinval(row, columns, 3, &is_null)), context);
    SPI_finish();
    if (pushed)
        PopActiveSnapshot();
    business_prepare(&kept->calendar,
                     MemoryContextAlloc(context, sizeof(int64_t) * (kept->calendar.holiday_count + 1)));
}

static Moment
get_moment(void)
{
    Snapshot snapshot = ActiveSnapshotSet() ? GetActiveSnapshot() : GetTransactionSnapshot();
    Moment moment;

    memset(&moment, 0, sizeof moment); /* compared as bytes */
    moment.transaction = GetCurrentTransactionStartTimestamp();
    moment.subtransaction = GetCurrentSubTransactionId();
    moment.limit = snapshot->xmax;
    moment.running = snapshot->xcnt;
    moment.subtransactions = snapshot->subxcnt;
    moment.command = snapshot->curcid;
    return moment;
}

static Statement *
get_statement(FunctionCallInfo fcinfo)
{
    Statement *statement = fcinfo->flinfo->fn_extra;
    Moment moment = get_moment();

    if (statement == NULL) {
        statement = MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof *statement);
        statement->context =
            AllocSetContextCreate(fcinfo->flinfo->fn_mcxt, "crm calendars", ALLOCSET_SMALL_SIZES);
        fcinfo->flinfo->fn_extra = statement;
    } else if (memcmp(&statement->moment, &moment, sizeof moment) != 0) {
        statement->calendars = NULL;
        MemoryContextReset(statement->context);
    }
    statement->moment = moment;
    return statement;
}

const BusinessCalendar *
crm_business_calendar(FunctionCallInfo fcinfo, const text *name)
{
    Statement *statement = get_statement(fcinfo);
    const char *data = VARDATA_ANY(name);
    size_t length = (size_t) VARSIZE_ANY_EXHDR(name);
    Kept *kept;

    for (kept = statement->calendars; kept != NULL; kept = kept->next)
        if (kept->name_length == length && memcmp(kept->name, data, length) == 0)
            return &kept->calendar;
    kept = MemoryContextAllocZero(statement->context, sizeof *kept);
    kept->name = MemoryContextAlloc(statement->context, length + 1);
    memcpy(kept->name, data, length);
    kept->name[length] = '\0';
    kept->name_length = length;
    read_calendar(kept, kept->name, statement->context);
    kept->next = statement->calendars;
    statement->calendars = kept;
    return &kept->calendar;
}

static TimestampTz
require_finite(TimestampTz at)
{
    if (TIMESTAMP_NOT_FINITE(at))
        ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE),
                errmsg("working time from or to infinity is not known"));
    return at;
}

PG_FUNCTION_INFO_V1(crm_business_interval);
Datum
crm_business_interval(PG_FUNCTION_ARGS)
{
    const BusinessCalendar *calendar = crm_business_calendar(fcinfo, PG_GETARG_TEXT_PP(0));
    TimestampTz since = require_finite(PG_GETARG_TIMESTAMPTZ(1));
    TimestampTz until = require_finite(PG_GETARG_TIMESTAMPTZ(2));
    Interval *result = palloc0(sizeof *result);

    result->time = business_between(calendar, since, until);
    PG_RETURN_INTERVAL_P(result);
}

PG_FUNCTION_INFO_V1(crm_business_deadline);
Datum
crm_business_deadline(PG_FUNCTION_ARGS)
{
    const BusinessCalendar *calendar = crm_business_calendar(fcinfo, PG_GETARG_TEXT_PP(0));
    TimestampTz since = require_finite(PG_GETARG_TIMESTAMPTZ(1));
    const Interval *span = PG_GETARG_INTERVAL_P(2);
    int64_t deadline;

    if (span->month != 0 || span->day != 0 || span->time < 0)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("a span of working time is given in hours, from 0 up"),
                errdetail("How long a day or month of work is depends on the calendar."),
                errhint("For two days of eight hours write interval '16 hours'."));
    if (span->time > 0 && calendar->week_work == 0)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("calendar \"%s\" has no working hours", text_to_cstring(PG_GETARG_TEXT_PP(0))),
                errhint("Give it some with set_calendar."));
    deadline = business_after(calendar, since, span->time, END_TIMESTAMP - USECS_PER_DAY);
    if (deadline == BUSINESS_NEVER)
        ereport(ERROR, errcode(ERRCODE_DATETIME_VALUE_OUT_OF_RANGE), errmsg("timestamp out of range"));
    PG_RETURN_TIMESTAMPTZ(deadline);
}
