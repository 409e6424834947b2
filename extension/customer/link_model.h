/*
 * link_model.h: what a run learned of the records, as rows.
 *
 * Plain C, nothing of Postgres. A model is three lists: its numbers, its parameters (how often a level is seen between
 * records of one entity and between others) and its frequencies (of values, words and blocks, by their hash). A table of
 * each is enough to make the same model again. A hash is of a normalised value and the same on every machine.
 *
 * Frequencies are many: in place of adding them all, a model can be given a function that looks one up.
 */
#ifndef CRM_CUSTOMER_LINK_MODEL_H
#define CRM_CUSTOMER_LINK_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "customer/linker.h"

/* Models of another version than this are not read: linker_create refuses them. */
#define LINK_MODEL_VERSION 1

typedef struct LinkNumbers {
    int version;
    uint64_t records; /* that it was fitted to */
    double prior;     /* log2 of the odds that two records drawn at random are of one entity */
    double threshold; /* bits */
    uint32_t cap;     /* a block of more records is large */
    bool fixed;       /* the guard held m at its prior */
} LinkNumbers;

/*
 * Of pairs whose given attribute is at given_level (both -1: of all pairs): how often attribute is at level where the two
 * are of one entity (m), and where they are not (u).
 */
typedef struct LinkParameter {
    LinkAttribute attribute;
    int given;
    int given_level;
    int level;
    double m;
    double u;
} LinkParameter;

/* What a frequency is of: an attribute's whole values (the attribute's own number), or one of these. */
enum {
    LINK_SPACE_NAME_WORD = LINK_ATTRIBUTES,
    LINK_SPACE_COMPANY_WORD,
    LINK_SPACE_ADDRESS_WORD,
    LINK_SPACE_UNSEEN, /* of what has no frequency of its own: hash is its space */
    LINK_SPACE_SPREAD, /* of an attribute's similar values: hash is the attribute */
    LINK_SPACE_BLOCK,  /* a block that is large: its records do not meet by it */
    LINK_SPACES
};

/* A share of the records that have any value. A block that has none is not large. */
typedef struct LinkFrequency {
    int space;
    int64_t hash;
    double frequency;
} LinkFrequency;

/* NULL and false: no memory. Rows may come in any order; a row that comes again replaces the first. */
extern LinkModel *link_model_create(const LinkNumbers *numbers);
/* What is usual, for so many records of which nothing is known yet: m as a fit begins with, u and frequencies in round figures. */
extern LinkModel *link_model_usual(uint64_t records);
extern void link_model_free(LinkModel *model); /* of one made here; NULL is fine */
extern bool link_model_add_parameter(LinkModel *model, const LinkParameter *parameter);
extern bool link_model_add_frequency(LinkModel *model, const LinkFrequency *frequency);

/* Asked for what was not added; a negative answer is "none". Called by the thread that calls the linker. */
extern void link_model_look_up(LinkModel *model, double (*look_up)(void *context, int space, int64_t hash),
                               void *context);

/* Rows of a model, in a fixed order, until each returns false; that is then returned. */
extern const LinkNumbers *link_model_numbers(const LinkModel *model);
extern bool link_model_each_parameter(const LinkModel *model,
                                      bool (*each)(void *context, const LinkParameter *parameter),
                                      void *context);
extern bool link_model_each_frequency(const LinkModel *model,
                                      bool (*each)(void *context, const LinkFrequency *frequency),
                                      void *context);

#endif
