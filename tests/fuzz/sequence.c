// links: extension/funnel/sequence.c extension/funnel/window.c extension/funnel/attempt.c extension/funnel/attempt_unordered.c
/* Patterns of events, windows and attempts, over any row of events. */
#include "fuzz.h"
#include "funnel/attempt.h"
#include "funnel/sequence.h"
#include "funnel/window.h"

#define EVENTS 40

static void
look_for_attempts(struct Input *input, const WindowEvent *window, size_t count)
{
    AttemptEvent events[EVENTS];
    uint64_t scratch[EVENTS + 1];
    AttemptRule rule = {.steps = 1 + (int) (take_number(input, 1) % ATTEMPT_STEPS),
                        .order = (AttemptOrder) (take_number(input, 1) % 3),
                        .anchor = (AttemptAnchor) (take_number(input, 1) % 3),
                        .within = (int64_t) take_number(input, 2)};
    uint64_t known = rule.steps == 64 ? UINT64_MAX : (UINT64_C(1) << rule.steps) - 1;
    Attempt attempt;

    rule.optional = rule.order == ATTEMPT_ORDERED ? take_number(input, 1) & known & ~UINT64_C(1) : 0;
    rule.gap = rule.order == ATTEMPT_UNORDERED ? INT64_MAX : (int64_t) take_number(input, 2);
    for (size_t i = 0; i < count; i++)
        events[i] =
            (AttemptEvent){window[i].at, window[i].steps & known,
                           take_number(input, 1) & known & (take_number(input, 1) % 4 == 0 ? UINT64_MAX : 0)};
    attempt_find(&rule, events, count, scratch, &attempt);
    CHECK(attempt.depth >= 0 && attempt.depth <= rule.steps);
    CHECK(attempt_depth(&rule, events, count) == attempt.depth);
    CHECK((attempt.taken & ~known) == 0 &&
          (attempt.depth == 0) == ((attempt.taken & 1) == 0 && attempt.taken == 0));
}

TARGET(sequence)
{
    struct Input input = {data, size};
    int conditions = 1 + (int) (take_number(&input, 1) % 8);
    char *text = take_text(&input, 500, NULL);
    SequencePattern pattern;
    WindowEvent events[EVENTS];
    size_t scratch[EVENTS * SEQUENCE_STEPS_MAX], count = 0;
    int64_t at = 0;
    unsigned modes = (unsigned) take_number(&input, 1) & 31;
    int steps = 1 + (int) (take_number(&input, 1) % WINDOW_STEPS_MAX), depth;

    while (input.size >= 12 && count < EVENTS) {
        at += (int64_t) take_number(&input, 1) * 1000;
        events[count++] = (WindowEvent){at, take_number(&input, 1)};
    }
    if (sequence_parse(text, conditions, &pattern) == NULL) {
        uint64_t found;

        CHECK(pattern.steps > 0 && pattern.steps <= SEQUENCE_STEPS_MAX);
        for (int i = 0; i < pattern.steps; i++)
            CHECK(pattern.step[i].condition >= -1 && pattern.step[i].condition < conditions);
        found = sequence_count(&pattern, events, count, UINT64_MAX, scratch);
        CHECK(found <= count);
        CHECK(sequence_count(&pattern, events, count, 1, scratch) == (found > 0));
    }
    depth = window_depth(events, count, steps, (int64_t) take_number(&input, 2), modes);
    CHECK(depth >= 0 && depth <= steps);
    look_for_attempts(&input, events, count);
    free(text);
}
