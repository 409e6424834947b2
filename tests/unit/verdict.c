// links: linker
/* What verdicts are worth: the model learns from them, and the queue asks for those first that mend most. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chance.h"
#include "customer/linker.h"

#define MOST 3000

typedef struct Person {
    char given[24];
    char family[24];
    char phone[16];
    char address[48];
    char birth[16];
    uint32_t entity;
    uint32_t household;
} Person;

static Person people[MOST];
static uint32_t count;

static void
word(char *out, unsigned kind, unsigned number)
{
    static const char *const syllable[] = {"ba", "ke", "lo",  "mi",  "nu",  "ra",  "se", "to",
                                           "va", "zi", "dor", "fen", "gal", "hus", "jon"};

    snprintf(out, 24, "%s%s%s", syllable[(number * 7 + kind) % 15], syllable[number / 4 % 15],
             syllable[number / 31 % 15]);
}

static void
misspell(char *text)
{
    size_t length = strlen(text);

    if (length > 3)
        text[1 + chance((unsigned) length - 2)] = (char) ('a' + chance(26));
}

typedef enum How { WITHOUT_BIRTH_DATES = 1, WITH_OTHER_NAMES = 2 } How;

/* Households of one to three with one telephone and address; every third person has a second record, often a poor one. */
static void
make_households(uint32_t households, uint64_t seed, How how)
{
    uint32_t entity = 0;

    state_of_chance = seed;
    count = 0;
    for (uint32_t h = 0; h < households; h++) {
        Person home = {.household = h};
        unsigned street = chance(400);

        word(home.family, 1, chance(900));
        snprintf(home.phone, sizeof(home.phone), "+3120%07u", 1000000 + chance(9000000));
        snprintf(home.address, sizeof(home.address), "Straat%u %u", street, 1 + chance(150));
        for (unsigned members = 1 + chance(3); members > 0; members--, entity++) {
            Person person = home;

            person.entity = entity;
            word(person.given, 2, chance(250));
            snprintf(person.birth, sizeof(person.birth), "%u-%02u-%02u", 1940 + chance(60), 1 + chance(12),
                     2 + chance(26));
            if (how == WITHOUT_BIRTH_DATES && chance(4) > 0)
                person.birth[0] = '\0';
            people[count++] = person;
            for (unsigned more = chance(3) == 0 ? 1 + chance(3) : 0; more > 0; more--) {
                Person again = person;

                if (how == WITH_OTHER_NAMES && chance(2) == 0)
                    word(again.given, 2, chance(250));
                else if (chance(2) == 0)
                    misspell(again.given);
                if (chance(4) == 0)
                    misspell(again.family);
                if (chance(3) == 0)
                    again.phone[0] = '\0';
                if (chance(2) == 0)
                    again.address[0] = '\0';
                if (chance(3) > 0)
                    again.birth[0] = '\0';
                people[count++] = again;
            }
        }
    }
}

static LinkText
text(const char *value)
{
    return value[0] == '\0' ? (LinkText){NULL, 0} : (LinkText){value, strlen(value)};
}

static Linker *
with_all(void)
{
    LinkerOptions options = {.memory = (size_t) 256 << 20, .threads = 1};
    Linker *linker;

    assert_int_equal(linker_create(&options, &linker), LINK_OK);
    for (uint32_t i = 0; i < count; i++) {
        LinkInput input = {.name = i, .kind = LINK_PERSON};

        input.field[LINK_GIVEN_NAME] = text(people[i].given);
        input.field[LINK_FAMILY_NAME] = text(people[i].family);
        input.field[LINK_PHONE] = text(people[i].phone);
        input.field[LINK_ADDRESS] = text(people[i].address);
        input.field[LINK_BIRTH_DATE] = text(people[i].birth);
        assert_int_equal(linker_add(linker, &input), LINK_OK);
    }
    return linker;
}

static void
decide(Linker *linker, uint32_t a, uint32_t b)
{
    assert_int_equal(
        linker_decide(linker, a, b, people[a].entity == people[b].entity ? LINK_SAME : LINK_DIFFERENT),
        LINK_OK);
}

/* Of all households, or of those of odd number. */
static double
f1_of(const uint32_t *label, bool odd)
{
    double found = 0;
    double truth = 0;
    double right = 0;

    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = i + 1; k < count; k++) {
            if (odd && (people[i].household % 2 == 0 || people[k].household % 2 == 0))
                continue;
            found += label[i] == label[k];
            truth += people[i].entity == people[k].entity;
            right += label[i] == label[k] && people[i].entity == people[k].entity;
        }
    return 2 * right / (found + truth);
}

/* The mean weight of two records of one person, in the households of odd number. */
static double
mean_weight(Linker *linker)
{
    LinkEvidence evidence[LINK_ATTRIBUTES];
    double sum = 0;
    double pairs = 0;

    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = i + 1; k < count && people[k].household == people[i].household; k++) {
            double prior;
            double weight;

            if (people[i].entity != people[k].entity || people[i].household % 2 == 0)
                continue;
            linker_explain(linker, i, k, evidence, &prior, &weight);
            sum += weight;
            pairs++;
        }
    assert_true(pairs > 100);
    return sum / pairs;
}

/*
 * Many people have a record under another given name, which is usual of two people who live together. In half of the
 * households everything is decided: that teaches what the others are.
 */
static void
test_the_model_learns(void **state)
{
    Linker *before;
    Linker *after;

    (void) state;
    make_households(700, 3, WITH_OTHER_NAMES);
    before = with_all();
    assert_int_equal(linker_run(before), LINK_OK);
    after = with_all();
    for (uint32_t i = 0; i < count; i++)
        for (uint32_t k = i + 1; k < count && people[k].household == people[i].household; k++)
            if (people[i].household % 2 == 0)
                decide(after, i, k);
    assert_int_equal(linker_run(after), LINK_OK);
    assert_true(mean_weight(after) > mean_weight(before) + 2);
    assert_true(f1_of(linker_clusters(after), true) > f1_of(linker_clusters(before), true) + 0.05);
    linker_free(before);
    linker_free(after);
}

/* What clusters are once the first of these are decided. */
static double
f1_after(const LinkDoubt *doubts, int verdicts)
{
    Linker *linker = with_all();
    double f1;

    for (int i = 0; i < verdicts; i++)
        decide(linker, doubts[i].a, doubts[i].b);
    assert_int_equal(linker_run(linker), LINK_OK);
    f1 = f1_of(linker_clusters(linker), false);
    linker_free(linker);
    return f1;
}

#define VERDICTS 60
#define QUEUE 1000

static void
test_the_queue_asks_what_helps(void **state)
{
    static LinkDoubt queue[QUEUE];
    static LinkDoubt other[QUEUE];
    double gain = 0;
    double gain_at_random = 0;

    (void) state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        Linker *linker;
        double before;
        int room;

        make_households(450, seed, WITHOUT_BIRTH_DATES);
        linker = with_all();
        assert_int_equal(linker_run(linker), LINK_OK);
        before = f1_of(linker_clusters(linker), false);
        room = linker_doubts(linker, queue, QUEUE);
        linker_free(linker);
        assert_true(room > 2 * VERDICTS);
        gain += f1_after(queue, VERDICTS) - before;
        memcpy(other, queue, sizeof(queue));
        for (int i = room; i > 1; i--) {
            int k = (int) chance((unsigned) i);
            LinkDoubt doubt = other[i - 1];

            other[i - 1] = other[k];
            other[k] = doubt;
        }
        gain_at_random += f1_after(other, VERDICTS) - before;
    }
    assert_true(gain / 4 > 0.002);
    assert_true(gain > 2 * gain_at_random);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_model_learns),
        cmocka_unit_test(test_the_queue_asks_what_helps),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
