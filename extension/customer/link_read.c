/*
 * link_read.c: records, as they came, become rows of value numbers.
 *
 * They are parsed in the order of a hash of what they hold, so that numbers do not depend on the order in which they came. The
 * attributes have no value, word or atom in common, so that threads share the work by attribute: each is read by a part of the
 * linker, with tables and memory of its own, which the linker takes over at the end. What is numbered in the order of records stays so.
 */
#include "customer/link_inside.h"

#include <stdlib.h>
#include <string.h>

#define SLICE 65536    /* records between two questions whether to go on */
#define WORTHWHILE 256 /* records; fewer are read by the calling thread */
#define AHEAD 8        /* records whose texts are asked for before they are read */

static int
compare_arrivals(const void *left, const void *right)
{
    const LinkArrival *a = left;
    const LinkArrival *b = right;

    if (a->content != b->content)
        return a->content < b->content ? -1 : 1;
    if (a->name != b->name)
        return a->name < b->name ? -1 : 1;
    return a->number < b->number ? -1 : a->number > b->number;
}

/* The fields of a record as it came. */
static void
unpack(const char *raw, LinkText *field)
{
    memset(field, 0, LINK_FIELDS * sizeof(LinkText));
    for (;;) {
        LinkRawField head;

        memcpy(&head, raw, sizeof(head));
        if (head.field >= LINK_FIELDS)
            return;
        raw += sizeof(head);
        field[head.field] = (LinkText){raw, head.length};
        raw += head.length;
    }
}

/* Which attributes any record has a field of. */
static void
choose_columns(Linker *linker)
{
    bool used[LINK_ATTRIBUTES] = {false};

    for (uint32_t i = 0; i < linker->records; i++) {
        LinkText field[LINK_FIELDS];

        unpack(linker->arrival[i].raw, field);
        for (int f = 0; f < LINK_FIELDS; f++)
            if (field[f].data != NULL)
                used[f <= LINK_FULL_NAME ? LINK_ATTRIBUTE_NAME : f - LINK_FULL_NAME] = true;
    }
    linker->columns = 0;
    for (int k = 0; k < LINK_ATTRIBUTES; k++) {
        LinkValues *values = &linker->values[k];

        values->count = values->room = 1; /* none, also where no field can be read */
        values->value = link_allocate(linker, values->room, sizeof(LinkValue));
        linker->attribute_column[k] = used[k] ? linker->columns : -1;
        if (used[k])
            linker->column_attribute[linker->columns++] = k;
    }
}

static void
map_pairs(Linker *linker, RecordPair *pair, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        pair[i].a = linker->place[pair[i].a];
        pair[i].b = linker->place[pair[i].b];
    }
}

static uint32_t *
cell(Linker *linker, uint32_t record, int column)
{
    return &linker->row[(size_t) record * (size_t) linker->columns + (size_t) column];
}

static void
read_records(Linker *linker)
{
    for (uint32_t i = 0; i < linker->records; i++) {
        LinkText field[LINK_FIELDS];

        unpack(linker->arrival[i].raw, field);
        for (int c = 0; c < linker->columns; c++)
            *cell(linker, i, c) = link_parse(linker, linker->column_attribute[c], field);
        if (i % 4096 == 0)
            link_poll(linker, LINK_READING, i, linker->records);
    }
}

static bool
same_text(const LinkText *a, const LinkText *b)
{
    return a->length == b->length && (a->data == NULL) == (b->data == NULL) &&
           (a->length == 0 || memcmp(a->data, b->data, a->length) == 0);
}

/* Whether link_parse would see the same. */
static bool
same_fields(int attribute, const LinkText *a, const LinkText *b)
{
    if (attribute == LINK_ATTRIBUTE_NAME)
        return same_text(&a[LINK_GIVEN_NAME], &b[LINK_GIVEN_NAME]) &&
               same_text(&a[LINK_FAMILY_NAME], &b[LINK_FAMILY_NAME]) &&
               same_text(&a[LINK_FULL_NAME], &b[LINK_FULL_NAME]);
    return same_text(&a[attribute + LINK_FULL_NAME], &b[attribute + LINK_FULL_NAME]) &&
           (attribute != LINK_ATTRIBUTE_PHONE || same_text(&a[LINK_COUNTRY], &b[LINK_COUNTRY]));
}

/* A record before the i-th, or the first one, that has the same fields; i where there is none. */
static uint32_t
parsed_before(int attribute, LinkText (*field)[LINK_FIELDS], uint32_t first, uint32_t i)
{
    if (same_fields(attribute, field[i], field[first]))
        return first;
    for (uint32_t k = 0; k < i; k++)
        if (same_fields(attribute, field[i], field[k]))
            return k;
    return i;
}

/*
 * Only what the first record has is compared. Those beside it are there since they share something with it, and so with each
 * other: what was parsed is not parsed again.
 */
static void
parse_beside_first(Linker *linker)
{
    LinkText(*field)[LINK_FIELDS] = link_allocate(linker, linker->records + 1, sizeof(*field));
    uint32_t first = linker->place[0];

    for (uint32_t i = 0; i < linker->records; i++)
        unpack(linker->arrival[i].raw, field[i]);
    for (int c = 0; c < linker->columns; c++) {
        int attribute = linker->column_attribute[c];

        *cell(linker, first, c) = link_parse(linker, attribute, field[first]);
        if (*cell(linker, first, c) == 0)
            continue;
        for (uint32_t i = 0; i < linker->records; i++) {
            uint32_t like = i == first ? first : parsed_before(attribute, field, first, i);

            *cell(linker, i, c) =
                like == i && i != first ? link_parse(linker, attribute, field[i]) : *cell(linker, like, c);
        }
    }
    link_release(linker, field);
}

/* ---- by all threads ---- */

typedef struct Reading {
    Linker *linker;
    Linker *part; /* of each column */
    LinkStatus status[LINK_ATTRIBUTES];
    uint32_t from;
    uint32_t to;
} Reading;

typedef struct ReadingPart {
    const Reading *reading;
    int column;
} ReadingPart;

static void
read_column(Linker *part, void *argument)
{
    const ReadingPart *its = argument;
    Linker *linker = its->reading->linker; /* its cells, each written by one part */

    for (uint32_t i = its->reading->from; i < its->reading->to; i++) {
        LinkText field[LINK_FIELDS];

        if (i + AHEAD < its->reading->to)
            __builtin_prefetch(linker->arrival[i + AHEAD].raw);
        unpack(linker->arrival[i].raw, field);
        *cell(linker, i, its->column) = link_parse(part, linker->column_attribute[its->column], field);
    }
}

static bool
read_some(void *context, int worker, size_t from, size_t to)
{
    Reading *reading = context;

    (void) worker;
    for (size_t c = from; c < to; c++) {
        ReadingPart its = {reading, (int) c};

        reading->status[c] = link_guard(&reading->part[c], read_column, &its);
        if (reading->status[c] != LINK_OK)
            return false;
    }
    return true;
}

static void
open_parts(Linker *linker, Reading *reading)
{
    reading->part = link_allocate(linker, (size_t) linker->columns, sizeof(Linker));
    for (int c = 0; c < linker->columns; c++) {
        Linker *part = &reading->part[c];
        int k = linker->column_attribute[c];

        part->options = linker->options;
        part->whole = linker;
        part->values[k].count = linker->values[k].count;
    }
}

/* The atoms of a part get numbers behind those that there are. */
static void
take_atoms(Linker *linker, const Linker *part, int attribute)
{
    uint32_t first_atom = linker->atoms == 0 ? 0 : linker->atoms - 1;
    uint32_t first = linker->value_atoms;
    LinkValues *values = &linker->values[attribute];

    if (part->atoms == 0)
        return;
    linker->atom_hash =
        link_grow(linker, linker->atom_hash, (size_t) first_atom + part->atoms, sizeof(uint64_t));
    memcpy(linker->atom_hash + first_atom + 1, part->atom_hash + 1, (part->atoms - 1) * sizeof(uint64_t));
    linker->atoms = first_atom + part->atoms;
    linker->value_atom =
        link_grow(linker, linker->value_atom, (size_t) first + part->value_atoms, sizeof(uint32_t));
    for (uint32_t i = 0; i < part->value_atoms; i++)
        linker->value_atom[first + i] = first_atom + part->value_atom[i];
    linker->value_atoms = first + part->value_atoms;
    for (uint32_t v = 1; v < values->count; v++)
        values->value[v].atoms += first;
    if (!link_has_words(attribute))
        return;
    for (uint32_t w = 1; w < linker->words[link_word_space(attribute)].count; w++)
        linker->words[link_word_space(attribute)].word[w].atoms += first;
}

/* Also of parts that could not be read to the end: their memory goes the way of the linker's. */
static void
take_parts(Linker *linker, Reading *reading, bool going)
{
    LinkStatus status = going ? LINK_OK : LINK_CANCELLED;

    for (int c = 0; c < linker->columns; c++) {
        Linker *part = &reading->part[c];
        int k = linker->column_attribute[c];

        link_take_memory(linker, part);
        if (part->values[k].value != NULL) {
            link_release(linker, linker->values[k].value);
            linker->values[k] = part->values[k];
        }
        if (link_has_words(k))
            linker->words[link_word_space(k)] = part->words[link_word_space(k)];
        if (reading->status[c] != LINK_OK) {
            status = reading->status[c];
            linker->needed = part->needed;
        }
    }
    if (status != LINK_OK)
        link_fail(linker, status);
    for (int c = 0; c < linker->columns; c++) {
        Linker *part = &reading->part[c];

        take_atoms(linker, part, linker->column_attribute[c]);
        link_release(linker, part->atom_hash);
        link_release(linker, part->value_atom);
        link_release(linker, part->atom_index.slot);
        link_release(linker, part->kept.chunk);
    }
    link_release(linker, reading->part);
}

static void
read_in_parallel(Linker *linker)
{
    Reading reading = {.linker = linker};
    bool going = true;

    open_parts(linker, &reading);
    for (; going && reading.from < linker->records; reading.from = reading.to) {
        reading.to = linker->records - reading.from > SLICE ? reading.from + SLICE : linker->records;
        linker->done_before = reading.from;
        linker->to_do = linker->records;
        going = link_in_parallel(linker, LINK_READING, (size_t) linker->columns, 1, read_some, &reading);
    }
    linker->to_do = 0;
    take_parts(linker, &reading, going);
}

void
link_settle(Linker *linker)
{
    if (linker->settled)
        return;
    linker->records = linker->added;
    if (linker->added > 1)
        qsort(linker->arrival, linker->added, sizeof(LinkArrival), compare_arrivals);
    linker->number = link_allocate(linker, linker->records + 1, sizeof(uint32_t));
    linker->place = link_allocate(linker, linker->records + 1, sizeof(uint32_t));
    linker->kind = link_allocate(linker, linker->records + 1, 1);
    choose_columns(linker);
    linker->row = link_allocate(linker, ((size_t) linker->records + 1) * (size_t) (linker->columns + 1),
                                sizeof(uint32_t));
    for (uint32_t i = 0; i < linker->records; i++) {
        linker->number[i] = linker->arrival[i].number;
        linker->place[linker->arrival[i].number] = i;
        linker->kind[i] = linker->arrival[i].kind;
    }
    if (linker->options.only_first && linker->records > 0)
        parse_beside_first(linker);
    else if (link_threads(linker) > 1 && linker->records >= WORTHWHILE)
        read_in_parallel(linker);
    else
        read_records(linker);
    map_pairs(linker, linker->same, linker->same_count);
    map_pairs(linker, linker->different, linker->different_count);
    link_release(linker, linker->arrival);
    linker->arrival = NULL;
    link_keep_free(linker, &linker->raw);
    link_trim(linker);
    linker->settled = true;
}
