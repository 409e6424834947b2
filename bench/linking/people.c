/*
 * people.c: writes a made-up set of records, with the entity of each, as CSV.
 *   people --shape NAME --rows N [--seed N]      people --shapes       people --shape NAME --options
 *
 * The same seed gives the same file. Rows are in no order that says who is who: they are numbered by household.
 */
#include <err.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entities.h"

typedef struct Shape {
    const char *name;
    double organisations; /* share of entities */
    double again;         /* chance that an entity has a record more, and then one more ... */
    double crowd;         /* share of entities of hundreds of records */
    double errors;
    unsigned columns; /* bits of Value */
    const char *kind;
} Shape;

#define ALL ((1U << VALUES) - 1)
#define BIT(value) (1U << (value))

static const Shape shapes[] = {
    {"people", 0.05, 0.2, 0, 1, ALL & ~BIT(TAX_ID) & ~BIT(JOB) & ~BIT(GENDER), "any"},
    {"few", 0.05, 0.03, 0, 1, ALL & ~BIT(TAX_ID) & ~BIT(JOB) & ~BIT(GENDER), "any"},
    {"many", 0, 0.8, 0, 1.3, ALL & ~BIT(COMPANY) & ~BIT(TAX_ID), "person"},
    {"organisations", 1, 0.35, 0, 1.3, BIT(COMPANY) | BIT(PHONE) | BIT(ADDRESS) | BIT(POSTCODE) | BIT(CITY),
     "organisation"},
    {"names_only", 1, 0.3, 0, 1, BIT(COMPANY), "organisation"},
    {"crowds", 0, 0.2, 0.01, 1.2,
     BIT(GIVEN) | BIT(FAMILY) | BIT(BIRTH_DATE) | BIT(CITY) | BIT(POSTCODE) | BIT(GENDER), "person"},
    /* nothing was chosen by these two */
    {"contacts", 0, 0.3, 0, 1.2, BIT(GIVEN) | BIT(FAMILY) | BIT(EMAIL) | BIT(PHONE) | BIT(JOB), "person"},
    {"patients", 0, 0.15, 0, 1,
     BIT(GIVEN) | BIT(FAMILY) | BIT(BIRTH_DATE) | BIT(GENDER) | BIT(POSTCODE) | BIT(TAX_ID), "person"},
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static const char *const column[VALUES] = {"given_name", "family_name", "company",  "email",
                                           "phone",      "address",     "postcode", "city",
                                           "birth_date", "tax_id",      "gender",   "job_title"};

static const Shape *
find_shape(const char *name)
{
    for (size_t i = 0; i < SHAPES; i++)
        if (strcmp(shapes[i].name, name) == 0)
            return &shapes[i];
    errx(2, "no shape \"%s\"; people --shapes lists them", name);
}

static void
print_options(const Shape *shape)
{
    for (int i = 0; i < VALUES; i++)
        if (shape->columns & BIT(i))
            printf("--map\n%s=%s\n", column[i], column[i]);
    if (shape->columns & BIT(PHONE))
        puts("--map\ncountry=country");
    printf("--truth\nentity\n--kind\n%s\n", shape->kind);
}

typedef struct Writer {
    const Shape *shape;
    uint64_t rows;
    uint64_t wanted;
    uint64_t entities;
} Writer;

static void
write_value(const char *value)
{
    bool quote = strpbrk(value, ",\"\n") != NULL;

    putchar(',');
    if (quote)
        putchar('"');
    for (; *value != '\0'; value++) {
        if (*value == '"')
            putchar('"');
        putchar(*value);
    }
    if (quote)
        putchar('"');
}

static void
write_entity(Writer *writer, Random *random, const Entity *entity)
{
    const Shape *shape = writer->shape;
    uint64_t crowd = random_chance(random, shape->crowd) ? 100 + random_below(random, 300) : 0;
    uint64_t number = ++writer->entities;
    uint64_t written = 0;

    do {
        Entity record;

        write_record(random, entity, shape->errors, written == 0, &record);
        printf("%llu,NL", (unsigned long long) number);
        for (int i = 0; i < VALUES; i++)
            write_value(shape->columns & BIT(i) ? record.value[i] : "");
        putchar('\n');
        written++;
    } while (++writer->rows < writer->wanted &&
             (written < crowd || (random_chance(random, shape->again) && written < 40)));
}

static bool
is_called_alike(const Entity *member, uint32_t number)
{
    for (uint32_t k = 0; k < number; k++)
        if (strcmp(member[k].value[GIVEN], member[number].value[GIVEN]) == 0)
            return true;
    return false;
}

/* One person, a couple, or a family, of which the eldest may have a son of his name. */
static void
write_household(Writer *writer, Random *random)
{
    uint32_t persons = random_chance(random, 0.5)   ? 1
                       : random_chance(random, 0.5) ? 2
                                                    : 3 + random_below(random, 2);
    Entity member[4];
    Home home;

    make_home(random, &home);
    for (uint32_t i = 0; i < persons && writer->rows < writer->wanted; i++) {
        bool is_son = i == 2 && random_chance(random, 0.05);

        if (is_son)
            make_son(random, &member[0], &member[i]);
        else
            make_person(random, &home, &member[i]);
        while (!is_son && is_called_alike(member, i))
            make_person(random, &home, &member[i]);
        write_entity(writer, random, &member[i]);
    }
}

static void
write_rows(const Shape *shape, uint64_t rows, uint64_t seed)
{
    Writer writer = {.shape = shape, .wanted = rows};

    printf("entity,country");
    for (int i = 0; i < VALUES; i++)
        printf(",%s", column[i]);
    putchar('\n');
    for (uint64_t i = 0; writer.rows < rows; i++) {
        Random random = {seed * 0x100000000ULL + i};

        random.state = random_next(&random);
        if (random_chance(&random, shape->organisations)) {
            Entity entity;

            make_organisation(&random, &entity);
            write_entity(&writer, &random, &entity);
        } else
            write_household(&writer, &random);
    }
}

int
main(int argc, char **argv)
{
    static const struct option names[] = {{"shape", 1, NULL, 's'},   {"rows", 1, NULL, 'r'},
                                          {"seed", 1, NULL, 'S'},    {"shapes", 0, NULL, 'l'},
                                          {"options", 0, NULL, 'o'}, {NULL, 0, NULL, 0}};
    const Shape *shape = &shapes[0];
    uint64_t rows = 10000;
    uint64_t seed = 1;
    bool options = false;
    int letter;

    while ((letter = getopt_long(argc, argv, "", names, NULL)) != -1)
        switch (letter) {
        case 's':
            shape = find_shape(optarg);
            break;
        case 'r':
            rows = strtoull(optarg, NULL, 10);
            break;
        case 'S':
            seed = strtoull(optarg, NULL, 10);
            break;
        case 'o':
            options = true;
            break;
        case 'l':
            for (size_t i = 0; i < SHAPES; i++)
                puts(shapes[i].name);
            return 0;
        default:
            return 2;
        }
    if (options)
        print_options(shape);
    else
        write_rows(shape, rows, seed);
    return fflush(stdout) == 0 ? 0 : 1;
}
