/*
 * link_type.c: how each attribute is compared, what its levels are called, and how often records of one entity are at each
 * before anything is known of the data. Priors and levels were found by experiment on data of several kinds.
 */
#include "customer/link_inside.h"

typedef struct Type {
    int levels;
    const char *name[LINK_MAX_LEVELS]; /* from level 1 */
    double prior[LINK_MAX_LEVELS];
    double strangers[LINK_MAX_LEVELS]; /* how often they are at it; the last is all the rest */
} Type;

static const Type types[LINK_TYPES] = {
    [LINK_TYPE_NAME] = {15,
                        {"exact", "all words of the shorter", "all words, some alike",
                         "two words, others differ", "two words alike, others differ",
                         "one word and an initial", "only one word, equal", "only one word, alike",
                         "family name, others differ", "one word, others differ",
                         "family name alike, others differ", "one word alike, others differ", "initials only",
                         "one initial, others differ", "different"},
                        {.42, .2, .17, .02, .03, .02, .02, .02, .015, .03, .02, .015, .005, .005, .01},
                        {1e-5, 1e-5, 2e-5, 1e-5, 1e-5, 1e-5, 2e-5, 1e-4, 1e-3, 5e-3, 1.5e-3, 5e-3, 1e-4, 3e-3,
                         .984}},
    [LINK_TYPE_TEXT] = {7,
                        {"exact", "nearly all words", "all words of the shorter", "most words",
                         "half of the words", "some words", "different"},
                        {.5, .12, .13, .05, .07, .05, .08},
                        {1e-5, 5e-5, 2e-4, 1e-4, 2e-3, .02, .978}},
    [LINK_TYPE_EMAIL] = {5,
                         {"exact", "same local part", "local part one or two edits", "local part alike",
                          "different"},
                         {.65, .1, .1, .05, .1},
                         {1e-5, 3e-4, 3e-5, 1e-4, 1}},
    [LINK_TYPE_PHONE] = {4,
                         {"exact", "one edit", "two edits", "different"},
                         {.75, .06, .02, .17},
                         {1e-5, 1e-3, 3e-3, .996}},
    [LINK_TYPE_ID] = {4,
                      {"exact", "one edit", "two edits", "different"},
                      {.8, .08, .02, .1},
                      {1e-5, 1e-3, 3e-3, .996}},
    [LINK_TYPE_DATE] = {6,
                        {"exact", "one edit or day and month swapped", "two of three parts or two edits",
                         "same year", "within ten years", "different"},
                        {.72, .12, .06, .04, .03, .03},
                        {1e-4, 1e-3, .016, .01, .22, .753}},
    [LINK_TYPE_POSTCODE] = {5,
                            {"exact", "one edit", "same district", "same area", "different"},
                            {.65, .07, .08, .08, .12},
                            {1e-3, 4e-3, .01, .05, .935}},
    [LINK_TYPE_CATEGORY] = {3, {"exact", "alike", "different"}, {.78, .07, .15}, {.01, 3e-3, .987}},
    [LINK_TYPE_ADDRESS] = {7,
                           {"same number and street", "same number, street alike", "number one edit",
                            "number missing", "number differs", "same number, street differs", "different"},
                           {.65, .1, .05, .02, .08, .02, .08},
                           {1e-4, 1e-5, 2e-4, 1e-4, 3e-3, 3e-3, .994}},
};

static const struct {
    const char *name;
    LinkType type;
} attributes[LINK_ATTRIBUTES] = {
    [LINK_ATTRIBUTE_NAME] = {"name", LINK_TYPE_NAME},
    [LINK_ATTRIBUTE_COMPANY] = {"company", LINK_TYPE_TEXT},
    [LINK_ATTRIBUTE_EMAIL] = {"email", LINK_TYPE_EMAIL},
    [LINK_ATTRIBUTE_PHONE] = {"phone", LINK_TYPE_PHONE},
    [LINK_ATTRIBUTE_WEBSITE] = {"website", LINK_TYPE_CATEGORY},
    [LINK_ATTRIBUTE_ADDRESS] = {"address", LINK_TYPE_ADDRESS},
    [LINK_ATTRIBUTE_POSTCODE] = {"postcode", LINK_TYPE_POSTCODE},
    [LINK_ATTRIBUTE_CITY] = {"city", LINK_TYPE_CATEGORY},
    [LINK_ATTRIBUTE_REGION] = {"region", LINK_TYPE_CATEGORY},
    [LINK_ATTRIBUTE_COUNTRY] = {"country", LINK_TYPE_CATEGORY},
    [LINK_ATTRIBUTE_BIRTH_DATE] = {"birth_date", LINK_TYPE_DATE},
    [LINK_ATTRIBUTE_TAX_ID] = {"tax_id", LINK_TYPE_ID},
    [LINK_ATTRIBUTE_GENDER] = {"gender", LINK_TYPE_CATEGORY},
    [LINK_ATTRIBUTE_JOB_TITLE] = {"job_title", LINK_TYPE_CATEGORY},
};

LinkType
link_type(LinkAttribute attribute)
{
    return attributes[attribute].type;
}

int
link_type_levels(LinkType type)
{
    return types[type].levels;
}

const double *
link_type_prior(LinkType type)
{
    return types[type].prior;
}

const double *
link_type_strangers(LinkType type)
{
    return types[type].strangers;
}

const char *
link_level_name(LinkAttribute attribute, int level)
{
    if ((unsigned) attribute >= LINK_ATTRIBUTES || level < 1 || level > types[link_type(attribute)].levels)
        return "missing";
    return types[link_type(attribute)].name[level - 1];
}

const char *
link_attribute_name(LinkAttribute attribute)
{
    return (unsigned) attribute < LINK_ATTRIBUTES ? attributes[attribute].name : "unknown";
}
