/*
 * attribution.c: see attribution.h.
 */
#include "funnel/attribution.h"

#include <math.h>

static size_t
last_not_direct(const AttributionTouch *touches, size_t count)
{
    for (size_t i = count; i > 0; i--)
        if (!touches[i - 1].direct)
            return i - 1;
    return count - 1;
}

static void
weigh_positions(const AttributionRule *rule, size_t count, double *weights)
{
    if (count == 1) {
        weights[0] = 1;
        return;
    }
    for (size_t i = 1; i + 1 < count; i++)
        weights[i] = rule->middle / (double) (count - 2);
    weights[0] = rule->first;
    weights[count - 1] = rule->last;
}

void
attribution_weights(const AttributionRule *rule, const AttributionTouch *touches, size_t count,
                    double *weights)
{
    if (count == 0)
        return;
    for (size_t i = 0; i < count; i++)
        weights[i] = 0;
    switch (rule->model) {
    case ATTRIBUTION_FIRST:
        weights[0] = 1;
        break;
    case ATTRIBUTION_LAST:
        weights[count - 1] = 1;
        break;
    case ATTRIBUTION_LAST_NON_DIRECT:
        weights[last_not_direct(touches, count)] = 1;
        break;
    case ATTRIBUTION_TIME_DECAY:
        /* counted from the last touch and not from the conversion: the proportions are the same, and one is never 0 */
        for (size_t i = 0; i < count; i++)
            weights[i] = exp2(-((double) touches[count - 1].at - (double) touches[i].at) / rule->half_life);
        break;
    case ATTRIBUTION_POSITION:
        weigh_positions(rule, count, weights);
        break;
    case ATTRIBUTION_LINEAR:
    case ATTRIBUTION_MARKOV:
    case ATTRIBUTION_SHAPLEY:
        for (size_t i = 0; i < count; i++)
            weights[i] = 1;
        break;
    }
}
