/*
 * load.c: see load.h. Tables are scanned in the order in which they refer to each other; rows that refer to
 * nothing (a restore in progress) are passed over.
 */
#include "base/compat.h"
#include "base/schema.h"
#include "org/access.h"
#include "org/load.h"

#include "access/xact.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"

static void
prepare(CrmOrganisation *organisation)
{
    MemoryContext context = organisation->context;
    HASHCTL accesses = {
        .keysize = sizeof(CrmAccessKey), .entrysize = sizeof(CrmAccessEntry), .hcxt = context};

    organisation->next_change = DT_NOEND;
    organisation->object_names = crm_names_create(context, 0);
    crm_names_set(organisation->object_names, "*", CRM_EVERY_OBJECT);
    organisation->principal_values = crm_value_map_create(context);
    organisation->identities = crm_value_map_create(context);
    organisation->accesses =
        hash_create("crm accesses", 64, &accesses, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

CrmOrganisation *
crm_organisation_load(MemoryContext context)
{
    MemoryContext old = MemoryContextSwitchTo(context);
    CrmOrganisation *organisation = palloc0(sizeof(CrmOrganisation));
    Snapshot snapshot;

    organisation->context = context;
    prepare(organisation);
    snapshot = RegisterSnapshot(GetCatalogSnapshot(crm_relation_oid("unit")));
    crm_load_units(organisation, snapshot);
    crm_load_principals(organisation, snapshot, GetCurrentStatementStartTimestamp());
    UnregisterSnapshot(snapshot);
    MemoryContextSwitchTo(old);
    return organisation;
}
