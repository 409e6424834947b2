/*
 * path.h: the part of a journey that follows one of its stays, or leads to it. Plain C: knows nothing of Postgres.
 *
 * Staying where one is is no step: events of the same position that follow each other are one stay.
 */
#ifndef CRM_FUNNEL_PATH_H
#define CRM_FUNNEL_PATH_H

#include "funnel/stay.h"
#include "funnel/within.h"

typedef enum PathAnchor { PATH_FIRST_ENTRY, PATH_LAST_ENTRY } PathAnchor;

typedef struct PathRule {
    bool anywhere;    /* from the first stay on (backward: from the last), whatever it is */
    int32_t position; /* else from the first, or last, stay at this position */
    PathAnchor anchor;
    bool backward; /* what leads to it, the nearest first */
    int length;    /* stays at most, that one included */
    int64_t
        gap; /* microseconds from the last event of a stay to the next stay, or WITHIN_UNLIMITED: what takes longer ends it */
} PathRule;

/* The stay of the path number i, for i below the length that path_find returns. */
static inline const Stay *
path_stay(const PathRule *rule, const Stay *stays, size_t start, size_t i)
{
    return rule->backward ? &stays[start - i] : &stays[start + i];
}

/* The length of the path among count stays, and where it starts; 0: none. It is shorter than the rule's where it ended. */
extern size_t path_find(const PathRule *rule, const Stay *stays, size_t count, size_t *start);

#endif
