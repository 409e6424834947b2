/*
 * business_week.c: working hours as a calendar writes them. See business_calendar.h.
 */
#include "base/compat.h"
#include "base/business_calendar.h"
#include "base/error.h"
#include "base/nearest.h"

#include "utils/builtins.h"

PGDLLEXPORT Datum crm_check_calendar(PG_FUNCTION_ARGS);

static const char *const weekdays[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};

static int
find_weekday(const JsonbValue *key)
{
    CrmNearest nearest = {.name = pnstrdup(key->val.string.val, (Size) key->val.string.len)};

    for (int i = 0; i < 7; i++)
        if (strcmp(weekdays[i], nearest.name) == 0)
            return i;
    for (int i = 0; i < 7; i++)
        crm_nearest_try(&nearest, weekdays[i]);
    ereport(ERROR, errcode(ERRCODE_CRM_UNKNOWN_NAME), errmsg("weekday \"%s\" does not exist", nearest.name),
            nearest.best ? errhint("Perhaps you meant \"%s\".", nearest.best)
                         : errhint("Weekdays are mon, tue, wed, thu, fri, sat and sun."));
}

/* "9:00", "09:00" or "09:00:30" as seconds of the day; -1 where it is none of them. */
static int32
read_time(const JsonbValue *value)
{
    int32 parts[3] = {0, 0, 0};
    int part = 0;
    int digits = 0;
    int32 seconds;

    if (value->type != jbvString)
        return -1;
    for (int i = 0; i < value->val.string.len; i++) {
        char c = value->val.string.val[i];

        if (c == ':' && digits > 0 && part < 2) {
            part++;
            digits = 0;
        } else if (c >= '0' && c <= '9' && digits < 2) {
            parts[part] = parts[part] * 10 + (c - '0');
            digits++;
        } else
            return -1;
    }
    seconds = parts[0] * 3600 + parts[1] * 60 + parts[2];
    if (part == 0 || digits != 2 || parts[1] > 59 || parts[2] > 59 || seconds > 86400)
        return -1;
    return seconds;
}

static bool
read_span(BusinessWeek *week, int weekday, JsonbContainer *pair)
{
    BusinessSpan span;

    if (!JsonContainerIsArray(pair) || JsonContainerSize(pair) != 2)
        return false;
    span.since = read_time(getIthJsonbValueFromContainer(pair, 0));
    span.until = read_time(getIthJsonbValueFromContainer(pair, 1));
    return span.since >= 0 && business_week_add(week, weekday, span);
}

/* One span, or an array of them. */
static bool
read_day(BusinessWeek *week, int weekday, JsonbContainer *day)
{
    if (!JsonContainerIsArray(day) || JsonContainerIsScalar(day) || JsonContainerSize(day) == 0)
        return false;
    if (getIthJsonbValueFromContainer(day, 0)->type == jbvString)
        return read_span(week, weekday, day);
    for (uint32 i = 0; i < JsonContainerSize(day); i++) {
        JsonbValue *span = getIthJsonbValueFromContainer(day, i);

        if (span->type != jbvBinary || !read_span(week, weekday, span->val.binary.data))
            return false;
    }
    return true;
}

void
crm_business_week_parse(Jsonb *hours, BusinessWeek *week)
{
    JsonbIterator *iterator = JsonbIteratorInit(&hours->root);
    JsonbIteratorToken token;
    JsonbValue value;
    int weekday = 0;

    memset(week, 0, sizeof *week);
    if (!JB_ROOT_IS_OBJECT(hours))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("working hours are a JSON object of weekdays"),
                errhint("Write {\"mon\": [\"09:00\", \"17:30\"]}."));
    while ((token = JsonbIteratorNext(&iterator, &value, true)) != WJB_DONE) {
        if (token == WJB_KEY)
            weekday = find_weekday(&value);
        else if (token == WJB_VALUE &&
                 !(value.type == jbvBinary && read_day(week, weekday, value.val.binary.data)))
            ereport(
                ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("working hours of %s are not understood: %s", weekdays[weekday],
                       JsonbToCString(NULL, &JsonbValueToJsonb(&value)->root, 0)),
                errdetail("A weekday has up to %d spans of time, which do not overlap.", BUSINESS_SPANS_MAX),
                errhint(
                    "Write [\"09:00\", \"17:30\"], or [[\"09:00\", \"12:00\"], [\"13:00\", \"17:00\"]]."));
    }
}

PG_FUNCTION_INFO_V1(crm_check_calendar);
Datum
crm_check_calendar(PG_FUNCTION_ARGS)
{
    BusinessWeek week;

    crm_business_zone(text_to_cstring(PG_GETARG_TEXT_PP(0)));
    crm_business_week_parse(PG_GETARG_JSONB_P(1), &week);
    PG_RETURN_VOID();
}
