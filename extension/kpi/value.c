/*
 * value.c: see value.h.
 *
 * A number of up to 2^53 in its last decimal place is a byte with the decimals and a varint, zigzag; what is longer is a byte 255 and its
 * decimal digits. Whole numbers up to 2^53 and powers of ten up to 10^22 are exact in double precision, so one division rounds as reading
 * the digits does.
 */
#include "base/compat.h"
#include "base/varint.h"
#include "kpi/value.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "base/schema.h"
#include "kpi/total.h"
#include "utils/builtins.h"
#include "utils/fmgrprotos.h"
#include "utils/rel.h"
#include "utils/uuid.h"

#define EXACT (INT64CONST(1) << 53)
#define AS_DIGITS 255
#define DECIMALS_MAX 22
#define SMALL_MAX 10 /* bytes: the decimals and 63 bits */

ValueKey
crm_value_key(void)
{
    Relation rel = table_open(crm_relation_oid("kpi_value_key"), AccessShareLock);
    SysScanDesc scan = systable_beginscan(rel, InvalidOid, false, NULL, 0, NULL);
    HeapTuple tuple = systable_getnext(scan);
    bool isnull;
    ValueKey key;

    if (!HeapTupleIsValid(tuple))
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                errmsg("the key of counted values is missing"),
                errhint("It is made with the first KPI whose values are counted: count_values(kpi)."));
    memcpy(key.bytes, DatumGetUUIDP(heap_getattr(tuple, 1, RelationGetDescr(rel), &isnull))->data,
           SIPHASH_BYTES);
    systable_endscan(scan);
    table_close(rel, AccessShareLock);
    return key;
}

void
crm_value_of_text(const ValueKey *key, Datum text_value, char *bytes)
{
    text *value = DatumGetTextPP(text_value);

    crm_siphash(key->bytes, VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value), (uint8_t *) bytes);
    if (value != (text *) DatumGetPointer(text_value))
        pfree(value);
}

/* The length, 0 where it is not small. */
static int
small_number(Datum number, char *bytes)
{
    int64 whole;
    int decimals;

    if (!crm_total_whole(number, &whole, &decimals) || whole > EXACT || whole < -EXACT)
        return 0;
    while (decimals > 0 && whole % 10 == 0) {
        whole /= 10;
        decimals--;
    }
    bytes[0] = (char) decimals;
    return (int) ((char *) varint_put((uint8_t *) bytes + 1, zigzag(whole)) - bytes);
}

int
crm_value_of_number(Datum number, char *small, const char **bytes)
{
    int length = small_number(number, small);
    char *digits;

    *bytes = small;
    if (length > 0)
        return length;
    if (!crm_total_takes(number))
        return -1;
    number = DirectFunctionCall1(numeric_trim_scale, number); /* one that shows too many zeros may be small */
    length = small_number(number, small);
    if (length > 0)
        return length;
    *bytes = digits = psprintf("%c%s", AS_DIGITS, DatumGetCString(DirectFunctionCall1(numeric_out, number)));
    return (int) strlen(digits);
}

/* Whether it is a small number, and then which. */
static bool
read_small(const char *bytes, int length, int64 *whole)
{
    bool small = length > 0 && (unsigned char) bytes[0] != AS_DIGITS;
    const uint8_t *end = (const uint8_t *) bytes + length;
    uint64 number = 0;

    if (length < 2 || (small && (bytes[0] < 0 || bytes[0] > DECIMALS_MAX || length > SMALL_MAX ||
                                 varint_get((const uint8_t *) bytes + 1, end, &number) != end)))
        ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED), errmsg("not a counted number"));
    *whole = unzigzag(number);
    return small;
}

double
crm_value_double(const char *bytes, int length)
{
    static const double tens[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                  1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

    int64 whole;

    if (!read_small(bytes, length, &whole))
        return DatumGetFloat8(DirectFunctionCall1(numeric_float8, crm_value_numeric(bytes, length)));
    return (double) whole / tens[(int) bytes[0]];
}

Datum
crm_value_numeric(const char *bytes, int length)
{
    int64 whole;

    if (read_small(bytes, length, &whole))
        return NumericGetDatum(int64_div_fast_to_numeric(whole, bytes[0]));
    return DirectFunctionCall3(numeric_in, CStringGetDatum(pnstrdup(bytes + 1, length - 1)),
                               ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
}
