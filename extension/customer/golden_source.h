/*
 * golden_source.h: the tables of records, and what the caller may read of each.
 *
 * Owns what is asked once: golden_plan() and golden_source(); and the predicates of the policies, asked row by row, which it calls
 * with the same constants each time, so that they keep their answers. What it makes lies in the memory context that it is given.
 */
#ifndef CRM_CUSTOMER_GOLDEN_SOURCE_H
#define CRM_CUSTOMER_GOLDEN_SOURCE_H

#include "postgres.h"

#include "customer/golden.h"
#include "customer/record_columns.h"

typedef struct GoldenPredicate GoldenPredicate;

typedef enum GoldenReads {
    GOLDEN_READS_NONE,
    GOLDEN_READS_ALL,
    GOLDEN_READS_BY_UNIT,
    GOLDEN_READS_BY_POLICY
} GoldenReads;

typedef struct GoldenSource {
    Oid relation;
    GoldenReads reads;
    uint32 shown; /* a bit for each attribute that the caller may know of its records */
    bool dated;   /* whether he may know created_at */
    int32 place;
    const int32 *trust;
    GoldenPredicate *visible, *undenied;
    GoldenPredicate *owned, *shared; /* NULL where they do not count */
    GoldenPredicate *granted;
} GoldenSource;

typedef struct GoldenSources {
    int count;
    const GoldenSource *source;
} GoldenSources;

/* Asks for the plan and the sources, as the caller. */
extern void golden_sources_load(MemoryContext context, GoldenPlan *plan, GoldenSources *sources);

/* NULL where the table is not adopted any more. */
extern const GoldenSource *golden_source_find(const GoldenSources *sources, Oid relation);

/* Whether the caller may read a row of record_copy, as the view record_readable says. */
extern bool golden_source_may_read(const GoldenSource *source, const RecordColumns *columns,
                                   const Datum *values, const bool *nulls);

#endif
