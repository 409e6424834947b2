/*
 * journey_value.c: the type crm.journey: text and binary forms, comparison, hashing. See journey_value.h.
 *
 * Text: position@time, separated by commas, times in ISO 8601 and UTC whatever the session's settings:
 * 100@2026-01-01T09:30:00+00,300@2026-01-04T00:00:00+00. Binary: the bytes as they are stored, checked when read.
 */
#include "base/bytes.h"
#include "base/error.h"
#include "funnel/journey_value.h"

#include "libpq/pqformat.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/datetime.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

void
crm_journey_corrupted(void)
{
    ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED), errmsg("invalid stored value of type journey"));
}

void
crm_journey_open(JourneyReader *reader, struct varlena *journey)
{
    if (!journey_open(reader, (const uint8 *) VARDATA_ANY(journey), VARSIZE_ANY_EXHDR(journey)))
        crm_journey_corrupted();
}

int32 *
crm_journey_distinct(const JourneyReader *reader)
{
    int32 *positions = palloc_extended(sizeof(int32) * (reader->distinct + 1), MCXT_ALLOC_HUGE);

    if (!journey_positions(reader, positions))
        crm_journey_corrupted();
    return positions;
}

JourneyEvent *
crm_journey_unpack(struct varlena *journey, uint64 *count)
{
    JourneyReader reader;
    JourneyEvent *events;
    int32 *positions;
    uint32 index;

    crm_journey_open(&reader, journey);
    *count = reader.left;
    positions = crm_journey_distinct(&reader);
    events = palloc_extended(sizeof(JourneyEvent) * (reader.left + 1), MCXT_ALLOC_HUGE);
    for (JourneyEvent *event = events; crm_journey_next(&reader, &event->at, &index); event++)
        event->position = positions[index];
    pfree(positions);
    return events;
}

struct varlena *
crm_journey_make(const JourneyEvent *events, uint64 count)
{
    Size room = journey_room(count);
    int32 *scratch = palloc_extended(sizeof(int32) * (count + 1), MCXT_ALLOC_HUGE);
    struct varlena *value = palloc_extended(VARHDRSZ + room, MCXT_ALLOC_HUGE);
    Size size = journey_write(events, count, scratch, (uint8 *) VARDATA(value));

    pfree(scratch);
    if (size > MaxAllocSize - VARHDRSZ)
        ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED), errmsg("too many events for one journey"),
                errdetail("A value has at most 1 GB."));
    SET_VARSIZE(value, VARHDRSZ + size);
    return repalloc_huge(value, VARHDRSZ + size);
}

const int32 *
crm_positions_argument(FunctionCallInfo fcinfo, int n, int *count)
{
    ArrayType *array;

    *count = 0;
    if (PG_ARGISNULL(n))
        return NULL;
    array = PG_GETARG_ARRAYTYPE_P(n);
    if (array_contains_nulls(array))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("a position is NULL"));
    *count = ArrayGetNItems(ARR_NDIM(array), ARR_DIMS(array));
    return (const int32 *) ARR_DATA_PTR(array);
}

bool
crm_position_is_among(const int32 *positions, int count, int32 position)
{
    for (int i = 0; i < count; i++)
        if (positions[i] == position)
            return true;
    return false;
}

static int
compare_arrivals(const void *left, const void *right)
{
    const JourneyArrival *a = left;
    const JourneyArrival *b = right;

    if (a->at != b->at)
        return a->at < b->at ? -1 : 1;
    if (a->sequence != b->sequence)
        return a->sequence < b->sequence ? -1 : 1;
    return (a->position > b->position) - (a->position < b->position);
}

struct varlena *
crm_journey_arrange(JourneyArrival *arrivals, uint64 count)
{
    JourneyEvent *events = palloc_extended(sizeof(JourneyEvent) * (count + 1), MCXT_ALLOC_HUGE);
    struct varlena *journey;

    for (uint64 i = 1; i < count; i++)
        if (compare_arrivals(&arrivals[i - 1], &arrivals[i]) > 0) {
            qsort(arrivals, count, sizeof(JourneyArrival), compare_arrivals);
            break;
        }
    for (uint64 i = 0; i < count; i++)
        events[i] = (JourneyEvent){arrivals[i].at, arrivals[i].position};
    journey = crm_journey_make(events, count);
    pfree(events);
    return journey;
}

/* position@time. False: with what is wrong, or with NULL after a soft error of the time itself. */
static bool
read_event(char *text, JourneyArrival *event, Node *context, const char **problem)
{
    char *at = strchr(text, '@');
    Datum time;
    char *end;
    long position;

    *problem = "An event is a position from 0 to 2147483647, @ and a time.";
    if (at == NULL || text[0] < '0' || text[0] > '9')
        return false;
    errno = 0;
    position = strtol(text, &end, 10);
    if (errno != 0 || end != at || position > PG_INT32_MAX)
        return false;
    *problem = NULL;
    if (!crm_input_call(timestamptz_in, at + 1, context, &time))
        return false;
    event->at = DatumGetTimestampTz(time);
    event->position = (int32) position;
    *problem = "A time of a journey is not infinite.";
    return !TIMESTAMP_NOT_FINITE(event->at);
}

PG_FUNCTION_INFO_V1(crm_journey_in);

Datum
crm_journey_in(PG_FUNCTION_ARGS)
{
    const char *given = PG_GETARG_CSTRING(0);
    char *text = pstrdup(given);
    uint64 count = 0;
    uint64 most = 1;
    JourneyArrival *events;

    for (const char *at = text; *at != '\0'; at++)
        most += *at == ',';
    events = palloc_extended(sizeof(JourneyArrival) * most, MCXT_ALLOC_HUGE);
    for (char *next = text[strspn(text, " ")] == '\0' ? NULL : text; next != NULL; count++) {
        char *this = next + strspn(next, " ");
        const char *problem;

        next = strchr(this, ',');
        if (next != NULL)
            *next++ = '\0';
        if (!read_event(this, &events[count], fcinfo->context, &problem)) {
            if (problem == NULL)
                PG_RETURN_NULL();
            crm_input_error(fcinfo->context, (Datum) 0, errcode(ERRCODE_INVALID_TEXT_REPRESENTATION),
                            errmsg("invalid input syntax for type journey: \"%s\"", this),
                            errdetail("%s", problem),
                            errhint("Type 100@2026-01-01, 300@2026-01-04 12:00+00."));
        }
        events[count].sequence = (int64) count;
    }
    PG_RETURN_POINTER(crm_journey_arrange(events, count));
}

/* In UTC, since output that followed the session's zone could not be immutable. */
static void
append_event(StringInfo text, const JourneyEvent *event)
{
    struct pg_tm tm;
    fsec_t fraction;
    char buffer[MAXDATELEN + 1];

    if (timestamp2tm(event->at, NULL, &tm, &fraction, NULL, NULL) != 0)
        crm_journey_corrupted();
    tm.tm_isdst = 0; /* else no zone is written */
    EncodeDateTime(&tm, fraction, true, 0, NULL, USE_XSD_DATES, buffer);
    appendStringInfo(text, "%s%d@%s", text->len == 0 ? "" : ",", event->position, buffer);
}

PG_FUNCTION_INFO_V1(crm_journey_out);

Datum
crm_journey_out(PG_FUNCTION_ARGS)
{
    uint64 count;
    JourneyEvent *events = crm_journey_unpack(PG_GETARG_JOURNEY_PP(0), &count);
    StringInfoData text;

    initStringInfo(&text);
    for (uint64 i = 0; i < count; i++)
        append_event(&text, &events[i]);
    PG_RETURN_CSTRING(text.data);
}

PG_FUNCTION_INFO_V1(crm_journey_recv);

Datum
crm_journey_recv(PG_FUNCTION_ARGS)
{
    StringInfo message = (StringInfo) PG_GETARG_POINTER(0);
    Size size = (Size) (message->len - message->cursor);
    const uint8 *bytes = (const uint8 *) pq_getmsgbytes(message, (int) size);
    struct varlena *value = palloc(VARHDRSZ + size);
    JourneyReader reader;
    bool good = journey_open(&reader, bytes, size);

    if (good) {
        JourneyEvent *events = palloc_extended(sizeof(JourneyEvent) * (reader.left + 1), MCXT_ALLOC_HUGE);
        int32 *scratch = palloc_extended(sizeof(int32) * (reader.left + 1), MCXT_ALLOC_HUGE);
        uint8 *again = palloc_extended(journey_room(reader.left), MCXT_ALLOC_HUGE);

        good = journey_is_canonical(bytes, size, events, scratch, again);
        for (uint64 i = 0; good && i < reader.left; i++)
            good = IS_VALID_TIMESTAMP(events[i].at);
    }
    if (!good)
        ereport(ERROR, errcode(ERRCODE_INVALID_BINARY_REPRESENTATION),
                errmsg("invalid binary form of type journey"));
    SET_VARSIZE(value, VARHDRSZ + size);
    memcpy(VARDATA(value), bytes, size);
    PG_RETURN_POINTER(value);
}

PG_FUNCTION_INFO_V1(crm_journey_send);

Datum
crm_journey_send(PG_FUNCTION_ARGS)
{
    struct varlena *journey = PG_GETARG_JOURNEY_PP(0);
    StringInfoData message;

    pq_begintypsend(&message);
    pq_sendbytes(&message, VARDATA_ANY(journey), (int) VARSIZE_ANY_EXHDR(journey));
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

/* By bytes: an order for DISTINCT and sorts, without a meaning. */
CRM_BYTES_COMPARISON(journey, eq, ==)
CRM_BYTES_COMPARISON(journey, ne, !=)
CRM_BYTES_COMPARISON(journey, lt, <)
CRM_BYTES_COMPARISON(journey, le, <=)
CRM_BYTES_COMPARISON(journey, gt, >)
CRM_BYTES_COMPARISON(journey, ge, >=)

PG_FUNCTION_INFO_V1(crm_journey_cmp);

Datum
crm_journey_cmp(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT32(crm_bytes_compare(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)));
}

PG_FUNCTION_INFO_V1(crm_journey_hash);

Datum
crm_journey_hash(PG_FUNCTION_ARGS)
{
    return crm_bytes_hash(PG_GETARG_DATUM(0));
}

PG_FUNCTION_INFO_V1(crm_journey_hash_extended);

Datum
crm_journey_hash_extended(PG_FUNCTION_ARGS)
{
    return crm_bytes_hash_extended(PG_GETARG_DATUM(0), (uint64) PG_GETARG_INT64(1));
}
