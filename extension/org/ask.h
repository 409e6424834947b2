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
    CrmMoment moment;     /* when it was worked out */
    uint64 share_changes; /* crm_share_changes then */
    bool constant;        /* no argument can differ between rows */
    const CrmOrganisation *organisation;
    CrmQuestion *question;
    /* where the shape has a relation */
    const CrmShares *shares; /* NULL where outside */
    Oid relation;
    CrmPrivilege privilege;
} CrmAsked;

/* NULL where an argument without which there is no answer is null; RM101 where nobody asks. */
extern const CrmAsked *crm_ask(FunctionCallInfo fcinfo, const CrmShape *shape);

#endif
