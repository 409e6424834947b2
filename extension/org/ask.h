/*
 * ask.h: how a predicate, called for row after row, gets its answer: see ask.c.
 */
#ifndef CRM_ORG_ASK_H
#define CRM_ORG_ASK_H

#include "base/compat.h"

#include "org/identity.h"
#include "org/question.h"
#include "org/shares.h"

#include "fmgr.h"

/* Which argument of an SQL function is what; -1 where it has no such argument. */
typedef struct CrmShape {
    int principal; /* the caller where there is none */
    int object;    /* -1 for shares: these are of a relation */
    int privilege;
    int hierarchy;
    int fallback;
    int relation;
} CrmShape;

/* Kept in fn_extra; the pointers are good for this call only. */
typedef struct CrmAsked {
    uint64 changes;       /* crm_identity_changes when it was worked out; 0: not yet */
    uint64 share_changes; /* crm_share_changes */
    TimestampTz statement;
    Oid role;
    bool maintains; /* crm_caller_maintains */
    bool constant;  /* no argument can differ between rows */
    const CrmOrganisation *organisation;
    CrmQuestion *question;
    /* where the shape has a relation */
    const CrmShares *shares; /* NULL where outside */
    Oid relation;
    CrmPrivilege privilege;
} CrmAsked;

/* Who asks in this statement, found out once. Good until the next call. */
extern const CrmIdentity *crm_ask_caller(const CrmOrganisation *organisation);
/* NULL where an argument without which there is no answer is null; RM101 where nobody asks. */
extern const CrmAsked *crm_ask(FunctionCallInfo fcinfo, const CrmShape *shape);

#endif
