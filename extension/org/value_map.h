/*
 * value_map.h: from the values that teams write in their columns to the number of what they mean.
 *
 * A value is text whose case does not count; the same text is found by an integer or uuid column too where it
 * is the canonical form of one ("7", not "07"). Each value has a rank: the lower rank wins, and two meanings
 * of the same rank cancel each other, so that an ambiguous name means nothing. Lives in the memory context it
 * was created in and is freed with it.
 */
#ifndef CRM_ORG_VALUE_MAP_H
#define CRM_ORG_VALUE_MAP_H

#include "postgres.h"
#include "utils/uuid.h"

#define CRM_NO_VALUE (-1)
/* Longer values mean nothing; the tables refuse longer keys and aliases. In bytes. */
#define CRM_VALUE_MAX 200

typedef struct CrmValueMap CrmValueMap;

extern CrmValueMap *crm_value_map_create(MemoryContext context);
/* The string is copied. */
extern void crm_value_map_add(CrmValueMap *map, const char *value, int index, int rank);
/* The number of what the value means, or CRM_NO_VALUE. Text need not end in NUL. */
extern int crm_value_map_text(CrmValueMap *map, const char *value, int length);
extern int crm_value_map_integer(CrmValueMap *map, int64 value);
extern int crm_value_map_uuid(CrmValueMap *map, const pg_uuid_t *value);

#endif
