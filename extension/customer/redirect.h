/*
 * redirect.h: the trigger that sends a reference to a row that was merged away to the row that it became.
 *
 * BEFORE INSERT OR UPDATE OF the columns of a foreign key, for each row. It takes the lock that the foreign key's own check
 * takes right after, FOR KEY SHARE on the row referred to, and so waits for a merge under way; only where that row is not
 * there is the log of merges asked. A reference that leads nowhere stays as it is, and the foreign key says so.
 *
 * It does nothing where the foreign key is gone, where a column is NULL, and where an update leaves the reference as it was.
 * The row referred to is looked for with the rights of its table's owner, as the check of a foreign key does.
 */
#ifndef CRM_CUSTOMER_REDIRECT_H
#define CRM_CUSTOMER_REDIRECT_H

#include "postgres.h"
#include "fmgr.h"

extern Datum crm_redirect_reference(PG_FUNCTION_ARGS);
/* crm.resolve_key(relation, key): which row that the caller may read stands for the one of that key now, or NULL. */
extern Datum crm_resolve_key(PG_FUNCTION_ARGS);

#endif
