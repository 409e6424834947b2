/*
 * apportion.h: dividing a whole number so that the parts add up to it. Plain C: knows nothing of Postgres.
 *
 * By largest remainder: every part is rounded down, and what is left over goes, one each, to those that lost most; of equal ones
 * to the earlier. The same input gives the same parts on every machine that has IEEE doubles. Needs 128-bit integers.
 */
#ifndef CRM_FUNNEL_APPORTION_H
#define CRM_FUNNEL_APPORTION_H

#include <stddef.h>
#include <stdint.h>

/* Aligned as what palloc gives. */
typedef __int128 Int128 __attribute__((aligned(8)));
typedef unsigned __int128 UInt128 __attribute__((aligned(8)));

/* Room that apportioning works in: one for each part. */
typedef struct ApportionPart {
    UInt128 rest;
    size_t index;
} ApportionPart;

/*
 * shares of total, which may be negative, in proportion to weights of 0 or more; equal ones where all are 0. Weights are read
 * to 52 bits below the largest. Nothing is done for no parts.
 */
extern void apportion(int64_t total, const double *weights, size_t count, int64_t *shares,
                      ApportionPart *room);

/* Fractions numerators[i] / denominator, which add up to a whole number, as whole numbers that add up to the same. */
extern void apportion_fractions(const Int128 *numerators, int64_t denominator, size_t count, int64_t *shares,
                                ApportionPart *room);

#endif
