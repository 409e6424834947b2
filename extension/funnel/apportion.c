/*
 * apportion.c: see apportion.h.
 */
#include "funnel/apportion.h"

#include <stdbool.h>
#include <stdlib.h>

static int
compare_parts(const void *a, const void *b)
{
    const ApportionPart *left = a;
    const ApportionPart *right = b;

    if (left->rest != right->rest)
        return left->rest > right->rest ? -1 : 1;
    return left->index < right->index ? -1 : left->index > right->index;
}

/* A path of two or three touches needs no sort, and most have no more. */
static void
give_rest(uint64_t left, size_t count, int64_t *shares, ApportionPart *room)
{
    if (left == 0)
        return;
    if (left == 1) {
        size_t most = 0;

        for (size_t i = 1; i < count; i++)
            if (compare_parts(&room[i], &room[most]) < 0)
                most = i;
        shares[room[most].index]++;
        return;
    }
    qsort(room, count, sizeof *room, compare_parts);
    for (size_t i = 0; i < left; i++)
        shares[room[i].index]++;
}

/* Largest weight becomes 2^52, so that its product with 63 bits and the sum of any number of weights fit in 128 bits. */
static uint64_t
whole_weight(double weight, double largest)
{
    return largest > 0 ? (uint64_t) (weight / largest * 4503599627370496.0 + 0.5) : 1;
}

void
apportion(int64_t total, const double *weights, size_t count, int64_t *shares, ApportionPart *room)
{
    bool negative = total < 0;
    uint64_t amount = negative ? -(uint64_t) total : (uint64_t) total;
    uint64_t left = amount;
    UInt128 sum = 0;
    double largest = 0;

    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        if (weights[i] > largest)
            largest = weights[i];
    for (size_t i = 0; i < count; i++)
        sum += whole_weight(weights[i], largest);
    for (size_t i = 0; i < count; i++) {
        UInt128 product = (UInt128) whole_weight(weights[i], largest) * amount;

        shares[i] = (int64_t) (product / sum);
        room[i] = (ApportionPart){product % sum, i};
        left -= (uint64_t) shares[i];
    }
    give_rest(left, count, shares, room);
    if (negative)
        for (size_t i = 0; i < count; i++)
            shares[i] = (int64_t) (-(uint64_t) shares[i]);
}

void
apportion_fractions(const Int128 *numerators, int64_t denominator, size_t count, int64_t *shares,
                    ApportionPart *room)
{
    Int128 left = 0;

    for (size_t i = 0; i < count; i++) {
        Int128 rest = numerators[i] % denominator;

        if (rest < 0) /* division rounds towards zero, shares are rounded down */
            rest += denominator;
        shares[i] = (int64_t) ((numerators[i] - rest) / denominator);
        room[i] = (ApportionPart){(UInt128) rest, i};
        left += rest;
    }
    give_rest((uint64_t) (left / denominator), count, shares, room);
}
