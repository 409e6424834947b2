/*
 * record_input.h: rows of crm.record_copy as the linker reads them.
 *
 * A query selects crm_record_columns() from record_copy r; record_input_read makes a LinkInput of each of its rows. Texts
 * point into the row, or, in a database of another encoding than UTF-8, to copies in the current memory context. In a
 * database of encoding SQL_ASCII bytes are passed on as they are.
 */
#ifndef CRM_CUSTOMER_RECORD_INPUT_H
#define CRM_CUSTOMER_RECORD_INPUT_H

#include "postgres.h"
#include "access/htup.h"
#include "access/tupdesc.h"
#include "executor/tuptable.h"

#include "customer/linker.h"

/* "r.record_no, r.relation, r.record_key, ..."; palloc'd. */
extern char *crm_record_columns(void);

/* Zeroed before the first row and passed on from row to row. */
typedef struct RecordInput {
    int64 record_no;
    LinkInput input;
    bool unmatchable; /* nothing may be linked with it: it is read without fields */
    Oid relation;     /* of the last row, and the seed that its name gives */
    uint64 seed;
} RecordInput;

extern void record_input_read(HeapTuple row, TupleDesc descriptor, RecordInput *record);
/* The same of a row of record_copy itself, which does not tell what is unmatchable. Texts point into the slot; key does, too. */
extern void record_input_read_slot(TupleTableSlot *row, RecordInput *record, Datum *key);

/* The field of an attribute as a mapping names it, or -1. */
extern int record_input_field(const char *attribute, size_t length);
extern LinkText record_input_text(Datum text);
extern LinkKind record_input_kind(const char *kind, size_t length);

#endif
