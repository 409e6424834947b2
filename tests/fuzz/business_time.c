// links: extension/base/business_time.c extension/kpi/clock_run.c
/* Working time: never negative, adds up, and the instant by which it has passed is the inverse; clocks that run and stand still. */
#include "fuzz.h"
#include "base/business_time.h"
#include "kpi/clock_run.h"

/* An offset that changes so often. */
struct Zone {
    int64_t offset[2];
    int64_t every;
};

static void
offset_at(const void *data, int64_t at, int64_t *offset, int64_t *until)
{
    const struct Zone *zone = data;
    int64_t period = at / zone->every - (at % zone->every < 0);

    *offset = zone->offset[period & 1];
    *until = (period + 1) * zone->every;
}

TARGET(business_time)
{
    struct Input input = {data, size};
    struct Zone zone = {.every = (int64_t) (30 + take_number(&input, 1)) * BUSINESS_DAY};
    BusinessCalendar calendar = {.zone = {offset_at, &zone}};
    int32_t holidays[8];
    int64_t work[9], since, middle, until, last = 40000 * BUSINESS_DAY;
    ClockChange changes[8];
    ClockRun run = {.changes = changes, .last = last};
    size_t spans;

    zone.offset[0] = (int64_t) (int8_t) take_number(&input, 1) * 900 * BUSINESS_SECOND;
    zone.offset[1] = zone.offset[0] + (int64_t) (int8_t) take_number(&input, 1) * 60 * BUSINESS_SECOND;
    spans = take_number(&input, 1) % 16;
    for (size_t i = 0; i < spans; i++) {
        int weekday = (int) (take_number(&input, 1) % 7);
        int32_t first = (int32_t) take_number(&input, 2) * 2 - 10000;
        BusinessSpan span = {first, first + (int32_t) take_number(&input, 2)};

        if (business_week_add(&calendar.week, weekday, span))
            CHECK(span.since >= 0 && span.until <= 86400 && span.since < span.until &&
                  calendar.week.count[weekday] <= BUSINESS_SPANS_MAX);
    }
    calendar.holidays = holidays;
    calendar.holiday_count = take_number(&input, 1) % 8;
    for (size_t i = 0; i < calendar.holiday_count; i++)
        holidays[i] = (i == 0 ? 9000 : holidays[i - 1] + 1) + (int32_t) take_number(&input, 1);
    business_prepare(&calendar, work);
    since = (9000 * 86400 + (int64_t) (take_number(&input, 4) % (6000 * 86400))) * BUSINESS_SECOND;
    middle = since + (int64_t) (take_number(&input, 4) % (3000 * 86400)) * BUSINESS_SECOND;
    until = middle + (int64_t) (take_number(&input, 4) % (3000 * 86400)) * BUSINESS_SECOND +
            (int64_t) take_number(&input, 2);
    CHECK(business_between(&calendar, since, until) ==
          business_between(&calendar, since, middle) + business_between(&calendar, middle, until));
    CHECK(business_between(&calendar, since, until) >= 0);
    {
        int64_t wanted = business_between(&calendar, since, until),
                at = business_after(&calendar, since, wanted, last);

        CHECK(at >= since && at <= until && business_between(&calendar, since, at) == wanted);
        wanted = (int64_t) take_number(&input, 6);
        at = business_after(&calendar, since, wanted, last);
        CHECK(at == BUSINESS_NEVER ||
              (at >= since && at <= last && business_between(&calendar, since, at) == wanted));
    }
    run.calendar = take_number(&input, 1) % 4 == 0 ? NULL : &calendar;
    run.started = since;
    run.stopped = take_number(&input, 1) % 2 == 0 ? BUSINESS_NEVER : middle;
    run.count = take_number(&input, 1) % 8;
    for (size_t i = 0; i < run.count; i++)
        changes[i] = (ClockChange){since + ((int64_t) take_number(&input, 4) - 86400) * BUSINESS_SECOND,
                                   take_number(&input, 1) % 2 == 0};
    CHECK(clock_used(&run, middle) >= 0 && clock_used(&run, until) >= clock_used(&run, middle));
    CHECK(clock_used(&run, until) <= clock_between(run.calendar, since, until));
    {
        int64_t target = (int64_t) take_number(&input, 5), due = clock_due(&run, target);

        if (due != BUSINESS_NEVER && run.stopped == BUSINESS_NEVER)
            CHECK(due >= since && due <= last && clock_used(&run, due) == target);
    }
    (void) clock_paused(&run);
}
