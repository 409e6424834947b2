/*
 * load_unit.c: units, in preorder, and what teams call them. See load.h.
 */
#include "base/compat.h"
#include "org/load.h"

#include "utils/memutils.h"

/* A unit by the number of its key. A key that is only named as a parent has a row without a word of its own. */
typedef struct UnitRow {
    const char *key; /* NULL where no such unit was read */
    const char *name;
    int hierarchy;
    int parent;      /* rows, -1 none */
    int first_child; /* rows, -1 none */
    int next_sibling;
    int place; /* in preorder, -1 not reached yet */
} UnitRow;

typedef struct Loader {
    CrmOrganisation *organisation;
    CrmStrings strings;
    CrmNames *hierarchy_numbers;
    UnitRow *rows;
    int row_count;
    int size;
    int root_hierarchy;
} Loader;

static void
read_hierarchy(void *arg, const CrmRow *row)
{
    Loader *loader = arg;
    CrmOrganisation *org = loader->organisation;
    CrmHierarchy *hierarchy;

    org->hierarchies = repalloc(org->hierarchies, sizeof(CrmHierarchy) * ((Size) org->hierarchy_count + 1));
    hierarchy = &org->hierarchies[org->hierarchy_count];
    hierarchy->key = crm_row_string(row, 0, &loader->strings);
    hierarchy->units = crm_value_map_create(org->context);
    crm_names_set(loader->hierarchy_numbers, hierarchy->key, org->hierarchy_count++);
}

static int
row_of(Loader *loader, const text *key, const char **kept)
{
    int number = key == NULL ? -1 : crm_names_intern(loader->organisation->unit_names, key, kept);

    if (number < loader->row_count)
        return number;
    if (number == loader->size) {
        loader->size *= 2;
        loader->rows = repalloc_huge(loader->rows, sizeof(UnitRow) * (Size) loader->size);
    }
    loader->rows[number] = (UnitRow){NULL, NULL, -1, -1, -1, -1, -1};
    loader->row_count++;
    return number;
}

static void
read_unit(void *arg, const CrmRow *row)
{
    Loader *loader = arg;
    const char *key;
    const char *parent_key;
    int number = row_of(loader, crm_row_text(row, 0), &key);
    int parent = row_of(loader, crm_row_text(row, 3), &parent_key);
    UnitRow *unit = &loader->rows[number];

    unit->key = key;
    unit->name = crm_row_string(row, 1, &loader->strings);
    unit->hierarchy = crm_names_get_text(loader->hierarchy_numbers, crm_row_text(row, 2));
    unit->parent = parent;
    loader->organisation->unit_count++;
}

/* Gives the row the next place; the parent already has one. */
static void
place_unit(Loader *loader, UnitRow *row, int *next)
{
    int parent = row->parent >= 0 ? loader->rows[row->parent].place : -1; /* -1 too where none was read */

    row->place = *next;
    loader->organisation->units[*next] = (CrmUnit){row->key, parent, *next};
    (*next)++;
}

/* Everything below a unit that has its place, depth first. */
static void
place_below(Loader *loader, UnitRow *top, int *stack, int *next)
{
    int depth = 0;

    stack[depth++] = top->first_child;
    while (depth > 0) {
        int child = stack[depth - 1];

        if (child < 0) {
            depth--;
            continue;
        }
        stack[depth - 1] = loader->rows[child].next_sibling;
        place_unit(loader, &loader->rows[child], next);
        stack[depth++] = loader->rows[child].first_child;
    }
}

static void
find_children(Loader *loader)
{
    for (int i = 0; i < loader->row_count; i++) {
        UnitRow *row = &loader->rows[i];

        if (row->key != NULL && row->parent >= 0) {
            row->next_sibling = loader->rows[row->parent].first_child;
            loader->rows[row->parent].first_child = i;
        }
    }
}

/* Below comes after above, so that one pass from the end finds where each subtree ends. */
static void
find_ends(CrmOrganisation *org)
{
    for (int i = org->unit_count - 1; i > 0; i--) {
        int parent = org->units[i].parent;

        if (parent >= 0)
            org->units[parent].last = Max(org->units[parent].last, org->units[i].last);
    }
}

static void
arrange_units(Loader *loader)
{
    CrmOrganisation *org = loader->organisation;
    int *stack = palloc(sizeof(int) * ((Size) org->unit_count + 1));
    int next = 0;

    org->units = palloc(sizeof(CrmUnit) * ((Size) org->unit_count + 1));
    org->places = palloc(sizeof(int) * ((Size) loader->row_count + 1));
    org->root = -1;
    find_children(loader);
    for (int i = 0; i < loader->row_count; i++) {
        UnitRow *row = &loader->rows[i];

        if (row->key == NULL || (row->parent >= 0 && loader->rows[row->parent].key != NULL))
            continue;
        if (row->parent < 0 && org->root < 0) {
            org->root = next;
            loader->root_hierarchy = row->hierarchy;
        }
        place_unit(loader, row, &next);
        place_below(loader, row, stack, &next);
    }
    /* Triggers refuse circles; units in one all the same hang on nothing, and reach nothing below them. */
    for (int i = 0; i < loader->row_count; i++) {
        if (loader->rows[i].key != NULL && loader->rows[i].place < 0) {
            loader->rows[i].parent = -1;
            place_unit(loader, &loader->rows[i], &next);
        }
    }
    find_ends(org);
    for (int i = 0; i < loader->row_count; i++)
        org->places[i] = loader->rows[i].place;
    pfree(stack);
}

/* Ranks, lower first: key, alias, name. The root is known in every hierarchy, after the hierarchy's own. */
static void
add_word(Loader *loader, int hierarchy, const char *word, int unit, int rank)
{
    CrmOrganisation *org = loader->organisation;

    if (unit != org->root && hierarchy >= 0)
        crm_value_map_add(org->hierarchies[hierarchy].units, word, unit, rank);
    else if (unit == org->root) {
        for (int i = 0; i < org->hierarchy_count; i++)
            crm_value_map_add(org->hierarchies[i].units, word, unit, i == hierarchy ? rank : rank + 1);
    }
}

static void
name_units(Loader *loader)
{
    for (int i = 0; i < loader->row_count; i++) {
        const UnitRow *row = &loader->rows[i];

        if (row->key == NULL)
            continue;
        add_word(loader, row->hierarchy, row->key, row->place, 0);
        if (strcmp(row->key, row->name) != 0) /* as a key it means the unit anyway */
            add_word(loader, row->hierarchy, row->name, row->place, 4);
    }
}

static void
read_unit_alias(void *arg, const CrmRow *row)
{
    Loader *loader = arg;
    int hierarchy = crm_names_get_text(loader->hierarchy_numbers, crm_row_text(row, 0));
    int unit = crm_organisation_unit(loader->organisation, crm_row_text(row, 2));

    if (unit >= 0)
        add_word(loader, hierarchy, crm_row_string(row, 1, &loader->strings), unit, 2);
}

void
crm_load_units(CrmOrganisation *organisation, Snapshot snapshot)
{
    uint32 expected = crm_table_rows("unit");
    Loader loader = {
        .organisation = organisation, .size = (int) Max(expected + expected / 8, 64), .root_hierarchy = -1};

    organisation->hierarchies = palloc(sizeof(CrmHierarchy));
    organisation->unit_names = crm_names_create(organisation->context, expected);
    loader.strings.context = organisation->context;
    loader.hierarchy_numbers = crm_names_create(organisation->context, 0);
    loader.rows = palloc(sizeof(UnitRow) * (Size) loader.size);
    crm_table_scan("hierarchy", (const char *const[]){"hierarchy", NULL}, snapshot, read_hierarchy, &loader);
    crm_table_scan("unit", (const char *const[]){"unit", "name", "hierarchy", "parent"}, snapshot, read_unit,
                   &loader);
    arrange_units(&loader);
    name_units(&loader);
    crm_table_scan("unit_alias", (const char *const[]){"hierarchy", "alias", "unit", NULL}, snapshot,
                   read_unit_alias, &loader);
    organisation->root_hierarchy = loader.root_hierarchy;
    pfree(loader.rows);
}
