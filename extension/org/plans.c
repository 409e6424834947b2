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
    uint64 epoch; /* what is noted of an epoch before is of plans given up */
} Plan;

/* Somebody may plan for an object of another name each time. */
#define PLANS_MAX 200

uint64 crm_plans_changes = 1;
static uint64 epoch = 1;

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
    epoch++;
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

static Plan *
find_plan(CrmOrganisation *organisation, const char *object, CrmPrivilege privilege, int fallback)
{
    MemoryContext old;
    Plan *plan;
    ListCell *cell;

    foreach (cell, organisation->plans) {
        plan = lfirst(cell);
        if (plan->privilege == privilege && plan->fallback == fallback && strcmp(plan->object, object) == 0)
            return plan;
    }
    if (list_length(organisation->plans) >= PLANS_MAX) {
        crm_plans_give_up();
        organisation->plans = NIL;
    }
    old = MemoryContextSwitchTo(organisation->context);
    plan = palloc(sizeof(Plan));
    *plan = (Plan){pstrdup(object), privilege, fallback, false, 0};
    organisation->plans = lappend(organisation->plans, plan);
    MemoryContextSwitchTo(old);
    return plan;
}

void
crm_plans_note(CrmOrganisation *organisation, Oid function, const char *object, CrmPrivilege privilege,
               int fallback, bool listable)
{
    Plan *plan = find_plan(organisation, object, privilege, fallback);

    note_predicate(function);
    if (plan->epoch == epoch && plan->listable == listable)
        return;
    if (plan->epoch == epoch)
        crm_plans_give_up();
    plan->listable = listable;
    plan->epoch = epoch;
    crm_plans_changes++;
}

bool
crm_plans_suit(const char *identity)
{
    CrmOrganisation *organisation = crm_organisation_known();
    int principal;
    ListCell *cell;

    if (organisation == NULL)
        return false;
    principal = crm_value_map_text(organisation->identities, identity, (int) strlen(identity));
    if (principal < 0)
        return true; /* nobody gets an error, whatever the plan */
    foreach (cell, organisation->plans) {
        const Plan *plan = lfirst(cell);
        const CrmAccess *access;

        if (plan->epoch != epoch)
            continue;
        access = crm_access(organisation, principal, plan->object, plan->privilege);
        if (crm_plans_listable(organisation, access, plan->fallback) != plan->listable)
            return false;
    }
    return true;
}
