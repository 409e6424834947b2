/*
 * value_map.h: from the values that teams write in their columns to the number of what they mean.
 *
 * A map is made of words. A value means a word where it is spelled like it, or all in lower case, all in upper
 * case, or with initial capitals: few enough spellings to list them all for an index. An integer or uuid column
 * is matched by words that are the canonical form of one ("7", not "07"). Each word has a rank: the lower rank
 * wins, and two meanings of the same rank cancel each other, so that an ambiguous name means nothing. Tables
 * are built when a value of their type is first looked up. Everything lives in the memory context given at
 * creation, and so must the words.
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
/* The word is kept, not copied. */
extern void crm_value_map_add(CrmValueMap *map, const char *word, int index, int rank);
/* Adds all words of another map, with a worse rank by so much. */
extern void crm_value_map_include(CrmValueMap *map, const CrmValueMap *other, int penalty);
/* The number of what the value means, or CRM_NO_VALUE. Text need not end in NUL. */
extern int crm_value_map_text(CrmValueMap *map, const char *value, int length);
extern int crm_value_map_value(CrmValueMap *map, const text *value);
extern int crm_value_map_integer(CrmValueMap *map, int64 value);
extern int crm_value_map_uuid(CrmValueMap *map, const pg_uuid_t *value);

/* Whether a word is the canonical form of an integer, or (in either case) of a uuid. */
extern bool crm_canonical_integer(const char *word, int64 *result);
extern bool crm_canonical_uuid(const char *word, pg_uuid_t *result);

/* Calls visit with each value of a type (TEXTOID, INT4OID, INT8OID, UUIDOID) whose meaning is wanted. */
typedef bool (*CrmValueWanted)(int index, const void *arg);
typedef void (*CrmValueVisitor)(Datum value, void *arg);
extern void crm_value_map_each(CrmValueMap *map, Oid type, CrmValueWanted wanted, CrmValueVisitor visit,
                               void *arg);

#endif
