/*
 * schema.h: where the extension lives. Its schema is the installer's choice and is found through pg_extension.
 *
 * OIDs are cached for the session and forgotten when the extension is dropped or made again. All raise an error
 * where the extension is not installed in this database.
 */
#ifndef CRM_BASE_SCHEMA_H
#define CRM_BASE_SCHEMA_H

#include "postgres.h"

#include "storage/lockdefs.h"
#include "utils/relcache.h"

extern Oid crm_extension_oid(void);
extern Oid crm_extension_owner(void);
extern Oid crm_schema_oid(void);
/* The schema's name, quoted where it must be; palloc'd. */
extern char *crm_schema_quoted(void);
/* OID of a table, view or sequence of the extension. */
extern Oid crm_relation_oid(const char *name);
/* Opens a table whose OID somebody gave: one that is not there is an error of his. Closed by table_close. */
extern Relation crm_given_table_open(Oid table, LOCKMODE lock);

#endif
