/*
 * value.h: values that are counted, as bytes: of a text its keyed hash (nothing of the text itself), of a number what it is.
 *
 * Equal numbers have equal bytes whatever decimals they show. NaN, infinities and CRM_TOTAL_LIMIT and more are no values.
 */
#ifndef CRM_KPI_VALUE_H
#define CRM_KPI_VALUE_H

#include "postgres.h"

#include "kpi/siphash.h"

typedef struct ValueKey {
    uint8_t bytes[SIPHASH_BYTES];
} ValueKey;

/* The key of this database, from kpi_value_key. */
extern ValueKey crm_value_key(void);
/* SIPHASH_BYTES bytes. */
extern void crm_value_of_text(const ValueKey *key, Datum text_value, char *bytes);
/* The bytes of a numeric, in `small` or palloc'd; their length, or -1 where it is no value. */
#define VALUE_SMALL 16
extern int crm_value_of_number(Datum number, char *small, const char **bytes);
/* What crm_value_of_number made; as double the nearest one, as float8(numeric) has it. */
extern double crm_value_double(const char *bytes, int length);
extern Datum crm_value_numeric(const char *bytes, int length);

#endif
