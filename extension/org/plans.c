/*
 * plans.c: see plans.h. A plan depends on each function that it calls, so that the cache entry of the predicate
 * stands for all plans that ask it: telling the plan cache that the entry changed gives up those plans and leaves
 * a session's others alone.
 */
#include "base/compat.h"
#include "org/access.h"
#include "org/plans.h"

#include "utils/inval.h"
#include "utils/memutils.h"
#include "utils/syscache.h"

/* What plans of this organisation asked. */
typedef struct Plan {
    const char *object;
    CrmPrivilege privilege;
    int fallback;
    bool listable;
} Plan;

uint64 crm_plans_changes = 1;

/* Predicates that were planned in this session, by the hash of their cache entries. */
#define PREDICATES_MAX 32
static uint32 predicates[PREDICATES_MAX];
static int predicate_count = 0;

bool
crm_plans_listable(const CrmOrganisation *organisation, const CrmAccess *access, int fallback)
{
    return !access->all && !crm_access_unit(access, fallback) && access->count <= CRM_LISTED_UNITS_MAX &&
           access->count <= CRM_LISTED_SHARE_MAX * organisation->unit_count;
}

void
crm_plans_give_up(void)
{
    crm_plans_changes++;
    for (int i = 0; i < predicate_count; i++)
        CallSyscacheCallbacks(PROCOID, predicates[i]);
}

static void
note_predicate(Oid function)
{
    uint32 hash = GetSysCacheHashValue1(PROCOID, ObjectIdGetDatum(function));

    for (int i = 0; i < predicate_count; i++) {
        if (predicates[i] == hash)
            return;
    }
    if (predicate_count == PREDICATES_MAX) /* somebody made the extension anew many times in this session */
        predicate_count = 0;
    predicates[predicate_count++] = hash;
}

void
crm_plans_note(CrmOrganisation *organisation, Oid function, const char *object, CrmPrivilege privilege,
               int fallback, bool listable)
{
    MemoryContext old;
    Plan *plan;
    ListCell *cell;

    note_predicate(function);
    foreach (cell, organisation->plans) {
        plan = lfirst(cell);
        if (plan->privilege == privilege && plan->fallback == fallback && strcmp(plan->object, object) == 0) {
            if (plan->listable != listable) {
                plan->listable = listable;
                crm_plans_give_up();
            }
            return;
        }
    }
    old = MemoryContextSwitchTo(organisation->context);
    plan = palloc(sizeof(Plan));
    *plan = (Plan){pstrdup(object), privilege, fallback, listable};
    organisation->plans = lappend(organisation->plans, plan);
    MemoryContextSwitchTo(old);
    crm_plans_changes++;
}

bool
crm_plans_suit(CrmOrganisation *organisation, int principal)
{
    ListCell *cell;

    if (principal < 0)
        return true; /* nobody gets an error, whatever the plan */
    foreach (cell, organisation->plans) {
        const Plan *plan = lfirst(cell);
        const CrmAccess *access = crm_access(organisation, principal, plan->object, plan->privilege);

        if (crm_plans_listable(organisation, access, plan->fallback) != plan->listable)
            return false;
    }
    return true;
}
