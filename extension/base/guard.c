/*
 * guard.c: DROP EXTENSION crm is refused while crm holds data, unless the setting crm.allow_drop is on.
 *
 * Dropping the extension would drop policies and leave ROW SECURITY and FORCE on tables, whose owner would then see no
 * row. sql_drop comes too late (the trigger itself is gone by then), so this one looks at the statement before it
 * runs: DROP EXTENSION crm, DROP SCHEMA of the extension or of crm_bi, and DROP OWNED by the extension's owner.
 */
#include "base/compat.h"

#include "base/error.h"
#include "base/guard.h"
#include "base/schema.h"
#include "catalog/namespace.h"
#include "catalog/pg_extension.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

static bool allow_drop = false;

void
crm_guard_init(void)
{
    DefineCustomBoolVariable(
        "crm.allow_drop", "Allows DROP EXTENSION crm while it holds data.",
        "Tables stay as they are, but what crm knows of them is lost; call disown_all() first.", &allow_drop,
        false, PGC_USERSET, 0, NULL, NULL, NULL);
}

static bool
drops_schema(const DropStmt *drop)
{
    ListCell *cell;

    foreach (cell, drop->objects) {
        const char *name = strVal(lfirst(cell));

        if (strcmp(name, "crm_bi") == 0 || get_namespace_oid(name, true) == crm_schema_oid())
            return true;
    }
    return false;
}

static bool
drops_extension(const DropStmt *drop)
{
    ListCell *cell;

    foreach (cell, drop->objects)
        if (strcmp(strVal(lfirst(cell)), "crm") == 0)
            return true;
    return false;
}

static bool
drops_crm(Node *statement)
{
    if (IsA(statement, DropStmt)) {
        DropStmt *drop = (DropStmt *) statement;

        if (drop->removeType == OBJECT_EXTENSION)
            return drops_extension(drop);
        /* without CASCADE the server refuses by itself */
        return drop->removeType == OBJECT_SCHEMA && drop->behavior == DROP_CASCADE && drops_schema(drop);
    }
    if (IsA(statement, DropOwnedStmt)) {
        ListCell *cell;

        foreach (cell, ((DropOwnedStmt *) statement)->roles)
            if (get_rolespec_oid(lfirst(cell), false) == crm_extension_owner())
                return true;
    }
    return false;
}

static int64
held_tables(void)
{
    char *query = psprintf("SELECT pg_catalog.count(*) FROM %s.held_tables()", crm_schema_quoted());
    bool null;
    int64 count;

    SPI_connect();
    if (SPI_execute(query, true, 1) != SPI_OK_SELECT)
        elog(ERROR, "could not count the tables that crm holds");
    count = DatumGetInt64(SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &null));
    SPI_finish();
    return count;
}

PG_FUNCTION_INFO_V1(crm_guard_drop);

Datum
crm_guard_drop(PG_FUNCTION_ARGS)
{
    EventTriggerData *data;
    int64 held;

    if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
        ereport(ERROR, errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
                errmsg("guard_drop is an event trigger function"));
    data = (EventTriggerData *) fcinfo->context;
    if (allow_drop || !OidIsValid(get_extension_oid("crm", true)) || !drops_crm(data->parsetree))
        PG_RETURN_NULL();
    held = held_tables();
    if (held > 0)
        ereport(ERROR, errcode(ERRCODE_DEPENDENT_OBJECTS_STILL_EXIST),
                errmsg("extension crm still stands on tables: " INT64_FORMAT " adopted or protected", held),
                errhint("Type SELECT %s.disown_all(); first, or SET crm.allow_drop = on; to lose it.",
                        crm_schema_quoted()));
    PG_RETURN_NULL();
}
