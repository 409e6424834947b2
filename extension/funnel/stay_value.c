/*
 * stay_value.c: see stay_value.h.
 */
#include "funnel/journey_value.h"
#include "funnel/stay_value.h"

Stay *
crm_stays(struct varlena *journey, struct varlena *estimated, bool merged, uint64 *count)
{
    JourneyEvent *events = crm_journey_unpack(journey, count);
    uint64 unsure_count = 0;
    JourneyEvent *unsure = estimated == NULL ? NULL : crm_journey_unpack(estimated, &unsure_count);
    Stay *stays = palloc_extended(sizeof(Stay) * (*count + 1), MCXT_ALLOC_HUGE);

    *count = stay_find(events, *count, unsure, unsure_count, merged, stays);
    pfree(events);
    return stays;
}
