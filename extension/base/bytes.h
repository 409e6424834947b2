/*
 * bytes.h: comparison and hashing of varlena types whose equal values have equal bytes.
 *
 * Copies made for values stored out of line are freed: comparators run inside index builds and sorts.
 */
#ifndef CRM_BASE_BYTES_H
#define CRM_BASE_BYTES_H

#include "base/compat.h"

/* -1, 0 or 1, as memcmp, a shorter value before a longer one that begins with it. */
extern int crm_bytes_compare(Datum left, Datum right);
extern Datum crm_bytes_hash(Datum value);
extern Datum crm_bytes_hash_extended(Datum value, uint64 seed);

/* Defines the SQL function crm_<type>_<name>, which compares its two arguments. */
#define CRM_BYTES_COMPARISON(type, name, test)                                                               \
    PG_FUNCTION_INFO_V1(crm_##type##_##name);                                                                \
    Datum crm_##type##_##name(PG_FUNCTION_ARGS)                                                              \
    {                                                                                                        \
        PG_RETURN_BOOL(crm_bytes_compare(PG_GETARG_DATUM(0), PG_GETARG_DATUM(1)) test 0);                    \
    }

#endif
