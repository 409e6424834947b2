/*
 * identity.h: who asks: the principal that the setting crm.token names, else the one bound to the outer database
 * role (SET ROLE counts, SECURITY DEFINER does not).
 *
 * A token that is set decides alone: where it is refused, has expired or names nobody, nobody asks, whatever the
 * database role is. It counts for nothing while a table is maintained (caller.h). The answer holds for one moment.
 */
#ifndef CRM_ORG_IDENTITY_H
#define CRM_ORG_IDENTITY_H

#include "base/compat.h"

#include "base/caller.h"
#include "org/organisation.h"

#include "datatype/timestamp.h"

/* How long an answer about the caller holds: for one statement, one caller, and until the session hears of a change. */
typedef struct CrmMoment {
    uint64 changes; /* crm_identity_changes (change.h); 0: holds never */
    TimestampTz statement;
    CrmCaller caller;
} CrmMoment;

extern CrmMoment crm_moment_now(void);
extern bool crm_moment_holds(const CrmMoment *moment);

typedef struct CrmIdentity {
    int principal; /* its number in the organisation; -1: nobody */
    bool outside; /* a superuser or BYPASSRLS role without a token: no rules, as for Postgres' own policies */
} CrmIdentity;

/* Never raises for a bad token: principal is -1 then, and outside is false. Found out once a moment; the answer is good
 * until the next call. */
extern const CrmIdentity *crm_identity_current(const CrmOrganisation *organisation);
/* Raises RM101: why nobody asks, and what to type. For where principal is -1 and outside is false. */
CRM_NORETURN extern void crm_identity_missing(const CrmOrganisation *organisation);
/* Number of the principal with that key; error RM001 where there is none. */
extern int crm_identity_named(const CrmOrganisation *organisation, const char *key);

#endif
