/*
 * change.h: the changes of one statement, aggregated in memory by dimensions, component and day.
 *
 * Beside sums a component may have values that are counted: how many rows have which. Groups whose rows and sums are zero, and
 * values whose count is, are not handed on. A sink receives each set of dimensions with its parts when the
 * caller flushes, which it does earlier where crm_changes_full says so: signed sums may be handed over in pieces.
 * Everything lives in one memory context, a child of the one that is current at begin.
 */
#ifndef CRM_KPI_CHANGE_H
#define CRM_KPI_CHANGE_H

#include "postgres.h"
#include "utils/date.h"

#include "kpi/total.h"

#define CRM_DIMS 9        /* funnel, unit, stage, campaign, channel, product, owner, segment, currency */
#define CRM_SUMS 4        /* named sums of a component */
#define CRM_DIM_BYTES 200 /* longer values are cut, at a character */

typedef struct CrmGroup CrmGroup;

typedef struct CrmPartKey {
    int32 group;
    int32 instance;
    DateADT day;
} CrmPartKey;

typedef struct CrmPart {
    CrmPartKey key;
    char status;
    int64 rows;
    int64 invalid; /* rows with a value that is not summed: NaN, infinity, CRM_TOTAL_LIMIT and more */
    CrmTotal sums[CRM_SUMS];
} CrmPart;

/* How many rows more have a value. */
typedef struct CrmValueKey {
    CrmPartKey part;
    int32 length;
    const char *bytes;
} CrmValueKey;

typedef struct CrmValue {
    CrmValueKey key;
    uint32 hash;
    char status;
    int64 count;
} CrmValue;

typedef struct CrmChanges CrmChanges;

/* What one set of dimensions comes to: parts by component and day, values by component, day and bytes. */
typedef struct CrmGroupChange {
    text *const *dims; /* in the server's encoding, NULL where null */
    CrmPart *const *parts;
    int part_count;
    CrmValue *const *values;
    int value_count;
} CrmGroupChange;

/* All of it is the sink's only while it runs. */
typedef void (*CrmChangesSink)(void *arg, const CrmGroupChange *change);

extern CrmChanges *crm_changes_begin(CrmChangesSink sink, void *arg);
/* The number of the group of these dimensions, valid until the next flush. */
extern int32 crm_changes_group(CrmChanges *changes, const Datum *dims, const bool *nulls);
/* Adds one row, with sign 1 or -1. sums may be NaN, infinite or null. */
extern void crm_changes_add(CrmChanges *changes, CrmPartKey key, int sign, int count, const Datum *sums,
                            const bool *nulls);
/* Adds a change that was aggregated before: rows, invalid and CRM_SUMS sums. */
extern void crm_changes_merge(CrmChanges *changes, CrmPartKey key, int64 rows, int64 invalid,
                              const Datum *sums, const bool *nulls);
/* Adds to the rows that have a value; the bytes are copied. */
extern void crm_changes_count(CrmChanges *changes, CrmPartKey key, const char *bytes, int length,
                              int64 count);
/* Whether it is time to flush, since maintenance_work_mem is used up; between rows only. */
extern bool crm_changes_full(const CrmChanges *changes);
extern void crm_changes_flush(CrmChanges *changes);
extern void crm_changes_end(CrmChanges *changes);

#endif
