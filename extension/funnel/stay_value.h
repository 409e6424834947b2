/*
 * stay_value.h: the stays of a value of type crm.journey. See stay.h.
 */
#ifndef CRM_FUNNEL_STAY_VALUE_H
#define CRM_FUNNEL_STAY_VALUE_H

#include "base/compat.h"
#include "funnel/stay.h"

#include "fmgr.h"

/*
 * The stays of the journey in argument 1, merged or not, palloc'd; argument 4, where there is one, is NULL or has those of its events
 * whose time is estimated.
 */
extern Stay *crm_stays(FunctionCallInfo fcinfo, bool merged, uint64 *count);

#endif
