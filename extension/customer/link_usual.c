/*
 * link_usual.c: a model for records that nothing is known of yet: what is usual of people and companies.
 *
 * m is where a fit begins (link_type.c). u and frequencies are round figures, by hand, after looking at models
 * that were fitted to made-up people. How rare an equal value is, is not known before values are
 * counted, so that all of an attribute are taken to be equally so.
 */
#include "customer/link_inside.h"

#include <math.h>

#define LEAST_RECORDS 1000.0 /* a table that begins with a few will hold more */

/* Of pairs of strangers, at each level; the last is the rest. */
static const double strangers[LINK_TYPES][LINK_MAX_LEVELS] = {
    [LINK_TYPE_NAME] = {2e-5, 1e-5, 2e-5, 1e-5, 1e-5, 1e-5, 2e-5, 3e-5, 1e-3, 4e-3, 2e-3, 2e-3, 1e-4, 2e-3},
    [LINK_TYPE_TEXT] = {2e-4, 2e-4, 5e-4, 5e-4, 2e-3, 3e-2},
    [LINK_TYPE_EMAIL] = {1e-5, 1e-4, 1e-4, 2e-4},
    [LINK_TYPE_PHONE] = {1e-5, 1e-5, 1e-5},
    [LINK_TYPE_ID] = {1e-6, 1e-5, 1e-4},
    [LINK_TYPE_DATE] = {5e-5, 1.5e-3, 1.6e-2, 1e-2, 0.23},
    [LINK_TYPE_POSTCODE] = {1e-3, 4e-3, 1e-2, 3e-2},
    [LINK_TYPE_CATEGORY] = {2e-2, 2e-3},
    [LINK_TYPE_ADDRESS] = {2e-5, 1e-5, 2e-4, 1e-4, 1e-3, 5e-3},
};

/* What share of the records has a value, or a word, that somebody has. */
static const double shares[LINK_SPACES] = {
    [LINK_ATTRIBUTE_NAME] = 1e-4,     [LINK_ATTRIBUTE_COMPANY] = 1e-4,    [LINK_ATTRIBUTE_EMAIL] = 1e-5,
    [LINK_ATTRIBUTE_PHONE] = 1e-5,    [LINK_ATTRIBUTE_WEBSITE] = 1e-4,    [LINK_ATTRIBUTE_ADDRESS] = 1e-4,
    [LINK_ATTRIBUTE_POSTCODE] = 1e-3, [LINK_ATTRIBUTE_CITY] = 2e-2,       [LINK_ATTRIBUTE_REGION] = 0.1,
    [LINK_ATTRIBUTE_COUNTRY] = 0.7,   [LINK_ATTRIBUTE_BIRTH_DATE] = 5e-5, [LINK_ATTRIBUTE_TAX_ID] = 1e-6,
    [LINK_ATTRIBUTE_GENDER] = 0.5,    [LINK_ATTRIBUTE_JOB_TITLE] = 2e-2,  [LINK_SPACE_NAME_WORD] = 5e-3,
    [LINK_SPACE_COMPANY_WORD] = 5e-3, [LINK_SPACE_ADDRESS_WORD] = 5e-3,
};

static void
fill(LinkContext *context)
{
    LinkType type = link_type((LinkAttribute) context->attribute);
    int levels = link_type_levels(type);
    double rest = 1;

    for (int level = 1; level <= levels; level++) {
        double u = strangers[type][level - 1];

        /* an attribute of few values has more strangers at its first level */
        if (level == LINK_EXACT && type == LINK_TYPE_CATEGORY)
            u = shares[context->attribute];
        context->m[level] = link_type_prior(type)[level - 1];
        context->u[level] = level < levels ? u : rest;
        rest -= u;
    }
}

LinkModel *
link_model_usual(uint64_t records)
{
    double crowd = (double) records > LEAST_RECORDS ? (double) records : LEAST_RECORDS;
    LinkNumbers numbers = {
        .version = LINK_MODEL_VERSION, .records = (uint64_t) crowd, .prior = -log2(crowd), .fixed = true};
    LinkModel *model = link_model_create(&numbers);

    if (model == NULL)
        return NULL;
    for (int k = 0; k < LINK_ATTRIBUTES; k++) {
        fill(&model->context[k]);
        model->spread[k] = -log2(shares[k]);
    }
    for (int space = 0; space < LINK_SPACES; space++)
        model->unseen[space] = shares[space];
    return model;
}
