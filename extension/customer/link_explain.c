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
    uint64_t key[2 * LINK_MAX_KEYS];
    int count;
} Keys;

static void
find_keys(Linker *linker, void *argument)
{
    Keys *keys = argument;

    link_settle(linker);
    link_size_atoms(linker, NULL);
    keys->count = link_record_keys(linker, 0, keys->key, 2 * LINK_MAX_KEYS);
}

int
link_keys(const LinkModel *model, const LinkInput *record, int32_t *key, int room)
{
    LinkerOptions options = {.memory = (size_t) 64 << 20, .threads = 1, .model = model};
    Linker *linker;
    Keys keys;
    int count = 0;

    if (linker_create(&options, &linker) != LINK_OK)
        return 0;
    keys.count = 0;
    if (linker_add(linker, record) == LINK_OK && link_guard(linker, find_keys, &keys) != LINK_OK)
        keys.count = 0;
    linker_free(linker);
    for (int i = 0; i < keys.count && count < room; i++) {
        int32_t short_key = (int32_t) (uint32_t) (keys.key[i] >> 32);
        bool known = false;

        for (int k = 0; k < count && !known; k++)
            known = key[k] == short_key;
        if (!known)
            key[count++] = short_key;
    }
    return count;
}
