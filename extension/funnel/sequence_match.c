/*
 * sequence_match.c: the aggregates sequence_match and sequence_count, (pattern, at, VARIADIC conditions). See sequence.h.
 */
#include "base/aggregate.h"
#include "base/error.h"
#include "funnel/row_state.h"
#include "funnel/sequence.h"

#include "utils/builtins.h"

static void
read_pattern(const char *text, int conditions, SequencePattern *pattern)
{
    const char *problem = sequence_parse(text, conditions, pattern);

    if (problem != NULL)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("\"%s\" is no pattern of events", text),
                errdetail("%s", problem), errhint("Type '(?1).*(?2)(?t<=3600)(?3)'."));
}

PG_FUNCTION_INFO_V1(crm_sequence_step);

/* (state, pattern, at, conditions) */
Datum
crm_sequence_step(PG_FUNCTION_ARGS)
{
    RowConditions conditions = crm_row_conditions(fcinfo, "a pattern of events");
    bool is_new;
    RowState *state = crm_row_state(fcinfo, "a pattern of events", conditions.count, &is_new);

    if (is_new) {
        SequencePattern pattern;
        char *given;

        if (PG_ARGISNULL(1))
            ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("a pattern of events is not NULL"));
        given = TextDatumGetCString(PG_GETARG_DATUM(1));
        read_pattern(given, state->conditions, &pattern);
        state->pattern = MemoryContextStrdup(crm_aggregate_context(fcinfo), given);
    }
    crm_row_state_add(fcinfo, state, 2, conditions.true_ones);
    PG_RETURN_POINTER(state);
}

static uint64
count_matches(const RowState *state, uint64 most)
{
    SequencePattern pattern;
    size_t *scratch;
    uint64 found;

    if (state == NULL || state->count == 0)
        return 0;
    read_pattern(state->pattern, state->conditions, &pattern);
    scratch =
        MemoryContextAllocHuge(CurrentMemoryContext, sizeof(size_t) * state->count * (Size) pattern.steps);
    found = sequence_count(&pattern, crm_row_state_sorted(state), state->count, most, scratch);
    pfree(scratch);
    return found;
}

PG_FUNCTION_INFO_V1(crm_sequence_match_final);

Datum
crm_sequence_match_final(PG_FUNCTION_ARGS)
{
    PG_RETURN_BOOL(count_matches(PG_ARGISNULL(0) ? NULL : (RowState *) PG_GETARG_POINTER(0), 1) > 0);
}

PG_FUNCTION_INFO_V1(crm_sequence_count_final);

Datum
crm_sequence_count_final(PG_FUNCTION_ARGS)
{
    PG_RETURN_INT64(
        (int64) count_matches(PG_ARGISNULL(0) ? NULL : (RowState *) PG_GETARG_POINTER(0), PG_UINT64_MAX));
}
