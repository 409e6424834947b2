/*
 * link_alike.c: whether two words go for each other. Most words have too few letters in common for that, which is seen without
 * looking at their text.
 */
#include "customer/link_inside.h"

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
may_be_similar(const LinkWord *a, const LinkWord *b, double jaro)
{
    int n = a->chars;
    int m = b->chars;
    int common = smaller(n - __builtin_popcountll(a->letters & ~b->letters),
                         m - __builtin_popcountll(b->letters & ~a->letters));
    double most = ((double) common / n + (double) common / m + 1) / 3;

    return most + 0.4 * (1 - most) >= jaro;
}

static bool
few_edits(const LinkWord *a, const LinkWord *b)
{
    int shorter = smaller(a->chars, b->chars);
    int limit = shorter >= 8 ? 2 : 1;
    int differ = __builtin_popcountll(a->letters ^ b->letters);

    if (shorter < 3 || (shorter == 3 && a->text[0] != b->text[0]))
        return false;
    if (differ > 2 * limit || a->chars - b->chars > limit || b->chars - a->chars > limit)
        return false;
    return link_edits(a->text, a->length, b->text, b->length, limit) <= limit;
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
names_alike(const LinkWord *a, const LinkWord *b)
{
    if (a->initial || b->initial)
        return a->text[0] == b->text[0] && (a->text[0] & 0x80) == 0 ? LINK_ALIKE_INITIAL : LINK_ALIKE_NOT;
    if (common_nickname(a, b))
        return LINK_ALIKE_NICKNAME;
    if (few_edits(a, b))
        return LINK_ALIKE_FUZZY;
    if (smaller(a->chars, b->chars) >= 4 && may_be_similar(a, b, NAME_JARO) &&
        link_jaro_winkler(a->text, a->length, b->text, b->length) >= NAME_JARO)
        return LINK_ALIKE_FUZZY;
    return LINK_ALIKE_NOT;
}

static bool
begins_with(const LinkWord *a, const LinkWord *b)
{
    return b->chars >= 3 && a->length > b->length && memcmp(a->text, b->text, b->length) == 0;
}

static LinkAlike
texts_alike(const LinkWord *a, const LinkWord *b)
{
    if (a->text[0] == '#' || b->text[0] == '#' || smaller(a->chars, b->chars) < 3)
        return LINK_ALIKE_NOT;
    if (begins_with(a, b) || begins_with(b, a) || (smaller(a->chars, b->chars) > 3 && few_edits(a, b)))
        return LINK_ALIKE_FUZZY;
    if (may_be_similar(a, b, TEXT_JARO) &&
        link_jaro_winkler(a->text, a->length, b->text, b->length) >= TEXT_JARO)
        return LINK_ALIKE_FUZZY;
    return LINK_ALIKE_NOT;
}

LinkAlike
link_words_alike(const Linker *linker, LinkScratch *scratch, int space, uint32_t a, uint32_t b)
{
    uint64_t key = a < b ? (uint64_t) a << 30 | b : (uint64_t) b << 30 | a;
    LinkAnswer *answer;

    key |= (uint64_t) (space - LINK_SPACE_NAME_WORD + 1) << 60;
    answer = &scratch->words[link_mix(key, 0) & (LINK_ANSWERS - 1)];
    if (answer->key != key) {
        const LinkWord *left = &linker->words[space].word[a];
        const LinkWord *right = &linker->words[space].word[b];

        answer->key = key;
        answer->level =
            (uint32_t) (space == LINK_SPACE_NAME_WORD ? names_alike(left, right) : texts_alike(left, right));
    }
    return (LinkAlike) answer->level;
}
