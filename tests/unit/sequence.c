// links: extension/funnel/sequence.c
// Patterns of events: by hand, what is no pattern, and against backtracking on random histories.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "funnel/sequence.h"

#define SECOND INT64_C(1000000)
#define MOST 12

static uint64_t
count(const char *text, const WindowEvent *events, size_t size)
{
    size_t scratch[SEQUENCE_STEPS_MAX * MOST];
    SequencePattern pattern;

    assert_null(sequence_parse(text, 3, &pattern));
    return sequence_count(&pattern, events, size, UINT64_MAX, scratch);
}

static void
test_by_hand(void **state)
{
    // seconds 0, 10, 20, 30, 40: conditions 1, 3, 2, 1, 2
    const WindowEvent events[] = {
        {0, 1}, {10 * SECOND, 4}, {20 * SECOND, 2}, {30 * SECOND, 1}, {40 * SECOND, 2}};

    (void) state;
    assert_int_equal(count("(?1)(?2)", events, 5), 1);
    assert_int_equal(count("(?1).*(?2)", events, 5), 2);
    assert_int_equal(count("(?1).(?2)", events, 5), 1);
    assert_int_equal(count("(?1).*(?2).*(?1)", events, 5), 1);
    assert_int_equal(count("(?2).*(?3)", events, 5), 0);
    assert_int_equal(count("(?1)(?t<20)(?2)", events, 5), 1);
    assert_int_equal(count("(?1)(?t<=20)(?2)", events, 5), 2);
    assert_int_equal(count("(?1)(?t>20)(?2)", events, 5), 1);
    assert_int_equal(count("(?1)(?t==20)(?2)", events, 5), 1);
    assert_int_equal(count("(?1)(?t>=5.5)(?t<=10.0)(?2)", events, 5), 1);
    assert_int_equal(count("(?1)(?t<0)(?2)", events, 5), 0);
    assert_int_equal(count(" . ", events, 5), 5);
    assert_int_equal(count(".*(?1).*", events, 5), 2);
    assert_int_equal(count("(?1)", events, 0), 0);
}

static void
test_no_pattern(void **state)
{
    const char *const texts[] = {"",
                                 " ",
                                 "(?0)",
                                 "(?4)",
                                 "(?1",
                                 "(?)",
                                 "(1)",
                                 "a",
                                 "(?1)*",
                                 "(?t>1)",
                                 "(?t>1)(?1)",
                                 "(?1)(?t>1)",
                                 "(?1)(?t1)",
                                 "(?1)(?t=1)(?2)",
                                 "(?1)(?t>-1)(?2)",
                                 "(?1)(?t>1(?2)",
                                 "(?1)(?t>nan)(?2)",
                                 "(?1)(?t>1e30)(?2)",
                                 "(?99999999999999999999)",
                                 ".*"};
    char many[SEQUENCE_STEPS_MAX + 2];
    SequencePattern pattern;

    (void) state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        if (sequence_parse(texts[i], 3, &pattern) == NULL)
            fail_msg("\"%s\" is taken for a pattern", texts[i]);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]);
         i++) /* cut anywhere, in memory of just that size */
        for (size_t length = 0; length < strlen(texts[i]); length++) {
            char *cut = strndup(texts[i], length);

            assert_non_null(cut);
            (void) sequence_parse(cut, 3, &pattern);
            free(cut);
        }
    memset(many, '.', sizeof(many));
    many[SEQUENCE_STEPS_MAX] = '\0';
    assert_null(sequence_parse(many, 3, &pattern));
    many[SEQUENCE_STEPS_MAX] = '.';
    many[SEQUENCE_STEPS_MAX + 1] = '\0';
    assert_non_null(sequence_parse(many, 3, &pattern));
}

// Whether steps from step on can be events from event on, the first of them any that the step allows.
static bool
try_all(const SequencePattern *pattern, const WindowEvent *events, size_t last, int step, size_t before)
{
    const SequenceStep *wanted = &pattern->step[step];

    if (step == pattern->steps)
        return before == last;
    for (size_t i = before + 1; i <= last; i++) {
        int64_t distance = events[i].at - events[before].at;

        if (wanted->adjacent ? i != before + 1 : distance < wanted->at_least || distance > wanted->at_most)
            continue;
        if ((wanted->condition < 0 || events[i].steps >> wanted->condition & 1) &&
            try_all(pattern, events, last, step + 1, i))
            return true;
    }
    return false;
}

static uint64_t
count_slowly(const SequencePattern *pattern, const WindowEvent *events, size_t size)
{
    uint64_t found = 0;
    size_t from = 0;

    for (size_t last = 0; last < size; last++)
        for (size_t first = from; first <= last; first++)
            if ((pattern->step[0].condition < 0 || events[first].steps >> pattern->step[0].condition & 1) &&
                try_all(pattern, events, last, 1, first)) {
                found++;
                from = last + 1;
                break;
            }
    return found;
}

static void
test_against_backtracking(void **state)
{
    const char *const between[] = {"", ".*", "(?t<=2)", "(?t>1)", "(?t==1)", "(?t>=1)(?t<4)", ".*(?t<3)"};
    const char *const event[] = {"(?1)", "(?2)", "(?3)", "."};
    uint64_t most = 0;

    (void) state;
    srandom(3);
    for (int round = 0; round < 20000; round++) {
        WindowEvent events[MOST];
        size_t scratch[SEQUENCE_STEPS_MAX * MOST];
        size_t size = (size_t) (random() % (MOST + 1));
        SequencePattern pattern;
        char text[200];
        int length;
        int64_t at = 0;
        uint64_t found;

        for (size_t i = 0; i < size; i++) {
            events[i] = (WindowEvent){at, 1 + (uint64_t) random() % 7};
            at += random() % 3 * SECOND;
        }
        length = snprintf(text, sizeof(text), "%s", event[random() % 4]);
        for (long steps = random() % 4; steps > 0; steps--)
            length += snprintf(text + length, sizeof(text) - (size_t) length, "%s%s", between[random() % 7],
                               event[random() % 4]);
        assert_null(sequence_parse(text, 3, &pattern));
        found = sequence_count(&pattern, events, size, UINT64_MAX, scratch);
        if (found != count_slowly(&pattern, events, size))
            fail_msg("%s is found %d times instead of %d", text, (int) found,
                     (int) count_slowly(&pattern, events, size));
        assert_int_equal(sequence_count(&pattern, events, size, 1, scratch), found > 0);
        most = found > most ? found : most;
    }
    assert_true(most > 3);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_no_pattern),
        cmocka_unit_test(test_against_backtracking),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
