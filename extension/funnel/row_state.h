/*
 * row_state.h: the state of aggregates over rows that have a time and conditions: window_funnel, sequence_match and others.
 *
 * It keeps the rows for which a condition is true, in order of arrival, and notices whether they came in order of time. Rows
 * of the same time keep the order in which they came; states of parallel workers are joined one after the other.
 */
#ifndef CRM_FUNNEL_ROW_STATE_H
#define CRM_FUNNEL_ROW_STATE_H

#include "base/compat.h"
#include "funnel/window.h"

#include "fmgr.h"

typedef struct RowState {
    int conditions;
    int64 within;   /* of window_funnel */
    unsigned modes; /* of window_funnel_mode: WindowMode */
    char *pattern;  /* of sequence_match and sequence_count, or NULL */
    bool keeps_all; /* also rows for which no condition is true */
    bool sorted;
    uint64 count;
    uint64 capacity;
    WindowEvent *events;
} RowState;

/* The conditions of a row: how many, and a bit for each that is true. */
typedef struct RowConditions {
    int count;
    uint64 true_ones;
} RowConditions;

/* From the last argument, a VARIADIC boolean[] of 1 to 64, read where it lies: RM005 where it is not that. */
extern RowConditions crm_row_conditions(FunctionCallInfo fcinfo, const char *aggregate);
/* From boolean arguments, number `first` to the last: no array is made of them, which costs more than all the rest. */
extern RowConditions crm_row_conditions_listed(FunctionCallInfo fcinfo, int first);
/*
 * The state, argument 0, or a new one; is_new says so, for the caller to fill in what it needs.
 * Conditions must be as many in each row: RM005.
 */
extern RowState *crm_row_state(FunctionCallInfo fcinfo, const char *aggregate, int conditions, bool *is_new);
/* Adds the row whose time is argument number `time`; without a time it is left out. */
extern void crm_row_state_add(FunctionCallInfo fcinfo, RowState *state, int time, uint64 true_ones);
/* The rows by time; a copy where they came otherwise. Final functions must not change a state. */
extern const WindowEvent *crm_row_state_sorted(const RowState *state);

#endif
