/*
 * link_near.c: frequencies for comparing one record with some others, where a look-up in a table takes longer than all the rest.
 *
 * What two records share is a value of the first record, so its values and words are read. Of the others' only those count
 * that go for one of the first's without being equal, and all words of texts and addresses, whose weights are summed.
 */
#include "customer/link_inside.h"

#include <string.h>

#define NOT_READ (-1.0F)

typedef struct Near {
    Linker *linker;
    LinkScratch *scratch;
    uint32_t first; /* its place */
} Near;

static float *
make_bits(Linker *linker, uint32_t count)
{
    float *bits = link_allocate(linker, (size_t) count + 1, sizeof(float));

    for (uint32_t v = 1; v < count; v++)
        bits[v] = NOT_READ;
    return bits;
}

static void
read_value(Linker *linker, int attribute, uint32_t number)
{
    LinkValues *values = &linker->values[attribute];

    if (number != 0 && values->bits[number] < 0)
        values->bits[number] = link_read_bits(linker->model, attribute, values->value[number].hash);
}

static void
read_word(Linker *linker, int space, uint32_t number)
{
    LinkWords *words = &linker->words[space];

    if (number != 0 && words->bits[number] < 0)
        words->bits[number] = link_read_bits(linker->model, space, words->word[number].hash);
}

static void
read_words(Linker *linker, int attribute, const LinkValue *value)
{
    int space = link_word_space(attribute);

    if (attribute == LINK_ATTRIBUTE_ADDRESS)
        read_word(linker, space, ((const LinkAddress *) value->data)->number);
    for (int i = 0; i < value->length; i++)
        read_word(linker, space, link_uses(attribute, value)[i].word);
}

static void
read_alike_names(const Near *near, const LinkValue *mine, const LinkValue *other)
{
    const LinkWordUse *left = link_uses(LINK_ATTRIBUTE_NAME, mine);
    const LinkWordUse *right = link_uses(LINK_ATTRIBUTE_NAME, other);

    for (int i = 0; i < mine->length; i++)
        for (int k = 0; k < other->length; k++)
            if (left[i].word != right[k].word &&
                link_words_alike(near->linker, near->scratch, LINK_SPACE_NAME_WORD, left[i].word,
                                 right[k].word) != LINK_ALIKE_NOT)
                read_word(near->linker, LINK_SPACE_NAME_WORD, right[k].word);
}

/* What comparing two different values of an attribute looks at. */
static void
read_pair(const Near *near, int attribute, uint32_t mine, uint32_t other)
{
    Linker *linker = near->linker;
    const LinkValue *value = linker->values[attribute].value;
    float none;

    switch (link_type((LinkAttribute) attribute)) {
    case LINK_TYPE_NAME:
        read_alike_names(near, &value[mine], &value[other]);
        break;
    case LINK_TYPE_TEXT:
    case LINK_TYPE_ADDRESS:
        read_words(linker, attribute, &value[other]);
        break;
    case LINK_TYPE_CATEGORY:
    case LINK_TYPE_PHONE:
        if (link_compare_values(linker, near->scratch, attribute, mine, other, &none) <= 2)
            read_value(linker, attribute, other);
        break;
    default: /* only equal values are looked at */
        break;
    }
}

static void
read_column(const Near *near, int column)
{
    Linker *linker = near->linker;
    int attribute = linker->column_attribute[column];
    uint32_t mine = link_cell(linker, near->first, column);

    if (mine == 0)
        return;
    if (link_has_words(attribute))
        read_words(linker, attribute, &linker->values[attribute].value[mine]);
    else
        read_value(linker, attribute, mine);
    for (uint32_t i = 0; i < linker->records; i++) {
        uint32_t other = link_cell(linker, i, column);

        if (other != 0 && other != mine)
            read_pair(near, attribute, mine, other);
    }
}

/* What was not read is not asked for. */
static void
fill(const LinkModel *model, int space, float *bits, uint32_t count)
{
    float unseen = link_unseen_bits(model, space);

    for (uint32_t v = 1; v < count; v++)
        if (bits[v] < 0)
            bits[v] = unseen;
}

void
link_read_near_frequencies(Linker *linker, LinkScratch *scratch)
{
    Near near = {linker, scratch, linker->place[0]};

    for (int c = 0; c < linker->columns; c++) {
        int k = linker->column_attribute[c];

        linker->values[k].bits = make_bits(linker, linker->values[k].count);
    }
    for (int space = LINK_SPACE_NAME_WORD; space <= LINK_SPACE_ADDRESS_WORD; space++)
        linker->words[space].bits = make_bits(linker, linker->words[space].count);
    for (int c = 0; c < linker->columns; c++)
        read_column(&near, c);
    for (int c = 0; c < linker->columns; c++) {
        int k = linker->column_attribute[c];

        fill(linker->model, k, linker->values[k].bits, linker->values[k].count);
    }
    for (int space = LINK_SPACE_NAME_WORD; space <= LINK_SPACE_ADDRESS_WORD; space++)
        fill(linker->model, space, linker->words[space].bits, linker->words[space].count);
}
