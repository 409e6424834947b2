/*
 * row_as_statement.c: see row_as_statement.h.
 */
#include "base/compat.h"
#include "base/row_as_statement.h"

#include "miscadmin.h"
#include "utils/tuplestore.h"

static Tuplestorestate *
make_table(HeapTuple row)
{
    Tuplestorestate *table = tuplestore_begin_heap(false, false, work_mem);

    tuplestore_puttuple(table, row);
    return table;
}

TriggerData *
crm_row_as_statement_begin(CrmRowAsStatement *as, const TriggerData *of)
{
    static char old_name[] = "crm_old", new_name[] = "crm_new";
    bool inserted = TRIGGER_FIRED_BY_INSERT(of->tg_event);

    as->trigger = *of->tg_trigger;
    as->data = *of;
    as->data.tg_event &= ~TRIGGER_EVENT_ROW;
    as->data.tg_trigger = &as->trigger;
    as->trigger.tgoldtable = inserted ? NULL : old_name;
    as->trigger.tgnewtable = TRIGGER_FIRED_BY_DELETE(of->tg_event) ? NULL : new_name;
    as->data.tg_oldtable = inserted ? NULL : make_table(of->tg_trigtuple);
    as->data.tg_newtable = TRIGGER_FIRED_BY_DELETE(of->tg_event)
                               ? NULL
                               : make_table(inserted ? of->tg_trigtuple : of->tg_newtuple);
    return &as->data;
}

void
crm_row_as_statement_end(CrmRowAsStatement *as)
{
    if (as->data.tg_oldtable != NULL)
        tuplestore_end(as->data.tg_oldtable);
    if (as->data.tg_newtable != NULL)
        tuplestore_end(as->data.tg_newtable);
}
