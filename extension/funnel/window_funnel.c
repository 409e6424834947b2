/*
 * window_funnel.c: the aggregates window_funnel(within, at, VARIADIC steps) and window_funnel_mode, which has modes before.
 */
#include "base/error.h"
#include "funnel/inquiry.h"
#include "funnel/row_state.h"

#include "utils/builtins.h"
#include "utils/timestamp.h"

static const char *const mode_names[] = {"strict_deduplication", "strict_order", "strict_increase",
                                         "strict_once", "allow_reentry"};

/* Names separated by commas or blanks; the empty text is no mode. */
static unsigned
read_modes(const char *text)
{
    unsigned modes = 0;

    for (text += strspn(text, ", "); *text != '\0'; text += strspn(text, ", ")) {
        size_t length = strcspn(text, ", ");
        int mode = 0;

        while (mode < (int) lengthof(mode_names) &&
               (strlen(mode_names[mode]) != length || memcmp(text, mode_names[mode], length) != 0))
            mode++;
        if (mode == (int) lengthof(mode_names))
            ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                    errmsg("\"%.*s\" is no mode of window_funnel_mode", (int) length, text),
                    errhint("Type strict_deduplication, strict_order, strict_increase, strict_once or "
                            "allow_reentry, or "
                            "several with commas."));
        modes |= 1U << mode;
        text += length;
    }
    return modes;
}

/* (state, within, at, …) */
static Datum
add_row(FunctionCallInfo fcinfo, RowConditions conditions)
{
    bool is_new;
    RowState *state = crm_row_state(fcinfo, "window_funnel", conditions.count, &is_new);

    if (is_new)
        state->within = PG_ARGISNULL(1) ? WITHIN_UNLIMITED : crm_window_read(PG_GETARG_INTERVAL_P(1));
    crm_row_state_add(fcinfo, state, 2, conditions.true_ones);
    PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(crm_window_funnel_step);

/* (state, within, at, steps) */
Datum
crm_window_funnel_step(PG_FUNCTION_ARGS)
{
    return add_row(fcinfo, crm_row_conditions(fcinfo, "window_funnel"));
}

PG_FUNCTION_INFO_V1(crm_window_funnel_listed_step);

/* (state, within, at, step, step, …) */
Datum
crm_window_funnel_listed_step(PG_FUNCTION_ARGS)
{
    return add_row(fcinfo, crm_row_conditions_listed(fcinfo, 3));
}

PG_FUNCTION_INFO_V1(crm_window_funnel_mode_step);

/* (state, mode, within, at, steps) */
Datum
crm_window_funnel_mode_step(PG_FUNCTION_ARGS)
{
    RowConditions conditions = crm_row_conditions(fcinfo, "window_funnel_mode");
    bool is_new;
    RowState *state = crm_row_state(fcinfo, "window_funnel_mode", conditions.count, &is_new);

    if (is_new) {
        state->modes = PG_ARGISNULL(1) ? 0 : read_modes(TextDatumGetCString(PG_GETARG_DATUM(1)));
        state->within = PG_ARGISNULL(2) ? WITHIN_UNLIMITED : crm_window_read(PG_GETARG_INTERVAL_P(2));
        state->keeps_all = (state->modes & WINDOW_STRICT_ORDER) != 0;
    }
    crm_row_state_add(fcinfo, state, 3, conditions.true_ones);
    PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(crm_window_funnel_final);

Datum
crm_window_funnel_final(PG_FUNCTION_ARGS)
{
    RowState *state = PG_ARGISNULL(0) ? NULL : (RowState *) PG_GETARG_POINTER(0);

    if (state == NULL || state->count == 0)
        PG_RETURN_INT32(0);
    PG_RETURN_INT32(window_depth(crm_row_state_sorted(state), state->count, state->conditions, state->within,
                                 state->modes));
}
