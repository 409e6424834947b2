/*
 * attribution_agg.c: the aggregate attribution_shares: what channels get for conversions, over touches in order of path and time.
 *
 * One pass. A path is kept until the next begins; what it gives goes into cells, one for each group of conversions and channel,
 * or, for the models that are fitted to all paths, into the counts that they are made of. Group 0 are conversions that are fitted
 * and not shown, no group is a path without conversion, which only the Markov chain knows.
 */
#include "base/aggregate.h"
#include "base/compat.h"
#include "base/error.h"
#include "funnel/attribution.h"
#include "funnel/inquiry.h"
#include "funnel/markov.h"
#include "funnel/shapley.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

/* Credits are counted in parts of a conversion. */
#define CONVERSION INT64_C(1000000000)
#define NO_CONVERSION (-1)

/* What is divided: of a conversion, of a group, of a channel in a group. */
typedef struct Worth {
    int64 part[3]; /* credit, amount, margin */
    int64 conversions;
} Worth;

typedef struct ShareState {
    MemoryContext context;
    AttributionRule rule;
    int64 look_back; /* of paths without conversion; those with one come cut to it */
    TimestampTz since;
    int channels;
    int groups;
    Worth *cells;  /* groups times channels + 1, the first of which is no channel */
    Worth *totals; /* by group, of conversions with touches */
    uint64 volume; /* no sum of amounts or margins is larger */

    int64 path;
    int group;
    Worth worth;
    bool any; /* whether a path is open */
    Size count, room;
    AttributionTouch *touches;
    bool *fallback;
    double *weights;
    int64 *shares;
    ApportionPart *parts;
    int64 *seen; /* by channel: the last path that had it, by number of the conversion */
    int64 conversions;

    Markov chain;
    int64 *sets; /* groups times 3 times sets of channels */
} ShareState;

static const char *const model_names[] = {"first",      "last",     "last_non_direct", "linear",
                                          "time_decay", "position", "markov",          "shapley"};

static AttributionModel
read_model(const char *name)
{
    for (int i = 0; i < (int) lengthof(model_names); i++)
        if (strcmp(name, model_names[i]) == 0)
            return (AttributionModel) i;
    elog(ERROR, "unknown attribution model %s", name);
}

static void
refuse_many(AttributionModel model, int channels)
{
    int most = model == ATTRIBUTION_SHAPLEY ? SHAPLEY_PLAYERS_MAX : MARKOV_CHANNELS_MAX;

    if ((model == ATTRIBUTION_SHAPLEY || model == ATTRIBUTION_MARKOV) && channels > most)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("model %s takes up to %d channels, not %d", model_names[model], most, channels),
                errhint("Group them: type by => ARRAY['channel'], or map channel to an expression that joins "
                        "small ones."));
}

static void
read_rule(FunctionCallInfo fcinfo, ShareState *state)
{
    float8 *position = (float8 *) ARR_DATA_PTR(PG_GETARG_ARRAYTYPE_P(3));

    if (ArrayGetNItems(ARR_NDIM(PG_GETARG_ARRAYTYPE_P(3)), ARR_DIMS(PG_GETARG_ARRAYTYPE_P(3))) != 3)
        elog(ERROR, "positions weigh three numbers");
    state->rule = (AttributionRule){read_model(TextDatumGetCString(PG_GETARG_DATUM(1))),
                                    (double) crm_window_read(PG_GETARG_INTERVAL_P(2)), position[0],
                                    position[1], position[2]};
    state->look_back = PG_ARGISNULL(4) ? PG_INT64_MAX : crm_window_read(PG_GETARG_INTERVAL_P(4));
    state->since = PG_ARGISNULL(5) ? PG_INT64_MIN : PG_GETARG_TIMESTAMPTZ(5);
    state->channels = PG_GETARG_INT32(6);
    state->groups = PG_GETARG_INT32(7);
    refuse_many(state->rule.model, state->channels);
}

static void *
zeroed(Size size, Size count)
{
    return MemoryContextAllocExtended(CurrentMemoryContext, mul_size(size, Max(count, 1)),
                                      MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

static ShareState *
new_state(FunctionCallInfo fcinfo)
{
    MemoryContext context = crm_aggregate_context(fcinfo);
    MemoryContext before = MemoryContextSwitchTo(context);
    ShareState *state = palloc0(sizeof *state);

    state->context = context;
    read_rule(fcinfo, state);
    state->cells = zeroed(sizeof *state->cells, mul_size(state->groups, (Size) state->channels + 1));
    state->totals = zeroed(sizeof *state->totals, state->groups);
    state->seen = zeroed(sizeof *state->seen, state->channels);
    if (state->rule.model == ATTRIBUTION_MARKOV) {
        state->chain.channels = (size_t) state->channels;
        state->chain.counts = zeroed(sizeof(int64), markov_size(state->chain.channels));
    } else if (state->rule.model == ATTRIBUTION_SHAPLEY)
        state->sets = zeroed(sizeof(int64), mul_size(3 * (Size) state->groups, (Size) 1 << state->channels));
    MemoryContextSwitchTo(before);
    return state;
}

static void *
resized(ShareState *state, void *array, Size size)
{
    size = mul_size(size, state->room);
    return array == NULL ? MemoryContextAllocHuge(state->context, size) : repalloc_huge(array, size);
}

static void
add_touch(ShareState *state, AttributionTouch touch, bool fallback)
{
    if (state->count == state->room) {
        state->room = Max(2 * state->room, 64);
        state->touches = resized(state, state->touches, sizeof *state->touches);
        state->fallback = resized(state, state->fallback, sizeof *state->fallback);
        state->weights = resized(state, state->weights, sizeof *state->weights);
        state->shares = resized(state, state->shares, sizeof *state->shares);
        state->parts = resized(state, state->parts, sizeof *state->parts);
    }
    state->touches[state->count] = touch;
    state->fallback[state->count++] = fallback;
}

/* What records tell of their origin counts only where no touch is known. */
static void
drop_fallbacks(ShareState *state)
{
    Size kept = 0;

    for (Size i = 0; i < state->count; i++)
        if (!state->fallback[i])
            state->touches[kept++] = state->touches[i];
    if (kept > 0)
        state->count = kept;
}

static Worth *
cell(ShareState *state, int group, int channel)
{
    return &state->cells[(Size) (group - 1) * ((Size) state->channels + 1) + (Size) channel];
}

static void
add_worth(Worth *to, const Worth *worth)
{
    for (int i = 0; i < 3; i++)
        to->part[i] += worth->part[i];
    to->conversions += worth->conversions;
}

/* How many conversions each channel had a part in; returns the set of them for shapley. */
static uint32
note_channels(ShareState *state)
{
    uint32 set = 0;

    state->conversions++;
    for (Size i = 0; i < state->count; i++) {
        int channel = state->touches[i].channel;

        if (state->seen[channel] == state->conversions)
            continue;
        state->seen[channel] = state->conversions;
        cell(state, state->group, channel + 1)->conversions++;
        if (state->sets != NULL)
            set |= (uint32) 1 << channel;
    }
    return set;
}

static int64 *
sets_of(ShareState *state, int group, int part)
{
    return state->sets + ((Size) (group - 1) * 3 + (Size) part) * ((Size) 1 << state->channels);
}

static void
credit_path(ShareState *state)
{
    uint32 set = note_channels(state);

    add_worth(&state->totals[state->group - 1], &state->worth);
    if (state->rule.model == ATTRIBUTION_MARKOV)
        return;
    if (state->rule.model == ATTRIBUTION_SHAPLEY) {
        for (int i = 0; i < 3; i++)
            sets_of(state, state->group, i)[set] += state->worth.part[i];
        return;
    }
    attribution_weights(&state->rule, state->touches, state->count, state->weights);
    for (int i = 0; i < 3; i++) {
        if (state->worth.part[i] == 0)
            continue;
        apportion(state->worth.part[i], state->weights, state->count, state->shares, state->parts);
        for (Size j = 0; j < state->count; j++)
            cell(state, state->group, state->touches[j].channel + 1)->part[i] += state->shares[j];
    }
}

/* The touches of somebody who did not convert, within the look-back of the last of them; none where that is long ago. */
static void
chain_unconverted(ShareState *state)
{
    TimestampTz last = state->count > 0 ? state->touches[state->count - 1].at : 0;
    Size from = 0;

    if (state->count == 0 || last < state->since)
        return;
    while (state->look_back < last - state->touches[from].at)
        from++;
    markov_add(&state->chain, &state->touches[from].channel, sizeof *state->touches, state->count - from,
               false);
}

static void
close_path(ShareState *state)
{
    CHECK_FOR_INTERRUPTS();
    drop_fallbacks(state);
    if (state->group == NO_CONVERSION)
        chain_unconverted(state);
    else {
        if (state->rule.model == ATTRIBUTION_MARKOV)
            markov_add(&state->chain, state->count == 0 ? NULL : &state->touches[0].channel,
                       sizeof *state->touches, state->count, true);
        if (state->group > 0 && state->count > 0)
            credit_path(state);
        else if (state->group > 0)
            add_worth(cell(state, state->group, 0), &state->worth);
    }
    state->count = 0;
    state->any = false;
}

static int64
money(FunctionCallInfo fcinfo, ShareState *state, int argument)
{
    int64 amount = PG_ARGISNULL(argument) ? 0 : PG_GETARG_INT64(argument);
    uint64 size = amount < 0 ? -(uint64) amount : (uint64) amount;

    if (pg_add_u64_overflow(state->volume, size, &state->volume) || state->volume > (uint64) PG_INT64_MAX)
        ereport(ERROR, errcode(ERRCODE_NUMERIC_VALUE_OUT_OF_RANGE),
                errmsg("amounts are too large to be attributed"), errhint("Ask for a shorter time."));
    return amount;
}

PG_FUNCTION_INFO_V1(crm_attribution_step);

/*
 * (state, model, half_life, positions, look_back, since, channels, groups; path, group, at, channel, direct, fallback, amount,
 * margin). Channels are numbers from 1, NULL where a conversion has no touch.
 */
Datum
crm_attribution_step(PG_FUNCTION_ARGS)
{
    ShareState *state = PG_ARGISNULL(0) ? new_state(fcinfo) : (ShareState *) PG_GETARG_POINTER(0);
    int64 path = PG_GETARG_INT64(8);
    int channel = PG_ARGISNULL(11) ? 0 : PG_GETARG_INT32(11);

    if (state->any && state->path != path)
        close_path(state);
    if (!state->any) {
        state->any = true;
        state->path = path;
        state->group = PG_ARGISNULL(9) ? NO_CONVERSION : PG_GETARG_INT32(9);
        state->worth = (Worth){{CONVERSION, 0, 0}, 1};
        if (state->group > 0) {
            state->worth.part[1] = money(fcinfo, state, 14);
            state->worth.part[2] = money(fcinfo, state, 15);
        }
    }
    if (state->group > state->groups || channel > state->channels ||
        (state->group == NO_CONVERSION && state->rule.model != ATTRIBUTION_MARKOV))
        elog(ERROR, "group %d or channel %d is none", state->group, channel);
    if (channel > 0)
        add_touch(state, (AttributionTouch){PG_GETARG_TIMESTAMPTZ(10), channel - 1, PG_GETARG_BOOL(12)},
                  PG_GETARG_BOOL(13));
    PG_RETURN_POINTER(state);
}

static void
share_markov(ShareState *state)
{
    Size channels = (Size) state->channels;
    double *effects = zeroed(sizeof(double), channels);
    int64 *shares = zeroed(sizeof(int64), channels);
    ApportionPart *parts = zeroed(sizeof *parts, channels);

    (void) markov_effects(&state->chain, effects, zeroed(sizeof(double), markov_room(channels)));
    for (int group = 1; group <= state->groups; group++)
        for (int i = 0; i < 3; i++) {
            apportion(state->totals[group - 1].part[i], effects, channels, shares, parts);
            for (int channel = 0; channel < state->channels; channel++)
                cell(state, group, channel + 1)->part[i] = shares[channel];
        }
}

static void
share_shapley(ShareState *state)
{
    unsigned channels = (unsigned) state->channels;
    Int128 values[SHAPLEY_PLAYERS_MAX];
    int64 shares[SHAPLEY_PLAYERS_MAX];
    ApportionPart parts[SHAPLEY_PLAYERS_MAX];

    for (int group = 1; group <= state->groups; group++)
        for (int i = 0; i < 3; i++) {
            shapley_worth(sets_of(state, group, i), channels);
            shapley_values(sets_of(state, group, i), channels, values);
            apportion_fractions(values, shapley_denominator(channels), channels, shares, parts);
            for (int channel = 0; channel < state->channels; channel++)
                cell(state, group, channel + 1)->part[i] = shares[channel];
        }
}

/* Rows group, channel (0: none), credit, amount, margin, conversions. */
static ArrayType *
result_rows(ShareState *state)
{
    Size cells = (Size) state->groups * ((Size) state->channels + 1);
    Datum *values = palloc_extended(mul_size(mul_size(sizeof(Datum), 6), Max(cells, 1)), MCXT_ALLOC_HUGE);
    int dims[2] = {0, 6};
    int lower[2] = {1, 1};

    for (Size i = 0; i < cells; i++) {
        const Worth *worth = &state->cells[i];
        Datum *row = &values[(Size) dims[0] * 6];

        if (worth->conversions == 0 && worth->part[0] == 0 && worth->part[1] == 0 && worth->part[2] == 0)
            continue;
        row[0] = Int64GetDatum((int64) (i / ((Size) state->channels + 1)) + 1);
        row[1] = Int64GetDatum((int64) (i % ((Size) state->channels + 1)));
        for (int part = 0; part < 3; part++)
            row[2 + part] = Int64GetDatum(worth->part[part]);
        row[5] = Int64GetDatum(worth->conversions);
        dims[0]++;
    }
    return construct_md_array(values, NULL, 2, dims, lower, INT8OID, 8, FLOAT8PASSBYVAL, TYPALIGN_DOUBLE);
}

PG_FUNCTION_INFO_V1(crm_attribution_final);

Datum
crm_attribution_final(PG_FUNCTION_ARGS)
{
    ShareState *state = PG_ARGISNULL(0) ? NULL : (ShareState *) PG_GETARG_POINTER(0);

    if (state == NULL)
        PG_RETURN_NULL();
    if (state->any)
        close_path(state);
    if (state->rule.model == ATTRIBUTION_MARKOV)
        share_markov(state);
    else if (state->rule.model == ATTRIBUTION_SHAPLEY)
        share_shapley(state);
    PG_RETURN_ARRAYTYPE_P(result_rows(state));
}
