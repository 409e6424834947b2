// links: linker
/* What one customer cannot both have: which pairs of records contradict each other, and that they stay apart. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "customer/linker.h"

typedef struct Card {
    const char *given;
    const char *family;
    const char *full;
    const char *company;
    const char *date;
    const char *tax_id;
    const char *country;
    const char *phone;
    const char *address;
    const char *email;
} Card;

static LinkText
text(const char *value)
{
    return value == NULL ? (LinkText){NULL, 0} : (LinkText){value, strlen(value)};
}

static void
add(Linker *linker, const Card *card, LinkKind kind, uint64_t name)
{
    LinkInput input = {.name = name, .kind = kind};

    input.field[LINK_GIVEN_NAME] = text(card->given);
    input.field[LINK_FAMILY_NAME] = text(card->family);
    input.field[LINK_FULL_NAME] = text(card->full);
    input.field[LINK_COMPANY] = text(card->company);
    input.field[LINK_BIRTH_DATE] = text(card->date);
    input.field[LINK_TAX_ID] = text(card->tax_id);
    input.field[LINK_COUNTRY] = text(card->country);
    input.field[LINK_PHONE] = text(card->phone);
    input.field[LINK_ADDRESS] = text(card->address);
    input.field[LINK_EMAIL] = text(card->email);
    assert_int_equal(linker_add(linker, &input), LINK_OK);
}

static Linker *
fresh(void)
{
    LinkerOptions options = {.memory = (size_t) 64 << 20, .threads = 1};
    Linker *linker;

    assert_int_equal(linker_create(&options, &linker), LINK_OK);
    return linker;
}

static void
expect(LinkKind kind, const Card *a, const Card *b, LinkContradiction expected)
{
    for (int swapped = 0; swapped < 2; swapped++) {
        Linker *linker = fresh();

        add(linker, swapped ? b : a, kind, 1);
        add(linker, swapped ? a : b, kind, 2);
        assert_string_equal(link_contradiction_name(linker_contradiction(linker, 0, 1)),
                            link_contradiction_name(expected));
        linker_free(linker);
    }
}

typedef struct Case {
    Card a;
    Card b;
    LinkContradiction expected;
} Case;

/* clang-format off */
static const Case people_cases[] = {
    /* father and son */
    {{"Karl", "Jansen", .date = "1950-03-07"}, {"Tim", "Jansen", .date = "1981-11-23"}, LINK_OTHER_PERSON},
    {{.full = "Karl Jansen", .date = "1950-03-07"}, {.full = "Jansen, Tim", .date = "23.11.1981"}, LINK_OTHER_PERSON},
    {{"Karl Otto", "Jansen", .date = "1950-03-07"}, {"Tim", "Jansen", .date = "1981-11-23"}, LINK_OTHER_PERSON},
    /* one of them is not enough */
    {{"Karl", "Jansen", .date = "1950-03-07"}, {"Tim", "Jansen", .date = "1950-03-07"}, LINK_NO_CONTRADICTION},
    {{"Karl", "Jansen", .date = "1950-03-07"}, {"Karl", "Jansen", .date = "1981-11-23"}, LINK_NO_CONTRADICTION},
    {{.given = "Karl", .family = "Jansen"}, {"Tim", "Jansen", .date = "1981-11-23"}, LINK_NO_CONTRADICTION},
    {{.family = "Jansen", .date = "1950-03-07"}, {"Tim", "Jansen", .date = "1981-11-23"}, LINK_NO_CONTRADICTION},
    /* a date that is a slip of the other, or is not known to the day */
    {{"Karl", "Jansen", .date = "1950-03-07"}, {"Tim", "Jansen", .date = "1950-07-03"}, LINK_NO_CONTRADICTION},
    {{"Karl", "Jansen", .date = "1950-03-07"}, {"Tim", "Jansen", .date = "1905-03-07"}, LINK_NO_CONTRADICTION},
    {{"Karl", "Jansen", .date = "1950-03-07"}, {"Tim", "Jansen", .date = "1981"}, LINK_NO_CONTRADICTION},
    {{"Karl", "Jansen", .date = "1950-03-07"}, {"Tim", "Jansen", .date = "1981-01-01"}, LINK_NO_CONTRADICTION},
    {{"Karl", "Jansen", .date = "1950-03-07"}, {"Tim", "Jansen", .date = "November 1981"}, LINK_NO_CONTRADICTION},
    /* a name that goes for the other */
    {{"Robert", "Jansen", .date = "1950-03-07"}, {"Bob", "Jansen", .date = "1981-11-23"}, LINK_NO_CONTRADICTION},
    {{"Albert", "Jansen", .date = "1950-03-07"}, {"Bert", "Jansen", .date = "1981-11-23"}, LINK_NO_CONTRADICTION},
    {{"K.", "Jansen", .date = "1950-03-07"}, {"Tim", "Jansen", .date = "1981-11-23"}, LINK_NO_CONTRADICTION},
    {{"Karl Tim", "Jansen", .date = "1950-03-07"}, {"Tim", "Jansen", .date = "1981-11-23"}, LINK_NO_CONTRADICTION},
    {{"Karl", "Tim", .date = "1950-03-07"}, {"Tim", "Jansen", .date = "1981-11-23"}, LINK_NO_CONTRADICTION},
    {{"Louis", "Adams", .date = "1987-09-11"}, {"ssouiL", "Adams", .date = "1997-02-28"}, LINK_NO_CONTRADICTION},
    {{"Sofia", "Adams", .date = "1987-09-11"}, {"Zofia", "Adams", .date = "1997-02-28"}, LINK_NO_CONTRADICTION},
    /* the number says that it is one person */
    {{"Karl", "Jansen", .date = "1950-03-07", .tax_id = "111222333"}, {"Tim", "Jansen", .date = "1981-11-23", .tax_id = "111 222 333"},
     LINK_NO_CONTRADICTION},
    /* father and son of one name */
    {{"Karl", "Jansen", .date = "1950-03-07", .tax_id = "111222333"}, {"Karl", "Jansen", .date = "1981-11-23", .tax_id = "987654321"},
     LINK_OTHER_GENERATION},
    {{"Karl", "Jansen", .date = "1950-03-07", .tax_id = "111222333"}, {"Karl", "Jansen", .date = "1959-11-23", .tax_id = "987654321"},
     LINK_NO_CONTRADICTION},
    {{"Karl", "Jansen", .date = "1950-03-07", .tax_id = "111222333"}, {"Karl", "Jansen", .date = "1981-11-23", .tax_id = "111222343"},
     LINK_NO_CONTRADICTION},
    {{"Karl", "Jansen", .date = "1950-03-07", .tax_id = "1112223"}, {"Karl", "Jansen", .date = "1981-11-23", .tax_id = "9876543"},
     LINK_NO_CONTRADICTION},
    {{"Karl", "Jansen", .tax_id = "111222333"}, {"Karl", "Jansen", .tax_id = "987654321"}, LINK_NO_CONTRADICTION},
};

static const Case company_cases[] = {
    {{.company = "Acme Nord", .tax_id = "DE123456789"}, {.company = "Acme Süd", .tax_id = "DE 987 654 321"}, LINK_OTHER_TAX_ID},
    {{.company = "Acme", .tax_id = "123456789"}, {.company = "Acme", .tax_id = "987654321"}, LINK_OTHER_TAX_ID},
    {{.company = "Acme GmbH", .tax_id = "DE123456789"}, {.company = "Other Ltd", .tax_id = "GB1"}, LINK_OTHER_COMPANY},
    {{.company = "Acme GmbH", .tax_id = "DE123456789"}, {.company = "Acme Ltd", .tax_id = "GB1"}, LINK_NO_CONTRADICTION},
    {{.company = "Acme GmbH", .tax_id = "DE123456789"}, {.company = "Other Ltd"}, LINK_NO_CONTRADICTION},
    /* slips, another country, another scheme, an office's own number */
    {{.company = "Acme", .tax_id = "DE123456789"}, {.company = "Acme", .tax_id = "DE123465789"}, LINK_NO_CONTRADICTION},
    {{.company = "Acme", .tax_id = "DE123456789"}, {.company = "Acme", .tax_id = "123456789"}, LINK_NO_CONTRADICTION},
    {{.company = "Acme", .tax_id = "DE123456789"}, {.company = "Acme", .tax_id = "FR987654321"}, LINK_NO_CONTRADICTION},
    {{.company = "Acme", .tax_id = "DE123456789"}, {.company = "Acme", .tax_id = "27/815/08150"}, LINK_NO_CONTRADICTION},
    {{.company = "Acme", .tax_id = "123456789", .country = "DE"}, {.company = "Acme", .tax_id = "987654321", .country = "FR"},
     LINK_NO_CONTRADICTION},
    {{.company = "Acme", .tax_id = "4711"}, {.company = "Acme", .tax_id = "8150"}, LINK_NO_CONTRADICTION},
};
/* clang-format on */

static void
test_people(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(people_cases) / sizeof(people_cases[0]); i++)
        expect(LINK_PERSON, &people_cases[i].a, &people_cases[i].b, people_cases[i].expected);
}

static void
test_companies(void **state)
{
    (void) state;
    for (size_t i = 0; i < sizeof(company_cases) / sizeof(company_cases[0]); i++)
        expect(LINK_ORGANISATION, &company_cases[i].a, &company_cases[i].b, company_cases[i].expected);
}

/* A person's tax id alone says less: people mix them up. */
static void
test_a_kind_that_is_not_known(void **state)
{
    (void) state;
    for (size_t i = 0; i < 2; i++)
        expect(LINK_ANY, &company_cases[i].a, &company_cases[i].b, LINK_NO_CONTRADICTION);
    expect(LINK_ANY, &people_cases[0].a, &people_cases[0].b, LINK_OTHER_PERSON);
}

#define HOME .phone = "+31201234567", .address = "Dorpsstraat 7"

/* Of a whole family, nobody is the other; each is who he was before, also where a record of all of them lies between. */
static void
test_a_family_stays_apart(void **state)
{
    static const Card family[] = {
        {"Karl", "Jansen", .date = "1950-03-07", HOME},
        {"Karl", "Jansen", .date = "1950-03-07", HOME, .email = "karl@jansen.example"},
        {"Tim", "Jansen", .date = "1981-11-23", HOME},
        {"Tim", "Jansen", .date = "1981-11-23", HOME, .email = "tim@jansen.example"},
        {"Wilma", "Jansen", .date = "1952-08-19", HOME},
        {"Wilma", "Jansen", .date = "1952-08-19", .email = "wilma@jansen.example", HOME},
        {.family = "Jansen", HOME},
    };
    Linker *linker = fresh();
    const uint32_t *cluster;
    LinkDoubt doubts[64];
    int count;

    (void) state;
    for (size_t i = 0; i < sizeof(family) / sizeof(family[0]); i++)
        add(linker, &family[i], LINK_PERSON, i);
    assert_int_equal(linker_run(linker), LINK_OK);
    cluster = linker_clusters(linker);
    for (uint32_t i = 0; i < 6; i += 2)
        assert_int_equal(cluster[i], cluster[i + 1]);
    assert_int_not_equal(cluster[0], cluster[2]);
    assert_int_not_equal(cluster[0], cluster[4]);
    assert_int_not_equal(cluster[2], cluster[4]);
    /* nor is anybody asked about it */
    count = linker_doubts(linker, doubts, 64);
    for (int i = 0; i < count; i++)
        assert_int_equal(linker_contradiction(linker, doubts[i].a, doubts[i].b), LINK_NO_CONTRADICTION);
    linker_free(linker);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_people),
        cmocka_unit_test(test_companies),
        cmocka_unit_test(test_a_kind_that_is_not_known),
        cmocka_unit_test(test_a_family_stays_apart),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
