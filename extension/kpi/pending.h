/*
 * pending.h: appends changes to kpi_pending, past SPI, rights, policies and triggers.
 *
 * A writer opens the table when its first row comes; crm_pending_sink is the sink of its changes. One row is written for each set
 * of dimensions, with its parts in an array (more rows above 256 parts).
 */
#ifndef CRM_KPI_PENDING_H
#define CRM_KPI_PENDING_H

#include "postgres.h"

#include "kpi/change.h"

typedef struct CrmPending CrmPending;

extern CrmPending *crm_pending_begin(Oid table);
extern void crm_pending_sink(void *pending, text *const *dims, CrmPart *const *parts, int count);
/* Writes what is buffered and closes the table. A writer whose subtransaction was undone is just dropped. */
extern void crm_pending_end(CrmPending *pending);
/* A part as the columns of kpi_part. */
extern void crm_pending_part(const CrmPart *part, Datum *values, bool *nulls);
#define CRM_PART_COLUMNS (4 + CRM_SUMS)

/* Whether more than so many rows are pending, by the server's statistics; costs a look at the size of the table where it is small. */
extern bool crm_pending_exceeds(int64 rows);

/* Notes that a component is paused, for want of room or by an error. Appends only, so that writers do not wait for each other. */
extern void crm_broken_append(int32 instance, const char *error, bool paused);

#endif
