/*
 * nearest.h: the name that somebody probably meant, for hints.
 */
#ifndef CRM_BASE_NEAREST_H
#define CRM_BASE_NEAREST_H

#include "postgres.h"
#include "utils/rel.h"

/*
 * Keeps the candidate with the fewest edits to the name, ASCII case ignored. Start with CrmNearest n = {name}; give it
 * candidates one by one; best is NULL while none is near enough. Neither name nor candidates are copied.
 */
typedef struct CrmNearest {
    const char *name;
    const char *best;
    int best_distance;
} CrmNearest;

extern void crm_nearest_try(CrmNearest *state, const char *candidate);
/* The column of the table whose name is nearest; palloc'd, or NULL. */
extern char *crm_nearest_column(Relation rel, const char *name);

#endif
