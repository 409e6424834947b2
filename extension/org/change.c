/*
 * change.c: see change.h. The messengers are the relation cache entries of two tables without rows,
 * org_change and share_change: triggers invalidate them, and Postgres carries that message to every session, to parallel workers and through
 * WAL to standbys.
 */
#include "base/compat.h"
#include "base/schema.h"
#include "org/change.h"
#include "org/plans.h"

#include "commands/trigger.h"
#include "fmgr.h"
#include "utils/inval.h"
#include "utils/syscache.h"

PGDLLEXPORT Datum crm_org_changed(PG_FUNCTION_ARGS);

uint64 crm_org_changes = 1;
uint64 crm_identity_changes = 1;
uint64 crm_share_changes = 1;

static Oid org_messenger = InvalidOid;
static Oid share_messenger = InvalidOid;

static void
relation_changed(Datum arg, Oid relid)
{
    /* InvalidOid: messages were lost or everything is reset, so anything may have changed. */
    if (relid == InvalidOid || relid == org_messenger) {
        crm_org_changes++;
        crm_identity_changes++;
        crm_plans_give_up();
    }
    if (relid == InvalidOid || relid == share_messenger)
        crm_share_changes++;
}

static void
role_changed(Datum arg, int cache_id, uint32 hash_value)
{
    crm_identity_changes++;
}

void
crm_change_listen(void)
{
    static bool registered = false;

    if (!registered) {
        CacheRegisterRelcacheCallback(relation_changed, (Datum) 0);
        CacheRegisterSyscacheCallback(AUTHOID, role_changed, (Datum) 0);
        registered = true;
    }
    org_messenger = crm_relation_oid("org_change");
    share_messenger = crm_relation_oid("share_change");
}

void
crm_change_accept(void)
{
    AcceptInvalidationMessages();
}

PG_FUNCTION_INFO_V1(crm_org_changed);
Datum
crm_org_changed(PG_FUNCTION_ARGS)
{
    const Trigger *trigger;

    if (!CALLED_AS_TRIGGER(fcinfo) || ((TriggerData *) fcinfo->context)->tg_trigger->tgnargs != 1)
        ereport(ERROR, errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
                errmsg("function \"org_changed\" was not called as a trigger with one argument"));
    trigger = ((TriggerData *) fcinfo->context)->tg_trigger;
    CacheInvalidateRelcacheByRelid(crm_relation_oid(trigger->tgargs[0]));
    return PointerGetDatum(NULL);
}
