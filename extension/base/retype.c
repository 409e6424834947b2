/*
 * retype.c: ALTER COLUMN ... TYPE of a mapped column.
 *
 * The server refuses it, since the mapping is a function that reads the column, and says no more than that. Only the
 * statement itself, which C alone can see, tells which columns get another type: so this one looks at it before it runs,
 * and says what to do.
 */
#include "base/compat.h"

#include "base/schema.h"
#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "commands/event_trigger.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "utils/builtins.h"

static void
refuse_mapped(Oid relation, const char *column)
{
    char *query = psprintf("SELECT %s.refuse_retyped($1, $2)", crm_schema_quoted());
    Oid types[2] = {REGCLASSOID, TEXTOID};
    Datum values[2] = {ObjectIdGetDatum(relation), CStringGetTextDatum(column)};
    Oid user;
    int context;

    /* As the extension: the user may not call it. The table's name was looked up by the user's own search_path. */
    GetUserIdAndSecContext(&user, &context);
    SetUserIdAndSecContext(crm_extension_owner(), context | SECURITY_LOCAL_USERID_CHANGE);
    SPI_connect();
    if (SPI_execute_with_args(query, 2, types, values, NULL, true, 1) != SPI_OK_SELECT)
        elog(ERROR, "could not look for what column %s is mapped to", column);
    SPI_finish();
    SetUserIdAndSecContext(user, context);
}

PG_FUNCTION_INFO_V1(crm_guard_retyped);

Datum
crm_guard_retyped(PG_FUNCTION_ARGS)
{
    const AlterTableStmt *alter;
    Oid relation;
    ListCell *cell;

    if (!CALLED_AS_EVENT_TRIGGER(fcinfo))
        ereport(ERROR, errcode(ERRCODE_E_R_I_E_EVENT_TRIGGER_PROTOCOL_VIOLATED),
                errmsg("guard_retyped is an event trigger function"));
    alter = (const AlterTableStmt *) ((EventTriggerData *) fcinfo->context)->parsetree;
    if (!IsA(alter, AlterTableStmt) || !OidIsValid(get_extension_oid("crm", true)))
        PG_RETURN_NULL();
    relation = RangeVarGetRelid(alter->relation, NoLock, true);
    if (!OidIsValid(relation))
        PG_RETURN_NULL();
    foreach (cell, alter->cmds) {
        const AlterTableCmd *command = lfirst_node(AlterTableCmd, cell);

        if (command->subtype == AT_AlterColumnType)
            refuse_mapped(relation, command->name);
    }
    PG_RETURN_NULL();
}
