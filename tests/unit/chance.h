/*
 * chance.h: numbers by chance that are the same in every run. Begin by setting state_of_chance.
 */
#ifndef CRM_UNIT_CHANCE_H
#define CRM_UNIT_CHANCE_H

#include <stdint.h>

static uint64_t state_of_chance;

static inline unsigned
chance(unsigned below)
{
    state_of_chance = state_of_chance * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (unsigned) (state_of_chance >> 33) % below;
}

/* All bits of one, the low ones by chance as well. */
static inline uint32_t
chance_bits(void)
{
    state_of_chance = state_of_chance * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t) (state_of_chance >> 32);
}

#endif
