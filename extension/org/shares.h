/*
 * shares.h: the records that are shared with a principal, with its teams, or with a unit at or above one that it
 * is a member of, now.
 *
 * Read when first asked for, kept for the session, forgotten when a share changed (crm_share_changes), the
 * organisation was read anew, or the next share begins or ends. A pointer is good until then; whoever keeps one
 * compares crm_share_changes, which also grows when sets are given up here.
 */
#ifndef CRM_ORG_SHARES_H
#define CRM_ORG_SHARES_H

#include "postgres.h"

#include "org/organisation.h"

typedef struct CrmShares CrmShares;

/* changes becomes the crm_share_changes as of which they were read. */
extern const CrmShares *crm_shares(const CrmOrganisation *organisation, int principal, uint64 *changes);
/* Whether there are none at all, the quickest answer. */
extern bool crm_shares_none(const CrmShares *shares);
/* A record's key need not end in NUL. */
extern bool crm_shares_has(const CrmShares *shares, Oid relation, const char *key, int length,
                           CrmPrivilege privilege);

/* Is called with each record of a relation that is shared with a privilege. */
typedef void (*CrmShareVisitor)(const char *key, void *arg);
extern void crm_shares_each(const CrmShares *shares, Oid relation, CrmPrivilege privilege,
                            CrmShareVisitor visit, void *arg);

#endif
