/*
 * stay_value.h: the stays of a value of type crm.journey. See stay.h.
 */
#ifndef CRM_FUNNEL_STAY_VALUE_H
#define CRM_FUNNEL_STAY_VALUE_H

#include "base/compat.h"
#include "funnel/stay.h"

/* The stays of a journey, merged or not, palloc'd; estimated is NULL or has those of its events whose time is estimated. */
extern Stay *crm_stays(struct varlena *journey, struct varlena *estimated, bool merged, uint64 *count);

#endif
