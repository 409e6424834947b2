/*
 * link_alike.c: whether two words go for each other. Most words have too few letters in common for that, which is seen without
 * looking at their text.
 */
#include "customer/link_inside.h"

#include <stdlib.h>
#include <string.h>

#include "customer/similarity.h"

#define NAME_JARO 0.92
#define TEXT_JARO 0.94

static int
smaller(int a, int b)
{
    return a < b ? a : b;
}

int
link_edits(const char *a, size_t a_length, const char *b, size_t b_length, int limit)
{
    return similarity_bytes_edits((const unsigned char *) a, (int) a_length, (const unsigned char *) b,
                                  (int) b_length, limit);
}

double
link_jaro_winkler(const char *a, size_t a_length, const char *b, size_t b_length)
{
    return similarity_bytes_jaro_winkler((const unsigned char *) a, (int) a_length, (const unsigned char *) b,
                                         (int) b_length);
}

/* No more than so many letters of one can be in the other; the rest bounds Jaro's similarity. */
static bool
may_be_similar(const LinkGlance *a, const LinkGlance *b, double jaro)
{
    int n = a->chars;
    int m = b->chars;
    int common = smaller(n - __builtin_popcountll(a->letters & ~b->letters),
                         m - __builtin_popcountll(b->letters & ~a->letters));
    double most = ((double) common / n + (double) common / m + 1) / 3;

    return most + 0.4 * (1 - most) >= jaro;
}

static int
edits_allowed(const LinkGlance *a, const LinkGlance *b)
{
    return smaller(a->chars, b->chars) >= 8 ? 2 : 1;
}

static bool
may_be_few_edits(const LinkGlance *a, const LinkGlance *b)
{
    int limit = edits_allowed(a, b);
    int shorter = smaller(a->chars, b->chars);

    return shorter >= 3 && (shorter > 3 || a->first == b->first) &&
           __builtin_popcountll(a->letters ^ b->letters) <= 2 * limit && abs(a->chars - b->chars) <= limit;
}

/* Whether it is worth looking at the two words themselves. */
static bool
may_be_alike(int space, const LinkGlance *a, const LinkGlance *b)
{
    if (space == LINK_SPACE_NAME_WORD)
        return (a->nicknames && b->nicknames) || may_be_few_edits(a, b) || may_be_similar(a, b, NAME_JARO);
    return (a->letters & ~b->letters) == 0 || (b->letters & ~a->letters) == 0 || may_be_few_edits(a, b) ||
           may_be_similar(a, b, TEXT_JARO);
}

typedef struct Words {
    const LinkWord *a;
    const LinkWord *b;
    const LinkGlance *a_glance;
    const LinkGlance *b_glance;
} Words;

static bool
few_edits(const Words *words)
{
    int limit = edits_allowed(words->a_glance, words->b_glance);

    return may_be_few_edits(words->a_glance, words->b_glance) &&
           link_edits(words->a->text, words->a->length, words->b->text, words->b->length, limit) <= limit;
}

static bool
similar(const Words *words, double jaro)
{
    return may_be_similar(words->a_glance, words->b_glance, jaro) &&
           link_jaro_winkler(words->a->text, words->a->length, words->b->text, words->b->length) >= jaro;
}

static bool
common_nickname(const LinkWord *a, const LinkWord *b)
{
    for (int i = 0; i < a->nickname_count; i++)
        for (int k = 0; k < b->nickname_count; k++)
            if (a->nickname[i] == b->nickname[k])
                return true;
    return false;
}

static LinkAlike
names_alike(const Words *words)
{
    if (common_nickname(words->a, words->b))
        return LINK_ALIKE_NICKNAME;
    if (few_edits(words))
        return LINK_ALIKE_FUZZY;
    if (smaller(words->a->chars, words->b->chars) >= 4 && similar(words, NAME_JARO))
        return LINK_ALIKE_FUZZY;
    return LINK_ALIKE_NOT;
}

static bool
begins_with(const LinkWord *a, const LinkWord *b)
{
    return b->chars >= 3 && a->length > b->length && memcmp(a->text, b->text, b->length) == 0;
}

static LinkAlike
texts_alike(const Words *words)
{
    const LinkWord *a = words->a;
    const LinkWord *b = words->b;
    int shorter = smaller(a->chars, b->chars);

    if (a->text[0] == '#' || b->text[0] == '#' || shorter < 3)
        return LINK_ALIKE_NOT;
    if (begins_with(a, b) || begins_with(b, a) || (shorter > 3 && few_edits(words)) ||
        similar(words, TEXT_JARO))
        return LINK_ALIKE_FUZZY;
    return LINK_ALIKE_NOT;
}

LinkAlike
link_words_alike(const Linker *linker, LinkScratch *scratch, int space, uint32_t a, uint32_t b)
{
    const LinkWords *all = &linker->words[space];
    Words words = {&all->word[a], &all->word[b], &all->glance[a], &all->glance[b]};
    uint64_t key = a < b ? (uint64_t) a << 30 | b : (uint64_t) b << 30 | a;
    LinkAnswer *answer;

    if (space == LINK_SPACE_NAME_WORD && (words.a_glance->chars == 1 || words.b_glance->chars == 1))
        return words.a_glance->first == words.b_glance->first && words.a_glance->first < 0x80
                   ? LINK_ALIKE_INITIAL
                   : LINK_ALIKE_NOT;
    if (!may_be_alike(space, words.a_glance, words.b_glance))
        return LINK_ALIKE_NOT;
    key |= (uint64_t) (space - LINK_SPACE_NAME_WORD + 1) << 60;
    answer = &scratch->words[link_mix(key, 0) & (scratch->answers - 1)];
    if (answer->key != key) {
        answer->key = key;
        answer->level =
            (uint32_t) (space == LINK_SPACE_NAME_WORD ? names_alike(&words) : texts_alike(&words));
    }
    return (LinkAlike) answer->level;
}
