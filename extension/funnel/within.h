/*
 * within.h: whether a time is within so many microseconds of another one. Plain C: knows nothing of Postgres.
 */
#ifndef CRM_FUNNEL_WITHIN_H
#define CRM_FUNNEL_WITHIN_H

#include <stdbool.h>
#include <stdint.h>

#define WITHIN_UNLIMITED (-1)

/* at is not before since. Their difference may not fit into what is signed. */
static inline bool
is_within(int64_t since, int64_t at, int64_t limit)
{
    return limit == WITHIN_UNLIMITED || (uint64_t) at - (uint64_t) since <= (uint64_t) limit;
}

#endif
