/*
 * period.h: whether a period (tstzrange, from .. to, the end excluded unless it says otherwise) holds at an instant.
 */
#ifndef CRM_ORG_PERIOD_H
#define CRM_ORG_PERIOD_H

#include "postgres.h"
#include "datatype/timestamp.h"

/* Moves *next_change forward to the period's next bound after now, where that comes sooner. */
extern bool crm_period_holds(Datum period, TimestampTz now, TimestampTz *next_change);

#endif
