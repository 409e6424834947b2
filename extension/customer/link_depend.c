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
#define AGREEING 30000
#define SMOOTHING 50.0 /* pairs of all strangers, added to those that agree */
#define SURE 0.005
#define EXPLAINS 1.5 /* times more usual than among all strangers */
#define ENOUGH 5.0   /* strangers that agree on both, by which dependence is seen */
#define PARENTS 4
#define ROOMY 16    /* so many times what is drawn is there before it is kept in memory */
#define AT_ONCE 256 /* pairs that are read of a file */

static bool
strangers(const uint32_t *label, uint32_t a, uint32_t b)
{
    return a != b && (label == NULL || label[a] != label[b]);
}

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
    LinkType type = link_type((LinkAttribute) attribute);

    return type != LINK_TYPE_NAME && type != LINK_TYPE_TEXT && type != LINK_TYPE_ADDRESS;
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

        if (!strangers(label, a, b))
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
        double all = 0;
        double exact = exact_share(&linker->values[k]);

        for (int level = 1; level <= levels; level++)
            all += count[k][level] + 0.5;
        for (int level = 1; level <= levels; level++)
            u[level] = (count[k][level] + 0.5) / all;
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

/* Records by what they agree on: those of group g are record[first[g]] up to record[first[g + 1]]. */
typedef struct Groups {
    uint32_t count;
    uint32_t *group; /* of each value */
    uint32_t *first;
    uint32_t *record;
    double *pairs; /* of the groups up to this one */
} Groups;

/* Of what values have in common that agree at the level: the beginning of a postcode, the family of a name. */
static uint64_t
coarse_hash(int attribute, int level, const LinkValue *value)
{
    const LinkWordUse *use;
    uint32_t family = 0;

    if (attribute == LINK_ATTRIBUTE_POSTCODE)
        return link_hash(level, value->data, level == LINK_POSTCODE_OUTWARD ? value->mark : value->area);
    use = link_uses(attribute, value);
    for (int i = 0; i < value->length; i++)
        if (use[i].role == NORMAL_FAMILY)
            family = use[i].word;
    return family != 0 ? link_mix(family, (uint64_t) level) : value->hash;
}

static void
group_values(Linker *linker, int attribute, int level, Groups *groups)
{
    const LinkValues *values = &linker->values[attribute];
    LinkIndex index = {0};
    uint64_t *hash;

    groups->group = link_allocate(linker, (size_t) values->count + 1, sizeof(uint32_t));
    groups->count = values->count;
    if (level == LINK_EXACT) {
        for (uint32_t v = 0; v < values->count; v++)
            groups->group[v] = v;
        return;
    }
    for (index.slots = 64; index.slots < 2 * values->count;)
        index.slots *= 2;
    index.slot = link_allocate(linker, index.slots, sizeof(uint32_t));
    hash = link_allocate(linker, (size_t) values->count + 1, sizeof(uint64_t));
    groups->count = 1;
    for (uint32_t v = 1; v < values->count; v++) {
        uint64_t h = coarse_hash(attribute, level, &values->value[v]);
        uint32_t at = (uint32_t) h & (index.slots - 1);

        while (index.slot[at] != 0 && hash[index.slot[at]] != h)
            at = (at + 1) & (index.slots - 1);
        if (index.slot[at] == 0) {
            hash[groups->count] = h;
            index.slot[at] = groups->count++;
        }
        groups->group[v] = index.slot[at];
    }
    link_release(linker, index.slot);
    link_release(linker, hash);
}

static void
make_groups(Linker *linker, int attribute, int level, Groups *groups)
{
    int column = linker->attribute_column[attribute];
    uint32_t *fill;

    group_values(linker, attribute, level, groups);
    groups->first = link_allocate(linker, (size_t) groups->count + 2, sizeof(uint32_t));
    groups->record = link_allocate(linker, (size_t) linker->records + 1, sizeof(uint32_t));
    groups->pairs = link_allocate(linker, (size_t) groups->count + 1, sizeof(double));
    fill = link_allocate(linker, (size_t) groups->count + 1, sizeof(uint32_t));
    for (uint32_t i = 0; i < linker->records; i++)
        groups->first[groups->group[link_cell(linker, i, column)] + 1]++;
    for (uint32_t g = 0; g < groups->count; g++) {
        double size = groups->first[g + 1];

        groups->pairs[g] = (g == 0 ? 0 : groups->pairs[g - 1]) + (g == 0 ? 0 : size * (size - 1) / 2);
        groups->first[g + 1] += groups->first[g];
    }
    for (uint32_t i = 0; i < linker->records; i++) {
        uint32_t g = groups->group[link_cell(linker, i, column)];

        groups->record[groups->first[g] + fill[g]++] = i;
    }
    link_release(linker, fill);
}

static void
free_groups(Linker *linker, Groups *groups)
{
    link_release(linker, groups->group);
    link_release(linker, groups->first);
    link_release(linker, groups->record);
    link_release(linker, groups->pairs);
}

static void
draw(const Groups *groups, uint64_t seed, uint64_t t, uint32_t *a, uint32_t *b)
{
    double all = groups->pairs[groups->count - 1];
    double at = (double) (link_mix(t, seed) >> 11) * 0x1p-53 * all;
    uint32_t low = 0;
    uint32_t high = groups->count - 1;
    uint32_t size;
    uint32_t x;
    uint32_t y;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (groups->pairs[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    size = groups->first[low + 1] - groups->first[low];
    x = (uint32_t) (link_mix(t, seed + 1) % size);
    y = (uint32_t) (link_mix(t, seed + 2) % (size - 1));
    y += y >= x;
    *a = groups->record[groups->first[low] + x];
    *b = groups->record[groups->first[low] + y];
}

/*
 * Levels of pairs that agree on one thing. Whether a pair are strangers is judged for each attribute by all the others: what
 * a household shares would make its members believed in, and so no strangers. Some of the pairs are of one entity
 * nevertheless; how many of those are at each level is known, and taken off.
 */
struct LinkStratum {
    int attribute;
    int level;
    LinkCompared *drawn; /* NULL where they are in the file */
    LinkFile *file;
    uint32_t draws;
    double count[LINK_ATTRIBUTES][LINK_MAX_LEVELS];
    double believed[LINK_ATTRIBUTES]; /* of these, how many are of one entity */
};

static void
judge(const Linker *linker, const LinkModel *model, const LinkCompared *compared, LinkStratum *stratum)
{
    double bits[LINK_ATTRIBUTES] = {0};
    double weight = model->numbers.prior;

    for (int c = 0; c < linker->columns; c++) {
        int k = linker->column_attribute[c];

        if (compared->level[k] != 0)
            bits[k] =
                log2(model->context[k].m[compared->level[k]] / model->context[k].u[compared->level[k]]) +
                link_rare(model, k, k, compared->level[k], compared->bits[k]);
        weight += bits[k];
    }
    for (int c = 0; c < linker->columns; c++) {
        int k = linker->column_attribute[c];
        double believed = 1 / (1 + exp2(bits[k] - weight));

        if (compared->level[k] == 0 || believed > SURE)
            continue;
        stratum->count[k][compared->level[k]]++;
        stratum->believed[k] += believed;
    }
}

/* All strata are drawn before any is judged, and are much more than all else where records are few. */
static void
stow(Linker *linker, LinkStratum *stratum)
{
    size_t size = stratum->draws * sizeof(LinkCompared);

    if (!link_can_spill(linker) || link_spare(linker) / ROOMY > size)
        return;
    stratum->file = link_file_open(linker);
    link_file_write(linker, stratum->file, stratum->drawn, size);
    link_release(linker, stratum->drawn);
    stratum->drawn = NULL;
}

static void
draw_stratum(Linker *linker, LinkScratch *scratch, const uint32_t *label, LinkStratum *stratum)
{
    Groups groups;
    uint64_t seed = (uint64_t) (100 + stratum->attribute * 64 + stratum->level * 4);
    double all;
    uint64_t draws;

    make_groups(linker, stratum->attribute, stratum->level, &groups);
    all = groups.pairs[groups.count - 1];
    draws = all > AGREEING ? AGREEING : (uint64_t) all;
    stratum->drawn = link_allocate(linker, draws + 1, sizeof(LinkCompared));
    for (uint64_t t = 0; t < draws; t++) {
        LinkCompared *compared = &stratum->drawn[stratum->draws];
        uint32_t a;
        uint32_t b;

        draw(&groups, seed, t, &a, &b);
        if (!strangers(label, a, b))
            continue;
        link_compare(linker, scratch, a, b, compared);
        stratum->draws += compared->level[stratum->attribute] == stratum->level;
    }
    free_groups(linker, &groups);
    stratum->drawn = link_shrink(linker, stratum->drawn, stratum->draws + 1, sizeof(LinkCompared));
    stow(linker, stratum);
}

LinkStratum *
link_draw_strata(Linker *linker, LinkScratch *scratch, const uint32_t *label, int *count)
{
    LinkStratum *strata = link_allocate(linker, (size_t) linker->columns + 4, sizeof(LinkStratum));

    *count = 0;
    for (int c = 0; c < linker->columns; c++) {
        int k = linker->column_attribute[c];

        strata[(*count)++] = (LinkStratum){.attribute = k, .level = LINK_EXACT};
        if (k == LINK_ATTRIBUTE_NAME && linker->attribute_column[LINK_ATTRIBUTE_EMAIL] >= 0)
            strata[(*count)++] = (LinkStratum){.attribute = k, .level = LINK_FAMILY_ONLY};
        if (k == LINK_ATTRIBUTE_POSTCODE) {
            strata[(*count)++] = (LinkStratum){.attribute = k, .level = LINK_POSTCODE_OUTWARD};
            strata[(*count)++] = (LinkStratum){.attribute = k, .level = LINK_POSTCODE_AREA};
        }
    }
    for (int s = 0; s < *count; s++) {
        draw_stratum(linker, scratch, label, &strata[s]);
        link_poll(linker, LINK_FITTING, (uint64_t) s, (uint64_t) *count);
    }
    return strata;
}

void
link_free_strata(Linker *linker, LinkStratum *strata, int count)
{
    for (int s = 0; s < count; s++) {
        link_release(linker, strata[s].drawn);
        link_file_close(linker, strata[s].file);
    }
    link_release(linker, strata);
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
    {LINK_ATTRIBUTE_POSTCODE, LINK_ATTRIBUTE_PHONE, 0.5},
    {LINK_ATTRIBUTE_POSTCODE, LINK_ATTRIBUTE_ADDRESS, 0.8},
    {LINK_ATTRIBUTE_CITY, LINK_ATTRIBUTE_PHONE, 0.6},
    {LINK_ATTRIBUTE_CITY, LINK_ATTRIBUTE_ADDRESS, 0.8},
    {LINK_ATTRIBUTE_CITY, LINK_ATTRIBUTE_POSTCODE, 0.8},
    {LINK_ATTRIBUTE_EMAIL, LINK_ATTRIBUTE_NAME, 0.2},
};
#define SAME_NAME 0.02 /* of those that share a house, father and son */
/* Namesakes' e-mail addresses: the same at another host, and with one or two edits. */
static const double namesakes[] = {[2] = 0.1, [3] = 0.15};

static double
agreement_known(const LinkModel *model, int child, int parent)
{
    if (model->context[LINK_ATTRIBUTE_NAME].u[LINK_EXACT] <= 0)
        return 0; /* of organisations it is not */
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
        if ((int) known[i].child == child && (int) known[i].parent == parent)
            return known[i].agree;
    return 0;
}

/* u before any pair of the stratum is seen. */
static void
expected(const LinkModel *model, int child, const LinkStratum *stratum, double *u)
{
    const LinkContext *all = &model->context[child];
    int levels = link_type_levels(link_type((LinkAttribute) child));
    int key = link_key_level(child);
    bool known_here = stratum->level == LINK_EXACT || child == LINK_ATTRIBUTE_EMAIL;
    double agree = known_here ? agreement_known(model, child, stratum->attribute) : 0;
    double sum = 0;

    memcpy(u, all->u, sizeof(all->u));
    if (u[key] < agree)
        u[key] = agree;
    if (child == LINK_ATTRIBUTE_NAME && agree > 0)
        u[LINK_EXACT] = SAME_NAME;
    if (child == LINK_ATTRIBUTE_EMAIL && stratum->level == LINK_EXACT && agree > 0)
        for (int level = 2; level <= 3; level++)
            u[level] = namesakes[level];
    for (int level = 1; level <= levels; level++)
        sum += u[level];
    for (int level = 1; level <= levels; level++)
        u[level] /= sum;
}

/* u of the attribute among strangers of the stratum; returns how many agree on it beyond those that may be of one entity. */
static double
conditional(const LinkModel *model, const LinkStratum *stratum, int attribute, double *u)
{
    const LinkContext *all = &model->context[attribute];
    int levels = link_type_levels(link_type((LinkAttribute) attribute));
    int key = link_key_level(attribute);
    double believed = stratum->believed[attribute];
    double before[LINK_MAX_LEVELS];
    double sum = 0;

    expected(model, attribute, stratum, before);
    for (int level = 1; level <= levels; level++) {
        double count = stratum->count[attribute][level] - believed * all->m[level];

        u[level] = (count > 0 ? count : 0) + SMOOTHING * before[level];
        sum += u[level];
    }
    for (int level = 1; level <= levels; level++)
        u[level] /= sum;
    return stratum->count[attribute][key] - believed * all->m[key] - 2 * sqrt(believed * all->m[key]);
}

/* How much more usual the attribute's agreement is in the stratum; 0 where it cannot depend on it. */
static double
explains(const LinkModel *model, int child, const LinkStratum *stratum, double *u)
{
    const LinkContext *all = &model->context[child];
    int parent = stratum->attribute;
    int key = link_key_level(child);

    if (child == parent || child == LINK_ATTRIBUTE_BIRTH_DATE || child == LINK_ATTRIBUTE_TAX_ID)
        return 0;
    if (stratum->level == LINK_FAMILY_ONLY && parent == LINK_ATTRIBUTE_NAME && child != LINK_ATTRIBUTE_EMAIL)
        return 0;
    if (model->context[parent].u[LINK_EXACT] >= all->u[key] &&
        !(child == LINK_ATTRIBUTE_EMAIL && parent == LINK_ATTRIBUTE_NAME))
        return 0;
    if (conditional(model, stratum, child, u) < ENOUGH && agreement_known(model, child, parent) <= 0)
        return 0;
    return u[key] / all->u[key];
}

/*
 * Pairs are drawn at a few levels of an attribute. E-mail addresses are made of names: with alike names, and with the family
 * name alone, strangers' are as at the level that is returned.
 */
static int
stratum_of_level(int child, int parent, int level)
{
    if (parent != LINK_ATTRIBUTE_NAME || child != LINK_ATTRIBUTE_EMAIL)
        return level;
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
        double u[LINK_MAX_LEVELS] = {0};
        int c;

        if (stratum[s].attribute != parent || explains(model, child, &stratum[s], u) <= EXPLAINS)
            continue;
        for (int level = 1; level < LINK_MAX_LEVELS; level++) {
            if (stratum_of_level(child, parent, level) != stratum[s].level)
                continue;
            c = link_model_context(model, child, parent, level);
            if (c < 0)
                return;
            memcpy(model->context[c].m, all->m, sizeof(all->m));
            memcpy(model->context[c].u, u, sizeof(u));
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
            double u[LINK_MAX_LEVELS] = {0};
            double ratio;

            if (stratum[s].level == LINK_POSTCODE_OUTWARD || stratum[s].level == LINK_POSTCODE_AREA ||
                taken[stratum[s].attribute])
                continue;
            ratio = explains(model, child, &stratum[s], u);
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

static void
judge_all(Linker *linker, const LinkModel *model, LinkStratum *stratum)
{
    LinkCompared batch[AT_ONCE];

    if (stratum->file != NULL)
        link_file_rewind(linker, stratum->file);
    for (uint32_t i = 0; i < stratum->draws; i++) {
        const LinkCompared *compared = stratum->file == NULL ? &stratum->drawn[i] : &batch[i % AT_ONCE];

        if (stratum->file != NULL && i % AT_ONCE == 0)
            link_file_read(linker, stratum->file, batch,
                           sizeof(LinkCompared) *
                               (stratum->draws - i < AT_ONCE ? stratum->draws - i : AT_ONCE));
        judge(linker, model, compared, stratum);
    }
}

void
link_find_parents(Linker *linker, LinkModel *model, LinkStratum *strata, int count)
{
    for (int s = 0; s < count; s++) {
        memset(strata[s].count, 0, sizeof(strata[s].count));
        memset(strata[s].believed, 0, sizeof(strata[s].believed));
        judge_all(linker, model, &strata[s]);
    }
    link_model_forget_contexts(model);
    for (int c = 0; c < linker->columns; c++)
        choose_parents(model, linker->column_attribute[c], strata, count);
}
