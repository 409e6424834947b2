/*
 * attribution.h: what each touch before a conversion weighs, by the models that look at one path alone. Plain C: knows nothing
 * of Postgres. Models that are fitted to all paths: markov.h, shapley.h. What weights make of a whole: apportion.h.
 */
#ifndef CRM_FUNNEL_ATTRIBUTION_H
#define CRM_FUNNEL_ATTRIBUTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum AttributionModel {
    ATTRIBUTION_FIRST,
    ATTRIBUTION_LAST,
    ATTRIBUTION_LAST_NON_DIRECT, /* the last touch whose channel is not direct; the last where all are */
    ATTRIBUTION_LINEAR,
    ATTRIBUTION_TIME_DECAY, /* half as much for each half-life before the last touch */
    ATTRIBUTION_POSITION,
    ATTRIBUTION_MARKOV,
    ATTRIBUTION_SHAPLEY
} AttributionModel;

typedef struct AttributionRule {
    AttributionModel model;
    double half_life; /* in the unit of the touches' times, more than 0 */
    /*
     * What the first touch gets, all in the middle together, and the last. Of two touches, first and last share all in their
     * proportion; one gets all.
     */
    double first, middle, last;
} AttributionRule;

typedef struct AttributionTouch {
    int64_t at;
    int32_t channel;
    bool direct;
} AttributionTouch;

/* Weights of touches in order of time, 0 or more, not all 0 unless the rule's are. For models before ATTRIBUTION_MARKOV. */
extern void attribution_weights(const AttributionRule *rule, const AttributionTouch *touches, size_t count,
                                double *weights);

#endif
