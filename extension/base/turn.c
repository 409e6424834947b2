/*
 * turn.c: who does something alone takes a turn, until the transaction ends.
 *
 * An advisory lock would do, but everybody may take one, and who holds the right one keeps all folds away for as long as he is connected. Locks of
 * this kind (those of Postgres' old module userlock) cannot be taken by SQL. They are taken, waited for and released as advisory locks are.
 */
#include "base/compat.h"

#include "catalog/pg_class.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lock.h"

PG_FUNCTION_INFO_V1(crm_take_turn);

/* crm.take_turn(relation, number, wait): false where somebody else has it, and wait is false. */
Datum
crm_take_turn(PG_FUNCTION_ARGS)
{
    LOCKTAG tag = {.locktag_field1 = MyDatabaseId,
                   .locktag_field2 = PG_GETARG_OID(0),
                   .locktag_field3 = (uint32) PG_GETARG_INT32(1),
                   .locktag_type = LOCKTAG_USERLOCK,
                   .locktag_lockmethodid = USER_LOCKMETHOD};

    PG_RETURN_BOOL(LockAcquire(&tag, ExclusiveLock, false, !PG_GETARG_BOOL(2)) != LOCKACQUIRE_NOT_AVAIL);
}
