/*
 * access.c: see access.h.
 */
#include "base/compat.h"
#include "org/access.h"

#include "port/pg_bitutils.h"
#include "utils/hsearch.h"

static Size
set_size(const CrmOrganisation *organisation)
{
    return ((Size) organisation->unit_count + 7) / 8;
}

static CrmAccess *
make_empty(CrmOrganisation *organisation)
{
    return MemoryContextAllocZero(organisation->context, offsetof(CrmAccess, units) + set_size(organisation));
}

static void
add_range(CrmAccess *access, int first, int last)
{
    for (int unit = first; unit <= last; unit++)
        access->units[unit >> 3] |= (uint8) (1 << (unit & 7));
}

static void
add_grant(CrmOrganisation *organisation, CrmAccess *access, int unit, CrmDepth depth)
{
    access->own = true;
    switch (depth) {
    case CRM_DEPTH_OWN:
        break;
    case CRM_DEPTH_UNIT:
        add_range(access, unit, unit);
        break;
    case CRM_DEPTH_BELOW:
        add_range(access, unit, organisation->units[unit].last);
        break;
    case CRM_DEPTH_ORGANISATION:
        access->all = true;
        add_range(access, 0, organisation->unit_count - 1);
        break;
    }
}

static void
add_privilege(CrmOrganisation *organisation, CrmAccess *access, int principal, int object,
              CrmPrivilege privilege)
{
    ListCell *member_cell;

    foreach (member_cell, organisation->members[principal]) {
        const CrmMember *member = lfirst(member_cell);
        ListCell *grant_cell;

        foreach (grant_cell, organisation->grants[member->role]) {
            const CrmGrant *grant = lfirst(grant_cell);

            if (grant->privilege == privilege && (grant->object == 0 || grant->object == object))
                add_grant(organisation, access, member->unit, grant->depth);
        }
    }
}

static CrmAccess *
compute(CrmOrganisation *organisation, int principal, int object, CrmPrivilege privilege)
{
    CrmAccess *access = make_empty(organisation);

    add_privilege(organisation, access, principal, object, privilege);
    if (privilege == CRM_TOTAL || privilege == CRM_STORY)
        add_privilege(organisation, access, principal, object, CRM_READ);
    else if (privilege != CRM_READ && privilege != CRM_CREATE) {
        CrmAccess *read = make_empty(organisation);

        add_privilege(organisation, read, principal, object, CRM_READ);
        access->all &= read->all;
        access->own &= read->own;
        for (Size i = 0; i < set_size(organisation); i++)
            access->units[i] &= read->units[i];
        pfree(read);
    }
    access->count = (int) pg_popcount((const char *) access->units, (int) set_size(organisation));
    return access;
}

static int
find_object(const CrmOrganisation *organisation, const char *object)
{
    for (int i = 1; i < organisation->object_count; i++) {
        if (strcmp(organisation->objects[i], object) == 0)
            return i;
    }
    return -1;
}

const CrmAccess *
crm_access(CrmOrganisation *organisation, int principal, const char *object, CrmPrivilege privilege)
{
    CrmAccessKey key = {principal, find_object(organisation, object), (int) privilege};
    CrmAccessEntry *entry;
    CrmAccess *access;

    entry = hash_search(organisation->accesses, &key, HASH_FIND, NULL);
    if (entry != NULL)
        return entry->access;
    access = compute(organisation, principal, key.object, privilege);
    entry = hash_search(organisation->accesses, &key, HASH_ENTER, NULL);
    entry->access = access;
    return access;
}
