/*
 * load_table.h: what the loaders share: reading one of the org tables, and numbering names.
 */
#ifndef CRM_ORG_LOAD_TABLE_H
#define CRM_ORG_LOAD_TABLE_H

#include "postgres.h"
#include "utils/snapshot.h"

/* Names with a number each. A name is kept, not copied; lives and dies with its context. */
typedef struct CrmNames CrmNames;

extern CrmNames *crm_names_create(MemoryContext context);
extern void crm_names_set(CrmNames *names, const char *name, int number);
/* -1 where there is none, or the name is NULL. */
extern int crm_names_get(const CrmNames *names, const char *name);
/* A name that is met for the first time gets the next number. */
extern int crm_names_intern(CrmNames *names, const char *name);
extern int crm_names_count(const CrmNames *names);

#define CRM_LOAD_COLUMNS 4

/* One row: text and name columns as C strings (NULL for a null), others as they are; good until it returns
 * but for the strings, which live in the context that was current at the scan. */
typedef void (*CrmRowReader)(void *arg, Datum *values, bool *nulls);

/* Reads the named columns (at most CRM_LOAD_COLUMNS, closed by NULL) of a table of the extension. */
extern void crm_table_scan(const char *table, const char *const *columns, Snapshot snapshot,
                           CrmRowReader read, void *arg);
/* The same for the rows that an index finds: its first column equals a text. */
extern void crm_table_scan_index(const char *table, const char *index, const char *value,
                                 const char *const *columns, Snapshot snapshot, CrmRowReader read, void *arg);

static inline const char *
crm_row_string(Datum value)
{
    return (const char *) DatumGetPointer(value);
}

#endif
