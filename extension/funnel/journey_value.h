/*
 * journey_value.h: values of the type crm.journey, in Postgres' hands. The bytes are journey.h's.
 *
 * Stored bytes are read as they are, also where a disk has damaged them: then an error, never a crash.
 */
#ifndef CRM_FUNNEL_JOURNEY_VALUE_H
#define CRM_FUNNEL_JOURNEY_VALUE_H

#include "base/compat.h"
#include "funnel/journey.h"

#include "fmgr.h"

/* With any header, also a short one; a copy only where it was stored out of line. */
#define DatumGetJourneyPP(datum) ((struct varlena *) PG_DETOAST_DATUM_PACKED(datum))
#define PG_GETARG_JOURNEY_PP(n) DatumGetJourneyPP(PG_GETARG_DATUM(n))

/* Begins to read; ERRCODE_DATA_CORRUPTED where these are not the bytes of a journey. */
extern void crm_journey_open(JourneyReader *reader, struct varlena *journey);
/* The next event, false after the last one; errors as above. */
static inline bool crm_journey_next(JourneyReader *reader, int64 *at, uint32 *index);
/* The distinct positions, palloc'd. */
extern int32 *crm_journey_distinct(const JourneyReader *reader);
/* All events, palloc'd. */
extern JourneyEvent *crm_journey_unpack(struct varlena *journey, uint64 *count);
/* A new value, palloc'd, of events in order of time. */
extern struct varlena *crm_journey_make(const JourneyEvent *events, uint64 count);

/* An event that has no place yet: they go by time, then by sequence, then by position. */
typedef struct JourneyArrival {
    int64 at;
    int64 sequence;
    int32 position;
} JourneyArrival;
/* Puts events in order, and makes a value of them. */
extern struct varlena *crm_journey_arrange(JourneyArrival *arrivals, uint64 count);

CRM_NORETURN extern void crm_journey_corrupted(void);

/* The positions in argument n, an integer[]; NULL and none where that is NULL. An element that is NULL is RM005. */
extern const int32 *crm_positions_argument(FunctionCallInfo fcinfo, int n, int *count);
extern bool crm_position_is_among(const int32 *positions, int count, int32 position);

static inline bool
crm_journey_next(JourneyReader *reader, int64 *at, uint32 *index)
{
    JourneyStep step = journey_next(reader, at, index);

    if (unlikely(step == JOURNEY_BROKEN))
        crm_journey_corrupted();
    return step == JOURNEY_EVENT;
}

#endif
