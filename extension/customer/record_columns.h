/*
 * record_columns.h: where the columns of record_copy stand, and what golden attributes a row of it has.
 *
 * Owns the composition of the attribute "name". The order of the attributes is that of golden_attribute.
 */
#ifndef CRM_CUSTOMER_RECORD_COLUMNS_H
#define CRM_CUSTOMER_RECORD_COLUMNS_H

#include "postgres.h"

#define RECORD_ATTRIBUTES 18
#define RECORD_EMAIL 5 /* counted from 0 */
#define RECORD_PHONE 6

typedef struct RecordColumns {
    int attribute[RECORD_ATTRIBUTES]; /* index of the column, counted from 0; of the name that of full_name */
    int record_no, relation, record_key, unit, owner, created_at, email_key, phone_key, changed, decides;
} RecordColumns;

extern void record_columns_find(RecordColumns *columns);

/* Sets attributes to those of a row, NULL for none; where a name is composed it lies in the current memory context. */
extern void record_columns_attributes(const RecordColumns *columns, const Datum *values, const bool *nulls,
                                      const text **attributes);

#endif
