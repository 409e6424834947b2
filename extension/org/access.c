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

static void
add_range(uint8 *set, int first, int last)
{
    for (int unit = first; unit <= last; unit++)
        set[unit >> 3] |= (uint8) (1 << (unit & 7));
}

/* Grants */

static void
add_grant(const CrmOrganisation *organisation, CrmAccess *access, int unit, CrmDepth depth)
{
    access->own = true;
    switch (depth) {
    case CRM_DEPTH_OWN:
        break;
    case CRM_DEPTH_UNIT:
        add_range(access->units, unit, unit);
        break;
    case CRM_DEPTH_BELOW:
        add_range(access->units, unit, organisation->units[unit].last);
        break;
    case CRM_DEPTH_ORGANISATION:
        access->all = true;
        add_range(access->units, 0, organisation->unit_count - 1);
        break;
    }
}

static bool
concerns(int on, int object)
{
    return on == CRM_EVERY_OBJECT || on == object;
}

static void
add_grants(const CrmOrganisation *organisation, CrmAccess *access, int principal, const CrmAccessKey *key)
{
    ListCell *member_cell;

    foreach (member_cell, organisation->members[principal]) {
        const CrmMember *member = lfirst(member_cell);
        ListCell *grant_cell;

        if (member->role < 0)
            continue;
        foreach (grant_cell, organisation->grants[member->role]) {
            const CrmGrant *grant = lfirst(grant_cell);

            if ((int) grant->privilege == key->privilege && concerns(grant->object, key->object))
                add_grant(organisation, access, member->unit, grant->depth);
        }
    }
}

/* Denials */

static uint8 *
denied_set(CrmOrganisation *organisation, CrmAccess *access)
{
    if (access->denied == NULL)
        access->denied = MemoryContextAllocZero(organisation->context, set_size(organisation));
    return access->denied;
}

static void
add_denials(CrmOrganisation *organisation, CrmAccess *access, int principal, const CrmAccessKey *key)
{
    ListCell *cell;

    foreach (cell, organisation->denials[principal]) {
        const CrmDenial *denial = lfirst(cell);

        if ((int) denial->privilege != key->privilege || !concerns(denial->object, key->object))
            continue;
        if (denial->unit < 0)
            access->nothing = true;
        else
            add_range(denied_set(organisation, access), denial->unit, organisation->units[denial->unit].last);
    }
}

static void
subtract_denied(const CrmOrganisation *organisation, CrmAccess *access)
{
    if (access->nothing) {
        access->own = false;
        memset(access->units, 0, set_size(organisation));
    } else if (access->denied != NULL) {
        for (Size i = 0; i < set_size(organisation); i++)
            access->units[i] &= (uint8) ~access->denied[i];
    }
    access->all = access->all && !access->nothing && access->denied == NULL;
}

/* Privileges in terms of read */

static void
add_denied_of(CrmOrganisation *organisation, CrmAccess *access, const CrmAccess *read)
{
    access->nothing |= read->nothing;
    if (read->denied != NULL) {
        uint8 *denied = denied_set(organisation, access);

        for (Size i = 0; i < set_size(organisation); i++)
            denied[i] |= read->denied[i];
    }
}

/* total and story: what read reaches counts as granted. */
static void
include_read(CrmOrganisation *organisation, CrmAccess *access, const CrmAccess *read)
{
    access->all |= read->all;
    for (Size i = 0; i < set_size(organisation); i++)
        access->units[i] |= read->units[i];
    subtract_denied(organisation, access);
    /* Own rows that count by read alone are bound by what is denied to read. */
    if (!access->own && read->own && !access->nothing) {
        access->own = true;
        add_denied_of(organisation, access, read);
    }
}

static void
bound_by_read(CrmOrganisation *organisation, CrmAccess *access, const CrmAccess *read)
{
    access->all &= read->all;
    access->own &= read->own;
    for (Size i = 0; i < set_size(organisation); i++)
        access->units[i] &= read->units[i];
    add_denied_of(organisation, access, read);
    subtract_denied(organisation, access);
}

static CrmAccess *
compute(CrmOrganisation *organisation, const char *object, const CrmAccessKey *key)
{
    CrmAccess *access =
        MemoryContextAllocZero(organisation->context, offsetof(CrmAccess, units) + set_size(organisation));
    ListCell *cell;

    add_grants(organisation, access, key->principal, key);
    add_denials(organisation, access, key->principal, key);
    foreach (cell, organisation->teams[key->principal]) {
        add_grants(organisation, access, lfirst_int(cell), key);
        add_denials(organisation, access, lfirst_int(cell), key);
    }
    switch ((CrmPrivilege) key->privilege) {
    case CRM_READ:
    case CRM_CREATE:
        subtract_denied(organisation, access);
        break;
    case CRM_TOTAL:
    case CRM_STORY:
        include_read(organisation, access, crm_access(organisation, key->principal, object, CRM_READ));
        break;
    default:
        bound_by_read(organisation, access, crm_access(organisation, key->principal, object, CRM_READ));
        break;
    }
    access->count = (int) pg_popcount((const char *) access->units, (int) set_size(organisation));
    return access;
}

const CrmAccess *
crm_access(CrmOrganisation *organisation, int principal, const char *object, CrmPrivilege privilege)
{
    CrmAccessKey key = {principal, crm_names_get(organisation->object_names, object), (int) privilege};
    CrmAccessEntry *entry = hash_search(organisation->accesses, &key, HASH_FIND, NULL);
    CrmAccess *access;

    if (entry != NULL)
        return entry->access;
    access = compute(organisation, object, &key);
    entry = hash_search(organisation->accesses, &key, HASH_ENTER, NULL);
    entry->access = access;
    return access;
}
