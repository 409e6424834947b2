/*
 * link_depend.c: how often strangers are at each level (u): of all strangers, and of those that agree on another attribute.
 *
 * Who has the same postcode was mostly born in the same town: to count both as if they had nothing to do with each other is what
 * makes strangers look like one person. So an attribute is judged in the light of a rarer one that explains it.
 */
#include "customer/link_inside.h"
#include "customer/normal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define STRANGERS 300000
#define SMOOTHING 50.0 /* pairs of all strangers, added to those that agree */
#define FEW 5.0        /* the same for those, of strangers as they are everywhere */
#define SEEN 0.5       /* of these at any level */
#define STRATUM_STEPS 8
#define EXPLAINS 1.5 /* times more usual than among all strangers */
#define ENOUGH 5.0   /* strangers that agree on both, by which dependence is seen */
#define PARENTS 4

/* u of an exact match, from frequencies: sampling meets too few. */
static double
exact_share(const LinkValues *values)
{
    double sum = 0;
    double all = 0;

    for (uint32_t v = 1; v < values->count; v++) {
        sum += (double) values->holders[v] * exp2(-(double) values->bits[v]);
        all += (double) values->holders[v];
    }
    return all > 0 ? sum / all : 0;
}

static bool
exact_by_value(int attribute)
{
    return !link_has_words(attribute);
}

/*
 * u, where so many strangers were counted at each level, and so many others are taken to be as is usual (from level 1). A level that
 * too few pairs were drawn for to see it at all stays as usual as it was.
 */
static void
blend(const double *count, const double *usual, double others, int levels, double *u)
{
    double counted = 0;
    double sum = 0;

    for (int level = 1; level <= levels; level++)
        counted += count[level];
    for (int level = 1; level <= levels; level++) {
        double pairs = others * usual[level - 1] > SEEN ? others : SEEN / usual[level - 1];

        u[level] = (count[level] + pairs * usual[level - 1]) / (counted + pairs);
        sum += u[level];
    }
    for (int level = 1; level <= levels; level++)
        u[level] /= sum;
}

/* The same of all strangers: what was not seen is counted half, where so many were drawn that one could be expected; else less. */
static void
share_levels(const double *count, const double *usual, int levels, double *u)
{
    double counted = FEW;
    double sum = 0;

    for (int level = 1; level <= levels; level++)
        counted += count[level];
    for (int level = 1; level <= levels; level++) {
        double expected_here = usual[level - 1] * counted;

        u[level] = count[level] + (expected_here < SEEN ? expected_here : SEEN);
        sum += u[level];
    }
    for (int level = 1; level <= levels; level++)
        u[level] /= sum;
}

void
link_sample_strangers(Linker *linker, LinkModel *model, LinkScratch *scratch, const uint32_t *label)
{
    double count[LINK_ATTRIBUTES][LINK_MAX_LEVELS] = {{0}};
    double spread[LINK_ATTRIBUTES] = {0};
    uint64_t draws = (uint64_t) linker->records * linker->records;

    if (linker->records < 2)
        draws = 0;
    draws = draws > STRANGERS ? STRANGERS : draws;
    for (uint64_t t = 0; t < draws; t++) {
        uint32_t a = (uint32_t) (link_mix(t, 11) % linker->records);
        uint32_t b = (uint32_t) (link_mix(t, 12) % linker->records);
        LinkCompared compared;

        if (!link_are_strangers(label, a, b))
            continue;
        link_compare(linker, scratch, a, b, &compared);
        for (int c = 0; c < linker->columns; c++) {
            int k = linker->column_attribute[c];

            count[k][compared.level[k]]++;
            if (compared.level[k] == 2)
                spread[k] += (double) compared.bits[k];
        }
    }
    for (int c = 0; c < linker->columns; c++) {
        int k = linker->column_attribute[c];
        int levels = link_type_levels(link_type((LinkAttribute) k));
        double *u = model->context[k].u;
        double exact = exact_share(&linker->values[k]);

        share_levels(count[k], link_type_strangers(link_type((LinkAttribute) k)), levels, u);
        if (exact_by_value(k)) {
            double rest = 1 - u[LINK_EXACT];

            exact = exact > 0.99 ? 0.99 : exact;
            for (int level = 2; level <= levels; level++)
                u[level] *= (1 - exact) / rest;
            u[LINK_EXACT] = exact > 1e-12 ? exact : 1e-12;
        }
        model->spread[k] = count[k][2] > 0 ? spread[k] / count[k][2] : 8;
    }
}

/*
 * What is known of people before any is seen: strangers who share a telephone or a house are a family, and have more in
 * common. How often they agree on the attribute's key level.
 */
static const struct {
    LinkAttribute child;
    LinkAttribute parent;
    double agree;
} known[] = {
    {LINK_ATTRIBUTE_NAME, LINK_ATTRIBUTE_PHONE, 0.3},
    {LINK_ATTRIBUTE_NAME, LINK_ATTRIBUTE_ADDRESS, 0.3},
    {LINK_ATTRIBUTE_NAME, LINK_ATTRIBUTE_POSTCODE, 0.1},
    {LINK_ATTRIBUTE_ADDRESS, LINK_ATTRIBUTE_PHONE, 0.5},
    {LINK_ATTRIBUTE_POSTCODE, LINK_ATTRIBUTE_PHONE, 0.5},
    {LINK_ATTRIBUTE_POSTCODE, LINK_ATTRIBUTE_ADDRESS, 0.8},
    {LINK_ATTRIBUTE_CITY, LINK_ATTRIBUTE_PHONE, 0.6},
    {LINK_ATTRIBUTE_CITY, LINK_ATTRIBUTE_ADDRESS, 0.8},
    {LINK_ATTRIBUTE_CITY, LINK_ATTRIBUTE_POSTCODE, 0.8},
    {LINK_ATTRIBUTE_EMAIL, LINK_ATTRIBUTE_NAME, 0.2},
    {LINK_ATTRIBUTE_COMPANY, LINK_ATTRIBUTE_PHONE, 0.3},
};
/* Of strangers that share a place and the family name, those that share the given name too: father and son. */
#define SAME_NAME 0.05
/*
 * E-mail addresses of namesakes, and of those who share the family name alone: the same, the same at another host, and with one or two
 * edits. jsmith and rsmith are as near as two slips of one.
 */
static const double namesakes[] = {[1] = 0.005, [2] = 0.1, [3] = 0.15};
static const double of_a_family[] = {[1] = 0.0005, [2] = 0.005, [3] = 0.01};

static double
agreement_known(const LinkModel *model, int child, int parent)
{
    if (model->context[LINK_ATTRIBUTE_NAME].u[LINK_EXACT] <= 0 && child != LINK_ATTRIBUTE_COMPANY)
        return 0; /* of organisations it is not */
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if ((int) known[i].child == child && (int) known[i].parent == parent)
            return known[i].agree;
    return 0;
}

static bool
is_place(int attribute)
{
    return attribute == LINK_ATTRIBUTE_PHONE || attribute == LINK_ATTRIBUTE_ADDRESS ||
           attribute == LINK_ATTRIBUTE_POSTCODE;
}

/* u before any pair of the stratum is seen, but for how usual one family is there. */
static void
expected(const LinkModel *model, int child, const LinkStratum *stratum, double *u)
{
    const LinkContext *all = &model->context[child];
    int levels = link_type_levels(link_type((LinkAttribute) child));
    int key = link_key_level(child);
    bool known_here = stratum->level == LINK_EXACT || child == LINK_ATTRIBUTE_EMAIL;
    double agree = known_here ? agreement_known(model, child, stratum->attribute) : 0;
    double family = stratum->u[LINK_ATTRIBUTE_NAME][LINK_FAMILY_ONLY];
    double sum = 0;

    family = family > agree ? family : agree;
    memcpy(u, all->u, sizeof(all->u));
    if (u[key] < agree)
        u[key] = agree;
    if (child == LINK_ATTRIBUTE_NAME && is_place(stratum->attribute)) {
        double alike = family * all->u[LINK_OTHER_ALIKE];

        u[LINK_EXACT] = u[LINK_EXACT] > SAME_NAME * family ? u[LINK_EXACT] : SAME_NAME * family;
        u[LINK_ALL_ALIKE] = u[LINK_ALL_ALIKE] > alike ? u[LINK_ALL_ALIKE] : alike;
    }
    if (child == LINK_ATTRIBUTE_EMAIL && agree > 0) {
        const double *made_alike = stratum->level == LINK_EXACT ? namesakes : of_a_family;

        for (int level = 1; level <= 3; level++)
            u[level] = u[level] > made_alike[level] ? u[level] : made_alike[level];
    }
    for (int level = 1; level <= levels; level++)
        sum += u[level];
    for (int level = 1; level <= levels; level++)
        u[level] /= sum;
}

/* u of the attribute among strangers of the stratum. */
static void
estimate(const LinkModel *model, LinkStratum *stratum, int attribute)
{
    int levels = link_type_levels(link_type((LinkAttribute) attribute));
    double before[LINK_MAX_LEVELS];

    expected(model, attribute, stratum, before);
    blend(stratum->count[attribute], before + 1, SMOOTHING, levels, stratum->u[attribute]);
}

void
link_estimate_stratum(const Linker *linker, const LinkModel *model, LinkStratum *stratum)
{
    for (int c = 0; c < linker->columns; c++)
        estimate(model, stratum, linker->column_attribute[c]);
}

/* The context that an attribute is judged in, apart from those of one parent. */
static int
context_beside(const LinkModel *model, int attribute, const uint8_t *level, int parent)
{
    int key = link_key_level(attribute);
    int best = attribute;

    for (int c = model->context[attribute].next; c >= 0; c = model->context[c].next)
        if (model->context[c].given != parent &&
            level[model->context[c].given] == model->context[c].given_level &&
            model->context[c].u[key] > model->context[best].u[key])
            best = c;
    return best;
}

/* What does not change while a stratum is fitted: for each pair and attribute the context beside it, and what its values say. */
typedef struct Beside {
    uint16_t context;
    float rare;
} Beside;

static Beside *
look_beside(Linker *linker, const LinkModel *model, const LinkStratum *stratum)
{
    Beside *beside =
        link_allocate(linker, (size_t) stratum->draws * (size_t) linker->columns + 1, sizeof(Beside));

    for (uint32_t i = 0; i < stratum->draws; i++)
        for (int c = 0; c < linker->columns; c++) {
            const LinkCompared *compared = &stratum->drawn[i];
            Beside *of = &beside[(size_t) i * (size_t) linker->columns + (size_t) c];
            int k = linker->column_attribute[c];

            of->context = (uint16_t) context_beside(model, k, compared->level, stratum->attribute);
            of->rare = (float) link_rare(model, k, k, compared->level[k], compared->bits[k]);
        }
    return beside;
}

/* What levels say, in every context and of the stratum, and how much of a value's rarity counts beside that. */
typedef struct Said {
    float bits[LINK_MAX_CONTEXTS][LINK_MAX_LEVELS];
    float part[LINK_MAX_CONTEXTS][LINK_MAX_LEVELS];
    float own_bits[LINK_MAX_CONTEXTS]
                  [LINK_MAX_LEVELS]; /* the same where the stratum explains the attribute */
    float own_part[LINK_ATTRIBUTES][LINK_MAX_LEVELS];
    bool own[LINK_MAX_CONTEXTS]; /* whether it does, better than the context */
} Said;

static void
say(const LinkModel *model, const LinkStratum *stratum, Said *said)
{
    for (int c = 0; c < model->contexts; c++) {
        const LinkContext *context = &model->context[c];
        int k = context->attribute;
        int levels = link_type_levels(link_type((LinkAttribute) k));
        int key = link_key_level(k);

        if (context->u[key] <= 0)
            continue;
        said->own[c] = stratum->u[k][key] >= context->u[key];
        for (int level = 1; level <= levels; level++) {
            double all = model->context[k].u[level];

            said->bits[c][level] = (float) log2(context->m[level] / context->u[level]);
            said->part[c][level] = link_part(all, context->u[level]);
            said->own_bits[c][level] = (float) log2(context->m[level] / stratum->u[k][level]);
            said->own_part[k][level] = link_part(all, stratum->u[k][level]);
        }
    }
}

/* Counts of a pair; returns how much it is believed to be of one entity. */
static double
count_pair(const Linker *linker, const Said *said, const Beside *beside, uint32_t pair, double weight,
           LinkStratum *stratum)
{
    const uint8_t *level = stratum->drawn[pair].level;
    double stranger;

    if (stratum->linked[pair])
        return 1;
    beside += (size_t) pair * (size_t) linker->columns;
    for (int c = 0; c < linker->columns; c++) {
        int k = linker->column_attribute[c];
        int x = beside[c].context;

        if (level[k] == 0 || k == stratum->attribute)
            continue;
        weight += (double) (said->own[x]
                                ? said->own_bits[x][level[k]] + said->own_part[k][level[k]] * beside[c].rare
                                : said->bits[x][level[k]] + said->part[x][level[k]] * beside[c].rare);
    }
    stranger = 1 / (1 + exp2(weight));
    for (int c = 0; c < linker->columns; c++) {
        int k = linker->column_attribute[c];

        if (level[k] != 0 && k != stratum->attribute && said->own[beside[c].context])
            stratum->count[k][level[k]] += stranger;
    }
    return 1 - stranger;
}

static double
odds_of_stratum(const LinkModel *model, const LinkStratum *stratum)
{
    const LinkContext *all = &model->context[stratum->attribute];
    double odds = model->numbers.prior + log2(all->m[stratum->level] / all->u[stratum->level]);

    return odds > 6 ? 6 : odds;
}

/*
 * Of the pairs of a stratum some are of one entity. The two kinds are told apart by all attributes at once: one is at levels
 * as the model says of entities, the other as is usual for strangers that have this in common, which is what is looked for.
 */
static void
fit_stratum(Linker *linker, const LinkModel *model, LinkStratum *stratum)
{
    double odds = odds_of_stratum(model, stratum);
    Beside *beside = look_beside(linker, model, stratum);
    Said *said = link_allocate(linker, 1, sizeof(Said));

    for (int c = 0; c < linker->columns; c++)
        expected(model, linker->column_attribute[c], stratum, stratum->u[linker->column_attribute[c]]);
    for (int step = 0; step < STRATUM_STEPS; step++) {
        double believed = 1;

        say(model, stratum, said);
        memset(stratum->count, 0, sizeof(stratum->count));
        for (uint32_t i = 0; i < stratum->draws; i++)
            believed += count_pair(linker, said, beside, i, odds, stratum);
        odds = log2(believed / ((double) stratum->draws + 2 - believed));
        link_estimate_stratum(linker, model, stratum);
    }
    link_release(linker, beside);
    link_release(linker, said);
}

static bool
is_rarer(const LinkModel *model, int parent, int child)
{
    return model->context[parent].u[LINK_EXACT] < model->context[child].u[link_key_level(child)];
}

/*
 * What is rarer explains what is more usual. Of two that could explain each other only one may, or what they have in common would be
 * taken off twice: a telephone or a house explains a family's name, and a name explains an e-mail address.
 */
static bool
may_explain(const LinkModel *model, int child, int parent)
{
    static const int made[] = {LINK_ATTRIBUTE_EMAIL, LINK_ATTRIBUTE_NAME, LINK_ATTRIBUTE_COMPANY};

    if (agreement_known(model, child, parent) > 0)
        return true;
    if (agreement_known(model, parent, child) > 0)
        return false;
    if (!is_rarer(model, parent, child))
        return false;
    for (int i = 0; i < 3; i++) {
        if (child == made[i])
            return true;
        if (parent == made[i])
            return !is_rarer(model, child, parent);
    }
    return true;
}

/* How much more usual the attribute's agreement is in the stratum; 0 where it cannot depend on it. */
static double
explains(const LinkModel *model, int child, const LinkStratum *stratum)
{
    const LinkContext *all = &model->context[child];
    int parent = stratum->attribute;
    int key = link_key_level(child);

    if (child == parent || child == LINK_ATTRIBUTE_BIRTH_DATE || child == LINK_ATTRIBUTE_TAX_ID)
        return 0;
    if (stratum->level == LINK_FAMILY_ONLY && parent == LINK_ATTRIBUTE_NAME && child != LINK_ATTRIBUTE_EMAIL)
        return 0;
    if (!may_explain(model, child, parent))
        return 0;
    if (stratum->count[child][key] < ENOUGH && agreement_known(model, child, parent) <= 0)
        return 0;
    return stratum->u[child][key] / all->u[key];
}

/*
 * Pairs are drawn at a few levels of an attribute. E-mail addresses are made of names: with alike names, and with the family
 * name alone, strangers' are as at the level that is returned.
 */
static int
stratum_of_level(int child, int parent, int level)
{
    if (parent != LINK_ATTRIBUTE_NAME || child != LINK_ATTRIBUTE_EMAIL)
        return level == 2 && (parent == LINK_ATTRIBUTE_ADDRESS || parent == LINK_ATTRIBUTE_PHONE) ? LINK_EXACT
                                                                                                  : level;
    switch (level) {
    case LINK_EXACT:
    case LINK_EXACT + 1:
    case LINK_EXACT + 2:
        return LINK_EXACT;
    case LINK_FAMILY_ONLY:
    case LINK_FAMILY_ONLY + 2:
        return LINK_FAMILY_ONLY;
    default:
        return 0;
    }
}

static void
add_contexts(LinkModel *model, int child, const LinkStratum *stratum, int strata, int parent)
{
    for (int s = 0; s < strata; s++) {
        const LinkContext *all = &model->context[child];
        int c;

        if (stratum[s].attribute != parent || explains(model, child, &stratum[s]) <= EXPLAINS)
            continue;
        for (int level = 1; level < LINK_MAX_LEVELS; level++) {
            if (stratum_of_level(child, parent, level) != stratum[s].level)
                continue;
            c = link_model_context(model, child, parent, level);
            if (c < 0)
                return;
            memcpy(model->context[c].m, all->m, sizeof(all->m));
            memcpy(model->context[c].u, stratum[s].u[child], sizeof(stratum[s].u[child]));
        }
    }
}

static void
choose_parents(LinkModel *model, int child, const LinkStratum *stratum, int strata)
{
    bool taken[LINK_ATTRIBUTES] = {false};

    for (int turn = 0; turn < PARENTS; turn++) {
        double most = EXPLAINS;
        int best = -1;

        for (int s = 0; s < strata; s++) {
            double ratio;

            if (stratum[s].level == 2 || stratum[s].level == LINK_POSTCODE_OUTWARD ||
                stratum[s].level == LINK_POSTCODE_AREA || taken[stratum[s].attribute])
                continue;
            ratio = explains(model, child, &stratum[s]);
            if (ratio > most) {
                most = ratio;
                best = stratum[s].attribute;
            }
        }
        if (best < 0)
            return;
        taken[best] = true;
        add_contexts(model, child, stratum, strata, best);
    }
}

void
link_judge_strata(Linker *linker, const LinkModel *model, LinkStratum *strata, int count)
{
    for (int s = 0; s < count; s++) {
        link_fetch_stratum(linker, &strata[s]);
        fit_stratum(linker, model, &strata[s]);
        link_stow_stratum(linker, &strata[s]);
    }
}

void
link_find_parents(const Linker *linker, LinkModel *model, const LinkStratum *strata, int count)
{
    link_model_forget_contexts(model);
    for (int c = 0; c < linker->columns; c++)
        choose_parents(model, linker->column_attribute[c], strata, count);
}
