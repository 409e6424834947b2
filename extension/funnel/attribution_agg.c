/*
 * attribution_agg.c: the aggregate attribution_shares: what channels get for conversions, over touches in order of path and time.
 *
 * One pass. A path is kept until the next begins; what it gives goes into cells, one for each channel and group of conversions,
 * or, for the models that are fitted to all paths, into the counts that they are made of. Group 0 are conversions that are fitted
 * and not shown, no group is a path without conversion, which only the Markov chain knows. What is called a channel here is
 * whatever the touches are told apart by (attribution_label.h).
 */
#include "base/aggregate.h"
#include "base/bytes.h"
#include "base/compat.h"
#include "base/error.h"
#include "funnel/attribution.h"
#include "funnel/attribution_label.h"
#include "funnel/inquiry.h"
#include "funnel/markov.h"
#include "funnel/row_array.h"
#include "funnel/shapley.h"
#include "funnel/within.h"

#include "catalog/pg_type.h"
#include "common/int.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/shmem.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

/* Credits are counted in parts of a conversion. */
#define CONVERSION INT64_C(1000000000)
#define NO_CONVERSION (-1)
#define SHAPLEY_SETS (1 << SHAPLEY_PLAYERS_MAX)

/* What is divided: of a conversion, of a group, of a channel in a group. */
typedef struct Worth {
    int64 part[3]; /* credit, amount, margin */
    int64 conversions;
} Worth;

/* Of a touch, whether a record told it of its own origin. */
typedef struct Path {
    int64 number;
    text *stray; /* tells paths without a number apart */
    int group;
    Worth worth;
    Size count, room;
    AttributionTouch *touches;
    bool *fallback;
} Path;

typedef struct ShareState {
    MemoryContext context;
    AttributionRule rule;
    int64 look_back; /* as is_within; of paths without conversion, those with one come cut to it */
    TimestampTz since;
    int groups;
    bool strict;   /* too many channels are an error */
    uint64 volume; /* no sum of amounts or margins is larger */
    AttributionLabels *labels;

    bool open;
    Path path;
    double *weights; /* room as the path's */
    int64 *shares;
    ApportionPart *parts;

    int channels; /* room for so many */
    Worth *cells; /* channels + 1, the first of which is none, times groups */
    int64 *seen;  /* by channel: the last conversion that had it */
    int64 conversions;
    Worth *totals; /* by group, of conversions with touches */
    Markov chain;  /* of as many channels as there is room for */
    int64 *sets;   /* groups times 3 times sets of channels */
} ShareState;

static void
wrong_argument(const char *message)
{
    ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT), errmsg("%s", message),
            errhint("SELECT * FROM attribution(model) takes care of all this."));
}

static const char *const model_names[] = {"first",      "last",     "last_non_direct", "linear",
                                          "time_decay", "position", "markov",          "shapley"};

static AttributionModel
read_model(const char *name)
{
    for (int i = 0; i < (int) lengthof(model_names); i++)
        if (strcmp(name, model_names[i]) == 0)
            return (AttributionModel) i;
    ereport(ERROR, errcode(ERRCODE_CRM_UNKNOWN_NAME), errmsg("unknown attribution model %s", name));
}

/* (state, model, half_life, weights, look_back, since, groups, strict, ...) */
static void
read_rule(FunctionCallInfo fcinfo, ShareState *state)
{
    ArrayType *weights;
    float8 *position;

    for (int i = 1; i <= 7; i++)
        if (i != 4 && i != 5 && PG_ARGISNULL(i))
            wrong_argument("the rule of attribution_shares lacks something");
    weights = PG_GETARG_ARRAYTYPE_P(3);
    position = (float8 *) ARR_DATA_PTR(weights);
    if (ArrayGetNItems(ARR_NDIM(weights), ARR_DIMS(weights)) != 3 || ARR_HASNULL(weights))
        wrong_argument("positions weigh three numbers");
    state->rule = (AttributionRule){read_model(TextDatumGetCString(PG_GETARG_DATUM(1))),
                                    (double) crm_window_read(PG_GETARG_INTERVAL_P(2)), position[0],
                                    position[1], position[2]};
    state->look_back = PG_ARGISNULL(4) ? WITHIN_UNLIMITED : crm_window_read(PG_GETARG_INTERVAL_P(4));
    state->since = PG_ARGISNULL(5) ? PG_INT64_MIN : PG_GETARG_TIMESTAMPTZ(5);
    state->groups = PG_GETARG_INT32(6);
    state->strict = PG_GETARG_BOOL(7);
}

static int
most_channels(const ShareState *state)
{
    return state->rule.model == ATTRIBUTION_SHAPLEY  ? SHAPLEY_PLAYERS_MAX
           : state->rule.model == ATTRIBUTION_MARKOV ? MARKOV_CHANNELS_MAX
                                                     : PG_INT32_MAX;
}

static bool
too_many(const ShareState *state)
{
    return crm_labels_count(state->labels) > most_channels(state);
}

static void *
zeroed(MemoryContext context, Size size, Size count)
{
    return MemoryContextAllocExtended(context, mul_size(size, Max(count, 1)),
                                      MCXT_ALLOC_HUGE | MCXT_ALLOC_ZERO);
}

static void *
enlarged(MemoryContext context, void *array, Size size, Size before, Size after)
{
    void *larger = zeroed(context, size, after);

    if (array != NULL) {
        memcpy(larger, array, mul_size(size, before));
        pfree(array);
    }
    return larger;
}

/* The start comes after the channels, in rows; conversion and end do, in columns. */
static void
enlarge_chain(ShareState *state, Size channels)
{
    Markov larger = {channels, zeroed(state->context, sizeof(int64), markov_size(channels))};
    Size old = state->chain.channels;

    for (Size i = 0; state->chain.counts != NULL && i <= old; i++) {
        int64 *row = larger.counts + (i < old ? i : channels) * (channels + 2);
        const int64 *from = state->chain.counts + i * (old + 2);

        memcpy(row, from, old * sizeof(int64));
        memcpy(row + channels, from + old, 2 * sizeof(int64));
    }
    if (state->chain.counts != NULL)
        pfree(state->chain.counts);
    state->chain = larger;
}

static void
enlarge_channels(ShareState *state, int channels)
{
    MemoryContext context = state->context;
    Size groups = (Size) state->groups;

    state->cells =
        enlarged(context, state->cells, sizeof(Worth), mul_size(groups, (Size) state->channels + 1),
                 mul_size(groups, (Size) channels + 1));
    state->seen = enlarged(context, state->seen, sizeof(int64), (Size) state->channels, (Size) channels);
    if (state->rule.model == ATTRIBUTION_MARKOV)
        enlarge_chain(state, (Size) channels);
    state->channels = channels;
}

static ShareState *
new_state(FunctionCallInfo fcinfo)
{
    MemoryContext context = crm_aggregate_context(fcinfo);
    MemoryContext before = MemoryContextSwitchTo(context);
    ShareState *state = palloc0(sizeof *state);

    state->context = context;
    read_rule(fcinfo, state);
    state->labels = crm_labels_new();
    state->totals = zeroed(context, sizeof(Worth), (Size) state->groups);
    enlarge_channels(state, SHAPLEY_PLAYERS_MAX);
    if (state->rule.model == ATTRIBUTION_SHAPLEY)
        state->sets = zeroed(context, sizeof(int64), mul_size(3 * SHAPLEY_SETS, (Size) state->groups));
    MemoryContextSwitchTo(before);
    return state;
}

static void
add_touch(ShareState *state, AttributionTouch touch, bool fallback)
{
    Path *path = &state->path;

    if (path->count == path->room) {
        Size room = Max(2 * path->room, 64);

        path->touches = enlarged(state->context, path->touches, sizeof(AttributionTouch), path->room, room);
        path->fallback = enlarged(state->context, path->fallback, sizeof(bool), path->room, room);
        state->weights = enlarged(state->context, state->weights, sizeof(double), path->room, room);
        state->shares = enlarged(state->context, state->shares, sizeof(int64), path->room, room);
        state->parts = enlarged(state->context, state->parts, sizeof(ApportionPart), path->room, room);
        path->room = room;
    }
    path->touches[path->count] = touch;
    path->fallback[path->count++] = fallback;
}

/* What records tell of their origin counts only where no touch is known. */
static void
drop_fallbacks(Path *path)
{
    Size kept = 0;

    for (Size i = 0; i < path->count; i++)
        if (!path->fallback[i])
            path->touches[kept++] = path->touches[i];
    if (kept > 0)
        path->count = kept;
}

/* channel -1 is none */
static Worth *
cell(ShareState *state, int group, int channel)
{
    return &state->cells[(Size) (channel + 1) * (Size) state->groups + (Size) group - 1];
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
    for (Size i = 0; i < state->path.count; i++) {
        int channel = state->path.touches[i].channel;

        if (state->seen[channel] == state->conversions)
            continue;
        state->seen[channel] = state->conversions;
        cell(state, state->path.group, channel)->conversions++;
        if (state->sets != NULL)
            set |= (uint32) 1 << channel;
    }
    return set;
}

static int64 *
sets_of(ShareState *state, int group, int part)
{
    return state->sets + ((Size) (group - 1) * 3 + (Size) part) * SHAPLEY_SETS;
}

static void
credit_path(ShareState *state)
{
    const Path *path = &state->path;
    uint32 set = note_channels(state);

    add_worth(&state->totals[path->group - 1], &path->worth);
    if (state->rule.model == ATTRIBUTION_MARKOV)
        return;
    if (state->rule.model == ATTRIBUTION_SHAPLEY) {
        for (int i = 0; i < 3; i++)
            sets_of(state, path->group, i)[set] += path->worth.part[i];
        return;
    }
    attribution_weights(&state->rule, path->touches, path->count, state->weights);
    for (int i = 0; i < 3; i++) {
        if (path->worth.part[i] == 0)
            continue;
        apportion(path->worth.part[i], state->weights, path->count, state->shares, state->parts);
        for (Size j = 0; j < path->count; j++)
            cell(state, path->group, path->touches[j].channel)->part[i] += state->shares[j];
    }
}

/* The touches of somebody who did not convert, within the look-back of the last of them; none where that is long ago. */
static void
chain_unconverted(ShareState *state)
{
    const Path *path = &state->path;
    TimestampTz last = path->count > 0 ? path->touches[path->count - 1].at : 0;
    Size from = 0;

    if (path->count == 0 || last < state->since)
        return;
    while (!is_within(path->touches[from].at, last, state->look_back))
        from++;
    markov_add(&state->chain, &path->touches[from].channel, sizeof *path->touches, path->count - from, false);
}

static void
close_path(ShareState *state)
{
    Path *path = &state->path;

    CHECK_FOR_INTERRUPTS();
    state->open = false;
    if (too_many(state))
        return;
    drop_fallbacks(path);
    if (path->group == NO_CONVERSION)
        chain_unconverted(state);
    else {
        if (state->rule.model == ATTRIBUTION_MARKOV && path->count > 0)
            markov_add(&state->chain, &path->touches[0].channel, sizeof *path->touches, path->count, true);
        if (path->group > 0 && path->count > 0)
            credit_path(state);
        else if (path->group > 0)
            add_worth(cell(state, path->group, -1), &path->worth);
    }
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

static bool
is_same_text(text *left, text *right)
{
    if (left == NULL || right == NULL)
        return left == right;
    return crm_bytes_compare(PointerGetDatum(left), PointerGetDatum(right)) == 0;
}

/* (..., path, stray, grp, amount, margin, ...) from argument 8 on */
static void
open_path(FunctionCallInfo fcinfo, ShareState *state)
{
    Path *path = &state->path;

    if (path->stray != NULL)
        pfree(path->stray);
    path->stray = NULL;
    if (!PG_ARGISNULL(9)) {
        MemoryContext before = MemoryContextSwitchTo(state->context);

        path->stray = PG_GETARG_TEXT_P_COPY(9);
        MemoryContextSwitchTo(before);
    }
    state->open = true;
    path->number = PG_GETARG_INT64(8);
    path->group = PG_ARGISNULL(10) ? NO_CONVERSION : PG_GETARG_INT32(10);
    if (path->group > state->groups ||
        (path->group == NO_CONVERSION && state->rule.model != ATTRIBUTION_MARKOV))
        wrong_argument("a conversion is in none of the groups");
    path->count = 0;
    path->worth = (Worth){{CONVERSION, 0, 0}, 1};
    if (path->group > 0) {
        path->worth.part[1] = money(fcinfo, state, 11);
        path->worth.part[2] = money(fcinfo, state, 12);
    }
}

PG_FUNCTION_INFO_V1(crm_attribution_step);

/*
 * (state, model, half_life, weights, look_back, since, groups, strict; path, stray, grp, amount, margin; at, channel, campaign, kind,
 * direct, fallback). A conversion has a row without at, whether it has touches or not.
 */
Datum
crm_attribution_step(PG_FUNCTION_ARGS)
{
    ShareState *state = PG_ARGISNULL(0) ? new_state(fcinfo) : (ShareState *) PG_GETARG_POINTER(0);
    AttributionTouch touch;

    if (PG_ARGISNULL(8) || PG_ARGISNULL(17) || PG_ARGISNULL(18))
        wrong_argument("a row of attribution_shares has no path, or does not say what it is");
    if (state->open && (state->path.number != PG_GETARG_INT64(8) ||
                        !is_same_text(state->path.stray, PG_ARGISNULL(9) ? NULL : PG_GETARG_TEXT_PP(9))))
        close_path(state);
    if (!state->open)
        open_path(fcinfo, state);
    if (PG_ARGISNULL(13))
        PG_RETURN_POINTER(state);
    touch.at = PG_GETARG_TIMESTAMPTZ(13);
    touch.channel = crm_labels_number(state->labels, fcinfo, 14);
    touch.direct = PG_GETARG_BOOL(17);
    if (touch.channel >= state->channels && !too_many(state))
        enlarge_channels(state, 2 * state->channels);
    add_touch(state, touch, PG_GETARG_BOOL(18));
    PG_RETURN_POINTER(state);
}

/* The chain with its channels by name, so that the order of rows changes no digit. */
static Markov
ordered_chain(const ShareState *state, const int *order, Size channels)
{
    Size room = state->chain.channels;
    Markov chain = {channels, zeroed(CurrentMemoryContext, sizeof(int64), markov_size(channels))};

    for (Size i = 0; i <= channels; i++) {
        const int64 *from = state->chain.counts + (i < channels ? (Size) order[i] : room) * (room + 2);
        int64 *row = chain.counts + i * (channels + 2);

        for (Size j = 0; j < channels; j++)
            row[j] = from[order[j]];
        row[channels] = from[room];
        row[channels + 1] = from[room + 1];
    }
    return chain;
}

static void
share_markov(ShareState *state, const int *order)
{
    Size channels = (Size) crm_labels_count(state->labels);
    Markov chain = ordered_chain(state, order, channels);
    double *effects = zeroed(CurrentMemoryContext, sizeof(double), channels);
    int64 *shares = zeroed(CurrentMemoryContext, sizeof(int64), channels);
    ApportionPart *parts = zeroed(CurrentMemoryContext, sizeof *parts, channels);

    (void) markov_effects(&chain, effects,
                          zeroed(CurrentMemoryContext, sizeof(double), markov_room(channels)));
    for (int group = 1; group <= state->groups; group++)
        for (int i = 0; i < 3; i++) {
            apportion(state->totals[group - 1].part[i], effects, channels, shares, parts);
            for (Size channel = 0; channel < channels; channel++)
                cell(state, group, order[channel])->part[i] = shares[channel];
        }
}

static void
share_shapley(ShareState *state, const int *order)
{
    unsigned channels = (unsigned) crm_labels_count(state->labels);
    Int128 values[SHAPLEY_PLAYERS_MAX], ordered[SHAPLEY_PLAYERS_MAX];
    int64 shares[SHAPLEY_PLAYERS_MAX];
    ApportionPart parts[SHAPLEY_PLAYERS_MAX];

    for (int group = 1; group <= state->groups; group++)
        for (int i = 0; i < 3; i++) {
            shapley_worth(sets_of(state, group, i), channels);
            shapley_values(sets_of(state, group, i), channels, values);
            for (unsigned channel = 0; channel < channels; channel++)
                ordered[channel] = values[order[channel]];
            apportion_fractions(ordered, shapley_denominator(channels), channels, shares, parts);
            for (unsigned channel = 0; channel < channels; channel++)
                cell(state, group, order[channel])->part[i] = shares[channel];
        }
}

#define SHARE_COLUMNS (LABEL_PARTS + 6)

/* Group, whether there is a channel, its parts, credit, amount, margin, conversions. */
static void
add_share(RowArray *rows, ShareState *state, int group, int channel)
{
    const Worth *worth = cell(state, group, channel);
    NullableDatum row[SHARE_COLUMNS];
    int n = 0;

    row[n++] = CRM_VALUE(Int32GetDatum(group));
    row[n++] = CRM_VALUE(BoolGetDatum(channel >= 0));
    for (int i = 0; i < LABEL_PARTS; i++) {
        text *part = channel < 0 ? NULL : crm_labels_part(state->labels, channel, i);

        row[n++] = part == NULL ? CRM_NULL : CRM_VALUE(PointerGetDatum(part));
    }
    for (int i = 0; i < 3; i++)
        row[n++] = CRM_VALUE(Int64GetDatum(worth->part[i]));
    row[n++] = CRM_VALUE(Int64GetDatum(worth->conversions));
    crm_row_array_add(rows, row);
}

static Datum
result_rows(FunctionCallInfo fcinfo, ShareState *state, const int *order)
{
    int channels = crm_labels_count(state->labels);
    RowArray rows;

    crm_row_array_begin(&rows, fcinfo, SHARE_COLUMNS);
    for (int group = 1; group <= state->groups; group++)
        for (int i = -1; i < channels; i++) {
            int channel = i < 0 ? -1 : order[i];
            const Worth *worth = cell(state, group, channel);

            if (worth->conversions != 0 || worth->part[0] != 0 || worth->part[1] != 0 || worth->part[2] != 0)
                add_share(&rows, state, group, channel);
        }
    return crm_row_array_end(&rows);
}

PG_FUNCTION_INFO_V1(crm_attribution_final);

Datum
crm_attribution_final(PG_FUNCTION_ARGS)
{
    ShareState *state = PG_ARGISNULL(0) ? NULL : (ShareState *) PG_GETARG_POINTER(0);
    int *order;

    if (state == NULL)
        PG_RETURN_NULL();
    if (state->open)
        close_path(state);
    if (too_many(state) && state->strict)
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("model %s takes up to %d channels, not %d", model_names[state->rule.model],
                       most_channels(state), crm_labels_count(state->labels)),
                errhint("Group them: type by => ARRAY['channel'], or map channel to an expression that joins "
                        "small ones."));
    if (too_many(state))
        PG_RETURN_NULL();
    order = crm_labels_order(state->labels);
    if (state->rule.model == ATTRIBUTION_MARKOV)
        share_markov(state, order);
    else if (state->rule.model == ATTRIBUTION_SHAPLEY)
        share_shapley(state, order);
    return result_rows(fcinfo, state, order);
}
