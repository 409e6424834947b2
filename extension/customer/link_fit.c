/*
 * link_fit.c: the model, from the records alone.
 *
 * Expectation and maximisation over all pairs of records: those that share no block, or are hopeless, count as strangers. u is
 * measured, so m and the prior are all that is free, and m is held near what is usual by a number of invented pairs that
 * grows with the data. Where the sum of beliefs runs away from what the usual m gives, m stays as usual.
 */
#include "customer/link_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define PRIOR_PAIRS 300.0
#define CONTEXT_PAIRS 100.0
#define RUNAWAY 1.25
#define LIKELY (2.0 / 3)
#define EXPECTED 0.2 /* pairs for each record, where nothing shows how many there are */
#define STRUCTURES 2 /* times that dependence is looked for with m as usual */
#define SURE_THRESHOLD 2.0
#define STEPS_TABLE 64 /* a bit in so many parts */
#define TABLE_BITS 32

static double logistic[2 * TABLE_BITS * STEPS_TABLE + 1];

/* The same for every run. */
static void
make_logistic(void)
{
    if (logistic[2 * TABLE_BITS * STEPS_TABLE] == 0)
        for (int i = 0; i <= 2 * TABLE_BITS * STEPS_TABLE; i++)
            logistic[i] = 1 / (1 + exp2(-((double) i / STEPS_TABLE - TABLE_BITS)));
}

static double
belief_of(double weight)
{
    if (weight < -TABLE_BITS)
        return 0;
    if (weight >= TABLE_BITS)
        return 1;
    return logistic[(int) ((weight + TABLE_BITS) * STEPS_TABLE + 0.5)];
}

void
link_weigh_patterns(const Linker *linker, const LinkModel *model)
{
    for (uint32_t p = 0; p < linker->patterns; p++) {
        uint8_t level[LINK_ATTRIBUTES];

        link_unpack(linker->pattern[p], level);
        linker->pattern_weight[p] = link_pattern_weight(model, level);
    }
}

double
link_believe(Linker *linker, const LinkModel *model, double *belief)
{
    double sum = 0;
    LinkPairs kept;

    make_logistic();
    link_weigh_patterns(linker, model);
    for (uint32_t p = 0; belief != NULL && p < linker->patterns; p++)
        belief[p] = 0;
    for (link_read_pairs(linker, &kept, false); link_next_pairs(linker, &kept);)
        for (size_t i = 0; i < kept.count; i++) {
            const LinkPair *pair = &kept.pair[i];
            double q =
                belief_of(linker->pattern_weight[pair->pattern] + (double) pair->rare) * (double) pair->pairs;

            sum += q;
            if (belief != NULL && q > LIKELY * (double) pair->pairs)
                belief[pair->pattern] += (double) pair->pairs;
        }
    return sum;
}

void
link_set_prior(const Linker *linker, LinkModel *model, double sum)
{
    double all = (double) linker->records * ((double) linker->records - 1) / 2;
    double lambda = (sum + 1) / (all + 2);

    model->numbers.prior = log2(lambda / (1 - lambda));
}

static void
usual_m(LinkModel *model)
{
    for (int c = 0; c < model->contexts; c++) {
        LinkType type = link_type((LinkAttribute) model->context[c].attribute);

        for (int level = 1; level <= link_type_levels(type); level++)
            model->context[c].m[level] = link_type_prior(type)[level - 1];
    }
}

typedef double Counts[LINK_MAX_CONTEXTS][LINK_MAX_LEVELS];

static void
count_beliefs(const Linker *linker, const LinkModel *model, const double *belief, Counts count)
{
    memset(count, 0, sizeof(Counts));
    for (uint32_t p = 0; p < linker->patterns; p++) {
        uint8_t level[LINK_ATTRIBUTES];

        if (belief[p] <= 0)
            continue;
        link_unpack(linker->pattern[p], level);
        for (int c = 0; c < linker->columns; c++) {
            int k = linker->column_attribute[c];

            if (level[k] != 0)
                count[link_context_of(model, k, level)][level[k]] += belief[p];
        }
    }
}

/* The mean of what was counted and of worth pairs that are at levels as expected. */
static void
blend(double *m, const double *count, const double *expected, double worth, int levels)
{
    double all = worth;

    for (int level = 1; level <= levels; level++)
        all += count[level];
    for (int level = 1; level <= levels; level++)
        m[level] = (count[level] + worth * expected[level - 1]) / all;
}

/*
 * People move and change their numbers, but nobody gets another birth date: a date that differs is a slip, and slips are not more
 * often far than strangers' dates are. Where pairs believed in have nothing of their dates in common more often than that, some are
 * other people who share all else, such as father and son; so that level says no more for one entity than the one before.
 */
static void
forbid_other_dates(const double *u, double *m)
{
    int last = link_type_levels(LINK_TYPE_DATE);
    double most = m[last - 1] / u[last - 1] * u[last];
    double sum = 0;

    if (m[last] <= most)
        return;
    m[last] = most;
    for (int level = 1; level <= last; level++)
        sum += m[level];
    for (int level = 1; level <= last; level++)
        m[level] /= sum;
}

/*
 * m of an attribute is what was believed in and invented pairs that are as usual; m of it in a context the same, as the
 * attribute is.
 */
void
link_maximise(const Linker *linker, LinkModel *model, const double *belief, double worth)
{
    Counts count;
    double whole[LINK_MAX_LEVELS];
    double m[LINK_MAX_LEVELS];

    count_beliefs(linker, model, belief, count);
    for (int i = 0; i < linker->columns; i++) {
        int k = linker->column_attribute[i];
        LinkType type = link_type((LinkAttribute) k);
        int levels = link_type_levels(type);

        memset(whole, 0, sizeof(whole));
        for (int c = k; c >= 0; c = model->context[c].next)
            for (int level = 1; level <= levels; level++)
                whole[level] += count[c][level];
        blend(m, whole, link_type_prior(type), worth, levels);
        for (int c = k; c >= 0; c = model->context[c].next)
            blend(model->context[c].m, count[c], m + 1, CONTEXT_PAIRS, levels);
        if (type == LINK_TYPE_DATE)
            forbid_other_dates(model->context[k].u, model->context[k].m);
    }
}

static double
iterate(Linker *linker, LinkModel *model, double *belief, int steps, double worth, bool free_m)
{
    double sum = 0;

    for (int step = 0; step < steps; step++) {
        sum = link_believe(linker, model, belief);
        link_set_prior(linker, model, sum);
        if (free_m)
            link_maximise(linker, model, belief, worth);
        link_poll(linker, LINK_FITTING, (uint64_t) step, (uint64_t) steps);
    }
    return sum;
}

/* What the values say, anew: it depends on what explains them, and on frequencies. */
typedef struct Weighing {
    Linker *linker;
    const LinkModel *model;
    LinkPair *pair;
    LinkScratch *scratch[LINK_MAX_THREADS];
} Weighing;

static bool
weigh_some(void *context, int worker, size_t from, size_t to)
{
    Weighing *weighing = context;
    Linker *linker = weighing->linker;

    for (size_t i = from; i < to; i++) {
        LinkPair *pair = &weighing->pair[i];
        LinkCompared compared;

        link_compare_again(linker, weighing->scratch[worker], pair->a, pair->b,
                           linker->pattern[pair->pattern], &compared);
        pair->rare = (float) link_rare_sum(linker, weighing->model, &compared) +
                     link_verdict_bits(linker, pair->a, pair->b);
    }
    return true;
}

void
link_weigh_rare(Linker *linker, const LinkModel *model)
{
    Weighing weighing = {.linker = linker, .model = model};
    LinkPairs kept;

    for (int t = 0; t < link_threads(linker); t++)
        weighing.scratch[t] = link_scratch(linker);
    for (link_read_pairs(linker, &kept, true); link_next_pairs(linker, &kept);) {
        weighing.pair = kept.pair;
        if (!link_in_parallel(linker, LINK_FITTING, kept.count, 8192, weigh_some, &weighing))
            link_fail(linker, LINK_CANCELLED);
    }
    for (int t = 0; t < link_threads(linker); t++)
        link_scratch_free(linker, weighing.scratch[t]);
}

/*
 * m as free as the data bear. The sum of beliefs with m as usual is a fair count of the pairs there are; a model that
 * believes in many more has found another kind of pairs, such as relatives, and is tied to the usual m more tightly.
 */
void
link_learn(Linker *linker, LinkModel *model, double *belief)
{
    double worth = PRIOR_PAIRS;
    double usual;

    usual_m(model);
    usual = iterate(linker, model, belief, 8, 0, false);
    linker->report.usual_sum = usual;
    model->numbers.fixed = false;
    for (int turn = 0; turn < 2; turn++) {
        if (iterate(linker, model, belief, 12, worth, true) <= RUNAWAY * usual)
            return;
        worth = usual > PRIOR_PAIRS ? usual : PRIOR_PAIRS;
        usual_m(model);
        iterate(linker, model, belief, 4, 0, false);
    }
    iterate(linker, model, belief, 4, 0, false);
    model->numbers.fixed = true;
}

/*
 * The same but for dates where some were learned: what tells relatives from entities is mostly when they were born, and how often
 * that is entered wrongly is what data differ in most.
 */
static void
usual_m_but_dates(LinkModel *model, bool learned)
{
    double *m = model->context[LINK_ATTRIBUTE_BIRTH_DATE].m;
    double before[LINK_MAX_LEVELS];

    memcpy(before, m, sizeof(before));
    usual_m(model);
    if (learned)
        memcpy(m, before, sizeof(before));
}

/* Dependence, in the light of a model that is known so far. */
static void
find_structure(Linker *linker, LinkModel *model, LinkStratum *strata, int count)
{
    link_judge_strata(linker, model, strata, count);
    link_find_parents(linker, model, strata, count);
    link_weigh_rare(linker, model);
}

/* One attribute says nothing of how often it errs itself: m, and how many pairs there are, are taken as usual. */
static void
take_as_usual(Linker *linker, LinkModel *model)
{
    usual_m(model);
    link_set_prior(linker, model, EXPECTED * (double) linker->records);
    link_weigh_rare(linker, model);
    linker->report.usual_sum = link_believe(linker, model, NULL);
    model->numbers.fixed = true;
}

/*
 * Dependence and m, from a model whose u of all strangers is known. Relatives are told from entities by dependence, so that is
 * settled with m as usual before m is learned.
 */
static void
fit_m(Linker *linker, LinkModel *model, LinkScratch *scratch, const uint32_t *label)
{
    double *belief = link_allocate(linker, (size_t) linker->patterns + 1, sizeof(double));
    bool learned = label != NULL && !model->numbers.fixed;
    LinkStratum *strata;
    int count;

    if (link_is_alone(linker)) {
        take_as_usual(linker, model);
        link_release(linker, belief);
        return;
    }
    strata = link_draw_strata(linker, scratch, label, &count);
    for (int turn = 0; turn < STRUCTURES; turn++) {
        usual_m_but_dates(model, learned);
        find_structure(linker, model, strata, count);
        usual_m_but_dates(model, learned);
        iterate(linker, model, belief, 6, 0, false);
    }
    find_structure(linker, model, strata, count);
    link_learn(linker, model, belief);
    link_free_strata(linker, strata, count);
    link_release(linker, belief);
}

void
link_fit(Linker *linker)
{
    LinkModel *model = linker->fitted;
    LinkScratch *scratch = link_scratch(linker);
    uint32_t *label = link_allocate(linker, (size_t) linker->records + 1, sizeof(uint32_t));

    link_make_verdicts(linker);
    usual_m(model);
    model->numbers.prior = -log2(linker->records < 2 ? 2 : linker->records);
    link_sample_strangers(linker, model, scratch, NULL);
    link_make_pairs(linker);
    fit_m(linker, model, scratch, NULL);
    link_cluster(linker, SURE_THRESHOLD, label);
    link_count_frequencies(linker, label);
    link_sample_strangers(linker, model, scratch, label);
    fit_m(linker, model, scratch, label);
    link_free_verdicts(linker);
    link_release(linker, label);
    link_scratch_free(linker, scratch);
}
