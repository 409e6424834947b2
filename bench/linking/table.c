/*
 * table.c: mapping, thinning, sampling and shuffling. See table.h.
 */
#include "table.h"

#include <err.h>
#include <stdlib.h>
#include <string.h>

#define MAX_PARTS 4

typedef struct Mapping {
    LinkField field;
    int column[MAX_PARTS];
    int count;
} Mapping;

static const char *const field_name[LINK_FIELDS] = {
    "given_name", "family_name", "full_name", "company", "email",      "phone",  "website", "address",
    "postcode",   "city",        "region",    "country", "birth_date", "tax_id", "gender",  "job_title",
};

static void *
allocate(size_t size)
{
    void *memory = calloc(1, size + 1);

    if (memory == NULL)
        errx(2, "out of memory");
    return memory;
}

static uint64_t
mix(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdULL;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ULL;
    return x ^ x >> 33;
}

uint64_t
hash_text(const char *text, size_t length, uint64_t seed)
{
    uint64_t hash = 0xcbf29ce484222325ULL ^ mix(seed);

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ (unsigned char) text[i]) * 0x100000001b3ULL;
    return mix(hash);
}

static void
parse_mapping(const Csv *csv, const char *text, Mapping *mapping)
{
    const char *equals = strchr(text, '=');
    char *columns;
    char *save = NULL;

    *mapping = (Mapping){.field = LINK_FIELDS};
    for (int i = 0; equals != NULL && i < LINK_FIELDS; i++)
        if (strlen(field_name[i]) == (size_t) (equals - text) &&
            strncmp(field_name[i], text, (size_t) (equals - text)) == 0)
            mapping->field = (LinkField) i;
    if (equals == NULL || mapping->field == LINK_FIELDS)
        errx(2, "\"%s\" is no FIELD=COLUMN", text);
    columns = strdup(equals + 1);
    for (char *name = strtok_r(columns, "+", &save); name != NULL; name = strtok_r(NULL, "+", &save)) {
        int column = csv_column(csv, name);

        if (column < 0 || mapping->count == MAX_PARTS)
            errx(2, "no column \"%s\"", name);
        mapping->column[mapping->count++] = column;
    }
    free(columns);
}

static char *
append(char *out, const char *text)
{
    size_t length = strlen(text);

    memcpy(out, text, length);
    return out + length;
}

/* The mapped value of a row; *joined is room, where one is needed. */
static LinkText
take_value(const Csv *csv, size_t row, const Mapping *mapping, char **joined)
{
    char **field = csv->field + row * (size_t) csv->columns;
    char *start = *joined;

    if (mapping->count == 1) {
        const char *value = field[mapping->column[0]];

        return *value == '\0' ? (LinkText){NULL, 0} : (LinkText){value, strlen(value)};
    }
    for (int i = 0; i < mapping->count; i++) {
        if (*field[mapping->column[i]] == '\0')
            continue;
        if (*joined > start)
            *joined = append(*joined, " ");
        *joined = append(*joined, field[mapping->column[i]]);
    }
    return *joined == start ? (LinkText){NULL, 0} : (LinkText){start, (size_t) (*joined - start)};
}

static uint64_t
entity_of(const char *value, int part)
{
    size_t length;

    for (; part > 1; part--) {
        value += strcspn(value, "-");
        value += *value == '-';
    }
    length = part == 1 ? strcspn(value, "-") : strlen(value);
    return hash_text(value, length, 1);
}

static int
compare_hashes(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *) a;
    uint64_t y = *(const uint64_t *) b;

    return (x > y) - (x < y);
}

static void
number_entities(Table *table)
{
    uint64_t *sorted = allocate(table->rows * sizeof(uint64_t));
    size_t count = 0;

    memcpy(sorted, table->entity, table->rows * sizeof(uint64_t));
    qsort(sorted, table->rows, sizeof(uint64_t), compare_hashes);
    for (size_t i = 0; i < table->rows; i++)
        if (i == 0 || sorted[i] != sorted[i - 1])
            sorted[count++] = sorted[i];
    for (size_t i = 0; i < table->rows; i++)
        table->truth[i] = (uint32_t) ((uint64_t *) bsearch(&table->entity[i], sorted, count, sizeof(uint64_t),
                                                           compare_hashes) -
                                      sorted);
    free(sorted);
}

void
table_read(Table *table, const char *path, const char *const *fields, int count, const char *truth,
           LinkKind kind)
{
    Mapping mapping[LINK_FIELDS];
    char name[256] = "";
    const char *colon = strchr(truth, ':');
    int part = colon == NULL ? 0 : (int) strtol(colon + 1, NULL, 10);
    size_t bytes = 0;
    char *joined;
    int column;

    memset(table, 0, sizeof(Table));
    csv_read(path, ',', &table->csv);
    memcpy(name, truth, colon == NULL ? strnlen(truth, sizeof(name) - 1) : (size_t) (colon - truth));
    column = csv_column(&table->csv, name);
    if (column < 0)
        errx(2, "no column \"%s\"", name);
    for (int i = 0; i < count; i++)
        parse_mapping(&table->csv, fields[i], &mapping[i]);
    for (int i = 0; i < count; i++)
        for (size_t row = 0; mapping[i].count > 1 && row < table->csv.rows; row++)
            for (int k = 0; k < mapping[i].count; k++)
                bytes +=
                    strlen(
                        table->csv.field[row * (size_t) table->csv.columns + (size_t) mapping[i].column[k]]) +
                    1;
    table->joined = joined = allocate(bytes);
    table->input = allocate(table->csv.rows * sizeof(LinkInput));
    table->truth = allocate(table->csv.rows * sizeof(uint32_t));
    table->entity = allocate(table->csv.rows * sizeof(uint64_t));
    table->content = allocate(table->csv.rows * sizeof(uint64_t));
    for (size_t row = 0; row < table->csv.rows; row++) {
        const char *value = table->csv.field[row * (size_t) table->csv.columns + (size_t) column];
        LinkInput *input = &table->input[table->rows];

        if (*value == '\0')
            continue;
        *input = (LinkInput){.name = mix(row + 1), .kind = kind};
        table->content[table->rows] = input->name;
        for (int i = 0; i < count; i++) {
            input->field[mapping[i].field] = take_value(&table->csv, row, &mapping[i], &joined);
            table->content[table->rows] =
                hash_text(input->field[mapping[i].field].data, input->field[mapping[i].field].length,
                          table->content[table->rows]);
        }
        table->entity[table->rows++] = entity_of(value, part);
    }
    number_entities(table);
}

static void
move_row(Table *table, size_t to, size_t from)
{
    table->input[to] = table->input[from];
    table->truth[to] = table->truth[from];
    table->entity[to] = table->entity[from];
    table->content[to] = table->content[from];
}

void
table_thin(Table *table, double share)
{
    size_t *first = allocate(table->rows * sizeof(size_t)); /* of each entity, row + 1; 0: none */
    size_t *second = allocate(table->rows * sizeof(size_t));
    size_t kept = 0;

    for (size_t i = 0; i < table->rows; i++) {
        uint32_t entity = table->truth[i];

        if (first[entity] == 0 || table->content[i] < table->content[first[entity] - 1]) {
            second[entity] = first[entity];
            first[entity] = i + 1;
        } else if (second[entity] == 0 || table->content[i] < table->content[second[entity] - 1])
            second[entity] = i + 1;
    }
    for (size_t i = 0; i < table->rows; i++) {
        uint32_t entity = table->truth[i];
        bool twice = (double) (mix(table->entity[i] + 2) >> 11) * 0x1p-53 < share;

        if (first[entity] == i + 1 || (twice && second[entity] == i + 1))
            move_row(table, kept++, i);
    }
    table->rows = kept;
    number_entities(table);
    free(first);
    free(second);
}

void
table_sample(Table *table, size_t rows)
{
    uint64_t limit =
        rows >= table->rows ? UINT64_MAX : (uint64_t) ((double) rows / (double) table->rows * 0x1p64);
    size_t kept = 0;

    for (size_t i = 0; i < table->rows; i++)
        if (mix(table->entity[i] + 3) <= limit)
            move_row(table, kept++, i);
    table->rows = kept;
    number_entities(table);
}

void
table_shuffle(Table *table, uint64_t seed)
{
    size_t *order = allocate(table->rows * sizeof(size_t));
    Table copy = *table;

    copy.input = allocate(table->rows * sizeof(LinkInput));
    copy.truth = allocate(table->rows * sizeof(uint32_t));
    copy.entity = allocate(table->rows * sizeof(uint64_t));
    copy.content = allocate(table->rows * sizeof(uint64_t));
    for (size_t i = 0; i < table->rows; i++) {
        size_t k = mix(seed * 0x9e3779b97f4a7c15ULL + i) % (i + 1);

        order[i] = order[k];
        order[k] = i;
    }
    for (size_t i = 0; i < table->rows; i++) {
        copy.input[i] = table->input[order[i]];
        copy.truth[i] = table->truth[order[i]];
        copy.entity[i] = table->entity[order[i]];
        copy.content[i] = table->content[order[i]];
    }
    free(order);
    free(table->input);
    free(table->truth);
    free(table->entity);
    free(table->content);
    *table = copy;
}

void
table_free(Table *table)
{
    free(table->input);
    free(table->truth);
    free(table->entity);
    free(table->content);
    free(table->joined);
    csv_free(&table->csv);
}
