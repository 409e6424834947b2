/*
 * stage.h: the type crm.stage, a stage of a funnel that carries all it needs to be read and ordered.
 *
 * A value holds the funnel's name, the stage's position and its key, as bytes: funnel, NUL, position (4
 * bytes, the highest first), key. memcmp orders it by funnel, position, key; equal values have equal bytes.
 * So dumps, indexes, partitions and constraints need no table. Only the short text form funnel:key asks the
 * catalogue (stage_lookup.c).
 *
 * Names are 1 to 63 bytes in the server's encoding, without colon, control characters, or blanks at their
 * ends. Positions are 0 to 2147483647.
 */
#ifndef CRM_FUNNEL_STAGE_H
#define CRM_FUNNEL_STAGE_H

#include "postgres.h"
#include "nodes/nodes.h"

#define CRM_STAGE_NAME_MAX 63

/* A value taken apart; the names point into something that the caller owns and are not NUL-terminated. */
typedef struct CrmStageParts {
    const char *funnel;
    int funnel_length;
    int32 position;
    const char *key;
    int key_length;
} CrmStageParts;

/* The parts of a value; they point into it. */
extern CrmStageParts crm_stage_parts(struct varlena *value);
/* A new value, palloc'd. The parts must be valid. */
extern struct varlena *crm_stage_make(const CrmStageParts *parts);
/*
 * Finds the position and key of the stage that funnel:key means, by resolve_stage. parts->funnel and
 * parts->key are replaced by palloc'd names of the catalogue. False after a soft error (from PostgreSQL 16;
 * before, it raises): no such funnel or stage, with the nearest in the hint.
 */
extern bool crm_stage_look_up(CrmStageParts *parts, Node *error_context);

#endif
