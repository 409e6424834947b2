/*
 * link_compare.c: two records as a level for each attribute. Equal values have equal numbers, so most is known without
 * looking at texts.
 */
#include "customer/link_inside.h"

#include <stdlib.h>
#include <string.h>

LinkScratch *
link_scratch(Linker *linker)
{
    LinkScratch *scratch = link_allocate(linker, 1, sizeof(LinkScratch));

    scratch->answers = LINK_LEAST_ANSWERS;
    while (scratch->answers < LINK_MOST_ANSWERS && scratch->answers / 32 < linker->records)
        scratch->answers *= 2;
    scratch->words = link_allocate(linker, scratch->answers, sizeof(LinkAnswer));
    scratch->values = link_allocate(linker, scratch->answers, sizeof(LinkAnswer));
    return scratch;
}

void
link_scratch_free(Linker *linker, LinkScratch *scratch)
{
    link_release(linker, scratch->words);
    link_release(linker, scratch->values);
    link_release(linker, scratch);
}

static int
number_of(const char *digits, int count)
{
    int number = 0;

    for (int i = 0; i < count; i++)
        number = number * 10 + (digits[i] - '0');
    return number;
}

/* Of two texts of eight bytes: 3 where there are more than 2. With so few edits, a byte that stays moves by one at most. */
static int
edits_of_dates(const char *a, const char *b)
{
    int lost = 0;

    for (int i = 0; i < 8; i++)
        lost += a[i] != b[i] && (i == 0 || a[i] != b[i - 1]) && (i == 7 || a[i] != b[i + 1]);
    return lost > 2 ? 3 : link_edits(a, 8, b, 8, 2);
}

/* A year alone, which 1 January is taken for. */
static bool
is_year(const char *date)
{
    return memcmp(date + 4, "0000", 4) == 0;
}

/* Of a year alone nothing but the year is evidence, also where it stands on both sides. */
static int
compare_years(const char *a, const char *b)
{
    int apart = abs(number_of(a, 4) - number_of(b, 4));

    return apart == 0 ? 4 : apart <= 10 ? 5 : 6;
}

static int
compare_dates(const char *a, const char *b)
{
    bool year = memcmp(a, b, 4) == 0;
    bool month = memcmp(a + 4, b + 4, 2) == 0;
    bool day = memcmp(a + 6, b + 6, 2) == 0;
    int edits = edits_of_dates(a, b);

    if (is_year(a) || is_year(b))
        return compare_years(a, b);
    if (edits <= 1 || (year && memcmp(a + 4, b + 6, 2) == 0 && memcmp(a + 6, b + 4, 2) == 0))
        return 2;
    if (edits == 2 || year + month + day >= 2)
        return 3;
    return compare_years(a, b);
}

static int
compare_postcodes(const LinkValue *a, const LinkValue *b)
{
    if (link_edits(a->data, a->length, b->data, b->length, 1) <= 1)
        return 2;
    if (a->mark == b->mark && memcmp(a->data, b->data, a->mark) == 0)
        return LINK_POSTCODE_OUTWARD;
    if (a->area == b->area && memcmp(a->data, b->data, a->area) == 0)
        return LINK_POSTCODE_AREA;
    return 5;
}

static int
compare_emails(const LinkValue *a, const LinkValue *b)
{
    if (a->mark == b->mark && memcmp(a->data, b->data, a->mark) == 0)
        return 2;
    if (a->mark > 3 && b->mark > 3 && link_edits(a->data, a->mark, b->data, b->mark, 2) <= 2)
        return 3;
    return link_jaro_winkler(a->data, a->mark, b->data, b->mark) >= 0.9 ? 4 : 5;
}

static int
compare_numbers(const LinkValue *a, const LinkValue *b)
{
    int limit = a->length >= 7 && b->length >= 7 ? 2 : 1;
    int edits = link_edits(a->data, a->length, b->data, b->length, limit);

    return edits > limit ? 4 : edits + 1;
}

/* With and without the country, a telephone number is the same. */
static bool
same_phone(const LinkValue *a, const LinkValue *b)
{
    const LinkValue *longer = a->length > b->length ? a : b;
    const LinkValue *shorter = a->length > b->length ? b : a;

    return shorter->length >= 7 && longer->length - shorter->length <= 3 &&
           memcmp((const char *) longer->data + (longer->length - shorter->length), shorter->data,
                  shorter->length) == 0;
}

static int
compare_categories(const LinkValue *a, const LinkValue *b)
{
    size_t shorter = a->length < b->length ? a->length : b->length;
    int limit = shorter >= 8 ? 2 : 1;

    if (shorter >= 4 && link_edits(a->data, a->length, b->data, b->length, limit) <= limit)
        return 2;
    return shorter >= 4 && link_jaro_winkler(a->data, a->length, b->data, b->length) >= 0.92 ? 2 : 3;
}

static int
compare_different(const Linker *linker, LinkScratch *scratch, int attribute, const LinkValue *a,
                  const LinkValue *b, float *bits)
{
    switch (link_type((LinkAttribute) attribute)) {
    case LINK_TYPE_NAME:
        return link_compare_names(linker, scratch, a, b, bits);
    case LINK_TYPE_TEXT:
        return link_compare_texts(linker, scratch, a, b, bits);
    case LINK_TYPE_ADDRESS:
        return link_compare_addresses(linker, scratch, a, b, bits);
    case LINK_TYPE_DATE:
        return compare_dates(a->data, b->data);
    case LINK_TYPE_POSTCODE:
        return compare_postcodes(a, b);
    case LINK_TYPE_EMAIL:
        return compare_emails(a, b);
    case LINK_TYPE_PHONE:
        return same_phone(a, b) ? LINK_EXACT : compare_numbers(a, b);
    case LINK_TYPE_ID:
        return compare_numbers(a, b);
    default:
        return compare_categories(a, b);
    }
}

/* Two different values of an attribute that has few: what they were found to be is remembered. */
static int
compare_repeated(const Linker *linker, LinkScratch *scratch, int attribute, uint32_t a, uint32_t b)
{
    const LinkValue *value = linker->values[attribute].value;
    uint64_t key = (uint64_t) attribute << 60 | (a < b ? (uint64_t) a << 30 | b : (uint64_t) b << 30 | a);
    LinkAnswer *answer = &scratch->values[link_mix(key, 1) & (scratch->answers - 1)];
    float none;

    if (answer->key != key) {
        answer->key = key;
        answer->level = (uint32_t) compare_different(linker, scratch, attribute, &value[a], &value[b], &none);
    }
    return (int) answer->level;
}

/* Names, companies and addresses also where they are equal: their bits come from their words. */
int
link_compare_values(const Linker *linker, LinkScratch *scratch, int attribute, uint32_t a, uint32_t b,
                    float *bits)
{
    const LinkValues *values = &linker->values[attribute];
    LinkType type = link_type((LinkAttribute) attribute);
    int level;

    *bits = 0;
    if (type == LINK_TYPE_NAME)
        return link_compare_names(linker, scratch, &values->value[a], &values->value[b], bits);
    if (a == b && type != LINK_TYPE_TEXT && type != LINK_TYPE_ADDRESS &&
        !(type == LINK_TYPE_DATE && is_year(values->value[a].data))) {
        *bits = values->bits[a];
        return LINK_EXACT;
    }
    if (type == LINK_TYPE_POSTCODE || type == LINK_TYPE_CATEGORY)
        level = compare_repeated(linker, scratch, attribute, a, b);
    else
        level = compare_different(linker, scratch, attribute, &values->value[a], &values->value[b], bits);
    if (a == b && type == LINK_TYPE_ADDRESS && values->bits[a] < *bits)
        *bits = values->bits[a]; /* a house of many is more usual than its words say */
    if ((type == LINK_TYPE_CATEGORY && level == 2) || (type == LINK_TYPE_PHONE && level == LINK_EXACT))
        *bits = values->bits[a] < values->bits[b] ? values->bits[a] : values->bits[b];
    return level;
}

void
link_compare(const Linker *linker, LinkScratch *scratch, uint32_t a, uint32_t b, LinkCompared *out)
{
    memset(out, 0, sizeof(*out));
    for (int c = 0; c < linker->columns; c++) {
        int attribute = linker->column_attribute[c];
        uint32_t left = link_cell(linker, a, c);
        uint32_t right = link_cell(linker, b, c);

        if (left != 0 && right != 0)
            out->level[attribute] =
                (uint8_t) link_compare_values(linker, scratch, attribute, left, right, &out->bits[attribute]);
    }
}

/* As in LinkCompared, of two values that are known to be at this level. */
static float
bits_at(const Linker *linker, LinkScratch *scratch, int attribute, int level, uint32_t a, uint32_t b)
{
    const LinkValues *values = &linker->values[attribute];
    LinkType type = link_type((LinkAttribute) attribute);
    float bits = 0;

    if (type == LINK_TYPE_NAME)
        return link_name_bits(linker, scratch, &values->value[a], &values->value[b], level);
    if (type == LINK_TYPE_TEXT || type == LINK_TYPE_ADDRESS) {
        if (level < link_type_levels(type))
            link_compare_values(linker, scratch, attribute, a, b, &bits);
        return bits;
    }
    if (level == LINK_EXACT || (type == LINK_TYPE_CATEGORY && level == 2))
        return values->bits[a] < values->bits[b] ? values->bits[a] : values->bits[b];
    return 0;
}

void
link_compare_again(const Linker *linker, LinkScratch *scratch, uint32_t a, uint32_t b, uint64_t pattern,
                   LinkCompared *out)
{
    link_unpack(pattern, out->level);
    for (int c = 0; c < linker->columns; c++) {
        int attribute = linker->column_attribute[c];

        out->bits[attribute] = 0;
        if (out->level[attribute] != 0)
            out->bits[attribute] = bits_at(linker, scratch, attribute, out->level[attribute],
                                           link_cell(linker, a, c), link_cell(linker, b, c));
    }
}
