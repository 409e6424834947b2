/*
 * total.c: exact sums. See total.h.
 *
 * Reads numeric as it lies on disk, which no version since 9.1 has changed: a header of two or four bytes with sign, decimals and
 * weight, then digits to the base 10000. Adding two of those costs five times as much as adding two integers.
 */
#include "base/compat.h"
#include "kpi/total.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#define DECIMALS 12
#define FRACTION_DIGITS 3 /* to the base 10000 */
#define WEIGHT_MAX 5      /* 24 decimal digits before the point */
#define SHOWN_MAX 40

/* A numeric in units; false where it is none that fits. */
static bool
read_units(const char *data, int size, int128 *units, int *decimals)
{
    uint16 header;
    int16 weight;
    bool negative;
    int at = sizeof(uint16);
    int count;
    int128 sum = 0;

    memcpy(&header, data, sizeof(header));
    if ((header & 0xC000) == 0xC000) /* NaN and infinities */
        return false;
    if (header & 0x8000) { /* short */
        negative = (header & 0x2000) != 0;
        *decimals = (header & 0x1F80) >> 7;
        weight = (int16) ((header & 0x0040) ? (header & 0x003F) - 0x0040 : header & 0x003F);
    } else {
        negative = (header & 0xC000) == 0x4000;
        *decimals = header & 0x3FFF;
        memcpy(&weight, data + at, sizeof(weight));
        at += sizeof(weight);
    }
    count = (size - at) / (int) sizeof(int16);
    if (*decimals > SHOWN_MAX)
        return false;
    if (count > 0 && (weight > WEIGHT_MAX || weight - count + 1 < -FRACTION_DIGITS))
        return false;
    for (int i = 0; count > 0 && i <= weight + FRACTION_DIGITS; i++) {
        int16 digit = 0;

        if (i < count)
            memcpy(&digit, data + at + i * (int) sizeof(int16), sizeof(digit));
        sum = sum * 10000 + digit;
    }
    *units = negative ? -sum : sum;
    return true;
}

static Numeric
parse(const char *digits)
{
    return DatumGetNumeric(DirectFunctionCall3(numeric_in, CStringGetDatum(digits),
                                               ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
}

static Numeric
units_to_numeric(int128 units, int decimals)
{
    char buffer[SHOWN_MAX + 48];
    char *at = buffer + sizeof(buffer) - 1;
    bool negative = units < 0;
    int shown = Min(decimals, DECIMALS);

    *at = '\0';
    for (int zeros = decimals; zeros > DECIMALS; zeros--)
        *--at = '0';
    for (int place = 0; place <= DECIMALS || units != 0; place++) {
        int digit = (int) (units % 10);

        if (place == DECIMALS && shown > 0)
            *--at = '.';
        if (place >= DECIMALS - shown)
            *--at = (char) ('0' + (digit < 0 ? -digit : digit));
        units /= 10;
    }
    if (negative)
        *--at = '-';
    return parse(at);
}

/* NaN counts as greater than everything. */
static bool
is_limited(Numeric value)
{
    static Numeric limit = NULL;
    static Numeric negative = NULL;

    if (limit == NULL) {
        MemoryContext old = MemoryContextSwitchTo(TopMemoryContext);

        negative = parse("-" CRM_TOTAL_LIMIT);
        limit = parse(CRM_TOTAL_LIMIT);
        MemoryContextSwitchTo(old);
    }
    return DatumGetBool(DirectFunctionCall2(numeric_lt, NumericGetDatum(value), NumericGetDatum(limit))) &&
           DatumGetBool(DirectFunctionCall2(numeric_gt, NumericGetDatum(value), NumericGetDatum(negative)));
}

static void
add_rest(CrmTotal *total, Numeric value, int sign, MemoryContext context)
{
    MemoryContext old = MemoryContextSwitchTo(context);
    Numeric before = total->rest ? total->rest : int64_to_numeric(0);

    total->rest =
        sign > 0 ? numeric_add_opt_error(before, value, NULL) : numeric_sub_opt_error(before, value, NULL);
    pfree(before);
    MemoryContextSwitchTo(old);
}

static void
add_units(CrmTotal *total, int128 units, int decimals, MemoryContext context)
{
    int128 sum;

    if (__builtin_add_overflow(total->units, units, &sum)) {
        add_rest(total, units_to_numeric(total->units, DECIMALS), 1, context);
        sum = units;
    }
    total->units = sum;
    total->decimals = Max(total->decimals, decimals);
    total->any = true;
}

/* False where it does not fit. */
static bool
add_packed(CrmTotal *total, Datum value, int sign, MemoryContext context)
{
    struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);
    int128 units;
    int decimals;

    if (!read_units(VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed), &units, &decimals))
        return false;
    add_units(total, sign > 0 ? units : -units, decimals, context);
    return true;
}

bool
crm_total_add(CrmTotal *total, Datum value, int sign, MemoryContext context)
{
    Numeric whole;

    if (add_packed(total, value, sign, context))
        return true;
    whole = DatumGetNumeric(value);
    if (!is_limited(whole))
        return false;
    add_rest(total, whole, sign, context);
    total->any = true;
    return true;
}

void
crm_total_merge(CrmTotal *total, Datum sum, MemoryContext context)
{
    if (add_packed(total, sum, 1, context))
        return;
    add_rest(total, DatumGetNumeric(sum), 1, context);
    total->any = true;
}

void
crm_total_join(CrmTotal *total, const CrmTotal *other, int sign, MemoryContext context)
{
    if (!other->any)
        return;
    add_units(total, sign > 0 ? other->units : -other->units, other->decimals, context);
    if (other->rest)
        add_rest(total, other->rest, sign, context);
}

Numeric
crm_total_numeric(const CrmTotal *total)
{
    Numeric sum;

    if (!total->any)
        return NULL;
    sum = units_to_numeric(total->units, total->decimals);
    return total->rest ? numeric_add_opt_error(sum, total->rest, NULL) : sum;
}

bool
crm_total_is_zero(const CrmTotal *total)
{
    if (total->rest == NULL)
        return total->units == 0;
    return DatumGetBool(DirectFunctionCall2(numeric_eq, NumericGetDatum(crm_total_numeric(total)),
                                            NumericGetDatum(int64_to_numeric(0))));
}

bool
crm_total_whole(Datum value, int64 *whole, int *decimals)
{
    static const int64 tens[DECIMALS + 1] = {INT64CONST(1),
                                             INT64CONST(10),
                                             INT64CONST(100),
                                             INT64CONST(1000),
                                             INT64CONST(10000),
                                             INT64CONST(100000),
                                             INT64CONST(1000000),
                                             INT64CONST(10000000),
                                             INT64CONST(100000000),
                                             INT64CONST(1000000000),
                                             INT64CONST(10000000000),
                                             INT64CONST(100000000000),
                                             INT64CONST(1000000000000)};
    struct varlena *packed = PG_DETOAST_DATUM_PACKED(value);
    int128 units;

    if (!read_units(VARDATA_ANY(packed), VARSIZE_ANY_EXHDR(packed), &units, decimals))
        return false;
    *decimals = Min(*decimals, DECIMALS);
    units /= tens[DECIMALS - *decimals];
    *whole = (int64) units;
    return units == *whole;
}

bool
crm_total_takes(Datum value)
{
    return is_limited(DatumGetNumeric(value));
}
