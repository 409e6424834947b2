/*
 * erase.c: see erase.h.
 */
#include "base/compat.h"
#include "customer/erase.h"

#include "access/table.h"
#include "base/caller.h"
#include "base/error.h"
#include "base/foreign.h"
#include "base/schema.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/rel.h"

PG_FUNCTION_INFO_V1(crm_change_as_owner);

Datum
crm_change_as_owner(PG_FUNCTION_ARGS)
{
    Relation relation = crm_given_table_open(PG_GETARG_OID(0), RowExclusiveLock);
    const char *statement = text_to_cstring(PG_GETARG_TEXT_PP(1));
    CrmRights rights;
    uint64 changed;
    int code;

    SPI_connect();
    rights = crm_rights_enter(relation->rd_rel->relowner);
    (void) set_config_option("search_path", GetConfigOptionResetString("search_path"), PGC_USERSET,
                             PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    code = SPI_execute(statement, false, 0);
    crm_rights_leave(rights);
    if (code == SPI_OK_REWRITTEN && relation->rd_rules != NULL)
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                errmsg("a rule of table %s does something else in place of what is asked of it",
                       RelationGetRelationName(relation)),
                errhint("Drop the rule, or write a trigger instead."));
    if (code != SPI_OK_UPDATE && code != SPI_OK_DELETE && code != SPI_OK_SELECT)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("change_as_owner takes an UPDATE, a DELETE or a SELECT FOR UPDATE"));
    changed = SPI_processed;
    SPI_finish();
    table_close(relation, NoLock);
    PG_RETURN_INT64((int64) changed);
}

PG_FUNCTION_INFO_V1(crm_fire_deferred);

/* What his transaction has deferred would run with the rights of whoever makes it immediate: so that is he himself. */
Datum
crm_fire_deferred(PG_FUNCTION_ARGS)
{
    Oid caller = crm_caller_oid();
    CrmRights rights;
    int code;

    if (!OidIsValid(caller))
        ereport(ERROR, errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
                errmsg("rows cannot be erased while a table is maintained"));
    SPI_connect();
    GetUserIdAndSecContext(&rights.user, &rights.context);
    SetUserIdAndSecContext(caller, rights.context | SECURITY_LOCAL_USERID_CHANGE);
    rights.level = NewGUCNestLevel();
    (void) set_config_option("search_path", GetConfigOptionResetString("search_path"), PGC_USERSET,
                             PGC_S_SESSION, GUC_ACTION_SAVE, true, 0, false);
    code = SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0);
    crm_rights_leave(rights);
    if (code != SPI_OK_UTILITY)
        elog(ERROR, "deferred constraints cannot be checked");
    SPI_finish();
    PG_RETURN_VOID();
}
