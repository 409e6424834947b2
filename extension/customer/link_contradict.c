/*
 * link_contradict.c: values that one customer cannot both have.
 *
 * A weight can be outvoted: father and son share family name, address and telephone, and in a small table all of those look
 * rare. So it is asked beside the weight what no customer has twice. One value is never enough for that, save a company's tax
 * id: any value is entered wrongly now and then, and people do change their given names. Two that are both far from a slip
 * of the other record's are: measured on sets whose truth is known (bench/link SET --contradictions 0), practically no true
 * pair contradicts itself. Other given name and other gender, or a person's other tax id alone, were tried and forbid too many.
 */
#include "customer/link_inside.h"

#include <stdlib.h>
#include <string.h>

#include "customer/normal.h"

#define DATES_APART 4 /* the level from which on dates have no slip in common: other month and day at least */
#define GENERATION 15 /* years */
#define IDS_APART 4   /* the level of more than two edits */
#define ID_LENGTH 8   /* numbers of states have as many characters; shorter ones are some office's own */
#define NAMES_APART 7 /* the level of companies' names that have hardly a word in common */
#define JARO_APART 0.75 /* words that are less alike than this are no slips of each other */
#define SHORTEST 3      /* letters of a word that can be part of another: Bert, Albert */

typedef struct Names {
    const LinkWordUse *use;
    int count;
} Names;

static const LinkValue *
value_of(const Linker *linker, LinkAttribute attribute, uint32_t record)
{
    uint32_t number = link_cell(linker, record, linker->attribute_column[attribute]);

    return &linker->values[attribute].value[number];
}

static Names
names_of(const Linker *linker, uint32_t record)
{
    const LinkValue *value = value_of(linker, LINK_ATTRIBUTE_NAME, record);

    return (Names){link_uses(LINK_ATTRIBUTE_NAME, value), value->length};
}

static bool
is_part_of(const LinkWord *a, const LinkWord *b)
{
    return a->chars >= SHORTEST && memmem(b->text, b->length, a->text, a->length) != NULL;
}

/* The same letters in another order, or all but one of them. */
static bool
share_letters(const LinkGlance *a, const LinkGlance *b)
{
    int in_a = __builtin_popcountll(a->letters);
    int in_b = __builtin_popcountll(b->letters);
    int in_both = __builtin_popcountll(a->letters & b->letters);

    return in_both + 1 >= (in_a > in_b ? in_a : in_b) || in_both == in_a || in_both == in_b;
}

/* Neither a slip nor a short form, and no name that people use for the other. */
static bool
are_apart(const Linker *linker, LinkScratch *scratch, uint32_t a, uint32_t b)
{
    const LinkWords *words = &linker->words[LINK_SPACE_NAME_WORD];
    const LinkWord *x = &words->word[a];
    const LinkWord *y = &words->word[b];

    return a != b && x->text[0] != y->text[0] && !share_letters(&words->glance[a], &words->glance[b]) &&
           !is_part_of(x, y) && !is_part_of(y, x) &&
           link_words_alike(linker, scratch, LINK_SPACE_NAME_WORD, a, b) == LINK_ALIKE_NOT &&
           link_jaro_winkler(x->text, x->length, y->text, y->length) < JARO_APART;
}

/* Whether one has given names, written out, and each of them is apart from all words of the other. */
static bool
given_apart(const Linker *linker, LinkScratch *scratch, Names one, Names other)
{
    bool any = false;

    for (int i = 0; i < one.count; i++) {
        if (one.use[i].role != NORMAL_GIVEN)
            continue;
        any = true;
        if (linker->words[LINK_SPACE_NAME_WORD].word[one.use[i].word].initial)
            return false;
        for (int k = 0; k < other.count; k++)
            if (!are_apart(linker, scratch, one.use[i].word, other.use[k].word))
                return false;
    }
    return any;
}

static int
year_of(const char *date)
{
    return (date[0] - '0') * 1000 + (date[1] - '0') * 100 + (date[2] - '0') * 10 + (date[3] - '0');
}

/* "00" is a month or day that is not known. */
static bool
known_to_the_day(const char *date)
{
    return memcmp(date + 4, "00", 2) != 0 && memcmp(date + 6, "00", 2) != 0;
}

static bool
is_letter(char c)
{
    return c >= 'A' && c <= 'Z';
}

/* Of one shape and one country, where they say one: numbers of two schemes do not contradict each other. */
static bool
ids_apart(const Linker *linker, uint32_t a, uint32_t b, const uint8_t *level)
{
    const LinkValue *x = value_of(linker, LINK_ATTRIBUTE_TAX_ID, a);
    const LinkValue *y = value_of(linker, LINK_ATTRIBUTE_TAX_ID, b);
    const char *left = x->data;
    const char *right = y->data;

    if (level[LINK_ATTRIBUTE_COUNTRY] > LINK_EXACT || x->length != y->length || x->length < ID_LENGTH)
        return false;
    for (int i = 0; i < x->length; i++)
        if (is_letter(left[i]) != is_letter(right[i]))
            return false;
    return !is_letter(left[0]) || !is_letter(left[1]) || memcmp(left, right, 2) == 0;
}

/* Whether the levels leave it open; most pairs need no look at their values. */
static bool
may_contradict(const uint8_t *level)
{
    return level[LINK_ATTRIBUTE_TAX_ID] >= IDS_APART ||
           (level[LINK_ATTRIBUTE_BIRTH_DATE] >= DATES_APART && level[LINK_ATTRIBUTE_NAME] > LINK_EXACT &&
            level[LINK_ATTRIBUTE_TAX_ID] != LINK_EXACT);
}

LinkContradiction
link_contradiction(const Linker *linker, LinkScratch *scratch, uint32_t a, uint32_t b, const uint8_t *level)
{
    bool other_id;
    bool other_date = false;
    int years = 0;

    if (!may_contradict(level))
        return LINK_NO_CONTRADICTION;
    other_id = level[LINK_ATTRIBUTE_TAX_ID] >= IDS_APART && ids_apart(linker, a, b, level);
    if (linker->kind[a] == LINK_ORGANISATION && linker->kind[b] == LINK_ORGANISATION) {
        if (other_id)
            return LINK_OTHER_TAX_ID;
        if (level[LINK_ATTRIBUTE_TAX_ID] >= IDS_APART && level[LINK_ATTRIBUTE_COMPANY] >= NAMES_APART)
            return LINK_OTHER_COMPANY;
    }
    if (level[LINK_ATTRIBUTE_BIRTH_DATE] >= DATES_APART) {
        const char *x = value_of(linker, LINK_ATTRIBUTE_BIRTH_DATE, a)->data;
        const char *y = value_of(linker, LINK_ATTRIBUTE_BIRTH_DATE, b)->data;

        other_date = known_to_the_day(x) && known_to_the_day(y);
        years = abs(year_of(x) - year_of(y));
    }
    if (other_id && other_date && years >= GENERATION)
        return LINK_OTHER_GENERATION;
    if (other_date && level[LINK_ATTRIBUTE_NAME] > LINK_EXACT && level[LINK_ATTRIBUTE_TAX_ID] != LINK_EXACT &&
        given_apart(linker, scratch, names_of(linker, a), names_of(linker, b)) &&
        given_apart(linker, scratch, names_of(linker, b), names_of(linker, a)))
        return LINK_OTHER_PERSON;
    return LINK_NO_CONTRADICTION;
}

bool
link_pair_contradicts(const Linker *linker, const LinkPair *pair)
{
    uint8_t level[LINK_ATTRIBUTES];

    link_unpack(linker->pattern[pair->pattern], level);
    return link_contradiction(linker, linker->scratch, pair->a, pair->b, level) != LINK_NO_CONTRADICTION;
}

const char *
link_contradiction_name(LinkContradiction contradiction)
{
    switch (contradiction) {
    case LINK_NO_CONTRADICTION:
        break;
    case LINK_OTHER_TAX_ID:
        return "another tax id";
    case LINK_OTHER_COMPANY:
        return "another tax id and another company name";
    case LINK_OTHER_GENERATION:
        return "another tax id, and a birth date of another generation";
    case LINK_OTHER_PERSON:
        return "another given name and another birth date";
    }
    return "no contradiction";
}
