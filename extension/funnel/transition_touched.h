/*
 * transition_touched.h: the triggers of transition_log that every writer of a tracked table pays for.
 *
 * crm.transitions_touched() notes whose journeys a statement changes, of funnels whose journeys are kept, by appending to journey_touched.
 * crm.handovers_found() hands on to crm.find_parked_handovers(), with the same transition table, where there is a parked hand-over at all.
 */
#ifndef CRM_FUNNEL_TRANSITION_TOUCHED_H
#define CRM_FUNNEL_TRANSITION_TOUCHED_H

#include "postgres.h"
#include "commands/trigger.h"
#include "fmgr.h"

/* What fired; an error where it is no statement on transition_log. */
extern TriggerData *crm_transition_log_trigger(FunctionCallInfo fcinfo);

extern Datum crm_transitions_touched(PG_FUNCTION_ARGS);
extern Datum crm_handovers_found(PG_FUNCTION_ARGS);

#endif
