/*
 * question.h: what a predicate asks, worked out once: who asks, which units or owners pass.
 *
 * Answers are kept with the organisation: a query that runs a thousand times a second asks the same few questions.
 * A pointer is good until crm_organisation is called again, as the organisation is.
 */
#ifndef CRM_ORG_QUESTION_H
#define CRM_ORG_QUESTION_H

#include "postgres.h"
#include "utils/array.h"

#include "org/access.h"
#include "org/organisation.h"

/* NULL: not given. */
typedef struct CrmQuestionText {
    const text *object;
    const text *privilege;
    const text *hierarchy;
    const text *fallback;
} CrmQuestionText;

typedef struct CrmQuestion {
    bool outside;    /* every row passes everything */
    bool everything; /* every row is visible */
    bool undenied;   /* no row is denied */
    int principal;
    CrmPrivilege privilege;
    const CrmAccess *access; /* NULL where outside */
    CrmValueMap *units;      /* of the hierarchy */
    int fallback;            /* unit of rows without a known one, or -1 */
    ArrayType *lists[8];     /* values.c keeps listings here */
} CrmQuestion;

/*
 * principal: its number, or -1 for somebody outside all rules. Raises RM001 where the privilege or hierarchy does
 * not exist.
 */
extern CrmQuestion *crm_question(CrmOrganisation *organisation, int principal, const CrmQuestionText *asked);

#endif
