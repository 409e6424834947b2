/*
 * link_compare_name.c: names as sets of words, whose order and roles hardly matter.
 *
 * Words are aligned one to one: equal ones first, then nicknames, then similar ones, then initials. Which words were
 * left over on both sides says whether two people are meant.
 */
#include "customer/link_inside.h"

#include <string.h>

#include "customer/normal.h"

#define MOST_BITS 40

typedef struct Alignment {
    const Linker *linker;
    const LinkWordUse *a;
    const LinkWordUse *b;
    int a_count;
    int b_count;
    uint32_t a_left; /* bits of words that have no partner yet */
    uint32_t b_left;
    int exact;
    int soft;
    int initials;
    bool family;
    bool soft_family;
    float bits;
} Alignment;

static void
pair(Alignment *x, int i, int k, LinkAlike alike)
{
    const float *word_bits = x->linker->words[LINK_SPACE_NAME_WORD].bits;
    float left = word_bits[x->a[i].word];
    float right = word_bits[x->b[k].word];
    float bits = left < right ? left : right;
    bool family = x->a[i].role == NORMAL_FAMILY || x->b[k].role == NORMAL_FAMILY;

    x->a_left &= ~(1U << i);
    x->b_left &= ~(1U << k);
    if (alike == LINK_ALIKE_INITIAL) {
        x->initials++;
        x->bits += 3;
        return;
    }
    bits -= alike == LINK_ALIKE_NICKNAME ? 1 : 2;
    x->bits += bits > 1 ? bits : 1;
    x->soft++;
    x->soft_family |= family;
}

static void
pair_equal(Alignment *x)
{
    const float *word_bits = x->linker->words[LINK_SPACE_NAME_WORD].bits;
    bool family;

    for (int i = 0; i < x->a_count; i++)
        for (int k = 0; k < x->b_count; k++) {
            if (x->a[i].word != x->b[k].word || (x->b_left & (1U << k)) == 0)
                continue;
            family = x->a[i].role == NORMAL_FAMILY || x->b[k].role == NORMAL_FAMILY;
            x->a_left &= ~(1U << i);
            x->b_left &= ~(1U << k);
            if (x->linker->words[LINK_SPACE_NAME_WORD].word[x->a[i].word].initial) {
                x->initials++;
                x->bits += 3;
            } else {
                x->exact++;
                x->family |= family;
                x->bits += word_bits[x->a[i].word];
            }
            break;
        }
}

/* The closest kind of likeness first. */
static void
pair_alike(Alignment *x, LinkScratch *scratch)
{
    uint8_t alike[LINK_MAX_NAME_WORDS][LINK_MAX_NAME_WORDS];
    bool any = false;

    for (int i = 0; i < x->a_count; i++)
        for (int k = 0; k < x->b_count; k++) {
            alike[i][k] = LINK_ALIKE_NOT;
            if ((x->a_left & (1U << i)) != 0 && (x->b_left & (1U << k)) != 0)
                alike[i][k] = (uint8_t) link_words_alike(x->linker, scratch, LINK_SPACE_NAME_WORD,
                                                         x->a[i].word, x->b[k].word);
            any |= alike[i][k] != LINK_ALIKE_NOT;
        }
    for (int kind = LINK_ALIKE_NICKNAME; any && kind >= LINK_ALIKE_INITIAL; kind--)
        for (int i = 0; i < x->a_count; i++)
            for (int k = 0; k < x->b_count; k++)
                if (alike[i][k] == kind && (x->a_left & (1U << i)) != 0 && (x->b_left & (1U << k)) != 0)
                    pair(x, i, k, (LinkAlike) kind);
}

static int
level_of(const Alignment *x)
{
    int a_left = __builtin_popcount(x->a_left);
    int b_left = __builtin_popcount(x->b_left);
    bool rest = a_left > 0 && b_left > 0;
    int matched = x->exact + x->soft;

    if (matched >= 2) {
        if (rest)
            return x->soft > 0 ? 5 : 4;
        if (x->soft > 0)
            return 3;
        return a_left == 0 && b_left == 0 && x->initials == 0 ? 1 : 2;
    }
    if (matched == 1 && !rest)
        return x->initials > 0 ? 6 : x->exact > 0 ? 7 : 8;
    if (matched == 1 && x->exact > 0)
        return x->family ? 9 : 10;
    if (matched == 1)
        return x->soft_family ? 11 : 12;
    if (x->initials > 0)
        return rest ? 14 : 13;
    return 15;
}

static void
align(Alignment *x, const Linker *linker, const LinkValue *a, const LinkValue *b)
{
    *x = (Alignment){0};
    x->linker = linker;
    x->a = link_uses(LINK_ATTRIBUTE_NAME, a);
    x->b = link_uses(LINK_ATTRIBUTE_NAME, b);
    x->a_count = a->length;
    x->b_count = b->length;
    x->a_left = (1U << x->a_count) - 1;
    x->b_left = (1U << x->b_count) - 1;
    pair_equal(x);
}

int
link_compare_names(const Linker *linker, LinkScratch *scratch, const LinkValue *a, const LinkValue *b,
                   float *bits)
{
    Alignment x;

    align(&x, linker, a, b);
    if (x.a_left != 0 && x.b_left != 0)
        pair_alike(&x, scratch);
    *bits = x.bits < MOST_BITS ? x.bits : MOST_BITS;
    return level_of(&x);
}

static bool
has_initial(const Alignment *x, const LinkWordUse *use, int count)
{
    for (int i = 0; i < count; i++)
        if (x->linker->words[LINK_SPACE_NAME_WORD].word[use[i].word].initial)
            return true;
    return false;
}

/* Where only equal words were aligned, which the level tells if there are no initials, likeness need not be asked. */
float
link_name_bits(const Linker *linker, LinkScratch *scratch, const LinkValue *a, const LinkValue *b, int level)
{
    Alignment x;

    align(&x, linker, a, b);
    if (x.a_left != 0 && x.b_left != 0 &&
        ((level != 4 && level != LINK_FAMILY_ONLY && level != LINK_FAMILY_ONLY + 1) ||
         has_initial(&x, x.a, x.a_count) || has_initial(&x, x.b, x.b_count)))
        pair_alike(&x, scratch);
    return x.bits < MOST_BITS ? x.bits : MOST_BITS;
}
