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
    if (link_contradiction(weighing->linker, weighing->scratch[worker], a, b, compared.level) !=
        LINK_NO_CONTRADICTION)
        return -INFINITY;
    return (float) link_weight(weighing->linker, weighing->linker->model, &compared);
}

static bool
ask_interrupted(void *context)
{
    const LinkerOptions *options = &((Weighing *) context)->linker->options;

    return options->interrupted != NULL && options->interrupted(options->context);
}

#define CERTAIN 10.0 /* bits: no threshold is so high */

/* Of records that stand for others: whether a verdict speaks of one that they stand for. */
static uint8_t *
judged(Linker *linker)
{
    uint8_t *by_verdict = link_allocate(linker, (size_t) linker->records + 1, 1);

    for (size_t i = 0; i < linker->same_count; i++)
        by_verdict[linker->twin[linker->same[i].a]] = by_verdict[linker->twin[linker->same[i].b]] = 1;
    for (size_t i = 0; i < linker->different_count; i++)
        by_verdict[linker->twin[linker->different[i].a]] = by_verdict[linker->twin[linker->different[i].b]] =
            1;
    return by_verdict;
}

/*
 * The pairs that weigh enough. Those of records that are alike and certain to be one go behind what people said to be the same,
 * since there may be a great many of one entity. With neither: only counts.
 */
static void
sort_out(Linker *linker, const uint8_t *by_verdict, WeightedPair *weighted, RecordPair *same, size_t *count,
         size_t *same_count)
{
    LinkPairs kept;

    *count = *same_count = 0;
    for (link_read_pairs(linker, &kept, false); link_next_pairs(linker, &kept);)
        for (size_t i = 0; i < kept.count; i++) {
            const LinkPair *pair = &kept.pair[i];
            double weight = linker->pattern_weight[pair->pattern] + (double) pair->rare;

            if (weight < (double) AGGLOMERATE_FLOOR || isinf(weight))
                continue; /* hopeless, or decided: that is passed by itself */
            if (weight >= CERTAIN && by_verdict != NULL && linker->twin[pair->b] == pair->a &&
                by_verdict[pair->a] == 0) {
                if (same != NULL)
                    same[*same_count] = (RecordPair){pair->a, pair->b};
                ++*same_count;
                continue;
            }
            if (weighted != NULL)
                weighted[*count] = (WeightedPair){
                    pair->a, pair->b, link_pair_contradicts(linker, pair) ? -INFINITY : (float) weight};
            ++*count;
        }
}

/* Returns what is to be released beside the pairs. */
static RecordPair *
find_input(Linker *linker, AgglomerateInput *input)
{
    uint8_t *by_verdict = linker->twin == NULL ? NULL : judged(linker);
    RecordPair *same;
    size_t twins;

    link_weigh_patterns(linker, linker->model);
    sort_out(linker, by_verdict, NULL, NULL, &input->pair_count, &twins);
    input->pairs = link_allocate(linker, input->pair_count + 1, sizeof(WeightedPair));
    same = link_allocate(linker, linker->same_count + twins + 1, sizeof(RecordPair));
    if (linker->same_count > 0)
        memcpy(same, linker->same, linker->same_count * sizeof(RecordPair));
    sort_out(linker, by_verdict, input->pairs, same + linker->same_count, &input->pair_count, &twins);
    input->same = same;
    input->same_count = linker->same_count + twins;
    link_release(linker, by_verdict);
    return same;
}

void
link_cluster(Linker *linker, double threshold, uint32_t *label)
{
    Weighing weighing = {.linker = linker};
    AgglomerateInput input = {.records = linker->records};
    AgglomerateLog log;
    AgglomerateStatus status;
    RecordPair *same;

    link_enter(linker, LINK_CLUSTERING);
    input.threads = linker->options.threads > 64 ? 64 : linker->options.threads;
    for (int t = 0; t < input.threads; t++)
        weighing.scratch[t] = link_scratch(linker);
    same = find_input(linker, &input);
    input.different = linker->different;
    input.different_count = linker->different_count;
    input.kind = linker->kind;
    input.floor = isnan(threshold) ? AGGLOMERATE_FLOOR : (float) threshold;
    input.memory = link_spare(linker) + 1;
    input.weigh = weigh;
    input.interrupted = ask_interrupted;
    input.context = &weighing;
    status = agglomerate(&input, &log);
    if (status == AGGLOMERATE_NO_MEMORY && link_spill_pairs(linker)) {
        input.memory = link_spare(linker) + 1;
        status = agglomerate(&input, &log);
    }
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
    link_release(linker, same);
    link_enter(linker, LINK_FITTING);
    linker->needed = status == AGGLOMERATE_NO_MEMORY ? 2 * linker->options.memory : 0;
    if (status != AGGLOMERATE_OK)
        link_fail(linker, status == AGGLOMERATE_CANCELLED ? LINK_CANCELLED : LINK_NO_MEMORY);
}
