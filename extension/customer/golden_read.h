/*
 * golden_read.h: a customer's records as the caller may read them.
 *
 * Owns what golden records are made from: reading record_copy by customer, and asking for each record whether the caller may read it,
 * as golden_source() says of its table. Tables are read as the catalogues are, with the active snapshot and without rights, since what
 * may be shown is decided here. The session has one reader, which is made anew when anything may have changed that it knows: who asks,
 * the statement, the snapshot, the organisation. It is good until the function that asked for it returns.
 */
#ifndef CRM_CUSTOMER_GOLDEN_READ_H
#define CRM_CUSTOMER_GOLDEN_READ_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "customer/golden.h"
#include "fmgr.h"

typedef struct GoldenReader GoldenReader;

typedef struct GoldenCustomer {
    int count;
    const GoldenRecord *records;
    const int64 *numbers; /* their record_no */
    bool visible;         /* at least one of them may be read */
} GoldenCustomer;

/* What people said: for each attribute the golden value that was set last. */
typedef struct GoldenSaid {
    bool known[GOLDEN_MAX_ATTRIBUTES];
    const text *value[GOLDEN_MAX_ATTRIBUTES]; /* NULL: that there is none */
} GoldenSaid;

/* Raises RM101 where policies bind a caller who is nobody. */
extern GoldenReader *golden_reader(void);
extern const GoldenPlan *golden_reader_plan(const GoldenReader *reader);
/* The row type that this call returns. */
extern TupleDesc golden_reader_result(GoldenReader *reader, FunctionCallInfo fcinfo);

/* All records of a customer, in the current memory context. */
extern GoldenCustomer *golden_read(GoldenReader *reader, int64 customer_id);
extern void golden_read_said(GoldenReader *reader, const GoldenCustomer *customer, GoldenSaid *said);

/* Whether the customer has a record that the caller may read: stops at the first. */
extern bool golden_may_read(GoldenReader *reader, int64 customer_id);

#endif
