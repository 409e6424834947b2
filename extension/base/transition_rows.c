/*
 * transition_rows.c: see transition_rows.h.
 */
#include "base/transition_rows.h"

#include "executor/executor.h"
#include "miscadmin.h"

CrmTransitionRows
crm_transition_rows_begin(Tuplestorestate *store, TupleDesc desc)
{
    CrmTransitionRows rows = {.store = store};

    if (store == NULL)
        return rows;
    rows.slot = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
    rows.pointer = tuplestore_alloc_read_pointer(store, EXEC_FLAG_REWIND);
    tuplestore_select_read_pointer(store, rows.pointer);
    tuplestore_rescan(store);
    return rows;
}

bool
crm_transition_rows_next(CrmTransitionRows *rows)
{
    CHECK_FOR_INTERRUPTS();
    if (rows->store == NULL)
        return false;
    tuplestore_select_read_pointer(rows->store, rows->pointer);
    return tuplestore_gettupleslot(rows->store, true, false, rows->slot);
}

void
crm_transition_rows_end(CrmTransitionRows *rows)
{
    if (rows->store == NULL)
        return;
    tuplestore_select_read_pointer(rows->store, 0);
    ExecDropSingleTupleTableSlot(rows->slot);
}
