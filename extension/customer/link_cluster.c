/*
 * link_cluster.c: clusters of the pairs that were kept.
 */
#include "customer/link_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "customer/threshold.h"

typedef struct Weighing {
    const Linker *linker;
    LinkScratch *scratch[64];
} Weighing;

static float
weigh(void *context, int worker, uint32_t a, uint32_t b)
{
    Weighing *weighing = context;
    LinkCompared compared;

    link_compare(weighing->linker, weighing->scratch[worker], a, b, &compared);
    return (float) link_weight(weighing->linker, weighing->linker->model, &compared);
}

static bool
ask_interrupted(void *context)
{
    const LinkerOptions *options = &((Weighing *) context)->linker->options;

    return options->interrupted != NULL && options->interrupted(options->context);
}

static WeightedPair *
weighted_pairs(Linker *linker, size_t *count)
{
    WeightedPair *pair;

    *count = 0;
    link_weigh_patterns(linker, linker->model);
    for (size_t i = 0; i < linker->pairs; i++)
        *count += linker->pattern_weight[linker->pair[i].pattern] + (double) linker->pair[i].rare >=
                  (double) AGGLOMERATE_FLOOR;
    pair = link_allocate(linker, *count + 1, sizeof(WeightedPair));
    *count = 0;
    for (size_t i = 0; i < linker->pairs; i++) {
        double weight = linker->pattern_weight[linker->pair[i].pattern] + (double) linker->pair[i].rare;

        if (weight >= (double) AGGLOMERATE_FLOOR)
            pair[(*count)++] = (WeightedPair){linker->pair[i].a, linker->pair[i].b, (float) weight};
    }
    return pair;
}

void
link_cluster(Linker *linker, double threshold, uint32_t *label)
{
    Weighing weighing = {.linker = linker};
    AgglomerateInput input = {.records = linker->records};
    AgglomerateLog log;
    AgglomerateStatus status;

    link_enter(linker, LINK_CLUSTERING);
    input.threads = linker->options.threads > 64 ? 64 : linker->options.threads;
    for (int t = 0; t < input.threads; t++)
        weighing.scratch[t] = link_scratch(linker, false);
    input.pairs = weighted_pairs(linker, &input.pair_count);
    input.same = linker->same;
    input.same_count = linker->same_count;
    input.different = linker->different;
    input.different_count = linker->different_count;
    input.kind = linker->kind;
    input.floor = isnan(threshold) ? AGGLOMERATE_FLOOR : (float) threshold;
    input.memory = linker->options.memory > linker->held ? linker->options.memory - linker->held : 1;
    input.weigh = weigh;
    input.interrupted = ask_interrupted;
    input.context = &weighing;
    status = agglomerate(&input, &log);
    if (status == AGGLOMERATE_OK) {
        if (isnan(threshold)) {
            threshold = threshold_choose(&log, linker->records);
            linker->report.threshold = threshold;
        }
        linker->report.cluster_pairs = agglomerate_cut(&log, linker->records, threshold, label);
    }
    if (log.memory + linker->held > linker->report.memory)
        linker->report.memory = log.memory + linker->held;
    agglomerate_free(&log);
    for (int t = 0; t < input.threads; t++)
        link_scratch_free(linker, weighing.scratch[t]);
    link_release(linker, input.pairs);
    link_enter(linker, LINK_FITTING);
    if (status != AGGLOMERATE_OK)
        link_fail(linker, status == AGGLOMERATE_CANCELLED ? LINK_CANCELLED : LINK_NO_MEMORY);
}
