/*
 * library_zone.h: instants and time zones for tests of working time: a zone of the C library, by the rule in TZ, and one that never changes.
 */
#ifndef CRM_TESTS_LIBRARY_ZONE_H
#define CRM_TESTS_LIBRARY_ZONE_H

#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "base/business_time.h"

#define MINUTE (60 * BUSINESS_SECOND)
#define HOUR (60 * MINUTE)
#define EPOCH 946684800 /* 2000-01-01 */
#define BERLIN "CET-1CEST,M3.5.0,M10.5.0/3"
#define NEW_YORK "EST5EDT,M3.2.0,M11.1.0"

/* An instant of UTC. */
static int64_t
utc(int year, int month, int day, int hour, int minute)
{
    struct tm parts = {
        .tm_year = year - 1900, .tm_mon = month - 1, .tm_mday = day, .tm_hour = hour, .tm_min = minute};

    return (timegm(&parts) - EPOCH) * BUSINESS_SECOND;
}

static void
set_zone(const char *zone)
{
    setenv("TZ", zone, 1);
    tzset();
}

static int64_t
floor_seconds(int64_t at)
{
    return at >= 0 ? at / BUSINESS_SECOND : -((-at + BUSINESS_SECOND - 1) / BUSINESS_SECOND);
}

static long
offset_in(int64_t second)
{
    time_t at = (time_t) (second + EPOCH);
    struct tm parts;

    localtime_r(&at, &parts);
    return parts.tm_gmtoff;
}

/* The zone of the C library: looks ahead day by day, at most some weeks, then for the second. */
static void
offset_at(const void *data, int64_t at, int64_t *offset, int64_t *until)
{
    int64_t low = floor_seconds(at);
    int64_t high = low;
    long here = offset_in(low);

    (void) data;
    for (int day = 0; day < 30 && offset_in(high) == here; day++) {
        low = high;
        high += 86400;
    }
    while (offset_in(high) != here && high - low > 1) {
        int64_t middle = low + (high - low) / 2;

        if (offset_in(middle) == here)
            low = middle;
        else
            high = middle;
    }
    *offset = here * BUSINESS_SECOND;
    *until = high * BUSINESS_SECOND;
}

static void
fixed_offset(const void *data, int64_t at, int64_t *offset, int64_t *until)
{
    (void) at;
    *offset = *(const int64_t *) data;
    *until = BUSINESS_NEVER;
}

static const int64_t no_offset = 0;
static const BusinessZone fixed_zone = {fixed_offset, &no_offset};
static const BusinessZone library_zone = {offset_at, NULL};

#endif
