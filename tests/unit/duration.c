// links: extension/funnel/duration.c extension/funnel/stay.c extension/funnel/path.c
// Quantiles, the product limit, stays and paths: by hand, and against the plain definition on random values with many ties.
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "doubles.h"
#include "funnel/duration.h"
#include "funnel/path.h"
#include "funnel/stay.h"

#define COUNT(values) (sizeof(values) / sizeof((values)[0]))
#define SAME 1e-9

static int
ascending(const void *left, const void *right)
{
    double a = *(const double *) left;
    double b = *(const double *) right;

    return (a > b) - (a < b);
}

static void
test_quantile(void **state)
{
    double one[] = {7};
    double four[] = {4, 1, 3, 2};

    (void) state;
    assert_double_equal(duration_quantile(one, 1, 0), 7, 0);
    assert_double_equal(duration_quantile(one, 1, 1), 7, 0);
    assert_double_equal(duration_quantile(four, 4, 0), 1, 0);
    assert_double_equal(duration_quantile(four, 4, 0.5), 2.5, 0);
    assert_double_equal(duration_quantile(four, 4, 0.9), 3.7, SAME);
    assert_double_equal(duration_quantile(four, 4, 1), 4, 0);
    assert_double_equal(duration_mean(four, 4), 2.5, 0);
}

// Every quantile of random values is where it is among the sorted ones, and no value is lost.
static void
test_quantile_random(void **state)
{
    (void) state;
    srand(1);
    for (int round = 0; round < 20000; round++) {
        double values[40];
        double sorted[40];
        size_t count = 1 + (size_t) rand() % COUNT(values);
        double q = rand() % 21 / 20.0;
        double place = q * (double) (count - 1);
        size_t lower = (size_t) floor(place);
        double expected;

        for (size_t i = 0; i < count; i++)
            values[i] = sorted[i] = rand() % (round % 2 ? 5 : 1000);
        qsort(sorted, count, sizeof(double), ascending);
        expected = place > (double) lower
                       ? sorted[lower] + (place - (double) lower) * (sorted[lower + 1] - sorted[lower])
                       : sorted[lower];
        assert_double_equal(duration_quantile(values, count, q), expected, SAME);
        qsort(values, count, sizeof(double), ascending);
        assert_memory_equal(values, sorted, count * sizeof(double));
    }
}

static void
test_survival(void **state)
{
    double ended[] = {23, 6, 6, 6, 7, 10, 13, 16, 22};
    double open[] = {6, 35, 9, 10, 11, 17, 19, 20, 25, 32, 32, 34};
    Survival patients = {ended, COUNT(ended), open, COUNT(open)};
    double never[] = {1, 2};
    Survival nobody = {NULL, 0, never, COUNT(never)};

    (void) state;
    survival_sort(&patients);
    assert_double_equal(survival_quantile(&patients, 0.5), 23, 0);
    assert_double_equal(survival_quantile(&patients, 0.25), 13, 0);
    assert_true(isinf(survival_quantile(&patients, 0.75)));
    assert_double_equal(survival_share(&patients, 5.9), 1, 0);
    assert_double_equal(survival_share(&patients, 6), 18.0 / 21, SAME);
    assert_double_equal(survival_share(&patients, 35), 0.448, 0.0005);
    assert_true(isnan(survival_share(&patients, 35.1)));
    survival_sort(&nobody);
    assert_true(isinf(survival_quantile(&nobody, 0.1)));
    assert_double_equal(survival_share(&nobody, 2), 1, 0);
}

// Without censoring a share of k / n is left after the (n - k)-th, exactly: no rounding hides it.
static void
test_survival_exact(void **state)
{
    (void) state;
    for (size_t n = 1; n <= 200; n++) {
        double ended[200];
        Survival all = {ended, n, NULL, 0};

        for (size_t i = 0; i < n; i++)
            ended[i] = (double) i;
        for (size_t k = 1; k <= n; k++)
            assert_double_equal(survival_quantile(&all, (double) k / (double) n), (double) (k - 1), 0);
    }
}

// The product over all durations at which some end, as it is defined.
static double
slow_share(const Survival *survival, double duration)
{
    double share = 1;

    for (double at = 0; at <= duration; at++) {
        size_t there = 0;
        size_t ends = 0;

        for (size_t i = 0; i < survival->ended_count; i++) {
            there += survival->ended[i] >= at;
            ends += survival->ended[i] == at;
        }
        for (size_t i = 0; i < survival->open_count; i++)
            there += survival->open[i] >= at;
        if (ends > 0)
            share *= 1 - (double) ends / (double) there;
    }
    return share;
}

static void
test_survival_random(void **state)
{
    (void) state;
    srand(2);
    for (int round = 0; round < 5000; round++) {
        double ended[12];
        double open[12];
        Survival some = {ended, (size_t) rand() % 13, open, (size_t) rand() % 13};
        double q = (1 + rand() % 20) / 20.0;
        double expected = INFINITY;

        for (size_t i = 0; i < 12; i++) {
            ended[i] = rand() % 10;
            open[i] = rand() % 10;
        }
        survival_sort(&some);
        for (int at = 9; at >= 0; at--) {
            double share = survival_share(&some, at);

            if (!isnan(share))
                assert_double_equal(share, slow_share(&some, at), SAME);
            if (some.ended_count > 0 && slow_share(&some, at) <= 1 - q + SAME)
                expected = at;
        }
        if (isinf(expected))
            assert_true(isinf(survival_quantile(&some, q)));
        else
            assert_double_equal(survival_quantile(&some, q), expected, 0);
    }
}

static void
test_stays(void **state)
{
    JourneyEvent events[] = {{1, 5}, {2, 5}, {2, 6}, {4, 6}, {4, 5}};
    JourneyEvent estimated[] = {{2, 6}, {4, 5}};
    Stay stays[COUNT(events)];

    (void) state;
    assert_int_equal(stay_find(events, COUNT(events), estimated, COUNT(estimated), true, stays), 3);
    assert_int_equal(stays[0].since, 1);
    assert_int_equal(stays[0].last, 2);
    assert_true(stays[0].known);
    assert_int_equal(stays[1].position, 6);
    assert_int_equal(stays[1].last, 4);
    assert_false(stays[1].known);
    assert_false(stays[2].known);
    assert_int_equal(stay_find(events, COUNT(events), NULL, 0, false, stays), 5);
    assert_true(stays[4].known);
    assert_int_equal(stay_find(events, 0, NULL, 0, true, stays), 0);
}

static void
test_paths(void **state)
{
    Stay stays[] = {{1, 0, 2, true}, {2, 5, 5, true}, {1, 9, 9, true}, {3, 20, 21, true}};
    PathRule rule = {.position = 1, .length = 3, .gap = WITHIN_UNLIMITED};
    size_t start;

    (void) state;
    assert_int_equal(path_find(&rule, stays, COUNT(stays), &start), 3);
    assert_int_equal(start, 0);
    assert_int_equal(path_stay(&rule, stays, start, 2)->position, 1);
    rule.anchor = PATH_LAST_ENTRY;
    assert_int_equal(path_find(&rule, stays, COUNT(stays), &start), 2);
    assert_int_equal(start, 2);
    rule.backward = true;
    assert_int_equal(path_find(&rule, stays, COUNT(stays), &start), 3);
    assert_int_equal(path_stay(&rule, stays, start, 1)->position, 2);
    // From the last event of a stay to the next one, also backward, the limit included.
    rule.gap = 3;
    assert_int_equal(path_find(&rule, stays, COUNT(stays), &start), 1);
    rule.gap = 4;
    assert_int_equal(path_find(&rule, stays, COUNT(stays), &start), 3);
    rule.position = 9;
    assert_int_equal(path_find(&rule, stays, COUNT(stays), &start), 0);
    rule.anywhere = true;
    assert_int_equal(path_find(&rule, stays, COUNT(stays), &start), 1);
    assert_int_equal(start, 3);
    assert_int_equal(path_find(&rule, stays, 0, &start), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quantile),        cmocka_unit_test(test_quantile_random),
        cmocka_unit_test(test_survival),        cmocka_unit_test(test_survival_exact),
        cmocka_unit_test(test_survival_random), cmocka_unit_test(test_stays),
        cmocka_unit_test(test_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
