/*
 * link_compare_text.c: companies and addresses, by how much of their words' weight they share. A word weighs as much as it is rare.
 */
#include "customer/link_inside.h"

#include <string.h>

/* What the words after the rarest add to how rare it is that strangers share them: words of a text go together. */
#define FURTHER_WORDS 0.7F

typedef struct Shared {
    float a_total;
    float b_total;
    float common;
    float rarest;
    float sum;
    bool equal;
} Shared;

static void
share(Shared *shared, float bits)
{
    shared->common += bits;
    shared->sum += bits;
    if (bits > shared->rarest)
        shared->rarest = bits;
}

static void
compare_words(const Linker *linker, LinkScratch *scratch, int attribute, const LinkValue *a,
              const LinkValue *b, Shared *shared)
{
    int space = link_word_space(attribute);
    const float *bits = linker->words[space].bits;
    const LinkWordUse *left = link_uses(attribute, a);
    const LinkWordUse *right = link_uses(attribute, b);
    uint32_t a_left = (1U << a->length) - 1;
    uint32_t b_left = (1U << b->length) - 1;

    for (int i = 0; i < a->length; i++)
        shared->a_total += bits[left[i].word];
    for (int k = 0; k < b->length; k++)
        shared->b_total += bits[right[k].word];
    for (int i = 0; i < a->length; i++)
        for (int k = 0; k < b->length; k++)
            if (left[i].word == right[k].word) {
                a_left &= ~(1U << i);
                b_left &= ~(1U << k);
                share(shared, bits[left[i].word]);
            }
    shared->equal = a_left == 0 && b_left == 0;
    for (int i = 0; i < a->length; i++)
        for (int k = 0; k < b->length && (a_left & (1U << i)) != 0; k++)
            if ((b_left & (1U << k)) != 0 &&
                link_words_alike(linker, scratch, space, left[i].word, right[k].word) != LINK_ALIKE_NOT) {
                float least =
                    bits[left[i].word] < bits[right[k].word] ? bits[left[i].word] : bits[right[k].word];

                a_left &= ~(1U << i);
                b_left &= ~(1U << k);
                share(shared, least > 2 ? least - 1 : least / 2);
            }
}

static float
joint_bits(const Shared *shared)
{
    return shared->rarest + FURTHER_WORDS * (shared->sum - shared->rarest);
}

static float
coverage(const Shared *shared)
{
    float least = shared->a_total < shared->b_total ? shared->a_total : shared->b_total;

    return least > 0 ? shared->common / least : 0;
}

int
link_compare_texts(const Linker *linker, LinkScratch *scratch, const LinkValue *a, const LinkValue *b,
                   float *bits)
{
    Shared shared = {0};
    float covered;
    float jaccard;

    compare_words(linker, scratch, LINK_ATTRIBUTE_COMPANY, a, b, &shared);
    *bits = joint_bits(&shared);
    if (shared.equal)
        return 1;
    covered = coverage(&shared);
    jaccard = shared.common / (shared.a_total + shared.b_total - shared.common);
    if (covered > 0.85F)
        return jaccard > 0.6F ? 2 : 3;
    if (jaccard > 0.5F)
        return 4;
    if (covered > 0.5F)
        return 5;
    if (covered > 0.25F)
        return 6;
    *bits = 0;
    return 7;
}

typedef enum Numbers { NUMBERS_EQUAL, NUMBERS_EDIT, NUMBERS_MISSING, NUMBERS_DIFFER } Numbers;

static Numbers
compare_numbers(const Linker *linker, const LinkAddress *a, const LinkAddress *b)
{
    const LinkWord *word = linker->words[LINK_SPACE_ADDRESS_WORD].word;

    if (a->number == b->number)
        return NUMBERS_EQUAL;
    if (a->number == 0 || b->number == 0)
        return NUMBERS_MISSING;
    return link_edits(word[a->number].text, word[a->number].length, word[b->number].text,
                      word[b->number].length, 1) <= 1
               ? NUMBERS_EDIT
               : NUMBERS_DIFFER;
}

int
link_compare_addresses(const Linker *linker, LinkScratch *scratch, const LinkValue *a, const LinkValue *b,
                       float *bits)
{
    const LinkAddress *left = a->data;
    const LinkAddress *right = b->data;
    Shared shared = {0};
    Numbers numbers = compare_numbers(linker, left, right);
    bool similar;

    compare_words(linker, scratch, LINK_ATTRIBUTE_ADDRESS, a, b, &shared);
    similar = shared.equal || coverage(&shared) > 0.5F;
    if (numbers == NUMBERS_EQUAL && left->number != 0)
        share(&shared, linker->words[LINK_SPACE_ADDRESS_WORD].bits[left->number]);
    *bits = joint_bits(&shared);
    if (shared.equal && left->direction != right->direction && left->direction != 0 && right->direction != 0)
        shared.equal = false;
    if (numbers == NUMBERS_EQUAL && shared.equal)
        return 1;
    if (numbers == NUMBERS_EQUAL && similar)
        return 2;
    if (similar)
        return numbers == NUMBERS_EDIT ? 3 : numbers == NUMBERS_MISSING ? 4 : 5;
    if (numbers == NUMBERS_EQUAL && left->number != 0)
        return 6;
    *bits = 0;
    return 7;
}
