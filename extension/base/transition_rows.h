/*
 * transition_rows.h: the rows of a transition table, for a statement trigger that reads it by itself.
 *
 * Pointer 0 of its store belongs to all triggers of the statement together, so it is read by a pointer of its own. Nobody else may read
 * the store between begin and end, but others of these.
 */
#ifndef CRM_BASE_TRANSITION_ROWS_H
#define CRM_BASE_TRANSITION_ROWS_H

#include "postgres.h"

#include "access/tupdesc.h"
#include "executor/tuptable.h"
#include "utils/tuplestore.h"

typedef struct CrmTransitionRows {
    Tuplestorestate *store; /* NULL: there are none */
    TupleTableSlot *slot;
    int pointer;
} CrmTransitionRows;

/* desc is a copy of the table's. */
extern CrmTransitionRows crm_transition_rows_begin(Tuplestorestate *store, TupleDesc desc);
/* Whether the slot has another row. */
extern bool crm_transition_rows_next(CrmTransitionRows *rows);
extern void crm_transition_rows_end(CrmTransitionRows *rows);

#endif
