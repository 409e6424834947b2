/*
 * plans.h: which plans may be kept for whom.
 *
 * An index condition lists the values of the units that one reaches. For somebody who reaches rows of no unit, or
 * too many units, there is none: such a plan filters. Postgres keeps plans across identities, so that for each
 * question that a plan asks it is remembered here whether it was planned with a listing. Where the next
 * identity, or the organisation after a change, would be planned otherwise, kept plans that ask the predicates
 * are given up, and no others. Nothing here raises an error or reads a table but crm_plans_note.
 */
#ifndef CRM_ORG_PLANS_H
#define CRM_ORG_PLANS_H

#include "postgres.h"

#include "org/organisation.h"

/* Above so many units, or so large a share of all, an index condition costs more than it saves. */
#define CRM_LISTED_UNITS_MAX 2000
#define CRM_LISTED_SHARE_MAX 0.3

struct CrmAccess;

/* Whether the rows that one reaches can be found, and found faster, by listing the values of units. */
extern bool crm_plans_listable(const CrmOrganisation *organisation, const struct CrmAccess *access,
                               int fallback);
/* For the planner: a plan is being made with, or without, a listing by that predicate. */
extern void crm_plans_note(CrmOrganisation *organisation, Oid function, const char *object,
                           CrmPrivilege privilege, int fallback, bool listable);
/* Gives up the kept plans that ask a predicate. For callbacks and hooks too. */
extern void crm_plans_give_up(void);
/* Whether the plans kept now suit the principal with that key or alias. False where that is not known without
 * reading a table. */
extern bool crm_plans_suit(const char *identity);
/* Grows when what crm_plans_suit said may be true no longer. */
extern uint64 crm_plans_changes;

#endif
