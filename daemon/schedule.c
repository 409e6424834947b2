#include "schedule.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#define TROUBLE_BASE_MS 1000
#define TROUBLE_CAP_MS 60000

int64_t
schedule_backoff_ms(int failures, int64_t base_ms, int64_t cap_ms, uint32_t seed)
{
    int64_t wait = base_ms;

    for (int i = 1; i < failures && wait < cap_ms; i++)
        wait *= 2;
    if (wait > cap_ms)
        wait = cap_ms;
    /* a multiplicative hash spreads neighbouring seeds over the quarter */
    return wait - (wait / 4) * (int64_t) (((seed + (uint32_t) failures) * 2654435761u) >> 22) / 1024;
}

bool
schedule_allows(const struct Trouble *trouble, int64_t now_ms)
{
    return trouble->failures == 0 || now_ms >= trouble->until_ms;
}

void
schedule_failed(struct Trouble *trouble, int64_t now_ms, uint32_t seed)
{
    if (trouble->failures < 1000)
        trouble->failures++;
    trouble->until_ms =
        now_ms + schedule_backoff_ms(trouble->failures, TROUBLE_BASE_MS, TROUBLE_CAP_MS, seed);
}

void
schedule_worked(struct Trouble *trouble)
{
    trouble->failures = 0;
}

bool
schedule_lease_covers(int64_t taken_ms, int64_t lease_ms, int64_t now_ms, int64_t need_ms)
{
    return now_ms - taken_ms + need_ms < lease_ms;
}

uint32_t
schedule_seed(const char *text)
{
    uint32_t hash = 2166136261u; /* FNV-1a */

    for (; *text != '\0'; text++)
        hash = (hash ^ (unsigned char) *text) * 16777619u;
    return hash;
}

static bool
read_hour(const char **text, int *hour)
{
    char *end;
    long number;

    if (!isdigit((unsigned char) **text))
        return false;
    number = strtol(*text, &end, 10);
    *text = end;
    *hour = (int) number;
    return number >= 0 && number <= 23;
}

bool
schedule_read_hours(const char *text, struct HourSpan *span)
{
    *span = (struct HourSpan){.never = strcmp(text, "never") == 0};
    if (span->never || strcmp(text, "always") == 0)
        return true;
    if (!read_hour(&text, &span->from) || *text++ != '-')
        return false;
    return read_hour(&text, &span->until) && *text == '\0';
}

bool
schedule_hour_is_in(const struct HourSpan *span, int hour)
{
    if (span->never || span->from == span->until)
        return !span->never;
    if (span->from < span->until)
        return hour >= span->from && hour < span->until;
    return hour >= span->from || hour < span->until;
}
