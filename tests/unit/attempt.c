// links: extension/funnel/attempt.c extension/funnel/attempt_unordered.c
// How far a subject came: by hand, and against every choice of events, on random histories with many ties.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "funnel/attempt.h"

#define A 1u
#define B 2u
#define C 4u
#define D 8u
#define COUNT(events) (sizeof(events) / sizeof((events)[0]))
#define MOST 9

static const AttemptRule three = {3, ATTEMPT_ORDERED, ATTEMPT_BEST, 0, WITHIN_UNLIMITED, WITHIN_UNLIMITED};

#define DEPTH(rule, ...)                                                                                     \
    attempt_depth(&(rule), (AttemptEvent[]){__VA_ARGS__}, COUNT(((AttemptEvent[]){__VA_ARGS__})))

static void
test_order(void **state)
{
    AttemptRule strict = three;
    AttemptRule unordered = three;

    (void) state;
    strict.order = ATTEMPT_STRICT;
    unordered.order = ATTEMPT_UNORDERED;
    assert_int_equal(attempt_depth(&three, NULL, 0), 0);
    assert_int_equal(DEPTH(three, {1, A, 0}, {2, B, 0}, {3, C, 0}), 3);
    assert_int_equal(DEPTH(three, {1, C, 0}, {2, B, 0}, {3, A, 0}), 1);
    assert_int_equal(DEPTH(unordered, {1, C, 0}, {2, B, 0}, {3, A, 0}), 3);
    assert_int_equal(DEPTH(three, {1, A, 0}, {2, 0, 0}, {3, B, 0}), 2);
    assert_int_equal(DEPTH(strict, {1, A, 0}, {2, 0, 0}, {3, B, 0}), 1);
    assert_int_equal(DEPTH(strict, {1, A, 0}, {2, A, 0}, {3, B, 0}), 2);
    assert_int_equal(DEPTH(unordered, {1, B, 0}, {2, B, 0}), 1);
}

static void
test_one_event_one_step(void **state)
{
    AttemptRule unordered = three;

    (void) state;
    unordered.order = ATTEMPT_UNORDERED;
    assert_int_equal(DEPTH(three, {1, A | B, 0}), 1);
    assert_int_equal(DEPTH(three, {1, A | B, 0}, {1, A | B, 0}), 2);
    // the first event must give up A so that the second can have it
    assert_int_equal(DEPTH(unordered, {1, A | B, 0}, {2, A, 0}), 2);
    assert_int_equal(DEPTH(unordered, {1, A | B, 0}, {2, A | B, 0}, {3, A | B, 0}), 2);
}

static void
test_window(void **state)
{
    AttemptRule rule = three;

    (void) state;
    rule.within = 7;
    // the first attempt is too slow for C, the second is not
    assert_int_equal(DEPTH(rule, {0, A, 0}, {5, B, 0}, {8, A, 0}, {9, B, 0}, {15, C, 0}), 3);
    rule.within = 6;
    assert_int_equal(DEPTH(rule, {0, A, 0}, {5, B, 0}, {8, A, 0}, {9, B, 0}, {15, C, 0}), 2);
    // a later start that has not come as far
    rule.within = 10;
    assert_int_equal(DEPTH(rule, {0, A, 0}, {5, B, 0}, {8, A, 0}, {10, C, 0}), 3);
    rule.within = INT64_MAX - 1;
    assert_int_equal(DEPTH(rule, {INT64_MIN, A, 0}, {INT64_MAX, B, 0}), 1);
    rule = three;
    rule.gap = 2;
    assert_int_equal(DEPTH(rule, {0, A, 0}, {1, B, 0}, {2, B, 0}, {4, C, 0}), 3);
    assert_int_equal(DEPTH(rule, {0, A, 0}, {1, B, 0}, {4, C, 0}), 2);
}

static void
test_forbidden(void **state)
{
    (void) state;
    assert_int_equal(DEPTH(three, {0, A, 0}, {1, 0, A}, {2, B, 0}), 1);
    assert_int_equal(DEPTH(three, {0, A, 0}, {1, 0, B}, {2, B, 0}, {3, C, 0}), 3);
    assert_int_equal(DEPTH(three, {0, A, 0}, {1, 0, A}, {2, A, 0}, {3, B, 0}), 2);
    // it forbids before it counts
    assert_int_equal(DEPTH(three, {0, A, 0}, {1, B, A}), 1);
}

static void
test_anchor(void **state)
{
    AttemptEvent events[] = {{0, A, 0}, {4, A, 0}, {5, B, 0}, {6, C, 0}, {9, A, 0}};
    AttemptRule rule = three;

    (void) state;
    rule.within = 3;
    assert_int_equal(attempt_depth(&rule, events, COUNT(events)), 3);
    rule.anchor = ATTEMPT_FIRST;
    assert_int_equal(attempt_depth(&rule, events, COUNT(events)), 1);
    rule.anchor = ATTEMPT_LAST;
    assert_int_equal(attempt_depth(&rule, events, COUNT(events)), 1);
    rule.within = WITHIN_UNLIMITED;
    rule.anchor = ATTEMPT_FIRST;
    assert_int_equal(attempt_depth(&rule, events, COUNT(events)), 3);
}

static void
test_optional(void **state)
{
    AttemptEvent events[] = {{0, A, 0}, {1, C, 0}, {2, B, 0}, {3, D, 0}};
    AttemptRule rule = {4, ATTEMPT_ORDERED, ATTEMPT_BEST, B | C, WITHIN_UNLIMITED, WITHIN_UNLIMITED};
    uint64_t scratch[MOST];
    Attempt attempt;

    (void) state;
    attempt_find(&rule, events, 4, scratch, &attempt);
    assert_int_equal(attempt.depth, 2);
    assert_int_equal(attempt.taken, A | B | D); // C came before B
    assert_int_equal(attempt.at[1], 2);
    assert_int_equal(attempt.at[3], 3);
    attempt_find(&rule, events, 3, scratch, &attempt); // after the last required step
    assert_int_equal(attempt.taken, A | B);
    rule.within = 0;
    attempt_find(&rule, events, 3, scratch, &attempt);
    assert_int_equal(attempt.taken, A);
}

static void
test_64_steps(void **state)
{
    AttemptRule rule = {64, ATTEMPT_ORDERED, ATTEMPT_BEST, 0, 63, 1};
    AttemptEvent events[64];
    uint64_t scratch[64];
    Attempt attempt;

    (void) state;
    for (int order = ATTEMPT_ORDERED; order <= ATTEMPT_UNORDERED; order++) {
        for (int i = 0; i < 64; i++)
            events[i] = (AttemptEvent){i, UINT64_C(1) << i, 0};
        rule.order = (AttemptOrder) order;
        attempt_find(&rule, events, 64, scratch, &attempt);
        assert_int_equal(attempt.depth, 64);
        assert_true(attempt.taken == UINT64_MAX);
        for (int i = 0; i < 64; i++)
            assert_int_equal(attempt.at[i], i);
    }
}

// A choice of events: choice[k] is the event of step k.
typedef struct Choice {
    int depth;
    uint64_t taken;
    size_t first;
    size_t last;
    size_t event[4];
} Choice;

static bool
is_kept(const AttemptRule *rule, const AttemptEvent *events, const Choice *choice)
{
    for (int k = 1; rule->order != ATTEMPT_UNORDERED && k < choice->depth; k++) {
        size_t from = choice->event[k - 1];
        size_t to = choice->event[k];

        if (to <= from || (rule->order == ATTEMPT_STRICT && to != from + 1) ||
            events[to].at - events[from].at > rule->gap)
            return false;
        for (size_t i = from + 1; i <= to; i++)
            if (events[i].forbids >> (k - 1) & 1)
                return false;
    }
    for (size_t i = choice->first + 1; rule->order == ATTEMPT_UNORDERED && i <= choice->last; i++)
        if (events[i].forbids != 0)
            return false;
    return events[choice->last].at - events[choice->first].at <= rule->within;
}

static bool
is_anchored(const AttemptRule *rule, const AttemptEvent *events, size_t count, const Choice *choice)
{
    uint64_t begins = rule->order == ATTEMPT_UNORDERED ? UINT64_MAX : A;

    if (rule->anchor == ATTEMPT_FIRST)
        for (size_t i = 0; i < choice->first; i++)
            if (events[i].steps & begins)
                return false;
    if (rule->anchor == ATTEMPT_LAST)
        for (size_t i = choice->first + 1; i < count; i++)
            if (events[i].steps & begins)
                return false;
    return true;
}

// Whether the first is to be preferred.
static bool
is_better(const Choice *a, const Choice *b, bool ordered)
{
    if (a->depth != b->depth)
        return a->depth > b->depth;
    if (a->last != b->last)
        return a->last < b->last;
    if (a->first != b->first)
        return a->first > b->first;
    for (int k = 0; ordered && k < a->depth; k++)
        if (a->event[k] != b->event[k])
            return a->event[k] < b->event[k];
    return false;
}

// Every step is given to each event that counts for it and has none yet, or (unordered) to nobody.
static void
try_all(const AttemptRule *rule, const AttemptEvent *events, size_t count, int step, uint32_t used,
        Choice choice, Choice *best)
{
    bool ordered = rule->order != ATTEMPT_UNORDERED;

    if (choice.depth > 0 && is_kept(rule, events, &choice) && is_anchored(rule, events, count, &choice) &&
        is_better(&choice, best, ordered))
        *best = choice;
    if (step == rule->steps)
        return;
    if (!ordered)
        try_all(rule, events, count, step + 1, used, choice, best);
    for (size_t i = 0; i < count; i++) {
        Choice next = choice;

        if ((used >> i & 1) || (events[i].steps >> step & 1) == 0)
            continue;
        next.event[step] = i;
        next.taken |= UINT64_C(1) << step;
        next.depth++;
        if (choice.depth == 0 || i < choice.first)
            next.first = i;
        if (choice.depth == 0 || i > choice.last)
            next.last = i;
        try_all(rule, events, count, step + 1, used | 1u << i, next, best);
    }
}

static void
test_against_all_choices(void **state)
{
    int depths[5] = {0};

    (void) state;
    srandom(7);
    for (int round = 0; round < 50000; round++) {
        AttemptEvent events[MOST];
        size_t count = (size_t) (random() % (MOST + 1));
        AttemptRule rule = {1 + (int) (random() % 4),
                            (AttemptOrder) (random() % 3),
                            (AttemptAnchor) (random() % 3),
                            0,
                            random() % 2 ? random() % 12 : INT64_C(1000),
                            random() % 2 ? random() % 5 : INT64_C(1000)};
        uint64_t scratch[MOST];
        Choice best = {0};
        Attempt attempt;
        int64_t at = 0;

        if (rule.order == ATTEMPT_UNORDERED)
            rule.gap = WITHIN_UNLIMITED;
        for (size_t i = 0; i < count; i++) {
            uint64_t steps = UINT64_C(1) << random() % rule.steps;

            if (random() % 4 == 0)
                steps |= UINT64_C(1) << random() % rule.steps;
            events[i] = (AttemptEvent){at, random() % 6 == 0 ? 0 : steps,
                                       random() % 8 == 0 ? UINT64_C(1) << random() % rule.steps : 0};
            at += random() % 3;
        }
        try_all(&rule, events, count, 0, 0, (Choice){0}, &best);
        assert_int_equal(attempt_depth(&rule, events, count), best.depth);
        attempt_find(&rule, events, count, scratch, &attempt);
        assert_int_equal(attempt.depth, best.depth);
        depths[best.depth]++;
        if (rule.order != ATTEMPT_UNORDERED) {
            assert_int_equal(attempt.taken, best.taken);
            for (int k = 0; k < best.depth; k++)
                assert_int_equal(attempt.at[k], events[best.event[k]].at);
        } else if (best.depth > 0) {
            int64_t first = INT64_MAX;
            int64_t last = INT64_MIN;

            assert_int_equal(__builtin_popcountll(attempt.taken), best.depth);
            for (int k = 0; k < rule.steps; k++)
                if (attempt.taken >> k & 1) {
                    first = attempt.at[k] < first ? attempt.at[k] : first;
                    last = attempt.at[k] > last ? attempt.at[k] : last;
                }
            assert_int_equal(first, events[best.first].at);
            assert_int_equal(last, events[best.last].at);
        }
    }
    for (int depth = 0; depth <= 4; depth++)
        assert_true(depths[depth] > 100);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),    cmocka_unit_test(test_one_event_one_step),
        cmocka_unit_test(test_window),   cmocka_unit_test(test_forbidden),
        cmocka_unit_test(test_anchor),   cmocka_unit_test(test_optional),
        cmocka_unit_test(test_64_steps), cmocka_unit_test(test_against_all_choices),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
