/*
 * golden.h: what is golden of a customer's records, once it is known which of them the reader may read.
 *
 * Owns the choice, attribute by attribute, over the rules of survivorship.h: who leads whom, what is shared, what is manual.
 * Reading the records and asking for rights is golden_read.h's. Values point into the caller's memory; what is returned lies in the
 * current memory context.
 */
#ifndef CRM_CUSTOMER_GOLDEN_H
#define CRM_CUSTOMER_GOLDEN_H

#include "postgres.h"

#include "customer/survivorship.h"
#include "datatype/timestamp.h"
#include "utils/array.h"

/* A mask is a bit for each attribute, and the sign is left alone. */
#define GOLDEN_MAX_ATTRIBUTES 31

/* A rule of survivorship, or: only what somebody said. */
#define GOLDEN_RULE_MANUAL (SURVIVORSHIP_SET + 1)

typedef struct GoldenPlan {
    int attributes;
    uint8 rule[GOLDEN_MAX_ATTRIBUTES];
    bool shared[GOLDEN_MAX_ATTRIBUTES];
    int leader[GOLDEN_MAX_ATTRIBUTES]; /* index of the attribute that it is taken together with, or -1 */
    const char *name[GOLDEN_MAX_ATTRIBUTES];
} GoldenPlan;

typedef struct GoldenRecord {
    bool visible;    /* whether the reader may read the record at all */
    uint32 readable; /* a bit for each attribute: whether he may read it of this record */
    uint32 invalid;  /* a bit for each attribute whose value is none, as an e-mail that cannot be one */
    int32 place;
    bool has_time;
    TimestampTz created_at;
    const text *key;
    const ArrayType *changed; /* NULL where nothing did */
    const int32 *trust;       /* by attribute; NULL where nobody is trusted */
    const text *values[GOLDEN_MAX_ATTRIBUTES];
} GoldenRecord;

typedef struct GoldenTable {
    const GoldenPlan *plan;
    const GoldenRecord *records;
    int count;
    SurvivorshipCandidate
        *candidates; /* record after record of the first attribute, then of the second ... */
    int *order;      /* the same shape: the records in order */
    int *ordered;    /* how many of them for each attribute */
    bool *golden;    /* whether the first of them is the golden one */
} GoldenTable;

/* Nothing that the reader may not read is a candidate. */
extern GoldenTable *golden_decide(const GoldenPlan *plan, const GoldenRecord *records, int count);

/* The candidate in a place of an attribute's order, counted from 0. */
extern const SurvivorshipCandidate *golden_candidate(const GoldenTable *table, int attribute, int rank);
/* The record that it is of. */
extern const GoldenRecord *golden_holder(const GoldenTable *table, int attribute, int rank);

#endif
