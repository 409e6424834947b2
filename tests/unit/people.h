/*
 * people.h: made-up people with second records and households, for the linker's tests. Include it after cmocka.h.
 */
#ifndef CRM_UNIT_PEOPLE_H
#define CRM_UNIT_PEOPLE_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "chance.h"
#include "customer/linker.h"

#define MAX 4000

typedef struct Person {
    char given[32];
    char family[32];
    char date[16];
    char city[32];
    char postcode[16];
    char email[96];
    char phone[16];
    int entity;
    LinkKind kind;
} Person;

static Person people[MAX];
static int count;

/* A pronounceable word, usual ones more often. */
static inline void
word(char *out, int kind, unsigned number)
{
    static const char *const syllable[] = {"ba",  "ke",  "lo",  "mi",  "nu",  "ra",  "se",
                                           "to",  "va",  "zi",  "dor", "fen", "gal", "hus",
                                           "jon", "pet", "win", "tan", "mar", "lis"};

    snprintf(out, 32, "%s%s%s", syllable[(number * 7 + (unsigned) kind) % 20], syllable[number / 3 % 20],
             syllable[number / 29 % 20]);
}

static inline unsigned
usual(unsigned below)
{
    unsigned a = chance(below);
    unsigned b = chance(below);

    return a < b ? a : b;
}

static inline void
misspell(char *text)
{
    size_t length = strlen(text);

    if (length > 4)
        text[1 + chance((unsigned) length - 2)] = (char) ('a' + chance(26));
}

static inline Person
somebody(int entity)
{
    Person person = {.entity = entity, .kind = LINK_PERSON};
    unsigned place = usual(200);

    word(person.given, 1, usual(300));
    word(person.family, 2, usual(2000));
    word(person.city, 3, place / 4);
    snprintf(person.date, sizeof(person.date), "%u-%02u-%02u", 1930 + chance(75), 1 + chance(12),
             2 + chance(26));
    snprintf(person.postcode, sizeof(person.postcode), "%05u", 10000 + place * 37);
    snprintf(person.email, sizeof(person.email), "%s.%s%u@example.org", person.given, person.family,
             chance(90));
    snprintf(person.phone, sizeof(person.phone), "+3120%07u", chance(9000000) + 1000000);
    return person;
}

static inline Person
again(Person person)
{
    if (chance(3) == 0)
        misspell(person.family);
    if (chance(4) == 0)
        misspell(person.given);
    if (chance(4) == 0)
        person.email[0] = '\0';
    if (chance(3) == 0)
        person.phone[0] = '\0';
    if (chance(8) == 0)
        person.date[0] = '\0';
    if (chance(10) == 0)
        snprintf(person.postcode, sizeof(person.postcode), "%05u", 10000 + chance(90000));
    return person;
}

/* So many entities, of which every fifth has a second record, and households of which two live together. */
static inline void
make_people(int entities, uint64_t seed)
{
    state_of_chance = seed;
    count = 0;
    for (int entity = 0; entity < entities; entity++) {
        Person person = somebody(entity);

        if (entity % 7 == 3) { /* somebody's wife or husband */
            const Person *other = &people[count - 1];

            memcpy(person.family, other->family, sizeof(person.family));
            memcpy(person.city, other->city, sizeof(person.city));
            memcpy(person.postcode, other->postcode, sizeof(person.postcode));
            memcpy(person.phone, other->phone, sizeof(person.phone));
        }
        people[count++] = person;
        if (entity % 5 == 0)
            people[count++] = again(person);
    }
}

static inline LinkText
text(const char *value)
{
    return value[0] == '\0' ? (LinkText){NULL, 0} : (LinkText){value, strlen(value)};
}

static inline LinkInput
input_of(int i)
{
    const Person *person = &people[i];
    LinkInput input = {.name = (uint64_t) i, .kind = person->kind};

    input.field[LINK_GIVEN_NAME] = text(person->given);
    input.field[LINK_FAMILY_NAME] = text(person->family);
    input.field[LINK_BIRTH_DATE] = text(person->date);
    input.field[LINK_CITY] = text(person->city);
    input.field[LINK_POSTCODE] = text(person->postcode);
    input.field[LINK_EMAIL] = text(person->email);
    input.field[LINK_PHONE] = text(person->phone);
    return input;
}

static inline Linker *
fresh(int threads, const LinkModel *model)
{
    LinkerOptions options = {.memory = (size_t) 256 << 20, .threads = threads, .model = model};
    Linker *linker;

    assert_int_equal(linker_create(&options, &linker), LINK_OK);
    return linker;
}

static inline void
add_person(Linker *linker, int i)
{
    LinkInput input = input_of(i);

    assert_int_equal(linker_add(linker, &input), LINK_OK);
}

static inline Linker *
linked(int threads)
{
    Linker *linker = fresh(threads, NULL);

    for (int i = 0; i < count; i++)
        add_person(linker, i);
    assert_int_equal(linker_run(linker), LINK_OK);
    return linker;
}

/* The weight of a pair, which is what its evidence and the prior add up to. */
static inline double
explained(Linker *linker, uint32_t a, uint32_t b)
{
    LinkEvidence evidence[LINK_ATTRIBUTES];
    double prior;
    double weight;
    double sum;
    int found = linker_explain(linker, a, b, evidence, &prior, &weight);

    sum = prior;
    for (int i = 0; i < found; i++) {
        sum += evidence[i].bits;
        assert_string_not_equal(link_level_name(evidence[i].attribute, evidence[i].level), "missing");
    }
    assert_true(fabs(sum - weight) < 1e-9);
    return weight;
}

#endif
