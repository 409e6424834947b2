/*
 * link_explain.c: why a pair has its weight, which pairs a verdict would help, and the keys by which a record is found.
 */
#include "customer/link_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct Question {
    uint32_t a;
    uint32_t b;
    LinkEvidence *evidence;
    double *prior;
    double *weight;
    int count;
} Question;

static void
explain(Linker *linker, void *argument)
{
    Question *question = argument;
    const LinkModel *model = linker->model;
    LinkCompared compared;

    link_prepare(linker);
    link_compare(linker, linker->scratch, linker->place[question->a], linker->place[question->b], &compared);
    *question->prior = *question->weight = model->numbers.prior;
    for (int k = 0; k < LINK_ATTRIBUTES; k++) {
        int level = compared.level[k];
        int context = link_context_of(model, k, compared.level);
        double bits;

        if (level == 0)
            continue;
        bits = link_bits(model, k, &compared);
        *question->weight += bits;
        question->evidence[question->count++] =
            (LinkEvidence){(LinkAttribute) k, level, bits, model->context[context].given};
    }
}

int
linker_explain(Linker *linker, uint32_t a, uint32_t b, LinkEvidence *evidence, double *prior, double *weight)
{
    Question question = {a, b, evidence, prior, weight, 0};

    *prior = *weight = 0;
    return link_guard(linker, explain, &question) == LINK_OK ? question.count : 0;
}

typedef struct Doubted {
    uint32_t a;
    uint32_t b;
    LinkContradiction found;
} Doubted;

static void
contradict(Linker *linker, void *argument)
{
    Doubted *pair = argument;
    LinkCompared compared;

    link_prepare(linker);
    link_compare(linker, linker->scratch, linker->place[pair->a], linker->place[pair->b], &compared);
    pair->found = link_contradiction(linker, linker->scratch, linker->place[pair->a], linker->place[pair->b],
                                     compared.level);
}

LinkContradiction
linker_contradiction(Linker *linker, uint32_t a, uint32_t b)
{
    Doubted pair = {a, b, LINK_NO_CONTRADICTION};

    return link_guard(linker, contradict, &pair) == LINK_OK ? pair.found : LINK_NO_CONTRADICTION;
}

typedef struct Keys {
    uint32_t number;
    LinkKey *key;
    int count;
} Keys;

static void
find_keys(Linker *linker, void *argument)
{
    Keys *keys = argument;
    uint32_t atom[LINK_MAX_ATOMS];
    uint16_t group[LINK_MAX_ATOMS];
    int atoms;

    link_settle(linker);
    atoms = link_record_atoms(linker, linker->place[keys->number], atom, group);
    for (int i = 0; i < atoms && keys->count < LINK_MAX_KEYS; i++) {
        LinkKey made = {(uint32_t) (linker->atom_hash[atom[i]] >> 32), group[i] & 0xFF};
        bool known = false;

        for (int k = 0; k < keys->count && !known; k++)
            known = keys->key[k].key == made.key;
        if (!known)
            keys->key[keys->count++] = made;
    }
}

LinkStatus
linker_keys(Linker *linker, uint32_t number, LinkKey *key, int *count)
{
    Keys keys = {number, key, 0};
    LinkStatus status = link_guard(linker, find_keys, &keys);

    *count = status == LINK_OK ? keys.count : 0;
    return status;
}
