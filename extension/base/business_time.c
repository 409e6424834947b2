/*
 * business_time.c: see business_time.h. While the clock keeps its distance from UTC, time is cut where the clock on the wall says, and
 * the work up to a reading of that clock is a sum that needs no loop: whole weeks, days of the week before today, hours of today, less
 * what holidays would have been. The functions below go from one change of the clock to the next.
 */
#include "base/business_time.h"

#include <string.h>

/* 2000-01-01 was a Saturday; week 0 begins on the Monday after it. */
#define FIRST_MONDAY 2

static int64_t
floor_divide(int64_t value, int64_t by)
{
    int64_t quotient = value / by;

    return value % by < 0 ? quotient - 1 : quotient;
}

static int
weekday_of(int64_t day)
{
    return (int) (day - FIRST_MONDAY - 7 * floor_divide(day - FIRST_MONDAY, 7));
}

bool
business_week_add(BusinessWeek *week, int weekday, BusinessSpan span)
{
    BusinessSpan *spans = week->spans[weekday];
    int count = week->count[weekday];
    int place = 0;

    if (span.since < 0 || span.until > 86400 || span.since >= span.until || count == BUSINESS_SPANS_MAX)
        return false;
    while (place < count && spans[place].since < span.since)
        place++;
    if ((place > 0 && spans[place - 1].until > span.since) ||
        (place < count && spans[place].since < span.until))
        return false;
    memmove(spans + place + 1, spans + place, (size_t) (count - place) * sizeof *spans);
    spans[place] = span;
    week->count[weekday]++;
    return true;
}

void
business_prepare(BusinessCalendar *calendar, int64_t *holiday_work)
{
    calendar->week_work = 0;
    for (int weekday = 0; weekday < 7; weekday++) {
        int64_t work = 0;

        for (int i = 0; i < calendar->week.count[weekday]; i++)
            work += (calendar->week.spans[weekday][i].until - calendar->week.spans[weekday][i].since) *
                    BUSINESS_SECOND;
        calendar->day_work[weekday] = work;
        calendar->day_begin[weekday] = calendar->week_work;
        calendar->week_work += work;
    }
    holiday_work[0] = 0;
    for (size_t i = 0; i < calendar->holiday_count; i++)
        holiday_work[i + 1] = holiday_work[i] + calendar->day_work[weekday_of(calendar->holidays[i])];
    calendar->holiday_work = holiday_work;
}

/* How many holidays lie before a day. */
static size_t
holidays_before(const BusinessCalendar *calendar, int64_t day)
{
    size_t low = 0;
    size_t high = calendar->holiday_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (calendar->holidays[middle] < day)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Work up to a reading of the clock on the wall, counted from the first Monday, negative before it. */
static int64_t
work_until(const BusinessCalendar *calendar, int64_t local)
{
    int64_t day = floor_divide(local, BUSINESS_DAY);
    int weekday = weekday_of(day);
    size_t holidays = holidays_before(calendar, day);
    int64_t work = floor_divide(day - FIRST_MONDAY, 7) * calendar->week_work + calendar->day_begin[weekday] -
                   calendar->holiday_work[holidays];

    if (holidays < calendar->holiday_count && calendar->holidays[holidays] == day)
        return work;
    for (int i = 0; i < calendar->week.count[weekday]; i++) {
        int64_t since = day * BUSINESS_DAY + calendar->week.spans[weekday][i].since * BUSINESS_SECOND;
        int64_t until = day * BUSINESS_DAY + calendar->week.spans[weekday][i].until * BUSINESS_SECOND;

        if (local > since)
            work += (local < until ? local : until) - since;
    }
    return work;
}

/* The first reading of the clock in (since, until] by which the work is target; there is one. */
static int64_t
reading_at(const BusinessCalendar *calendar, int64_t target, int64_t since, int64_t until)
{
    int64_t low = floor_divide(since, BUSINESS_DAY);
    int64_t high = floor_divide(until, BUSINESS_DAY);
    int64_t left;
    int weekday;

    while (low < high) { /* the first day at whose end it is reached */
        int64_t middle = low + (high - low) / 2;

        if (work_until(calendar, (middle + 1) * BUSINESS_DAY) >= target)
            high = middle;
        else
            low = middle + 1;
    }
    weekday = weekday_of(low);
    left = target - work_until(calendar, low * BUSINESS_DAY);
    for (int i = 0; i < calendar->week.count[weekday]; i++) {
        int64_t length = (calendar->week.spans[weekday][i].until - calendar->week.spans[weekday][i].since) *
                         BUSINESS_SECOND;

        if (left <= length)
            return low * BUSINESS_DAY + calendar->week.spans[weekday][i].since * BUSINESS_SECOND + left;
        left -= length;
    }
    return until;
}

int64_t
business_between(const BusinessCalendar *calendar, int64_t since, int64_t until)
{
    int64_t work = 0;

    if (calendar->week_work == 0)
        return 0;
    while (since < until) {
        int64_t offset;
        int64_t change;
        int64_t end;

        calendar->zone.offset_at(calendar->zone.data, since, &offset, &change);
        end = change < until ? change : until;
        work += work_until(calendar, end + offset) - work_until(calendar, since + offset);
        since = end;
    }
    return work;
}

int64_t
business_after(const BusinessCalendar *calendar, int64_t since, int64_t work, int64_t last)
{
    if (work <= 0)
        return since;
    if (calendar->week_work == 0)
        return BUSINESS_NEVER;
    while (since < last) {
        int64_t offset;
        int64_t change;
        int64_t end;
        int64_t begun;
        int64_t here;

        calendar->zone.offset_at(calendar->zone.data, since, &offset, &change);
        end = change < last ? change : last;
        begun = work_until(calendar, since + offset);
        here = work_until(calendar, end + offset) - begun;
        if (here >= work)
            return reading_at(calendar, begun + work, since + offset, end + offset) - offset;
        work -= here;
        since = end;
    }
    return BUSINESS_NEVER;
}
