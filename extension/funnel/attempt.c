/*
 * attempt.c: attempts whose steps have an order. See attempt.h; attempt_unordered.c has the others.
 *
 * Ordered: one pass keeps, for each required step, when the latest attempt that has come so far began and when it took
 * that step. Of two attempts that came equally far the later one has more time left in every way, so the earlier one can
 * be forgotten; whoever begins later also comes anywhere later, so both maxima are of one attempt. Steps are looked at from
 * the last to the first, so that an event does not advance the attempt that it has just advanced.
 */
#include "funnel/attempt.h"
#include "funnel/attempt_inside.h"

#include <string.h>

/* An attempt that has come to some step: the events that it began with, or ATTEMPT_NONE, and that it came there with. */
typedef struct Open {
    size_t start;
    size_t last;
} Open;

static int
lowest(uint64_t bits)
{
    return __builtin_ctzll(bits);
}

static int
highest(uint64_t bits)
{
    return 63 - __builtin_clzll(bits);
}

/* Bits below n. */
static uint64_t
below(int n)
{
    return n >= 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
}

static uint64_t
required_steps(const AttemptRule *rule)
{
    return below(rule->steps) & ~rule->optional;
}

/* Which event the anchor leaves to begin with: the first or last one of the first step, or ATTEMPT_NONE. */
static size_t
find_anchor(const AttemptRule *rule, const AttemptEvent *events, size_t count)
{
    if (rule->anchor == ATTEMPT_FIRST) {
        for (size_t i = 0; i < count; i++)
            if (events[i].steps & 1)
                return i;
    } else {
        for (size_t i = count; i > 0; i--)
            if (events[i - 1].steps & 1)
                return i - 1;
    }
    return ATTEMPT_NONE;
}

static void
note(AttemptSpan *best, int depth, size_t start, size_t end)
{
    if (depth > best->depth)
        *best = (AttemptSpan){depth, start, end};
}

static void
forget(Open *open, uint64_t forbids)
{
    for (; forbids != 0; forbids &= forbids - 1)
        open[lowest(forbids)].start = ATTEMPT_NONE;
}

/* open[k] belongs to step k; before[k] is the required step before it. */
static AttemptSpan
find_ordered(const AttemptRule *rule, const AttemptEvent *events, size_t count, size_t anchor)
{
    uint64_t required = required_steps(rule);
    int all = __builtin_popcountll(required);
    Open open[ATTEMPT_STEPS];
    AttemptSpan best = {0, ATTEMPT_NONE, ATTEMPT_NONE};

    for (int k = 0; k < rule->steps; k++)
        open[k].start = ATTEMPT_NONE;
    for (size_t i = anchor == ATTEMPT_NONE ? 0 : anchor; i < count && best.depth < all; i++) {
        const AttemptEvent *event = &events[i];

        forget(open, event->forbids & required);
        for (uint64_t steps = event->steps & required; steps != 0;) {
            int k = highest(steps);
            uint64_t earlier = required & below(k);
            const Open *before;

            steps &= below(k);
            if (k == 0) {
                if (anchor == ATTEMPT_NONE || anchor == i) {
                    open[0] = (Open){i, i};
                    note(&best, 1, i, i);
                }
                continue;
            }
            before = &open[highest(earlier)];
            if (before->start == ATTEMPT_NONE ||
                !is_within(events[before->start].at, event->at, rule->within) ||
                !is_within(events[before->last].at, event->at, rule->gap))
                continue;
            open[k] = (Open){before->start, i};
            note(&best, __builtin_popcountll(earlier) + 1, before->start, i);
        }
    }
    return best;
}

/* An attempt goes on with the very next event or ends. */
static AttemptSpan
find_strict(const AttemptRule *rule, const AttemptEvent *events, size_t count, size_t anchor)
{
    uint64_t open =
        0; /* steps that an attempt has come to with the event before; it began so many events earlier */
    AttemptSpan best = {0, ATTEMPT_NONE, ATTEMPT_NONE};

    for (size_t i = anchor == ATTEMPT_NONE ? 0 : anchor; i < count && best.depth < rule->steps; i++) {
        const AttemptEvent *event = &events[i];
        uint64_t came = (open & ~event->forbids) << 1 & event->steps & below(rule->steps);

        open = 0;
        for (; came != 0; came &= came - 1) {
            int k = lowest(came);

            if (is_within(events[i - (size_t) k].at, event->at, rule->within) &&
                is_within(events[i - 1].at, event->at, rule->gap)) {
                open |= UINT64_C(1) << k;
                note(&best, k + 1, i - (size_t) k, i);
            }
        }
        if (event->steps & 1 && (anchor == ATTEMPT_NONE || anchor == i)) {
            open |= 1;
            note(&best, 1, i, i);
        }
    }
    return best;
}

/*
 * Which required steps each event from start to end can be of an attempt that ends with end, by looking back from there.
 * The nearest event that can be the next step is the one that leaves most room, and has least in between.
 */
static void
mark_usable(const AttemptRule *rule, const AttemptEvent *events, const AttemptSpan *span, uint64_t required,
            uint64_t *usable)
{
    size_t next[ATTEMPT_STEPS + 1]; /* by step, the nearest event that can be the required step after it */
    uint64_t reached = required;
    int last;

    for (int dropped = __builtin_popcountll(required) - span->depth; dropped > 0; dropped--)
        reached &= below(highest(reached));
    last = highest(reached);
    for (int k = 0; k < rule->steps; k++)
        next[k] = ATTEMPT_NONE;
    for (size_t i = span->end + 1; i-- > span->start;) {
        usable[i] = 0;
        for (uint64_t steps = events[i].steps & reached; steps != 0; steps &= steps - 1) {
            int k = lowest(steps);

            if (k == last
                    ? i == span->end
                    : next[k] != ATTEMPT_NONE && is_within(events[i].at, events[next[k]].at, rule->gap) &&
                          (rule->order != ATTEMPT_STRICT || next[k] == i + 1))
                usable[i] |= UINT64_C(1) << k;
        }
        for (uint64_t steps = usable[i] & ~UINT64_C(1); steps != 0; steps &= steps - 1)
            next[highest(reached & below(lowest(steps)))] = i;
        for (uint64_t forbids = events[i].forbids & reached; forbids != 0; forbids &= forbids - 1)
            next[lowest(forbids)] = ATTEMPT_NONE;
    }
}

static void
take(Attempt *attempt, int step, int64_t at)
{
    attempt->taken |= UINT64_C(1) << step;
    attempt->at[step] = at;
}

/* Each optional step, in order, by its earliest event after the one taken before, among those up to before `to`. */
static void
take_optional(const AttemptEvent *events, size_t from, size_t to, uint64_t optional, Attempt *attempt)
{
    for (; optional != 0; optional &= optional - 1) {
        int k = lowest(optional);
        size_t i = from;

        while (i < to && (events[i].steps >> k & 1) == 0)
            i++;
        if (i >= to)
            continue;
        take(attempt, k, events[i].at);
        from = i + 1;
    }
}

/* The first event after `last` that an attempt, as far as required step k, cannot reach, or that ends it. */
static size_t
find_limit(const AttemptRule *rule, const AttemptEvent *events, size_t count, const AttemptSpan *span, int k)
{
    size_t i = span->end + 1;

    while (i < count && (events[i].forbids >> k & 1) == 0 &&
           is_within(events[span->start].at, events[i].at, rule->within) &&
           is_within(events[span->end].at, events[i].at, rule->gap))
        i++;
    return i;
}

static void
take_ordered(const AttemptRule *rule, const AttemptEvent *events, size_t count, const AttemptSpan *span,
             uint64_t *usable, Attempt *attempt)
{
    uint64_t required = required_steps(rule);
    uint64_t left = required; /* steps after the one that the attempt has come to */
    size_t i = span->start;

    mark_usable(rule, events, span, required, usable);
    for (int step = 0; step < span->depth; step++) {
        size_t from = i;
        int k = lowest(left);
        uint64_t before = below(k) & rule->optional;

        while ((usable[i] >> k & 1) == 0)
            i++;
        take_optional(events, from, i, before & ~attempt->taken & ~below(highest(attempt->taken | 1)),
                      attempt);
        take(attempt, k, events[i++].at);
        left &= left - 1;
    }
    take_optional(events, i, find_limit(rule, events, count, span, highest(attempt->taken)),
                  rule->optional & ~below(highest(attempt->taken)) &
                      (left == 0 ? UINT64_MAX : below(lowest(left))),
                  attempt);
}

static AttemptSpan
find_span(const AttemptRule *rule, const AttemptEvent *events, size_t count)
{
    size_t anchor = ATTEMPT_NONE;

    if (rule->order == ATTEMPT_UNORDERED)
        return attempt_find_unordered(rule, events, count);
    if (rule->anchor != ATTEMPT_BEST) {
        anchor = find_anchor(rule, events, count);
        if (anchor == ATTEMPT_NONE)
            return (AttemptSpan){0, ATTEMPT_NONE, ATTEMPT_NONE};
    }
    return rule->order == ATTEMPT_STRICT ? find_strict(rule, events, count, anchor)
                                         : find_ordered(rule, events, count, anchor);
}

int
attempt_depth(const AttemptRule *rule, const AttemptEvent *events, size_t count)
{
    return find_span(rule, events, count).depth;
}

void
attempt_find(const AttemptRule *rule, const AttemptEvent *events, size_t count, uint64_t *scratch,
             Attempt *attempt)
{
    AttemptSpan span = find_span(rule, events, count);

    attempt->depth = span.depth;
    attempt->taken = 0;
    if (span.depth == 0)
        return;
    if (rule->order == ATTEMPT_UNORDERED)
        attempt_take_unordered(events, &span, attempt);
    else
        take_ordered(rule, events, count, &span, scratch, attempt);
}
