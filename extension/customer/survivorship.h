/*
 * survivorship.h: which of several records' values a golden value is.
 *
 * Plain C, nothing of Postgres. Values are bytes with a length; two are the same value where they differ at most in the case of
 * ASCII letters. Nothing is allocated. Every rule is a total order, so the answer never depends on the order of the candidates.
 */
#ifndef CRM_CUSTOMER_SURVIVORSHIP_H
#define CRM_CUSTOMER_SURVIVORSHIP_H

#include <stdbool.h>
#include <stdint.h>

typedef enum SurvivorshipRule {
    SURVIVORSHIP_RECENT,   /* the value that changed last */
    SURVIVORSHIP_FREQUENT, /* the value that most records have */
    SURVIVORSHIP_TRUSTED,  /* the value of the source that is trusted most */
    SURVIVORSHIP_LONGEST,  /* the value with the most characters */
    SURVIVORSHIP_SET,      /* every value once; the most recent one goes first */
} SurvivorshipRule;

#define SURVIVORSHIP_NO_TIME INT64_MIN

typedef struct SurvivorshipCandidate {
    const char *value; /* NULL: the record has none, and is no candidate */
    int length;
    int characters;
    bool invalid;  /* an address or number that is none: after every valid value, under every rule */
    int64_t since; /* SURVIVORSHIP_NO_TIME is before every other */
    int trust;     /* smaller is trusted more */
    int place;     /* of the relation among relations: the first tie-breaker */
    const char *key;
    int key_length; /* of the record in its relation: the second */
} SurvivorshipCandidate;

/*
 * Sorts the indices of those candidates that have a value into order (room for count), the golden value first, and returns how
 * many there are. With SURVIVORSHIP_SET each value stands there once, with the candidate that has it first.
 */
extern int survivorship_order(SurvivorshipRule rule, const SurvivorshipCandidate *candidates, int count,
                              int *order);

extern bool survivorship_same(const SurvivorshipCandidate *a, const SurvivorshipCandidate *b);

#endif
