/*
 * schema.c: finds the extension and its schema. See schema.h.
 *
 * pg_extension has no syscache before 18, so the OIDs are kept for the session; a syscache invalidation of
 * pg_namespace or a missing schema makes them be looked up again.
 */
#include "base/compat.h"
#include "base/schema.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/pg_extension.h"
#include "commands/extension.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/syscache.h"

static Oid extension_oid = InvalidOid;
static Oid extension_owner = InvalidOid;
static Oid schema_oid = InvalidOid;
static bool callback_registered = false;

static void
forget(Datum arg, int cache_id, uint32 hash_value)
{
    extension_oid = InvalidOid;
    schema_oid = InvalidOid;
}

static void
look_up(void)
{
    Relation rel;
    SysScanDesc scan;
    ScanKeyData key;
    HeapTuple tuple;

    if (OidIsValid(schema_oid))
        return;
    if (!callback_registered) {
        CacheRegisterSyscacheCallback(NAMESPACEOID, forget, (Datum) 0);
        callback_registered = true;
    }
    extension_oid = get_extension_oid("crm", false);
    rel = table_open(ExtensionRelationId, AccessShareLock);
    ScanKeyInit(&key, Anum_pg_extension_oid, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(extension_oid));
    scan = systable_beginscan(rel, ExtensionOidIndexId, true, NULL, 1, &key);
    tuple = systable_getnext(scan);
    if (HeapTupleIsValid(tuple)) {
        extension_owner = ((Form_pg_extension) GETSTRUCT(tuple))->extowner;
        schema_oid = ((Form_pg_extension) GETSTRUCT(tuple))->extnamespace;
    }
    systable_endscan(scan);
    table_close(rel, AccessShareLock);
    if (!OidIsValid(schema_oid))
        elog(ERROR, "extension crm has no schema");
}

Oid
crm_extension_oid(void)
{
    look_up();
    return extension_oid;
}

Oid
crm_extension_owner(void)
{
    look_up();
    return extension_owner;
}

Oid
crm_schema_oid(void)
{
    look_up();
    return schema_oid;
}

char *
crm_schema_quoted(void)
{
    return pstrdup(quote_identifier(get_namespace_name(crm_schema_oid())));
}

Oid
crm_relation_oid(const char *name)
{
    Oid oid = get_relname_relid(name, crm_schema_oid());

    if (!OidIsValid(oid))
        ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE),
                errmsg("relation \"%s\" of extension crm does not exist", name),
                errhint("The library is newer than the installed script: type ALTER EXTENSION crm UPDATE."));
    return oid;
}

Relation
crm_given_table_open(Oid table, LOCKMODE lock)
{
    Relation rel = try_table_open(table, lock);

    if (rel == NULL)
        ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE), errmsg("relation with OID %u does not exist", table),
                errhint("It was dropped, or the number is none of a table."));
    return rel;
}
