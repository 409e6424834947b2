/*
 * capture.h: the room's part in loading the library; everything else of capture is called through SQL.
 */
#ifndef CRM_KPI_CAPTURE_H
#define CRM_KPI_CAPTURE_H

#include "postgres.h"

/* Defines the setting crm.pending_limit. */
extern void crm_kpi_init(void);
/* The setting crm.pending_hard_limit. */
extern int64 crm_pending_hard_limit(void);

#endif
