/*
 * readable_record.h: records by their numbers, those that the caller may read and that may be matched.
 *
 * What record_readable says is asked for every record of a table that is protected, or of which not everything is open to the
 * caller; of an open table that he may SELECT from, every row is his to read, which takes no query. Inside of SPI.
 */
#ifndef CRM_CUSTOMER_READABLE_RECORD_H
#define CRM_CUSTOMER_READABLE_RECORD_H

#include "postgres.h"

#include "customer/index_probe.h"
#include "customer/record_input.h"

/* What is known of a table. */
typedef struct ReadableTable {
    Oid relation;
    bool open; /* nothing but the table's own privilege is between the caller and its rows, and he has that */
    bool restricted; /* some of its records are or were */
} ReadableTable;

typedef struct ReadableRecords {
    const int64 *number;
    int count;
    int next;
    int asked; /* up to here record_readable was asked; its answers: */
    bool *readable;
    IndexProbe records;
    IndexProbe restricted;
    ReadableTable *table; /* those that were met */
    int tables;
} ReadableRecords;

/* The numbers stay the caller's until readable_records_close. */
extern void readable_records_open(ReadableRecords *records, const int64 *numbers, int count);
/* The next one, in the order of the numbers; its texts stay until the next call, relation and key until the context goes. */
extern bool readable_records_next(ReadableRecords *records, RecordInput *record, Oid *relation, text **key);
extern void readable_records_close(ReadableRecords *records);

#endif
