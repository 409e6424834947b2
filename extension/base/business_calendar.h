/*
 * business_calendar.h: the calendars of crm.calendar and crm.holiday, ready to be calculated with (business_time.h).
 *
 * A calendar is read once a statement, with its snapshot, so that all rows of an answer go by the same hours, and what a transaction
 * changes holds from its next statement on.
 */
#ifndef CRM_BASE_BUSINESS_CALENDAR_H
#define CRM_BASE_BUSINESS_CALENDAR_H

#include "postgres.h"
#include "base/business_time.h"
#include "fmgr.h"
#include "utils/jsonb.h"

/* A zone by its name, good as long as the session. Raises RM005 where it has no rules of its own. */
extern BusinessZone crm_business_zone(const char *name);
/* The week that a calendar's hours mean: {"mon": ["09:00", "17:00"], "tue": [["09:00", "12:00"], ["13:00", "17:00"]]}. Raises RM001
 * for an unknown weekday, RM005 for what is no span of time, or overlaps another. */
extern void crm_business_week_parse(Jsonb *hours, BusinessWeek *week);
/* The calendar of this name, kept for the statement with the calling function. Raises RM001 where there is none. */
extern const BusinessCalendar *crm_business_calendar(FunctionCallInfo fcinfo, const text *name);

#endif
