/*
 * pending.h: appends changes to kpi_pending, past SPI, rights, policies and triggers, and takes its rows apart.
 *
 * A writer opens the table when its first row comes; crm_pending_sink is the sink of its changes. One row is written for each set
 * of dimensions, with its parts in an array (more rows above 256 parts, or 64 counted
 * values).
 */
#ifndef CRM_KPI_PENDING_H
#define CRM_KPI_PENDING_H

#include "postgres.h"

#include "executor/tuptable.h"
#include "kpi/change.h"

typedef struct CrmPending CrmPending;

extern CrmPending *crm_pending_begin(Oid table);
extern void crm_pending_sink(void *pending, const CrmGroupChange *change);
/* Writes what is buffered and closes the table. A writer whose subtransaction was undone is just dropped. */
extern void crm_pending_end(CrmPending *pending);

/* Columns of kpi_pending: relation, dimensions, parts, counted values; of kpi_part; and of kpi_value_part. */
enum {
    CRM_PENDING_RELATION,
    CRM_PENDING_DIMS,
    CRM_PENDING_PARTS = CRM_PENDING_DIMS + CRM_DIMS,
    CRM_PENDING_VALUES,
    CRM_PENDING_COLUMNS
};
enum {
    CRM_PART_INSTANCE,
    CRM_PART_DAY,
    CRM_PART_ROWS,
    CRM_PART_INVALID,
    CRM_PART_SUMS,
    CRM_PART_COLUMNS = CRM_PART_SUMS + CRM_SUMS
};

enum { CRM_VALUE_PART_INSTANCE, CRM_VALUE_PART_DAY, CRM_VALUE_PART_PIECE, CRM_VALUE_PART_COLUMNS };

/* A part as the columns of kpi_part. */
extern void crm_pending_part(const CrmPart *part, Datum *values, bool *nulls);
/* The first values, those of one component and day, as the columns of kpi_value_part, none of them null; returns how many. */
extern int crm_pending_value_part(CrmValue *const *values, int count, Datum *columns);
/* Copies of the types kpi_part's and kpi_value_part's. */
extern TupleDesc crm_pending_part_desc(void);
extern TupleDesc crm_pending_value_desc(void);
/* Hands each part of a row of kpi_pending to visit, as the columns of kpi_part. What it allocates is the caller's to reset. */
typedef void (*CrmPartVisit)(void *arg, const Datum *values, const bool *nulls);
extern void crm_pending_read(TupleTableSlot *slot, TupleDesc part_desc, CrmPartVisit visit, void *arg);
/* Likewise each part with values, as the columns of kpi_value_part. */
extern void crm_pending_read_values(TupleTableSlot *slot, TupleDesc value_desc, CrmPartVisit visit,
                                    void *arg);

/* Whether a table of crm's has more than so many rows of at least so many bytes, by the server's statistics; costs a look at its size where that is small. */
extern bool crm_pending_exceeds(const char *name, int row_bytes, int64 rows);

/* Notes that a component is paused, for want of room or by an error. Appends only, so that writers do not wait for each other. */
extern void crm_broken_append(int32 instance, const char *error, bool paused);

#endif
