/*
 * A table is held, by what it is and not by a name that may be another table's by the time that a lock is had: whoever alters it is waited for,
 * and its name and columns are read afterwards.
 */
#include "base/compat.h"

#include "fmgr.h"
#include "storage/lmgr.h"
#include "utils/syscache.h"

PG_FUNCTION_INFO_V1(crm_hold_table);

Datum
crm_hold_table(PG_FUNCTION_ARGS)
{
    Oid relation = PG_GETARG_OID(0);

    LockRelationOid(relation, AccessShareLock);
    if (SearchSysCacheExists1(RELOID, ObjectIdGetDatum(relation)))
        PG_RETURN_BOOL(true);
    UnlockRelationOid(relation, AccessShareLock);
    PG_RETURN_BOOL(false);
}
