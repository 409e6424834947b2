/*
 * link_parse.c: fields as values, and the atoms that values and words put their records into blocks by.
 */
#include "customer/link_inside.h"

#include <stdlib.h>
#include <string.h>

#include "customer/normal.h"
#include "customer/phone_plan.h"

#define ROOM (3 * NORMAL_MAX_TEXT)

/* Atoms of different meanings never meet, whatever bytes they are made of. */
enum { ATOM_WHOLE, ATOM_WORD, ATOM_SOUND, ATOM_NICKNAME, ATOM_PART };

static uint64_t
atom(int attribute, int meaning, int part, const void *data, size_t size)
{
    return link_hash(1000 + attribute * 100 + meaning * 10 + part, data, size);
}

int
link_word_atoms(int space, const LinkWord *word, uint64_t *hash, int room)
{
    char sound[NORMAL_MAX_CODE];
    int count = 0;
    int length;

    if (word->chars < 2)
        return 0;
    hash[count++] = atom(space, ATOM_WORD, 0, word->text, word->length);
    if (space != LINK_SPACE_NAME_WORD)
        return count;
    length = normal_phonetic(word->text, word->length, sound);
    if (length > 1)
        hash[count++] = atom(space, ATOM_SOUND, 0, sound, (size_t) length);
    for (int i = 0; i < word->nickname_count && count < room; i++) {
        unsigned char group[2] = {(unsigned char) (word->nickname[i] >> 8),
                                  (unsigned char) word->nickname[i]};

        hash[count++] = atom(space, ATOM_NICKNAME, 0, group, 2);
    }
    return count;
}

static int
date_atoms(int attribute, const char *date, uint64_t *hash)
{
    char year_day[6];
    int count = 0;

    hash[count++] = atom(attribute, ATOM_WHOLE, 0, date, 8);
    hash[count++] = atom(attribute, ATOM_PART, 0, date, 4);
    if (memcmp(date + 4, "0000", 4) == 0)
        return count;
    memcpy(year_day, date, 4);
    memcpy(year_day + 4, date + 6, 2);
    hash[count++] = atom(attribute, ATOM_PART, 1, date + 4, 4);
    hash[count++] = atom(attribute, ATOM_PART, 2, date, 6);
    hash[count++] = atom(attribute, ATOM_PART, 3, year_day, 6);
    return count;
}

/* The last seven digits of a telephone number are the same with and without its country. */
static int
number_atoms(int attribute, const char *text, size_t length, uint64_t *hash)
{
    int count = 0;

    if (attribute == LINK_ATTRIBUTE_PHONE && length > 7) {
        text += length - 7;
        length = 7;
    }
    hash[count++] = atom(attribute, ATOM_WHOLE, 0, text, length);
    if (length >= 6) {
        hash[count++] = atom(attribute, ATOM_PART, 0, text, length / 2);
        hash[count++] = atom(attribute, ATOM_PART, 1, text + length / 2, length - length / 2);
    }
    return count;
}

int
link_value_atoms(int attribute, const LinkValue *value, uint64_t *hash, int room)
{
    const char *text = value->data;
    int count = 0;

    (void) room;
    switch (link_type((LinkAttribute) attribute)) {
    case LINK_TYPE_NAME:
    case LINK_TYPE_TEXT:
    case LINK_TYPE_ADDRESS:
        return 0; /* of words */
    case LINK_TYPE_DATE:
        return date_atoms(attribute, text, hash);
    case LINK_TYPE_PHONE:
    case LINK_TYPE_ID:
        return number_atoms(attribute, text, value->length, hash);
    case LINK_TYPE_EMAIL:
        hash[count++] = atom(attribute, ATOM_WHOLE, 0, text, value->length);
        hash[count++] = atom(attribute, ATOM_PART, 0, text, value->mark);
        if (value->mark > 4)
            hash[count++] = atom(attribute, ATOM_PART, 1, text, 4);
        return count;
    case LINK_TYPE_POSTCODE:
        hash[count++] = atom(attribute, ATOM_WHOLE, 0, text, value->length);
        if (value->mark < value->length)
            hash[count++] = atom(attribute, ATOM_PART, 0, text, value->mark);
        return count;
    default:
        hash[count++] = atom(attribute, ATOM_WHOLE, 0, text, value->length);
        return count;
    }
}

static uint32_t
plain(Linker *linker, int attribute, const char *text, int length, int mark, int area)
{
    LinkValue value = {0};

    if (length <= 0)
        return 0;
    value.length = (uint16_t) length;
    value.hash = link_hash(attribute, text, (size_t) length);
    value.data = text;
    value.mark = (uint8_t) (mark < UINT8_MAX ? mark : UINT8_MAX);
    value.area = (uint8_t) (area < UINT8_MAX ? area : UINT8_MAX);
    return link_value(linker, attribute, &value, (size_t) length);
}

typedef struct Use {
    uint64_t hash;
    LinkWordUse use;
} Use;

static int
compare_uses(const void *left, const void *right)
{
    const Use *a = left;
    const Use *b = right;

    return a->hash != b->hash ? (a->hash < b->hash ? -1 : 1) : 0;
}

/* Words as a set, in an order that depends on the words alone. */
static int
use_words(Linker *linker, int space, const NormalWords *words, int room, LinkWordUse *out, uint64_t *hash)
{
    Use use[NORMAL_MAX_WORDS];
    int count = words->count < room ? words->count : room;

    for (int i = 0; i < count; i++) {
        const NormalWord *word = &words->word[i];
        size_t length = word->length < 200 ? word->length : 200;

        use[i].use.word = link_word(linker, space, word->text, length) & 0x3FFFFFFF;
        use[i].use.role = space == LINK_SPACE_NAME_WORD ? word->role & 3U : 0;
        use[i].hash = linker->words[space].word[use[i].use.word].hash;
    }
    if (count > 1)
        qsort(use, (size_t) count, sizeof(Use), compare_uses);
    *hash = (uint64_t) space;
    for (int i = 0; i < count; i++) {
        out[i] = use[i].use;
        *hash = link_mix(*hash, use[i].hash + use[i].use.role);
    }
    return count;
}

static uint32_t
words_value(Linker *linker, int attribute, const NormalWords *words, int room)
{
    LinkWordUse use[NORMAL_MAX_WORDS];
    LinkValue value = {0};
    int count;

    if (words->count == 0)
        return 0;
    count = use_words(linker, link_word_space(attribute), words, room, use, &value.hash);
    value.length = (uint16_t) count;
    value.data = use;
    return link_value(linker, attribute, &value, (size_t) count * sizeof(LinkWordUse));
}

static uint32_t
address_value(Linker *linker, const LinkText *text)
{
    NormalAddress address;
    struct {
        LinkAddress head;
        LinkWordUse use[NORMAL_MAX_WORDS];
    } packed;
    LinkValue value = {0};
    int count;

    normal_address(text->data, text->length, &address);
    if (address.street.count == 0 && address.number_length == 0)
        return 0;
    memset(&packed, 0, sizeof(packed));
    packed.head.direction = (uint32_t) address.direction;
    count = use_words(linker, LINK_SPACE_ADDRESS_WORD, &address.street, LINK_MAX_TEXT_WORDS, packed.use,
                      &value.hash);
    if (address.number_length > 0) {
        char number[sizeof(address.number) + 1] = "#";

        memcpy(number + 1, address.number, (size_t) address.number_length);
        packed.head.number =
            link_word(linker, LINK_SPACE_ADDRESS_WORD, number, (size_t) address.number_length + 1);
        value.hash =
            link_mix(value.hash, linker->words[LINK_SPACE_ADDRESS_WORD].word[packed.head.number].hash);
    }
    value.hash = link_mix(value.hash, packed.head.direction);
    value.length = (uint16_t) count;
    value.data = &packed;
    return link_value(linker, LINK_ATTRIBUTE_ADDRESS, &value,
                      sizeof(LinkAddress) + (size_t) count * sizeof(LinkWordUse));
}

static uint32_t
parse_words(Linker *linker, int attribute, const LinkText *field)
{
    NormalWords words;

    if (attribute == LINK_ATTRIBUTE_NAME)
        normal_person(field[LINK_GIVEN_NAME].data, field[LINK_GIVEN_NAME].length,
                      field[LINK_FAMILY_NAME].data, field[LINK_FAMILY_NAME].length,
                      field[LINK_FULL_NAME].data, field[LINK_FULL_NAME].length, &words);
    else
        normal_company(field[LINK_COMPANY].data, field[LINK_COMPANY].length, &words);
    return words_value(linker, attribute, &words,
                       attribute == LINK_ATTRIBUTE_NAME ? LINK_MAX_NAME_WORDS : LINK_MAX_TEXT_WORDS);
}

/* DE, DEU, Germany and Deutschland are one country. */
static int
normal_country(const LinkText *text, char *out)
{
    const PhonePlan *plan = phone_plan_country(text->data, text->length);

    return plan == NULL ? normal_fold(text->data, text->length, out) : normal_fold(plan->alpha2, 2, out);
}

/* The number of the attribute's value of a record, 0 where it has none. */
uint32_t
link_parse(Linker *linker, int attribute, const LinkText *field)
{
    const LinkText *text = attribute == LINK_ATTRIBUTE_NAME ? NULL : &field[attribute + LINK_FULL_NAME];
    char out[ROOM];
    int mark = 0;
    int area = 0;
    int length;

    if (text != NULL && text->data == NULL)
        return 0;
    switch (link_type((LinkAttribute) attribute)) {
    case LINK_TYPE_NAME:
    case LINK_TYPE_TEXT:
        return parse_words(linker, attribute, field);
    case LINK_TYPE_ADDRESS:
        return address_value(linker, text);
    case LINK_TYPE_EMAIL:
        length = normal_email(text->data, text->length, out, ROOM, &mark);
        return plain(linker, attribute, out, length, mark, 0);
    case LINK_TYPE_PHONE:
        length = normal_phone(text->data, text->length, field[LINK_COUNTRY].data, field[LINK_COUNTRY].length,
                              out, ROOM);
        return plain(linker, attribute, out, length, 0, 0);
    case LINK_TYPE_ID:
        length = normal_id(text->data, text->length, out, ROOM);
        return plain(linker, attribute, out, length, 0, 0);
    case LINK_TYPE_DATE:
        return normal_date(text->data, text->length, out) ? plain(linker, attribute, out, 8, 0, 0) : 0;
    case LINK_TYPE_POSTCODE:
        length = normal_postcode(text->data, text->length, out, ROOM, &mark, &area);
        return plain(linker, attribute, out, length, mark, area);
    default:
        if (attribute == LINK_ATTRIBUTE_WEBSITE)
            length = normal_website(text->data, text->length, out, ROOM);
        else if (attribute == LINK_ATTRIBUTE_COUNTRY)
            length = normal_country(text, out);
        else
            length = normal_fold(text->data, text->length, out);
        return plain(linker, attribute, out, length, 0, 0);
    }
}
