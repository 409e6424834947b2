/*
 * link_model.c: see link_model.h. Models that are made of rows use plain malloc; those of a linker are made the same way and
 * freed with it.
 */
#include "customer/link_inside.h"

#include <stdlib.h>
#include <string.h>

static void
clear_context(LinkContext *context, int attribute, int given, int given_level)
{
    memset(context, 0, sizeof(*context));
    context->attribute = attribute;
    context->given = given;
    context->given_level = given_level;
    context->next = -1;
}

LinkModel *
link_model_create(const LinkNumbers *numbers)
{
    LinkModel *model = calloc(1, sizeof(LinkModel));

    if (model == NULL)
        return NULL;
    model->numbers = *numbers;
    model->contexts = LINK_ATTRIBUTES;
    for (int k = 0; k < LINK_ATTRIBUTES; k++)
        clear_context(&model->context[k], k, -1, -1);
    return model;
}

void
link_model_free(LinkModel *model)
{
    if (model == NULL)
        return;
    free(model->slot);
    free(model);
}

int
link_model_context(LinkModel *model, int attribute, int given, int given_level)
{
    int last = attribute;

    for (int c = attribute; c >= 0; c = model->context[c].next) {
        if (model->context[c].given == given && model->context[c].given_level == given_level)
            return c;
        last = c;
    }
    if (model->contexts == LINK_MAX_CONTEXTS)
        return -1;
    clear_context(&model->context[model->contexts], attribute, given, given_level);
    model->context[last].next = model->contexts;
    return model->contexts++;
}

void
link_model_forget_contexts(LinkModel *model)
{
    model->contexts = LINK_ATTRIBUTES;
    for (int k = 0; k < LINK_ATTRIBUTES; k++)
        model->context[k].next = -1;
}

bool
link_model_add_parameter(LinkModel *model, const LinkParameter *parameter)
{
    int c;

    if ((unsigned) parameter->attribute >= LINK_ATTRIBUTES || parameter->given < -1 ||
        parameter->given >= LINK_ATTRIBUTES || parameter->level < 0 || parameter->level >= LINK_MAX_LEVELS)
        return true; /* of a newer kind: not for us */
    c = link_model_context(model, (int) parameter->attribute, parameter->given, parameter->given_level);
    if (c < 0)
        return true;
    model->context[c].m[parameter->level] = parameter->m;
    model->context[c].u[parameter->level] = parameter->u;
    return true;
}

static LinkSlot *
find(const LinkModel *model, int space, int64_t hash)
{
    uint64_t at = link_mix((uint64_t) hash, (uint64_t) space) & (model->slots - 1);

    while (model->slot[at].space >= 0 && (model->slot[at].space != space || model->slot[at].hash != hash))
        at = (at + 1) & (model->slots - 1);
    return &model->slot[at];
}

static bool
make_room(LinkModel *model)
{
    LinkModel grown = *model;

    if (2 * (model->used + 1) <= model->slots)
        return true;
    grown.slots = model->slots == 0 ? 1024 : 2 * model->slots;
    grown.slot = malloc(grown.slots * sizeof(LinkSlot));
    if (grown.slot == NULL)
        return false;
    for (uint64_t i = 0; i < grown.slots; i++)
        grown.slot[i].space = -1;
    for (uint64_t i = 0; i < model->slots; i++)
        if (model->slot[i].space >= 0)
            *find(&grown, model->slot[i].space, model->slot[i].hash) = model->slot[i];
    free(model->slot);
    model->slot = grown.slot;
    model->slots = grown.slots;
    return true;
}

bool
link_model_add_frequency(LinkModel *model, const LinkFrequency *frequency)
{
    LinkSlot *slot;

    if (frequency->space == LINK_SPACE_SPREAD || frequency->space == LINK_SPACE_UNSEEN) {
        double *of = frequency->space == LINK_SPACE_SPREAD ? model->spread : model->unseen;
        int most = frequency->space == LINK_SPACE_SPREAD ? LINK_ATTRIBUTES : LINK_SPACES;

        if (frequency->hash >= 0 && frequency->hash < most)
            of[frequency->hash] = frequency->frequency;
        return true;
    }
    if (!make_room(model))
        return false;
    slot = find(model, frequency->space, frequency->hash);
    model->used += slot->space < 0;
    *slot = (LinkSlot){frequency->hash, frequency->space, (float) frequency->frequency};
    return true;
}

void
link_model_look_up(LinkModel *model, double (*look_up)(void *context, int space, int64_t hash), void *context)
{
    model->look_up = look_up;
    model->look_up_context = context;
}

double
link_model_frequency(const LinkModel *model, int space, uint64_t hash)
{
    if (model->slots > 0) {
        const LinkSlot *slot = find(model, space, (int64_t) hash);

        if (slot->space >= 0)
            return (double) slot->frequency;
    }
    return model->look_up == NULL ? -1 : model->look_up(model->look_up_context, space, (int64_t) hash);
}

const LinkNumbers *
link_model_numbers(const LinkModel *model)
{
    return &model->numbers;
}

bool
link_model_each_parameter(const LinkModel *model, bool (*each)(void *context, const LinkParameter *parameter),
                          void *context)
{
    for (int c = 0; c < model->contexts; c++) {
        const LinkContext *from = &model->context[c];

        for (int level = 1; level < LINK_MAX_LEVELS; level++) {
            LinkParameter row = {(LinkAttribute) from->attribute,
                                 from->given,
                                 from->given_level,
                                 level,
                                 from->m[level],
                                 from->u[level]};

            if (row.u > 0 && !each(context, &row))
                return false;
        }
    }
    return true;
}

bool
link_model_each_frequency(const LinkModel *model, bool (*each)(void *context, const LinkFrequency *frequency),
                          void *context)
{
    for (int k = 0; k < LINK_SPACES; k++) {
        LinkFrequency spread = {LINK_SPACE_SPREAD, k, k < LINK_ATTRIBUTES ? model->spread[k] : 0};
        LinkFrequency unseen = {LINK_SPACE_UNSEEN, k, model->unseen[k]};

        if (spread.frequency > 0 && !each(context, &spread))
            return false;
        if (unseen.frequency > 0 && !each(context, &unseen))
            return false;
    }
    for (uint64_t i = 0; i < model->slots; i++) {
        const LinkSlot *slot = &model->slot[i];
        LinkFrequency row = {slot->space, slot->hash, (double) slot->frequency};

        if (slot->space >= 0 && !each(context, &row))
            return false;
    }
    return true;
}
