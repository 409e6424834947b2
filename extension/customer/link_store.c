/*
 * link_store.c: words, values and atoms as numbers, each once.
 */
#include "customer/link_inside.h"

#include <stdlib.h>
#include <string.h>

#include "customer/normal.h"
#include "customer/utf8.h"

#define NO_HASH UINT64_C(0)

/* Doubles the index where it is half full; hash_of tells the hash of a number. */
static void
index_room(Linker *linker, LinkIndex *index, uint64_t (*hash_of)(const Linker *, const void *, uint32_t),
           const void *table)
{
    uint32_t slots = index->slots == 0 ? 64 : 2 * index->slots;
    uint32_t *slot;

    if (2 * (index->used + 1) <= index->slots)
        return;
    slot = link_allocate(linker, slots, sizeof(uint32_t));
    for (uint32_t i = 0; i < index->slots; i++)
        if (index->slot[i] != 0) {
            uint32_t at = (uint32_t) hash_of(linker, table, index->slot[i]) & (slots - 1);

            while (slot[at] != 0)
                at = (at + 1) & (slots - 1);
            slot[at] = index->slot[i];
        }
    link_release(linker, index->slot);
    index->slot = slot;
    index->slots = slots;
}

static uint64_t
word_hash(const Linker *linker, const void *table, uint32_t number)
{
    (void) linker;
    return ((const LinkWords *) table)->word[number].hash;
}

static uint64_t
value_hash(const Linker *linker, const void *table, uint32_t number)
{
    (void) linker;
    return ((const LinkValues *) table)->value[number].hash;
}

static uint64_t
atom_hash(const Linker *linker, const void *table, uint32_t number)
{
    (void) table;
    return linker->atom_hash[number];
}

static uint32_t
link_atom(Linker *linker, uint64_t hash)
{
    LinkIndex *index = &linker->atom_index;
    uint32_t at;

    index_room(linker, index, atom_hash, NULL);
    at = (uint32_t) hash & (index->slots - 1);
    while (index->slot[at] != 0 && linker->atom_hash[index->slot[at]] != hash)
        at = (at + 1) & (index->slots - 1);
    if (index->slot[at] != 0)
        return index->slot[at];
    if (linker->atoms == 0)
        linker->atoms = 1;
    if (linker->atoms >= linker->atoms_room) {
        linker->atoms_room = linker->atoms_room == 0 ? 64 : linker->atoms_room + linker->atoms_room / 2;
        linker->atom_hash = link_grow(linker, linker->atom_hash, linker->atoms_room, sizeof(uint64_t));
    }
    linker->atom_hash[linker->atoms] = hash;
    index->slot[at] = linker->atoms;
    index->used++;
    return linker->atoms++;
}

/* Keeps the atoms of a word or value; returns where they begin. */
static uint32_t
keep_atoms(Linker *linker, const uint64_t *hash, int count)
{
    uint32_t first = linker->value_atoms;

    if (linker->value_atoms + (uint32_t) count > linker->value_atoms_room) {
        linker->value_atoms_room =
            linker->value_atoms_room + linker->value_atoms_room / 2 + (uint32_t) count + 64;
        linker->value_atom =
            link_grow(linker, linker->value_atom, linker->value_atoms_room, sizeof(uint32_t));
    }
    for (int i = 0; i < count; i++)
        linker->value_atom[linker->value_atoms++] = link_atom(linker, hash[i]);
    return first;
}

/* The characters of a text, at most room. */
static int
characters(const char *text, size_t length, uint32_t *out, int room)
{
    const unsigned char *at = (const unsigned char *) text;
    const unsigned char *end = at + length;
    int count = 0;

    while (at < end && count < room)
        at += utf8_read(at, (int) (end - at), &out[count++]);
    return count;
}

/* A bit for each character, so that two texts that share few are told apart at once. */
static uint64_t
letters(const uint32_t *text, int count)
{
    uint64_t set = 0;

    for (int i = 0; i < count; i++)
        if (text[i] >= 'a' && text[i] <= 'z')
            set |= UINT64_C(1) << (text[i] - 'a');
        else if (text[i] >= '0' && text[i] <= '9')
            set |= UINT64_C(1) << (26 + text[i] - '0');
        else
            set |= UINT64_C(1) << (36 + text[i] % 28);
    return set;
}

static void
fill_word(Linker *linker, int space, LinkWord *word, LinkGlance *glance, const char *text, size_t length)
{
    uint32_t decoded[UINT8_MAX];
    uint64_t hash[4 + LINK_NICKNAMES];

    word->text = link_keep(linker, &linker->kept, text, length);
    word->length = (uint16_t) length;
    word->chars = (uint8_t) characters(text, length, decoded, UINT8_MAX);
    word->initial = word->chars == 1;
    word->nickname_count = 0;
    if (space == LINK_SPACE_NAME_WORD)
        word->nickname_count = (uint8_t) normal_nicknames(text, length, word->nickname, LINK_NICKNAMES);
    glance->letters = letters(decoded, word->chars);
    glance->chars = word->chars;
    glance->first = (uint8_t) text[0];
    glance->nicknames = word->nickname_count > 0;
    if (linker->options.only_first)
        return; /* no blocks will be made */
    word->atom_count = (uint8_t) link_word_atoms(space, word, hash, 4 + LINK_NICKNAMES);
    word->atoms = keep_atoms(linker, hash, word->atom_count);
}

uint32_t
link_word(Linker *linker, int space, const char *text, size_t length)
{
    LinkWords *words = &linker->words[space];
    uint64_t hash = link_hash(space, text, length);
    uint32_t at;
    uint32_t number;

    index_room(linker, &words->index, word_hash, words);
    at = (uint32_t) hash & (words->index.slots - 1);
    while ((number = words->index.slot[at]) != 0 &&
           (words->word[number].hash != hash || words->word[number].length != length ||
            memcmp(words->word[number].text, text, length) != 0))
        at = (at + 1) & (words->index.slots - 1);
    if (number != 0)
        return number;
    if (words->count == 0)
        words->count = 1;
    if (words->count >= words->room) {
        words->room = words->room == 0 ? 64 : words->room + words->room / 2;
        words->word = link_grow(linker, words->word, words->room, sizeof(LinkWord));
        words->glance = link_grow(linker, words->glance, words->room, sizeof(LinkGlance));
    }
    number = words->count;
    words->word[number].hash = hash;
    fill_word(linker, space, &words->word[number], &words->glance[number], text, length);
    words->count++;
    words->index.slot[at] = number;
    words->index.used++;
    return number;
}

bool
link_has_words(int attribute)
{
    LinkType type = link_type((LinkAttribute) attribute);

    return type == LINK_TYPE_NAME || type == LINK_TYPE_TEXT || type == LINK_TYPE_ADDRESS;
}

uint32_t
link_value(Linker *linker, int attribute, const LinkValue *value, size_t size)
{
    LinkValues *values = &linker->values[attribute];
    uint64_t atom[16];
    uint32_t at;
    uint32_t number;

    index_room(linker, &values->index, value_hash, values);
    at = (uint32_t) value->hash & (values->index.slots - 1);
    while ((number = values->index.slot[at]) != 0 &&
           (values->value[number].hash != value->hash || values->value[number].length != value->length ||
            memcmp(values->value[number].data, value->data, size) != 0))
        at = (at + 1) & (values->index.slots - 1);
    if (number != 0)
        return number;
    if (values->count >= values->room) {
        values->room = values->room < 64 ? 64 : values->room + values->room / 2;
        values->value = link_grow(linker, values->value, values->room, sizeof(LinkValue));
    }
    number = values->count;
    values->value[number] = *value;
    values->value[number].data = link_keep(linker, &linker->kept, value->data, size);
    if (!linker->options.only_first) {
        values->value[number].atom_count =
            (uint8_t) link_value_atoms(attribute, &values->value[number], atom, 16);
        values->value[number].atoms = keep_atoms(linker, atom, values->value[number].atom_count);
    }
    values->count++;
    values->index.slot[at] = number;
    values->index.used++;
    return number;
}

static void
free_index(Linker *linker, LinkIndex *index)
{
    link_release(linker, index->slot);
    *index = (LinkIndex){0};
}

/* Nothing is looked up by its text once all records are parsed, and the tables need not grow any more. */
void
link_trim(Linker *linker)
{
    free_index(linker, &linker->atom_index);
    linker->atom_hash = link_shrink(linker, linker->atom_hash, linker->atoms, sizeof(uint64_t));
    linker->value_atom = link_shrink(linker, linker->value_atom, linker->value_atoms, sizeof(uint32_t));
    for (int k = 0; k < LINK_ATTRIBUTES; k++) {
        LinkValues *values = &linker->values[k];

        free_index(linker, &values->index);
        values->value = link_shrink(linker, values->value, values->count, sizeof(LinkValue));
    }
    for (int space = LINK_SPACE_NAME_WORD; space <= LINK_SPACE_ADDRESS_WORD; space++) {
        LinkWords *words = &linker->words[space];

        free_index(linker, &words->index);
        words->word = link_shrink(linker, words->word, words->count, sizeof(LinkWord));
        words->glance = link_shrink(linker, words->glance, words->count, sizeof(LinkGlance));
    }
}

static int
add_atoms(const Linker *linker, uint32_t first, int count, int group, uint32_t *atom, uint16_t *groups,
          int room, int at)
{
    for (int i = 0; i < count && at < room; i++) {
        bool known = false;

        for (int k = 0; k < at; k++)
            known |= atom[k] == linker->value_atom[first + (uint32_t) i];
        if (known)
            continue;
        atom[at] = linker->value_atom[first + (uint32_t) i];
        if (groups != NULL)
            groups[at] = (uint16_t) group;
        at++;
    }
    return at;
}

/* A word of a name or text is a group of its own, as is any other attribute. */
int
link_value_all_atoms(const Linker *linker, int attribute, uint32_t number, uint32_t *atom, uint16_t *group,
                     int room, int *groups)
{
    const LinkValue *value = &linker->values[attribute].value[number];
    int count = add_atoms(linker, value->atoms, value->atom_count, attribute << 8 | (*groups)++, atom, group,
                          room, 0);
    const LinkWordUse *use;

    if (!link_has_words(attribute))
        return count;
    use = link_uses(attribute, value);
    if (attribute == LINK_ATTRIBUTE_ADDRESS) {
        const LinkAddress *address = value->data;
        const LinkWord *word = &linker->words[LINK_SPACE_ADDRESS_WORD].word[address->number];

        if (address->number != 0)
            count = add_atoms(linker, word->atoms, word->atom_count, attribute << 8 | (*groups)++, atom,
                              group, room, count);
    }
    for (int i = 0; i < value->length; i++) {
        const LinkWord *word = &linker->words[link_word_space(attribute)].word[use[i].word];

        count = add_atoms(linker, word->atoms, word->atom_count, attribute << 8 | (*groups)++, atom, group,
                          room, count);
    }
    return count;
}

/* Attributes have no atoms in common. */
int
link_record_atoms(const Linker *linker, uint32_t record, uint32_t *atom, uint16_t *group)
{
    int count = 0;
    int groups = 0;

    for (int c = 0; c < linker->columns; c++) {
        int attribute = linker->column_attribute[c];
        uint32_t number = link_cell(linker, record, c);

        if (number != 0)
            count += link_value_all_atoms(linker, attribute, number, atom + count, group + count,
                                          LINK_MAX_ATOMS - count, &groups);
    }
    return count;
}
