/*
 * change.h: the changes of one statement, aggregated in memory by dimensions, component and day.
 *
 * Groups whose rows and sums are zero are not handed on. A sink receives each set of dimensions with its parts when the
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

typedef struct CrmChanges CrmChanges;

/* dims: text values in the server's encoding, NULL where null. The arrays are the sink's only while it runs. */
typedef void (*CrmChangesSink)(void *arg, text *const *dims, CrmPart *const *parts, int count);

extern CrmChanges *crm_changes_begin(CrmChangesSink sink, void *arg);
/* The number of the group of these dimensions, valid until the next flush. */
extern int32 crm_changes_group(CrmChanges *changes, const Datum *dims, const bool *nulls);
/* Adds one row, with sign 1 or -1. sums may be NaN, infinite or null. */
extern void crm_changes_add(CrmChanges *changes, CrmPartKey key, int sign, int count, const Datum *sums,
                            const bool *nulls);
/* Adds a change that was aggregated before: rows, invalid and CRM_SUMS sums. */
extern void crm_changes_merge(CrmChanges *changes, CrmPartKey key, int64 rows, int64 invalid,
                              const Datum *sums, const bool *nulls);
/* Whether it is time to flush, since maintenance_work_mem is used up; between rows only. */
extern bool crm_changes_full(const CrmChanges *changes);
extern void crm_changes_flush(CrmChanges *changes);
extern void crm_changes_end(CrmChanges *changes);

#endif
