/*
 * load_table.h: what the loaders share: reading one of the org tables, and numbering names.
 */
#ifndef CRM_ORG_LOAD_TABLE_H
#define CRM_ORG_LOAD_TABLE_H

#include "postgres.h"
#include "utils/snapshot.h"

/* Strings that are kept side by side: a few bytes each, and tens of thousands of them. */
typedef struct CrmStrings {
    MemoryContext context;
    char *at;
    Size left;
} CrmStrings;

/* A copy that ends in NUL and lives as long as the context. */
extern const char *crm_strings_keep(CrmStrings *strings, const char *data, Size length);

/* Names with a number each. They are copied to the context that was given at creation, and die with it. */
typedef struct CrmNames CrmNames;

extern CrmNames *crm_names_create(MemoryContext context, uint32 expected);
extern void crm_names_set(CrmNames *names, const char *name, int number);
/* -1 where there is none, or the name is NULL. */
extern int crm_names_get(const CrmNames *names, const char *name);
extern int crm_names_get_text(const CrmNames *names, const text *name);
/* A name that is met for the first time gets the next number. *kept, where kept is not NULL, becomes
 * the copy. */
extern int crm_names_intern(CrmNames *names, const text *name, const char **kept);
extern int crm_names_count(const CrmNames *names);

#define CRM_LOAD_COLUMNS 4

/* One row; what it points to is good until it returns. A text is NULL for a null. */
typedef struct CrmRow {
    Datum values[CRM_LOAD_COLUMNS];
    bool nulls[CRM_LOAD_COLUMNS];
} CrmRow;
typedef void (*CrmRowReader)(void *arg, const CrmRow *row);

extern const text *crm_row_text(const CrmRow *row, int column);
extern const char *crm_row_string(const CrmRow *row, int column, CrmStrings *strings);
/* The same of a column of type name. */
extern const char *crm_row_name(const CrmRow *row, int column, CrmStrings *strings);

/* About how many rows a table of the extension has, as last counted. */
extern uint32 crm_table_rows(const char *table);
/* Reads the named columns (at most CRM_LOAD_COLUMNS, closed by NULL) of a table of the extension. */
extern void crm_table_scan(const char *table, const char *const *columns, Snapshot snapshot,
                           CrmRowReader read, void *arg);
/* The same for the rows that an index finds: its first column equals a text. */
extern void crm_table_scan_index(const char *table, const char *index, const char *value,
                                 const char *const *columns, Snapshot snapshot, CrmRowReader read, void *arg);

#endif
