/*
 * command.c: what a DDL command did to partitions, to labels of enums and to names of columns, which
 * pg_event_trigger_ddl_commands() tells to C alone.
 */
#include "base/compat.h"

#include "fmgr.h"
#include "nodes/parsenodes.h"
#include "tcop/deparse_utility.h"
#include "utils/builtins.h"

static bool
subcommand_moves(const Node *subcommand)
{
    AlterTableType type;

    if (!IsA(subcommand, AlterTableCmd))
        return false;
    type = ((const AlterTableCmd *) subcommand)->subtype;
    return type == AT_AttachPartition || type == AT_DetachPartition || type == AT_DetachPartitionFinalize;
}

PG_FUNCTION_INFO_V1(crm_moves_partitions);

/* crm.moves_partitions(command): whether it created a table, or attached or detached a partition. */
Datum
crm_moves_partitions(PG_FUNCTION_ARGS)
{
    const CollectedCommand *command = (const CollectedCommand *) PG_GETARG_POINTER(0);
    ListCell *cell;

    if (command->type != SCT_AlterTable)
        PG_RETURN_BOOL(command->type == SCT_Simple &&
                       IsA(command->parsetree, CreateStmt)); /* GRANT has no tree */
    foreach (cell, command->d.alterTable.subcmds)
        if (subcommand_moves(((const CollectedATSubcmd *) lfirst(cell))->parsetree))
            PG_RETURN_BOOL(true);
    PG_RETURN_BOOL(false);
}

PG_FUNCTION_INFO_V1(crm_renames_label);

/* crm.renames_label(command): whether it gave a value of an enum another name. */
Datum
crm_renames_label(PG_FUNCTION_ARGS)
{
    const CollectedCommand *command = (const CollectedCommand *) PG_GETARG_POINTER(0);

    PG_RETURN_BOOL(command->type == SCT_Simple && IsA(command->parsetree, AlterEnumStmt) &&
                   ((const AlterEnumStmt *) command->parsetree)->oldVal != NULL);
}

PG_FUNCTION_INFO_V1(crm_renamed_column);

/* crm.renamed_column(command): the name that the column had which it renamed; NULL where it did something else. */
Datum
crm_renamed_column(PG_FUNCTION_ARGS)
{
    const CollectedCommand *command = (const CollectedCommand *) PG_GETARG_POINTER(0);
    const RenameStmt *rename;

    if (command->type != SCT_Simple || command->parsetree == NULL || !IsA(command->parsetree, RenameStmt))
        PG_RETURN_NULL();
    rename = (const RenameStmt *) command->parsetree;
    if (rename->renameType != OBJECT_COLUMN)
        PG_RETURN_NULL();
    PG_RETURN_TEXT_P(cstring_to_text(rename->subname));
}
