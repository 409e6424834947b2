/*
 * shapley.h: what each of a few players adds to what all achieve together: the Shapley value, exactly. Plain C: knows nothing of
 * Postgres. Needs 128-bit integers.
 *
 * A set of players is the number whose bits are its members. Its worth is a whole number; that of the empty set is 0. The value of a
 * player is what it adds to the set of those before it, in the mean over all orders (Shapley: A value for n-person games, 1953). For
 * channels, the worth of a set is what was converted on paths that used no other channel (Zhao, Mahboobi, Bagheri: Shapley value
 * methods for attribution modeling, 2018).
 */
#ifndef CRM_FUNNEL_SHAPLEY_H
#define CRM_FUNNEL_SHAPLEY_H

#include <stddef.h>
#include <stdint.h>

#include "funnel/apportion.h"

#define SHAPLEY_PLAYERS_MAX 12

/* From what belongs to exactly each of the 2^players sets to what belongs to each set and those within it, in place. */
extern void shapley_worth(int64_t *sets, unsigned players);
/* Numerators of the players' values; the denominator of all is shapley_denominator(players). They add up to the worth of all. */
extern void shapley_values(const int64_t *worth, unsigned players, Int128 *numerators);
/* The factorial. */
extern int64_t shapley_denominator(unsigned players);

#endif
