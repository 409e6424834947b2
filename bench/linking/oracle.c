/*
 * oracle.c: see oracle.h. It looks inside of the linker, and repeats its last steps with what the truth says in place of what was
 * estimated: frequencies, u and dependence from true strangers, m and the prior from true pairs.
 */
#include "oracle.h"

#include <err.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "customer/link_inside.h"
#include "score.h"

typedef struct Oracle {
    Linker *linker;
    uint32_t *truth; /* in the linker's order */
    uint32_t *found;
    double *belief; /* of each pattern */
    double pairs;   /* of one entity, compared or not */
} Oracle;

static Score
score_at(Oracle *oracle, double threshold)
{
    link_cluster(oracle->linker, threshold, oracle->found);
    return score_clusters(oracle->found, oracle->truth, oracle->linker->records);
}

static void
print_cuts(Oracle *oracle, const char *name)
{
    Score chosen = score_at(oracle, NAN);
    double threshold = oracle->linker->report.threshold;
    Score best = {0};
    double at = 0;

    for (double t = -5; t <= 15; t++) {
        Score score = score_at(oracle, t);

        if (score.f1 > best.f1) {
            best = score;
            at = t;
        }
    }
    printf("  %-44s P %.4f R %.4f F1 %.4f at %5.2f   best P %.4f R %.4f F1 %.4f at %3.0f   sum %.0f\n", name,
           chosen.precision, chosen.recall, chosen.f1, threshold, best.precision, best.recall, best.f1, at,
           link_believe(oracle->linker, oracle->linker->model, NULL));
}

static uint32_t
root(uint32_t *label, uint32_t i)
{
    while (label[i] != i)
        i = label[i] = label[label[i]];
    return i;
}

/* Clusters of all true pairs that were kept: no model can find more. */
static void
print_kept(Oracle *oracle)
{
    Linker *linker = oracle->linker;
    LinkPairs reading;
    uint64_t kept = 0;
    Score score;

    for (uint32_t i = 0; i < linker->records; i++)
        oracle->found[i] = i;
    for (link_read_pairs(linker, &reading, false); link_next_pairs(linker, &reading);)
        for (size_t p = 0; p < reading.count; p++) {
            const LinkPair *pair = &reading.pair[p];

            if (oracle->truth[pair->a] != oracle->truth[pair->b])
                continue;
            kept += pair->pairs;
            oracle->found[root(oracle->found, pair->a)] = root(oracle->found, pair->b);
        }
    for (uint32_t i = 0; i < linker->records; i++)
        oracle->found[i] = root(oracle->found, i);
    score = score_clusters(oracle->found, oracle->truth, linker->records);
    oracle->pairs = (double) score.truth;
    printf("  true pairs %llu, of which compared and kept %.4f, with what follows from those %.4f\n",
           (unsigned long long) score.truth, (double) kept / (double) score.truth, score.recall);
}

static void
believe_truth(Oracle *oracle)
{
    Linker *linker = oracle->linker;
    LinkPairs reading;

    for (uint32_t p = 0; p < linker->patterns; p++)
        oracle->belief[p] = 0;
    for (link_read_pairs(linker, &reading, false); link_next_pairs(linker, &reading);)
        for (size_t i = 0; i < reading.count; i++) {
            const LinkPair *pair = &reading.pair[i];

            if (oracle->truth[pair->a] == oracle->truth[pair->b])
                oracle->belief[pair->pattern] += (double) pair->pairs;
        }
}

static void
take_m(Oracle *oracle)
{
    believe_truth(oracle);
    link_maximise(oracle->linker, oracle->linker->fitted, oracle->belief, 1);
    link_set_prior(oracle->linker, oracle->linker->fitted, oracle->pairs);
    link_weigh_rare(oracle->linker, oracle->linker->fitted);
}

static void
count_all(LinkStratum *stratum)
{
    for (uint32_t i = 0; i < stratum->draws; i++)
        for (int k = 0; k < LINK_ATTRIBUTES && !stratum->linked[i]; k++)
            stratum->count[k][stratum->drawn[i].level[k]] += stratum->drawn[i].level[k] != 0;
}

static void
take_strangers(Oracle *oracle, LinkScratch *scratch)
{
    Linker *linker = oracle->linker;
    LinkStratum *strata;
    int count;

    link_count_frequencies(linker, oracle->truth);
    link_sample_strangers(linker, linker->fitted, scratch, oracle->truth);
    strata = link_draw_strata(linker, scratch, oracle->truth, &count);
    for (int s = 0; s < count; s++) {
        count_all(&strata[s]);
        link_estimate_stratum(linker, linker->fitted, &strata[s]);
    }
    link_find_parents(linker, linker->fitted, strata, count);
    link_weigh_rare(linker, linker->fitted);
    link_free_strata(linker, strata, count);
}

static void
repeat(Linker *linker, void *argument)
{
    Oracle *oracle = argument;
    LinkScratch *scratch = link_scratch(linker);

    print_kept(oracle);
    print_cuts(oracle, "as it is");
    take_m(oracle);
    print_cuts(oracle, "m and prior by truth");
    take_strangers(oracle, scratch);
    link_learn(linker, linker->fitted, oracle->belief);
    print_cuts(oracle, "frequencies, u and dependence by truth");
    take_m(oracle);
    print_cuts(oracle, "all by truth");
    link_scratch_free(linker, scratch);
}

void
oracle_print(Linker *linker, const Table *table)
{
    Oracle oracle = {.linker = linker};

    oracle.truth = malloc(sizeof(uint32_t) * (table->rows + 1));
    oracle.found = malloc(sizeof(uint32_t) * (table->rows + 1));
    oracle.belief = malloc(sizeof(double) * ((size_t) linker->patterns + 1));
    if (oracle.truth == NULL || oracle.found == NULL || oracle.belief == NULL)
        errx(2, "out of memory");
    for (uint32_t i = 0; i < linker->records; i++)
        oracle.truth[i] = table->truth[linker->number[i]];
    puts("\nwhat is lost where:");
    if (link_guard(linker, repeat, &oracle) != LINK_OK)
        errx(1, "the oracle has no answer");
    free(oracle.truth);
    free(oracle.found);
    free(oracle.belief);
}
