/*
 * link_weigh.c: a pair's weight by a model: for each attribute log2(m / u), judged in the light of another attribute that
 * agrees where that makes agreement usual, and what the values say themselves by being rare.
 */
#include "customer/link_inside.h"

#include <math.h>

/* Of how rare a value is where another attribute explains it already. */
#define EXPLAINED 0.3F
#define TEXT_LEAST (-8.0)
#define TEXT_MOST 4.0

int
link_key_level(int attribute)
{
    return attribute == LINK_ATTRIBUTE_NAME      ? LINK_FAMILY_ONLY
           : attribute == LINK_ATTRIBUTE_EMAIL   ? LINK_LOCAL_ALIKE
           : attribute == LINK_ATTRIBUTE_COMPANY ? LINK_HALF_OF_WORDS
                                                 : LINK_EXACT;
}

int
link_context_of(const LinkModel *model, int attribute, const uint8_t *level)
{
    int key = link_key_level(attribute);
    int best = attribute;

    for (int c = model->context[attribute].next; c >= 0; c = model->context[c].next)
        if (level[model->context[c].given] == model->context[c].given_level &&
            model->context[c].u[key] > model->context[best].u[key])
            best = c;
    return best;
}

float
link_part(double all, double u)
{
    return u > 1.5 * all ? EXPLAINED : 1;
}

double
link_rare(const LinkModel *model, int attribute, int context, int level, float bits)
{
    const LinkContext *all = &model->context[attribute];
    LinkType type = link_type((LinkAttribute) attribute);
    double part = (double) link_part(all->u[level], model->context[context].u[level]);
    double rare;

    if (bits <= 0)
        return 0;
    if (type == LINK_TYPE_CATEGORY && level == 2)
        return part * 0.5 * ((double) bits - model->spread[attribute]);
    rare = (double) bits + log2(all->u[level]);
    if (type == LINK_TYPE_TEXT || type == LINK_TYPE_ADDRESS) {
        if (level != LINK_EXACT)
            rare /= 2;
        rare = rare < TEXT_LEAST ? TEXT_LEAST : rare > TEXT_MOST ? TEXT_MOST : rare;
    }
    return part * rare;
}

double
link_rare_sum(const Linker *linker, const LinkModel *model, const LinkCompared *compared)
{
    double sum = 0;

    for (int c = 0; c < linker->columns; c++) {
        int k = linker->column_attribute[c];

        if (compared->bits[k] > 0)
            sum += link_rare(model, k, link_context_of(model, k, compared->level), compared->level[k],
                             compared->bits[k]);
    }
    return sum;
}

double
link_pattern_weight(const LinkModel *model, const uint8_t *level)
{
    double weight = model->numbers.prior;

    for (int k = 0; k < LINK_ATTRIBUTES; k++)
        if (level[k] != 0) {
            const LinkContext *context = &model->context[link_context_of(model, k, level)];

            weight += log2(context->m[level[k]] / context->u[level[k]]);
        }
    return weight;
}

double
link_bits(const LinkModel *model, int attribute, const LinkCompared *compared)
{
    int level = compared->level[attribute];
    int c = link_context_of(model, attribute, compared->level);
    const LinkContext *context = &model->context[c];

    return level == 0 ? 0
                      : log2(context->m[level] / context->u[level]) +
                            link_rare(model, attribute, c, level, compared->bits[attribute]);
}

double
link_weight(const Linker *linker, const LinkModel *model, const LinkCompared *compared)
{
    return link_pattern_weight(model, compared->level) + link_rare_sum(linker, model, compared);
}
