// links: extension/funnel/shapley.c extension/funnel/apportion.c
// Values by hand, against all orders of the players, and what is known of games of paths.
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "chance.h"
#include "funnel/shapley.h"

#define SETS (1 << SHAPLEY_PLAYERS_MAX)

static void
test_by_hand(void **state)
{
    // the glove game: 1 and 2 have a left glove, 3 the right one; a pair is worth 6
    const int64_t gloves[8] = {0, 0, 0, 0, 0, 6, 6, 6};
    const int64_t alone[2] = {0, -5};
    Int128 values[3];

    (void) state;
    shapley_values(gloves, 3, values);
    assert_true(shapley_denominator(3) == 6);
    assert_true(values[0] == 6 && values[1] == 6 && values[2] == 24);
    shapley_values(alone, 1, values);
    assert_true(values[0] == -5);
}

// Every order of the players not yet taken: each adds what it adds.
static void
each_order(const int64_t *worth, unsigned players, unsigned taken, Int128 *sums, int64_t *added)
{
    if (taken == (1U << players) - 1) {
        for (unsigned i = 0; i < players; i++)
            sums[i] += added[i];
        return;
    }
    for (unsigned i = 0; i < players; i++) {
        if (taken & 1U << i)
            continue;
        added[i] = worth[taken | 1U << i] - worth[taken];
        each_order(worth, players, taken | 1U << i, sums, added);
    }
}

static void
test_against_orders(void **state)
{
    (void) state;
    state_of_chance = 3;
    for (int round = 0; round < 60; round++) {
        unsigned players = 1 + chance(6);
        int64_t worth[64] = {0}, added[6] = {0};
        Int128 values[6], sums[6] = {0};

        for (unsigned set = 1; set < 1U << players; set++)
            worth[set] = (int64_t) chance(100000) - 50000;
        shapley_values(worth, players, values);
        each_order(worth, players, 0, sums, added);
        for (unsigned i = 0; i < players; i++)
            assert_true(values[i] == sums[i]);
    }
}

// Where a set is worth the conversions within it, each conversion is shared equally by its channels; and all add up.
static void
test_paths(void **state)
{
    static int64_t worth[SETS];

    (void) state;
    state_of_chance = 5;
    for (int round = 0; round < 20; round++) {
        unsigned players = 1 + chance(SHAPLEY_PLAYERS_MAX);
        Int128 values[SHAPLEY_PLAYERS_MAX], expected[SHAPLEY_PLAYERS_MAX] = {0}, sum = 0;
        int64_t shares[SHAPLEY_PLAYERS_MAX], total = 0, given = 0;
        ApportionPart room[SHAPLEY_PLAYERS_MAX];

        memset(worth, 0, sizeof worth);
        for (int path = 0; path < 50; path++) {
            unsigned set = 1 + chance((1U << players) - 1);
            int64_t amount = chance(1000000);

            worth[set] += amount;
            total += amount;
            for (unsigned i = 0; i < players; i++)
                if (set & 1U << i)
                    expected[i] += (Int128) amount * (shapley_denominator(players) / __builtin_popcount(set));
        }
        shapley_worth(worth, players);
        assert_true(worth[(1U << players) - 1] == total);
        shapley_values(worth, players, values);
        apportion_fractions(values, shapley_denominator(players), players, shares, room);
        for (unsigned i = 0; i < players; i++) {
            assert_true(values[i] == expected[i]);
            sum += values[i];
            given += shares[i];
        }
        assert_true(sum == (Int128) total * shapley_denominator(players));
        assert_true(given == total);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_hand),
        cmocka_unit_test(test_against_orders),
        cmocka_unit_test(test_paths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
