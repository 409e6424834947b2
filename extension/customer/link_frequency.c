/*
 * link_frequency.c: how often values and words are.
 *
 * An entity's own records make its values look usual, which spoils just those values that identify it. So a value's
 * frequency is how many records of other entities its holders see, on average.
 */
#include "customer/link_inside.h"

#include <math.h>
#include <string.h>

#define UNSEEN 0.2 /* records of others that have a value which nobody else was seen to have */

/*
 * A table of ten says nothing of how usual an e-mail address or a number of a person is: those are handed out to one each. With few
 * records they are taken to be a sample of so many, in which two or three that share one are more likely the same than
 * strangers. A telephone is less of that: a household shares one in a table of ten as in a large one.
 */
#define CROWD 1000.0
#define PERSONAL 2
#define TOWN 100.0 /* the same for telephones */

#define WORDED 3
#define TELLING                                                                                              \
    10 /* values with which an attribute tells records apart; of few records, one for three of them */

static const int worded[WORDED] = {LINK_ATTRIBUTE_NAME, LINK_ATTRIBUTE_COMPANY, LINK_ATTRIBUTE_ADDRESS};

static float
bits_of_share(double frequency)
{
    return frequency >= 0.99 ? 0.01F : (float) -log2(frequency);
}

static double
share(double others, double records)
{
    return (others + UNSEEN) / (records < 1 ? 1 : records);
}

static bool
is_personal(int attribute, double records)
{
    LinkType type = link_type((LinkAttribute) attribute);

    return records < CROWD && (type == LINK_TYPE_EMAIL || type == LINK_TYPE_ID);
}

static void count_holders(Linker *linker);
static void count_words(Linker *linker);

/* Every value and word that has bits: its space, hashes and how many. */
static void
each_space(Linker *linker, void (*call)(Linker *linker, int space, float *bits, uint32_t count))
{
    for (int c = 0; c < linker->columns; c++) {
        int k = linker->column_attribute[c];

        call(linker, k, linker->values[k].bits, linker->values[k].count);
    }
    for (int w = 0; w < WORDED; w++) {
        LinkWords *words = &linker->words[link_word_space(worded[w])];

        call(linker, link_word_space(worded[w]), words->bits, words->count);
    }
}

static uint64_t
hash_of(const Linker *linker, int space, uint32_t number)
{
    bool words = space >= LINK_SPACE_NAME_WORD && space <= LINK_SPACE_ADDRESS_WORD;

    return words ? linker->words[space].word[number].hash : linker->values[space].value[number].hash;
}

float
link_unseen_bits(const LinkModel *model, int space)
{
    return bits_of_share(model->unseen[space] > 0 ? model->unseen[space]
                                                  : UNSEEN / (double) (model->numbers.records + 1));
}

float
link_read_bits(const LinkModel *model, int space, uint64_t hash)
{
    double frequency = link_model_frequency(model, space, hash);

    return frequency < 0 ? link_unseen_bits(model, space) : bits_of_share(frequency);
}

static void
read_space(Linker *linker, int space, float *bits, uint32_t count)
{
    for (uint32_t v = 1; v < count; v++)
        bits[v] = link_read_bits(linker->model, space, hash_of(linker, space, v));
}

void
link_read_frequencies(Linker *linker)
{
    count_holders(linker);
    count_words(linker);
    each_space(linker, read_space);
}

/* The model's memory is its own, since it can outlive the linker, but counts. */
void
link_add_frequency(Linker *linker, const LinkFrequency *row)
{
    uint64_t before = linker->fitted->slots;

    if (!link_model_add_frequency(linker->fitted, row))
        link_fail(linker, LINK_NO_MEMORY);
    if (linker->fitted->slots != before)
        link_count(linker, (linker->fitted->slots - before) * sizeof(LinkSlot));
}

static void
write_space(Linker *linker, int space, float *bits, uint32_t count)
{
    float most = bits_of_share(linker->fitted->unseen[space]) - 0.001F;

    for (uint32_t v = 1; v < count; v++) {
        LinkFrequency row = {space, (int64_t) hash_of(linker, space, v), exp2(-(double) bits[v])};

        if (bits[v] < most)
            link_add_frequency(linker, &row);
    }
}

void
link_write_frequencies(Linker *linker)
{
    each_space(linker, write_space);
}

static void
count_holders(Linker *linker)
{
    for (int c = 0; c < linker->columns; c++) {
        int k = linker->column_attribute[c];
        LinkValues *values = &linker->values[k];

        values->holders = link_allocate(linker, values->count + 1, sizeof(uint32_t));
        values->bits = link_allocate(linker, values->count + 1, sizeof(float));
        for (uint32_t i = 0; i < linker->records; i++)
            values->holders[link_cell(linker, i, c)]++;
        values->holders[0] = 0;
    }
}

/* Calls for each word of each value; an address's number is one. */
static void
each_word(const Linker *linker, int attribute, uint32_t number, void (*call)(void *context, uint32_t word),
          void *context)
{
    const LinkValue *value = &linker->values[attribute].value[number];
    const LinkWordUse *use;

    if (number == 0)
        return;
    use = link_uses(attribute, value);
    if (attribute == LINK_ATTRIBUTE_ADDRESS && ((const LinkAddress *) value->data)->number != 0)
        call(context, ((const LinkAddress *) value->data)->number);
    for (int i = 0; i < value->length; i++)
        call(context, use[i].word);
}

typedef struct Count {
    uint32_t *holders;
    uint32_t more;
} Count;

static void
add_word(void *context, uint32_t word)
{
    Count *count = context;

    count->holders[word] += count->more;
}

bool
link_is_alone(const Linker *linker)
{
    uint32_t most = linker->records / 3 < TELLING ? linker->records / 3 : TELLING;
    int telling = 0;

    for (int c = 0; c < linker->columns; c++)
        telling += linker->values[linker->column_attribute[c]].count > most;
    return telling <= 1;
}

/*
 * Of a company that is all that is known of a record, equal names are counted once: most are of one company, and nothing else
 * would show that. In all other cases a word is as usual as there are records with it.
 */
static bool
counts_names(const Linker *linker, int attribute)
{
    return attribute == LINK_ATTRIBUTE_COMPANY && link_is_alone(linker);
}

static void
count_words(Linker *linker)
{
    for (int w = 0; w < WORDED; w++) {
        LinkWords *words = &linker->words[link_word_space(worded[w])];
        Count count;

        words->holders = link_allocate(linker, words->count + 1, sizeof(uint32_t));
        words->bits = link_allocate(linker, words->count + 1, sizeof(float));
        count.holders = words->holders;
        for (uint32_t v = 1; v < linker->values[worded[w]].count; v++) {
            count.more = counts_names(linker, worded[w]) ? 1 : linker->values[worded[w]].holders[v];
            each_word(linker, worded[w], v, add_word, &count);
        }
    }
}

/* How often two records of one cluster share each word or value. */
static void
count_within(Linker *linker, const uint32_t *label, uint32_t *const *value_pairs, uint32_t *const *word_pairs)
{
    uint32_t *next = link_allocate(linker, linker->records + 1, sizeof(uint32_t));
    uint32_t *last = link_allocate(linker, linker->records + 1, sizeof(uint32_t));

    for (uint32_t i = linker->records; i-- > 0;) {
        next[i] = last[label[i]];
        last[label[i]] = i + 1;
    }
    for (uint32_t i = 0; i < linker->records; i++) {
        int seen = 0;

        for (uint32_t j = next[i]; j != 0 && seen < 100; j = next[j - 1], seen++)
            for (int c = 0; c < linker->columns; c++) {
                int k = linker->column_attribute[c];
                uint32_t a = link_cell(linker, i, c);
                uint32_t b = link_cell(linker, j - 1, c);

                if (a != 0 && a == b)
                    value_pairs[k][a] += 2;
                if (k == LINK_ATTRIBUTE_NAME && a != 0 && b != 0) {
                    const LinkValue *left = &linker->values[k].value[a];
                    const LinkValue *right = &linker->values[k].value[b];

                    for (int x = 0; x < left->length; x++)
                        for (int y = 0; y < right->length; y++)
                            if (link_uses(k, left)[x].word == link_uses(k, right)[y].word)
                                word_pairs[0][link_uses(k, left)[x].word] += 2;
                }
            }
    }
    link_release(linker, next);
    link_release(linker, last);
}

static void
set_bits(float *bits, const uint32_t *holders, const uint32_t *within, uint32_t count, double records,
         bool personal)
{
    for (uint32_t v = 1; v < count; v++) {
        double others = holders[v] < 1 ? 0 : holders[v] - 1;

        if (within != NULL && holders[v] > 0)
            others -= (double) within[v] / holders[v];
        if (personal)
            others -= PERSONAL;
        bits[v] = bits_of_share(share(others > 0 ? others : 0, personal ? CROWD : records));
    }
}

/* Records that have a value of the attribute. */
static double
having(const Linker *linker, int attribute)
{
    const LinkValues *values = &linker->values[attribute];
    double sum = 0;

    if (counts_names(linker, attribute))
        return values->count - 1.0;
    for (uint32_t v = 1; v < values->count; v++)
        sum += values->holders[v];
    return sum;
}

void
link_count_frequencies(Linker *linker, const uint32_t *label)
{
    uint32_t *value_pairs[LINK_ATTRIBUTES] = {NULL};
    LinkWords *names = &linker->words[LINK_SPACE_NAME_WORD];
    uint32_t *word_pairs[1] = {NULL};

    if (label == NULL) {
        count_holders(linker);
        count_words(linker);
    } else {
        for (int k = 0; k < LINK_ATTRIBUTES; k++)
            value_pairs[k] = link_allocate(linker, linker->values[k].count + 1, sizeof(uint32_t));
        word_pairs[0] = link_allocate(linker, names->count + 1, sizeof(uint32_t));
        count_within(linker, label, value_pairs, word_pairs);
    }
    for (int c = 0; c < linker->columns; c++) {
        int k = linker->column_attribute[c];
        LinkValues *values = &linker->values[k];
        double records = having(linker, k);
        bool personal = is_personal(k, records);

        if (k == LINK_ATTRIBUTE_PHONE && records < TOWN)
            records = TOWN;
        linker->fitted->unseen[k] = share(0, personal ? CROWD : records);
        set_bits(values->bits, values->holders, value_pairs[k], values->count, records, personal);
    }
    for (int w = 0; w < WORDED; w++)
        linker->fitted->unseen[link_word_space(worded[w])] = share(0, having(linker, worded[w]));
    set_bits(names->bits, names->holders, word_pairs[0], names->count, having(linker, LINK_ATTRIBUTE_NAME),
             false);
    for (int w = 1; w < WORDED && label == NULL; w++) {
        LinkWords *words = &linker->words[link_word_space(worded[w])];

        set_bits(words->bits, words->holders, NULL, words->count, having(linker, worded[w]), false);
    }
    for (int k = 0; k < LINK_ATTRIBUTES; k++)
        link_release(linker, value_pairs[k]);
    link_release(linker, word_pairs[0]);
}
