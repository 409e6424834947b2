/*
 * words.c: see words.h. A name is a hash of its rank, written in syllables, so that no list of thousands is needed.
 */
#include "words.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *const begin[LANGUAGES][12] = {
    {"Har", "Wil", "Ash", "Brad", "Hol", "Tur", "Ches", "Pres", "Whit", "Ham", "Cal", "Mor"},
    {"Van", "Hoo", "Bak", "Dijk", "Vis", "Smi", "Mul", "Jan", "Ver", "Kui", "Scho", "Brou"},
    {"Schu", "Mei", "Wag", "Beck", "Hof", "Schä", "Koch", "Rich", "Klei", "Wolf", "Neu", "Zim"},
    {"Gar", "Mar", "Rod", "Fer", "Gon", "Her", "Cas", "Del", "Ra", "Tor", "Ji", "Ve"},
    {"Kow", "Wis", "Dom", "Lew", "Zie", "Szy", "Woj", "Kam", "Nowa", "Krol", "Paw", "Mich"},
};
static const char *const middle[LANGUAGES][8] = {
    {"ring", "li", "er", "ing", "de", "na", "ber", "ri"},
    {"ger", "ker", "sen", "de", "ver", "len", "ne", "sel"},
    {"mei", "ner", "ber", "fel", "den", "ler", "gen", "ster"},
    {"ti", "ri", "na", "gue", "mi", "do", "ca", "lo"},
    {"al", "niew", "cza", "bro", "lin", "mań", "ko", "dze"},
};
static const char *const ending[LANGUAGES][12] = {
    {"ton", "ley", "son", "ford", "man", "well", "wood", "er", "s", "by", "ham", "field"},
    {"ma", "stra", "kamp", "veld", "huis", "mans", "berg", "stra", "meer", "donk", "hof", "inga"},
    {"mann", "bauer", "stein", "hardt", "berger", "meier", "feld", "ing", "ke", "wald", "haus", "ner"},
    {"ez", "ado", "ega", "illo", "era", "ales", "osa", "ón", "eno", "ida", "ares", "uez"},
    {"ski", "ska", "czyk", "wicz", "ak", "ek", "owski", "iak", "ewski", "ński", "as", "ik"},
};
/* Usual given names, men first, then women, each with what it is shortened to. */
static const char *const usual[2][20][3] = {
    {{"Robert", "Bob", "Rob"},        {"William", "Bill", "Will"}, {"Richard", "Dick", "Rick"},
     {"James", "Jim", "Jimmy"},       {"Michael", "Mike", "Mick"}, {"Thomas", "Tom", "Tommy"},
     {"Charles", "Charlie", "Chuck"}, {"Edward", "Ed", "Ted"},     {"Joseph", "Joe", "Jo"},
     {"Daniel", "Dan", "Danny"},      {"Anthony", "Tony", "Ant"},  {"Alexander", "Alex", "Sasha"},
     {"Christopher", "Chris", "Kit"}, {"Samuel", "Sam", "Sammy"},  {"Benjamin", "Ben", "Benny"},
     {"Nicholas", "Nick", "Nicky"},   {"Johannes", "Hans", "Jan"}, {"Frederik", "Fred", "Frits"},
     {"Francisco", "Paco", "Pancho"}, {"Andrew", "Andy", "Drew"}},
    {{"Elizabeth", "Liz", "Beth"},       {"Margaret", "Maggie", "Peggy"}, {"Katherine", "Kate", "Kathy"},
     {"Susan", "Sue", "Susie"},          {"Patricia", "Pat", "Patty"},    {"Jennifer", "Jen", "Jenny"},
     {"Deborah", "Deb", "Debbie"},       {"Rebecca", "Becky", "Becca"},   {"Victoria", "Vicky", "Tori"},
     {"Alexandra", "Sandra", "Alex"},    {"Barbara", "Barb", "Babs"},     {"Dorothy", "Dot", "Dolly"},
     {"Christina", "Chris", "Tina"},     {"Theresa", "Terry", "Tess"},    {"Pamela", "Pam", "Pammy"},
     {"Josephine", "Jo", "Josie"},       {"Isabella", "Bella", "Izzy"},   {"Gabriella", "Gaby", "Ella"},
     {"Jacqueline", "Jackie", "Jacqui"}, {"Judith", "Judy", "Jude"}},
};
static const char *const man_ending[6] = {"o", "us", "en", "in", "ard", "el"};
static const char *const woman_ending[6] = {"a", "ia", "ine", "elle", "ika", "e"};
static const char *const street_type[LANGUAGES][3] = {
    {" Street", " Road", " Avenue"},  {"straat", "laan", "weg"},     {"straße", "weg", "allee"},
    {" Calle", " Avenida", " Plaza"}, {" ulica", " aleja", " plac"},
};
static const char *const trade[20] = {
    "Logistics", "Bakery",  "Consulting", "Systems",  "Foods",  "Media",    "Construction",
    "Energy",    "Dental",  "Software",   "Textiles", "Farms",  "Electric", "Motors",
    "Design",    "Capital", "Plumbing",   "Travel",   "Pharma", "Steel",
};
static const char *const legal_form[LANGUAGES][2] = {
    {"Ltd", "Limited"}, {"B.V.", "BV"}, {"GmbH", "AG"}, {"S.L.", "S.A."}, {"Sp. z o.o.", "S.A."}};
static const char *const job[16] = {
    "accountant", "engineer", "teacher", "nurse",   "manager", "sales representative", "driver", "analyst",
    "director",   "clerk",    "buyer",   "planner", "chef",    "technician",           "lawyer", "consultant",
};
static const char *const provider[6] = {"gmail.com",   "outlook.com", "yahoo.com",
                                        "hotmail.com", "icloud.com",  "web.example"};

uint64_t
random_next(Random *random)
{
    uint64_t x = random->state += 0x9e3779b97f4a7c15ULL;

    x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
    return x ^ x >> 31;
}

uint32_t
random_below(Random *random, uint32_t bound)
{
    return (uint32_t) ((random_next(random) >> 32) * bound >> 32);
}

bool
random_chance(Random *random, double probability)
{
    return (double) (random_next(random) >> 11) * 0x1p-53 < probability;
}

uint32_t
random_zipf(Random *random, uint32_t count, double slope)
{
    double where = (double) (random_next(random) >> 11) * 0x1p-53;
    double power = 1 - slope;
    double rank = pow(where * (pow((double) count + 1, power) - 1) + 1, 1 / power) - 1;

    return rank >= count ? count - 1 : (uint32_t) rank;
}

static uint64_t
hash_rank(uint32_t rank, uint32_t salt)
{
    Random random = {((uint64_t) salt << 32) + rank};

    return random_next(&random);
}

void
word_given(Random *random, int language, bool woman, char out[WORD_ROOM])
{
    uint32_t rank = random_zipf(random, 1500, 0.9);
    uint64_t hash = hash_rank(rank, woman ? 11 : 10);

    if (rank < 20)
        snprintf(out, WORD_ROOM, "%s", usual[woman][rank][0]);
    else
        snprintf(out, WORD_ROOM, "%s%s%s",
                 begin[(hash >> 8) % 2 == 0 ? (uint64_t) language : hash % LANGUAGES][hash >> 16 & 7],
                 (hash >> 24) % 3 == 0 ? "" : middle[(hash >> 32) % LANGUAGES][hash >> 40 & 7],
                 woman ? woman_ending[(hash >> 48) % 6] : man_ending[(hash >> 48) % 6]);
}

bool
word_nickname(Random *random, const char *given, char out[WORD_ROOM])
{
    for (int woman = 0; woman < 2; woman++)
        for (int i = 0; i < 20; i++)
            if (strcmp(usual[woman][i][0], given) == 0) {
                snprintf(out, WORD_ROOM, "%s", usual[woman][i][1 + random_below(random, 2)]);
                return true;
            }
    return false;
}

void
word_family(Random *random, int language, char out[WORD_ROOM])
{
    static const char *const particle[LANGUAGES][2] = {
        {"Mac", "O'"}, {"van der ", "de "}, {"von ", "zu "}, {"de la ", "del "}, {"", ""}};
    uint32_t rank = random_zipf(random, 20000, 0.85);
    uint64_t hash = hash_rank(rank, 20 + (uint32_t) language);

    snprintf(out, WORD_ROOM, "%s%s%s%s%s", (hash & 15) == 0 ? particle[language][hash >> 4 & 1] : "",
             begin[language][(hash >> 8) % 12], rank < 60 ? "" : middle[language][hash >> 16 & 7],
             rank < 4000 ? "" : middle[language][hash >> 24 & 7], ending[language][(hash >> 32) % 12]);
}

void
word_street(Random *random, int language, char out[WORD_ROOM])
{
    uint32_t rank = random_zipf(random, 4000, 0.6);
    uint64_t hash = hash_rank(rank, 30 + (uint32_t) language);

    snprintf(out, WORD_ROOM, "%s%s%s%s", begin[language][(hash >> 8) % 12],
             rank < 300 ? "" : middle[language][hash >> 16 & 7], ending[language][(hash >> 24) % 12],
             street_type[language][(hash >> 40) % 3]);
}

void
word_town(uint32_t town, char out[WORD_ROOM])
{
    uint64_t hash = hash_rank(town, 40);
    uint32_t language = town % LANGUAGES;

    snprintf(out, WORD_ROOM, "%s%s%s", begin[language][(hash >> 8) % 12], middle[language][hash >> 16 & 7],
             ending[language][(hash >> 24) % 12]);
}

void
word_company(Random *random, int language, char out[WORD_ROOM])
{
    char name[WORD_ROOM];
    char second[WORD_ROOM];

    word_family(random, language, name);
    word_family(random, language, second);
    switch (random_below(random, 4)) {
    case 0:
        snprintf(out, WORD_ROOM, "%.40s & %.40s", name, second);
        break;
    case 1:
        snprintf(out, WORD_ROOM, "%.30s %.30s %s", name, second, trade[random_below(random, 20)]);
        break;
    default:
        snprintf(out, WORD_ROOM, "%.40s %s", name, trade[random_below(random, 20)]);
        break;
    }
}

const char *
word_legal_form(Random *random, int language)
{
    return legal_form[language][random_below(random, 2)];
}

const char *
word_job(Random *random)
{
    return job[random_zipf(random, 16, 0.7)];
}

const char *
word_provider(Random *random)
{
    return provider[random_zipf(random, 6, 0.9)];
}
