/*
 * subtransaction.h: work that may fail without the statement that it belongs to.
 */
#ifndef CRM_BASE_SUBTRANSACTION_H
#define CRM_BASE_SUBTRANSACTION_H

#include "postgres.h"

/*
 * Runs the work in a subtransaction. Returns NULL, or the error that it raised, in the caller's memory context, after all that it did was
 * rolled back. Which errors are to be raised all the same is the caller's to say (ReThrowError).
 */
extern ErrorData *crm_in_subtransaction(void (*work)(void *), void *arg);
/* Raises an error that is not the work's fault: that of a cancelled or starved statement. */
extern void crm_rethrow_interruption(ErrorData *error);

#endif
