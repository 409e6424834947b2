/*
 * shapley.c: see shapley.h. Of all orders of n players, |S|! (n - |S| - 1)! put exactly the set S before a player.
 */
#include "funnel/shapley.h"

int64_t
shapley_denominator(unsigned players)
{
    int64_t product = 1;

    for (unsigned i = 2; i <= players; i++)
        product *= i;
    return product;
}

void
shapley_worth(int64_t *sets, unsigned players)
{
    for (unsigned player = 0; player < players; player++)
        for (unsigned set = 0; set < 1U << players; set++)
            if (set & 1U << player)
                sets[set] += sets[set ^ 1U << player];
}

void
shapley_values(const int64_t *worth, unsigned players, Int128 *numerators)
{
    int64_t orders[SHAPLEY_PLAYERS_MAX];

    for (unsigned before = 0; before < players; before++)
        orders[before] = shapley_denominator(before) * shapley_denominator(players - before - 1);
    for (unsigned player = 0; player < players; player++) {
        numerators[player] = 0;
        for (unsigned set = 0; set < 1U << players; set++)
            if (!(set & 1U << player))
                numerators[player] += (Int128) orders[__builtin_popcount(set)] *
                                      ((Int128) worth[set | 1U << player] - worth[set]);
    }
}
