/*
 * organisation.c: see organisation.h.
 *
 * Reading follows what the catalogue caches do: a catalogue snapshot, which is fresh at any isolation level,
 * in parallel workers and on standbys, and no SPI, so that neither search_path nor rights nor policies
 * matter. One snapshot serves all tables: privileges of one moment with members of another could grant what
 * never was granted. The transaction's own snapshot would poison the copy for all later transactions.
 */
#include "base/compat.h"
#include "base/error.h"
#include "base/nearest.h"
#include "base/schema.h"
#include "org/change.h"
#include "org/load.h"
#include "org/organisation.h"
#include "org/plans.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

static const char *const privilege_names[CRM_PRIVILEGES] = {"create", "read",   "update", "delete", "assign",
                                                            "share",  "export", "merge",  "total",  "story"};

static CrmOrganisation *current = NULL;
static uint64 readings = 0;

static bool
is_current(void)
{
    return current != NULL && current->changes == crm_org_changes &&
           GetCurrentStatementStartTimestamp() < current->next_change;
}

CrmOrganisation *
crm_organisation_known(void)
{
    return is_current() ? current : NULL;
}

CrmOrganisation *
crm_organisation(void)
{
    if (is_current())
        return current;

    crm_change_listen();
    /* Opening the tables takes in messages: what arrives meanwhile may be half seen. The bound is for a
     * storm. */
    for (int attempt = 0; attempt < 10 && !is_current(); attempt++) {
        MemoryContext context =
            AllocSetContextCreate(CurrentMemoryContext, "crm organisation", ALLOCSET_DEFAULT_SIZES);
        uint64 changes = crm_org_changes;
        CrmOrganisation *loaded = crm_organisation_load(context);

        loaded->changes = changes;
        loaded->number = ++readings;
        MemoryContextSetParent(context, CacheMemoryContext);
        if (current != NULL) {
            MemoryContextDelete(current->context);
            crm_plans_give_up();
        }
        current = loaded;
        crm_identity_changes++; /* whoever points into the one before looks again */
        CHECK_FOR_INTERRUPTS();
    }
    return current;
}

CRM_NORETURN static void
raise_unknown(const char *what, const char *name, CrmNearest *nearest)
{
    ereport(ERROR, errcode(ERRCODE_CRM_UNKNOWN_NAME), errmsg("%s \"%s\" does not exist", what, name),
            nearest->best != NULL ? errhint("Perhaps you meant \"%s\".", nearest->best) : 0);
}

int
crm_organisation_unit(const CrmOrganisation *organisation, const text *key)
{
    int place = crm_names_get_text(organisation->unit_names, key);

    return place < 0 ? -1 : organisation->places[place];
}

/* Words of the organisation's own hierarchy come before the same words of others. */
static CrmValueMap *
all_units(CrmOrganisation *organisation)
{
    if (organisation->all_units == NULL) {
        CrmValueMap *map = crm_value_map_create(organisation->context);

        for (int i = 0; i < organisation->hierarchy_count; i++)
            crm_value_map_include(map, organisation->hierarchies[i].units,
                                  i == organisation->root_hierarchy ? 0 : 1);
        organisation->all_units = map;
    }
    return organisation->all_units;
}

CrmValueMap *
crm_organisation_units(CrmOrganisation *organisation, const char *key)
{
    CrmNearest nearest = {key};

    if (key == NULL)
        return all_units(organisation);
    for (int i = 0; i < organisation->hierarchy_count; i++) {
        if (strcmp(organisation->hierarchies[i].key, key) == 0)
            return organisation->hierarchies[i].units;
        crm_nearest_try(&nearest, organisation->hierarchies[i].key);
    }
    raise_unknown("hierarchy", key, &nearest);
}

bool
crm_organisation_acts_as(const CrmOrganisation *organisation, int principal, int other)
{
    return principal == other || list_member_int(organisation->teams[principal], other);
}

CrmPrivilege
crm_privilege_parse(const char *name)
{
    CrmNearest nearest = {name};

    for (int i = 0; i < CRM_PRIVILEGES; i++) {
        if (strcmp(privilege_names[i], name) == 0)
            return (CrmPrivilege) i;
    }
    for (int i = 0; i < CRM_PRIVILEGES; i++)
        crm_nearest_try(&nearest, privilege_names[i]);
    raise_unknown("privilege", name, &nearest);
}
