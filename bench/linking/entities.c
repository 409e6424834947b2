/*
 * entities.c: who there is, and what goes wrong when they are written down. See entities.h.
 */
#include "entities.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

static void
fill_address(Random *random, int language, char *address, char *postcode, char *city)
{
    uint32_t town = random_zipf(random, TOWNS / LANGUAGES, 0.8) * LANGUAGES + (uint32_t) language;
    char street[WORD_ROOM];

    word_street(random, language, street);
    word_town(town, city);
    if (language == 0)
        snprintf(address, WORD_ROOM, "%u %.70s", 1 + random_below(random, 200), street);
    else
        snprintf(address, WORD_ROOM, "%.70s %u", street, 1 + random_below(random, 200));
    snprintf(postcode, WORD_ROOM, "%03u%02u", 100 + town * 2, random_zipf(random, 60, 0.5));
}

static void
fill_phone(Random *random, char *out)
{
    snprintf(out, WORD_ROOM, "+31%u%08u", 1 + random_below(random, 8), random_below(random, 100000000));
}

void
make_home(Random *random, Home *home)
{
    home->language = (int) random_zipf(random, LANGUAGES, 0.5);
    word_family(random, home->language, home->family);
    fill_phone(random, home->phone);
    fill_address(random, home->language, home->address, home->postcode, home->city);
}

/* Letters and digits in lower case, as in an address of mail. */
static void
append_plain(char *out, const char *text)
{
    size_t used = strlen(out);

    for (; *text != '\0' && used + 1 < WORD_ROOM; text++)
        if (isalnum((unsigned char) *text))
            out[used++] = (char) tolower((unsigned char) *text);
    out[used] = '\0';
}

static void
fill_email(Random *random, const char *given, const char *family, const char *domain, char *out)
{
    char name[WORD_ROOM] = "";
    char first[2] = {given[0], '\0'};

    switch (random_below(random, 4)) {
    case 0:
        append_plain(name, first);
        append_plain(name, family);
        break;
    case 1:
        append_plain(name, given);
        append_plain(name, family);
        break;
    default:
        append_plain(name, given);
        strncat(name, ".", WORD_ROOM - strlen(name) - 1);
        append_plain(name, family);
    }
    if (random_chance(random, 0.6))
        snprintf(out, WORD_ROOM, "%.50s%u@%.30s", name, random_below(random, 100), domain);
    else
        snprintf(out, WORD_ROOM, "%.50s@%.30s", name, domain);
}

static void
fill_date(Random *random, unsigned from, unsigned to, char *out)
{
    snprintf(out, WORD_ROOM, "%04u-%02u-%02u", from + random_below(random, to - from),
             1 + random_below(random, 12), 1 + random_below(random, 28));
}

void
make_person(Random *random, const Home *home, Entity *entity)
{
    bool woman = random_chance(random, 0.5);

    memset(entity, 0, sizeof(Entity));
    entity->language = home->language;
    word_given(random, home->language, woman, entity->value[GIVEN]);
    if (random_chance(random, 0.8))
        memcpy(entity->value[FAMILY], home->family, WORD_ROOM);
    else
        word_family(random, home->language, entity->value[FAMILY]);
    memcpy(entity->value[ADDRESS], home->address, WORD_ROOM);
    memcpy(entity->value[POSTCODE], home->postcode, WORD_ROOM);
    memcpy(entity->value[CITY], home->city, WORD_ROOM);
    if (random_chance(random, 0.4))
        memcpy(entity->value[PHONE], home->phone, WORD_ROOM);
    else
        fill_phone(random, entity->value[PHONE]);
    fill_email(random, entity->value[GIVEN], entity->value[FAMILY], word_provider(random),
               entity->value[EMAIL]);
    fill_date(random, 1930, 2006, entity->value[BIRTH_DATE]);
    snprintf(entity->value[TAX_ID], WORD_ROOM, "%09u", random_below(random, 1000000000));
    snprintf(entity->value[GENDER], WORD_ROOM, "%s", woman ? "female" : "male");
    snprintf(entity->value[JOB], WORD_ROOM, "%s", word_job(random));
}

void
make_son(Random *random, const Entity *father, Entity *entity)
{
    unsigned year = 0;

    *entity = *father;
    sscanf(father->value[BIRTH_DATE], "%4u", &year);
    fill_date(random, year + 22, year + 40, entity->value[BIRTH_DATE]);
    fill_email(random, father->value[GIVEN], father->value[FAMILY], word_provider(random),
               entity->value[EMAIL]);
    snprintf(entity->value[TAX_ID], WORD_ROOM, "%09u", random_below(random, 1000000000));
    if (random_chance(random, 0.7))
        fill_phone(random, entity->value[PHONE]);
}

void
make_organisation(Random *random, Entity *entity)
{
    char domain[WORD_ROOM] = "";
    Home home;

    make_home(random, &home);
    memset(entity, 0, sizeof(Entity));
    entity->organisation = true;
    entity->language = home.language;
    word_company(random, home.language, entity->value[COMPANY]);
    append_plain(domain, entity->value[COMPANY]);
    snprintf(entity->value[EMAIL], WORD_ROOM, "info@%.60s.example", domain);
    memcpy(entity->value[PHONE], home.phone, WORD_ROOM);
    memcpy(entity->value[ADDRESS], home.address, WORD_ROOM);
    memcpy(entity->value[POSTCODE], home.postcode, WORD_ROOM);
    memcpy(entity->value[CITY], home.city, WORD_ROOM);
    snprintf(entity->value[TAX_ID], WORD_ROOM, "NL%09uB01", random_below(random, 1000000000));
}

/* ---- what goes wrong ---- */

static bool
is_ascii(char c)
{
    return (signed char) c > 0;
}

/* One letter too many, too few, another one, or two in the other order; digits become digits. */
static void
mistype(Random *random, char *text)
{
    size_t length = strlen(text);
    size_t at;
    char letter;

    if (length < 3 || length + 2 > WORD_ROOM)
        return;
    at = random_below(random, (uint32_t) length - 1);
    if (!is_ascii(text[at]) || !is_ascii(text[at + 1]))
        return;
    letter = isdigit((unsigned char) text[at]) ? (char) ('0' + random_below(random, 10))
                                               : (char) ('a' + random_below(random, 26));
    switch (random_below(random, 4)) {
    case 0:
        memmove(text + at + 1, text + at, length - at + 1);
        text[at] = letter;
        break;
    case 1:
        memmove(text + at, text + at + 1, length - at);
        break;
    case 2:
        text[at] = letter;
        break;
    default:
        letter = text[at];
        text[at] = text[at + 1];
        text[at + 1] = letter;
        break;
    }
}

/* What is written as it sounds: one of the pairs, where the text has one. */
static void
misspell(Random *random, char *text)
{
    static const char *const sounds[][2] = {{"ph", "f"},   {"ck", "k"},  {"ie", "y"}, {"ij", "y"},
                                            {"sch", "sh"}, {"ei", "ai"}, {"th", "t"}, {"cz", "ch"},
                                            {"nn", "n"},   {"ll", "l"},  {"ä", "ae"}, {"ó", "o"},
                                            {"ń", "n"},    {"s", "z"},   {"c", "k"}};
    uint32_t start = random_below(random, 15);

    for (uint32_t i = 0; i < 15; i++) {
        const char *const *pair = sounds[(start + i) % 15];
        char *found = strstr(text, pair[0]);

        if (found == NULL)
            continue;
        memcpy(found, pair[1], strlen(pair[1]));
        memmove(found + strlen(pair[1]), found + strlen(pair[0]), strlen(found + strlen(pair[0])) + 1);
        return;
    }
    mistype(random, text);
}

static void
miswrite_date(Random *random, char *text)
{
    char year[5], month[3], day[3];

    if (sscanf(text, "%4[0-9]-%2[0-9]-%2[0-9]", year, month, day) != 3)
        return;
    switch (random_below(random, 6)) {
    case 0:
        snprintf(text, WORD_ROOM, "%s-%s-%s", year, day, month);
        break;
    case 1:
        snprintf(text, WORD_ROOM, "%s-01-01", year);
        break;
    case 2:
        snprintf(text, WORD_ROOM, "%s.%s.%s", day, month, year);
        break;
    default:
        text[random_below(random, 2) * 3 + 5 + random_below(random, 2)] =
            (char) ('0' + random_below(random, 10));
    }
}

static void
rewrite_phone(Random *random, char *text)
{
    char digits[WORD_ROOM];

    if (strncmp(text, "+31", 3) != 0)
        return;
    snprintf(digits, WORD_ROOM, "%s", text + 3);
    switch (random_below(random, 3)) {
    case 0:
        snprintf(text, WORD_ROOM, "0%.1s-%.60s", digits, digits + 1);
        break;
    case 1:
        snprintf(text, WORD_ROOM, "0031 %.1s %.60s", digits, digits + 1);
        break;
    default:
        snprintf(text, WORD_ROOM, "+31 (0)%.1s %.4s %.50s", digits, digits + 1, digits + 5);
        break;
    }
}

static void
rewrite_company(Random *random, const Entity *entity, char *text)
{
    char before[WORD_ROOM];
    char *space = strchr(text, ' ');

    snprintf(before, WORD_ROOM, "%s", text);
    if (random_chance(random, 0.5))
        snprintf(text, WORD_ROOM, "%.80s %s", before, word_legal_form(random, entity->language));
    else if (random_chance(random, 0.2) && space != NULL && strchr(space + 1, ' ') != NULL)
        *strrchr(text, ' ') = '\0';
    if (random_chance(random, 0.2))
        for (char *c = text; *c != '\0'; c++)
            *c = is_ascii(*c) ? (char) toupper((unsigned char) *c) : *c;
}

static void
rewrite_names(Random *random, const Entity *entity, double errors, Entity *record)
{
    char other[WORD_ROOM];

    if (random_chance(random, 0.1 * errors) && word_nickname(random, entity->value[GIVEN], other))
        memcpy(record->value[GIVEN], other, WORD_ROOM);
    else if (random_chance(random, 0.03 * errors))
        snprintf(record->value[GIVEN], WORD_ROOM, "%.1s.", entity->value[GIVEN]);
    if (random_chance(random, 0.02 * errors))
        word_family(random, entity->language, record->value[FAMILY]); /* married */
    else if (random_chance(random, 0.015 * errors)) {
        memcpy(other, record->value[FAMILY], WORD_ROOM);
        memcpy(record->value[FAMILY], record->value[GIVEN], WORD_ROOM);
        memcpy(record->value[GIVEN], other, WORD_ROOM);
    }
}

static void
move_away(Random *random, Entity *record)
{
    fill_address(random, record->language, record->value[ADDRESS], record->value[POSTCODE],
                 record->value[CITY]);
    if (random_chance(random, 0.5))
        fill_phone(random, record->value[PHONE]);
}

/* Half of all values that are not the same are so because something else was meant; the rest are slips. */
static void
make_slips(Random *random, double errors, Entity *record)
{
    static const double slips[VALUES] = {0.08, 0.08, 0.1,  0.05, 0.04, 0.1,
                                         0.04, 0.05, 0.08, 0.03, 0.01, 0.05};

    for (int i = 0; i < VALUES; i++) {
        if (record->value[i][0] == '\0' || !random_chance(random, slips[i] * errors))
            continue;
        if (i == BIRTH_DATE)
            miswrite_date(random, record->value[i]);
        else if (i == GIVEN || i == FAMILY || i == COMPANY)
            (random_chance(random, 0.4) ? misspell : mistype)(random, record->value[i]);
        else
            mistype(random, record->value[i]);
    }
}

void
write_record(Random *random, const Entity *entity, double errors, bool first, Entity *record)
{
    static const double missing[VALUES] = {0.01, 0, 0, 0.25, 0.25, 0.1, 0.1, 0.1, 0.15, 0.5, 0.05, 0.3};

    *record = *entity;
    if (!first) {
        if (!entity->organisation)
            rewrite_names(random, entity, errors, record);
        if (random_chance(random, 0.12 * errors))
            move_away(random, record);
        if (random_chance(random, 0.2 * errors) && !entity->organisation)
            fill_email(random, record->value[GIVEN], record->value[FAMILY], word_provider(random),
                       record->value[EMAIL]);
        if (random_chance(random, 0.15 * errors))
            fill_phone(random, record->value[PHONE]);
        make_slips(random, errors, record);
    }
    if (entity->organisation)
        rewrite_company(random, entity, record->value[COMPANY]);
    if (random_chance(random, 0.4))
        rewrite_phone(random, record->value[PHONE]);
    for (int i = 0; i < VALUES; i++)
        if (random_chance(random, missing[i]))
            record->value[i][0] = '\0';
}
