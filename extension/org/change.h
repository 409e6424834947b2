/*
 * change.h: knows when what it has in memory about the organisation may be out of date.
 *
 * Three counters only ever grow: one with every change of an org table (by any session, at its commit; by one's
 * own transaction, at its next command), one with every change of a database role or the token too, one with
 * every change of a share. Whoever derives
 * something from the organisation remembers the counter and compares. Nothing is read or raised here: an
 * invalidation callback may do neither.
 */
#ifndef CRM_ORG_CHANGE_H
#define CRM_ORG_CHANGE_H

#include "postgres.h"

/* Changes of the org tables that this session has heard of. */
extern uint64 crm_org_changes;
/* The same and changes of database roles: what an identity depends on. */
extern uint64 crm_identity_changes;

/* Changes of the shared records that this session has heard of. */
extern uint64 crm_share_changes;

/* Starts to listen; call it before reading. Cheap when repeated. Raises an error where crm is not installed.
 */
extern void crm_change_listen(void);
/* Takes in what other sessions committed, also inside a transaction that holds all its locks already. */
extern void crm_change_accept(void);

#endif
