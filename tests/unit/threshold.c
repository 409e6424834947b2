// links: extension/customer/threshold.c
/* Where clusters are cut: in the gap, and a little more or less of the data does not move it far. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>

#include <cmocka.h>

#include "customer/agglomerate.h"
#include "customer/threshold.h"

/* Sure joins from 10 bits up, doubtful ones from 0 down, few between. */
static void
test_threshold_is_where_little_is_lost(void **state)
{
    AgglomerateJoin joins[3000];
    AgglomerateLog log = {.joins = joins};

    (void) state;
    for (int i = 0; i < 1500; i++)
        joins[log.count++] = (AgglomerateJoin){(uint32_t) i, 5000, 10 + (float) i / 100, 1};
    for (int i = 0; i < 1000; i++)
        joins[log.count++] = (AgglomerateJoin){(uint32_t) i, 6000, 1 - (float) i / 200, 2};
    assert_float_equal(threshold_choose(&log, 5000), 1.0, 0.35);
    /* without the doubtful ones, everything is sure */
    log.count = 1500;
    assert_float_equal(threshold_choose(&log, 5000), THRESHOLD_LOWEST, 1e-9);
}

/*
 * Sure joins over many bits, and doubtful ones that put many pairs together, so that nothing stands out. Nine joins of ten are
 * taken at a time: what is chosen stays within a bit. (The lowest of the nearly best thresholds would jump by six.)
 */
static void
test_threshold_moves_by_little(void **state)
{
    static AgglomerateJoin all[2300];
    static AgglomerateJoin some[2300];
    uint32_t random = 1;
    double lowest = THRESHOLD_HIGHEST;
    double highest = THRESHOLD_LOWEST;

    (void) state;
    for (uint32_t i = 0; i < 2300; i++) {
        bool sure = i < 2000;
        float share;

        random = random * 1664525 + 1013904223;
        share = (float) (random >> 8) / (1 << 24);
        all[i] = (AgglomerateJoin){i, 5000, sure ? 17 * share : 10 * share - 6,
                                   sure ? 1 + (random >> 4) % 3 : 1 + (random >> 6) % 64};
    }
    for (uint32_t left_out = 0; left_out < 10; left_out++) {
        AgglomerateLog log = {.joins = some};
        double chosen;

        for (uint32_t i = 0; i < 2300; i++)
            if (i % 10 != left_out)
                some[log.count++] = all[i];
        chosen = threshold_choose(&log, 5000);
        lowest = fmin(lowest, chosen);
        highest = fmax(highest, chosen);
    }
    assert_true(highest - lowest < 1);
    assert_true(lowest > -0.5 && highest < 2);
}

static void
test_threshold_of_little_is_the_lowest(void **state)
{
    AgglomerateJoin joins[10] = {{0, 1, 5, 1}};
    AgglomerateLog log = {.joins = joins};

    (void) state;
    assert_float_equal(threshold_choose(&log, 0), THRESHOLD_LOWEST, 1e-9);
    log.count = 1;
    assert_float_equal(threshold_choose(&log, 100000), THRESHOLD_LOWEST, 1e-9);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threshold_is_where_little_is_lost),
        cmocka_unit_test(test_threshold_moves_by_little),
        cmocka_unit_test(test_threshold_of_little_is_the_lowest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
