/*
 * load.c: see load.h. Scans the org tables in the order in which they refer to each other; rows that refer to
 * nothing (a restore in progress) are passed over.
 */
#include "base/compat.h"
#include "base/schema.h"
#include "org/access.h"
#include "org/load.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rangetypes.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/timestamp.h"
#include "utils/typcache.h"

#define COLUMNS_MAX 4

typedef struct UnitRow {
    const char *key;
    const char *name;
    const char *hierarchy;
    const char *parent;
    int first_child; /* rows, -1 none */
    int next_sibling;
    int place; /* in preorder, -1 not reached yet */
} UnitRow;

typedef struct AliasRow {
    const char *hierarchy;
    const char *alias;
    int unit;
} AliasRow;

typedef struct NameEntry {
    char name[CRM_VALUE_MAX + 4];
    int index;
} NameEntry;

typedef struct Loader {
    CrmOrganisation *organisation;
    Snapshot snapshot;
    TimestampTz now;
    UnitRow *unit_rows;
    int unit_rows_size;
    int *row_at;        /* the row of each unit, by place */
    HTAB *unit_numbers; /* key to row, then to place */
    HTAB *principal_numbers;
    HTAB *role_numbers;
    HTAB *object_numbers;
    List **unit_roles; /* for each unit, roles of all its members */
    TypeCacheEntry *range_type;
} Loader;

/* One row: the columns asked for, as text (NULL for a null) but for a range, which is left as it is. */
typedef void (*RowReader)(Loader *loader, Datum *values, bool *nulls);

static HTAB *
make_names(const char *title)
{
    HASHCTL control = {.keysize = sizeof(((NameEntry *) NULL)->name),
                       .entrysize = sizeof(NameEntry),
                       .hcxt = CurrentMemoryContext};

    return hash_create(title, 64, &control, HASH_ELEM | HASH_STRINGS | HASH_CONTEXT);
}

static void
set_number(HTAB *names, const char *name, int index)
{
    NameEntry *entry = hash_search(names, name, HASH_ENTER, NULL);

    entry->index = index;
}

/* -1 where there is none. */
static int
get_number(HTAB *names, const char *name)
{
    NameEntry *entry = name == NULL ? NULL : hash_search(names, name, HASH_FIND, NULL);

    return entry != NULL ? entry->index : -1;
}

/* The number of a name that is met for the first time is the next one. */
static int
intern(HTAB *names, const char *name)
{
    bool found;
    NameEntry *entry = hash_search(names, name, HASH_ENTER, &found);

    if (!found)
        entry->index = (int) hash_get_num_entries(names) - 1;
    return entry->index;
}

static int
find_column(TupleDesc desc, const char *name)
{
    for (int i = 0; i < desc->natts; i++) {
        if (!TupleDescAttr(desc, i)->attisdropped && namestrcmp(&TupleDescAttr(desc, i)->attname, name) == 0)
            return i + 1;
    }
    ereport(ERROR, errcode(ERRCODE_UNDEFINED_COLUMN),
            errmsg("column \"%s\" of extension crm does not exist", name),
            errhint("The library is newer than the installed script: type ALTER EXTENSION crm UPDATE."));
}

static void
scan(Loader *loader, const char *table, const char *const *columns, RowReader read)
{
    Relation rel = table_open(crm_relation_oid(table), AccessShareLock);
    TupleDesc desc = RelationGetDescr(rel);
    SysScanDesc rows = systable_beginscan(rel, InvalidOid, false, loader->snapshot, 0, NULL);
    int attnum[COLUMNS_MAX];
    int count;
    HeapTuple tuple;

    for (count = 0; count < COLUMNS_MAX && columns[count] != NULL; count++)
        attnum[count] = find_column(desc, columns[count]);
    while (HeapTupleIsValid(tuple = systable_getnext(rows))) {
        Datum values[COLUMNS_MAX];
        bool nulls[COLUMNS_MAX];

        CHECK_FOR_INTERRUPTS();
        for (int i = 0; i < count; i++) {
            Oid type = TupleDescAttr(desc, attnum[i] - 1)->atttypid;

            values[i] = heap_getattr(tuple, attnum[i], desc, &nulls[i]);
            if (nulls[i])
                values[i] = (Datum) 0;
            else if (type == TEXTOID)
                values[i] = PointerGetDatum(TextDatumGetCString(values[i]));
            else if (type == NAMEOID)
                values[i] = PointerGetDatum(pstrdup(NameStr(*DatumGetName(values[i]))));
        }
        read(loader, values, nulls);
    }
    systable_endscan(rows);
    table_close(rel, AccessShareLock);
}

static const char *
string(Datum value)
{
    return (const char *) DatumGetPointer(value);
}

/* Units */

static void
read_hierarchy(Loader *loader, Datum *values, bool *nulls)
{
    CrmOrganisation *org = loader->organisation;
    CrmHierarchy *hierarchy;

    org->hierarchies = repalloc(org->hierarchies, sizeof(CrmHierarchy) * ((Size) org->hierarchy_count + 1));
    hierarchy = &org->hierarchies[org->hierarchy_count++];
    hierarchy->key = string(values[0]);
    hierarchy->units = crm_value_map_create(org->context);
}

static void
read_unit(Loader *loader, Datum *values, bool *nulls)
{
    CrmOrganisation *org = loader->organisation;
    UnitRow *row;

    if (org->unit_count == loader->unit_rows_size) {
        loader->unit_rows_size *= 2;
        loader->unit_rows = repalloc_huge(loader->unit_rows, sizeof(UnitRow) * (Size) loader->unit_rows_size);
    }
    row = &loader->unit_rows[org->unit_count];
    *row = (UnitRow){string(values[0]), string(values[1]), string(values[2]), string(values[3]), -1, -1, -1};
    set_number(loader->unit_numbers, row->key, org->unit_count++);
}

/* Gives the row the next place; the parent already has one. */
static void
place_unit(Loader *loader, int row_number, int parent, int *next)
{
    UnitRow *row = &loader->unit_rows[row_number];

    row->place = *next;
    loader->organisation->units[*next] = (CrmUnit){row->key, parent, *next};
    loader->row_at[*next] = row_number;
    (*next)++;
}

/* Everything below a unit that has its place, depth first. */
static void
place_below(Loader *loader, int top, int *stack, int *next)
{
    int depth = 0;

    stack[depth++] = loader->unit_rows[top].first_child;
    while (depth > 0) {
        int child = stack[depth - 1];
        int parent;

        if (child < 0) {
            depth--;
            continue;
        }
        stack[depth - 1] = loader->unit_rows[child].next_sibling;
        parent = get_number(loader->unit_numbers, loader->unit_rows[child].parent);
        place_unit(loader, child, loader->unit_rows[parent].place, next);
        stack[depth++] = loader->unit_rows[child].first_child;
    }
}

static void
arrange_units(Loader *loader)
{
    CrmOrganisation *org = loader->organisation;
    int *stack = palloc(sizeof(int) * ((Size) org->unit_count + 1));
    int next = 0;

    org->units = palloc(sizeof(CrmUnit) * ((Size) org->unit_count + 1));
    loader->row_at = palloc(sizeof(int) * ((Size) org->unit_count + 1));
    for (int i = 0; i < org->unit_count; i++) {
        int parent = get_number(loader->unit_numbers, loader->unit_rows[i].parent);

        if (parent >= 0) {
            loader->unit_rows[i].next_sibling = loader->unit_rows[parent].first_child;
            loader->unit_rows[parent].first_child = i;
        }
    }
    org->root = -1;
    for (int i = 0; i < org->unit_count; i++) {
        if (get_number(loader->unit_numbers, loader->unit_rows[i].parent) >= 0)
            continue;
        if (loader->unit_rows[i].parent == NULL && org->root < 0)
            org->root = next;
        place_unit(loader, i, -1, &next);
        place_below(loader, i, stack, &next);
    }
    /* Triggers refuse circles; units in one all the same would hang on nothing, and reach nothing below them.
     */
    for (int i = 0; i < org->unit_count; i++) {
        if (loader->unit_rows[i].place < 0)
            place_unit(loader, i, -1, &next);
    }
    /* Below comes after above, so that one pass from the end finds where each subtree ends. */
    for (int i = org->unit_count - 1; i > 0; i--) {
        int parent = org->units[i].parent;

        if (parent >= 0)
            org->units[parent].last = Max(org->units[parent].last, org->units[i].last);
    }
    for (int i = 0; i < org->unit_count; i++)
        set_number(loader->unit_numbers, loader->unit_rows[i].key, loader->unit_rows[i].place);
}

/*
 * Ranks, lower first: key, alias, name; where all hierarchies are searched, each of the organisation's own
 * hierarchy before the others'. The root is known in every hierarchy.
 */
static void
add_word(Loader *loader, const char *hierarchy, const char *word, int unit, int rank)
{
    CrmOrganisation *org = loader->organisation;
    const char *own = org->root >= 0 ? loader->unit_rows[loader->row_at[org->root]].hierarchy : "";

    crm_value_map_add(org->all_units, word, unit, strcmp(hierarchy, own) == 0 ? rank : rank + 1);
    for (int i = 0; i < org->hierarchy_count; i++) {
        bool same = strcmp(org->hierarchies[i].key, hierarchy) == 0;

        if (same || unit == org->root)
            crm_value_map_add(org->hierarchies[i].units, word, unit, same ? rank : rank + 1);
    }
}

static void
name_units(Loader *loader)
{
    for (int i = 0; i < loader->organisation->unit_count; i++) {
        const UnitRow *row = &loader->unit_rows[i];

        add_word(loader, row->hierarchy, row->key, row->place, 0);
        add_word(loader, row->hierarchy, row->name, row->place, 4);
    }
}

static void
read_unit_alias(Loader *loader, Datum *values, bool *nulls)
{
    int unit = get_number(loader->unit_numbers, string(values[2]));

    if (unit >= 0)
        add_word(loader, string(values[0]), string(values[1]), unit, 2);
}

/* Principals */

static void
read_principal(Loader *loader, Datum *values, bool *nulls)
{
    CrmOrganisation *org = loader->organisation;
    int number = org->principal_count++;

    if ((number & (number + 1)) == 0) /* room for the next power of two */
        org->principals = repalloc_huge(org->principals, sizeof(CrmPrincipal) * 2 * ((Size) number + 1));
    org->principals[number] = (CrmPrincipal){string(values[0]), string(values[2])};
    set_number(loader->principal_numbers, string(values[0]), number);
    crm_value_map_add(org->principal_values, string(values[0]), number, 0);
    crm_value_map_add(org->principal_values, string(values[1]), number, 3);
    if (!nulls[2])
        crm_value_map_add(org->principal_values, string(values[2]), number, 2);
}

static void
read_principal_alias(Loader *loader, Datum *values, bool *nulls)
{
    int principal = get_number(loader->principal_numbers, string(values[1]));

    if (principal >= 0)
        crm_value_map_add(loader->organisation->principal_values, string(values[0]), principal, 1);
}

/* Roles and members */

static void
read_role(Loader *loader, Datum *values, bool *nulls)
{
    intern(loader->role_numbers, string(values[0]));
}

static CrmDepth
parse_depth(const char *depth)
{
    switch (depth[0]) {
    case 'u':
        return CRM_DEPTH_UNIT;
    case 'b':
        return CRM_DEPTH_BELOW;
    case 'o':
        return depth[1] == 'r' ? CRM_DEPTH_ORGANISATION : CRM_DEPTH_OWN;
    default:
        elog(ERROR, "unknown depth \"%s\"", depth);
    }
}

static void
read_grant(Loader *loader, Datum *values, bool *nulls)
{
    CrmOrganisation *org = loader->organisation;
    int role = get_number(loader->role_numbers, string(values[0]));
    CrmGrant *grant = palloc(sizeof(CrmGrant));

    if (role < 0)
        return;
    grant->object = intern(loader->object_numbers, string(values[1]));
    if (grant->object == org->object_count) {
        org->objects = repalloc(org->objects, sizeof(char *) * ((Size) org->object_count + 1));
        org->objects[org->object_count++] = string(values[1]);
    }
    grant->privilege = crm_privilege_parse(string(values[2]));
    grant->depth = parse_depth(string(values[3]));
    org->grants[role] = lappend(org->grants[role], grant);
}

static void
read_unit_role(Loader *loader, Datum *values, bool *nulls)
{
    int unit = get_number(loader->unit_numbers, string(values[0]));
    int role = get_number(loader->role_numbers, string(values[1]));

    if (unit >= 0 && role >= 0)
        loader->unit_roles[unit] = lappend_int(loader->unit_roles[unit], role);
}

/* The next instant after now at which this bound is passed; it may move the organisation's next change
 * forward. */
static void
note_change(Loader *loader, TimestampTz at)
{
    if (at > loader->now && at < loader->organisation->next_change)
        loader->organisation->next_change = at;
}

static bool
period_holds(Loader *loader, Datum period)
{
    RangeBound lower;
    RangeBound upper;
    bool empty;
    TimestampTz from; /* first instant inside */
    TimestampTz to;   /* first instant after */

    range_deserialize(loader->range_type, DatumGetRangeTypeP(period), &lower, &upper, &empty);
    if (empty)
        return false;
    from = lower.infinite ? DT_NOBEGIN : DatumGetTimestampTz(lower.val) + (lower.inclusive ? 0 : 1);
    to = upper.infinite ? DT_NOEND : DatumGetTimestampTz(upper.val);
    if (!upper.infinite && upper.inclusive && !TIMESTAMP_NOT_FINITE(to))
        to++;
    note_change(loader, from);
    note_change(loader, to);
    return from <= loader->now && loader->now < to;
}

static void
add_member(Loader *loader, int principal, int unit, int role)
{
    CrmMember *member = palloc(sizeof(CrmMember));

    *member = (CrmMember){unit, role};
    loader->organisation->members[principal] = lappend(loader->organisation->members[principal], member);
}

static void
read_membership(Loader *loader, Datum *values, bool *nulls)
{
    int principal = get_number(loader->principal_numbers, string(values[0]));
    int unit = get_number(loader->unit_numbers, string(values[1]));
    int role = get_number(loader->role_numbers, string(values[2]));
    ListCell *cell;

    if (principal < 0 || unit < 0 || !period_holds(loader, values[3]))
        return;
    if (role >= 0)
        add_member(loader, principal, unit, role);
    foreach (cell, loader->unit_roles[unit])
        add_member(loader, principal, unit, lfirst_int(cell));
}

static void
load_units(Loader *loader)
{
    scan(loader, "hierarchy", (const char *const[]){"hierarchy", NULL}, read_hierarchy);
    scan(loader, "unit", (const char *const[]){"unit", "name", "hierarchy", "parent"}, read_unit);
    arrange_units(loader);
    name_units(loader);
    scan(loader, "unit_alias", (const char *const[]){"hierarchy", "alias", "unit", NULL}, read_unit_alias);
}

static void
load_members(Loader *loader)
{
    CrmOrganisation *org = loader->organisation;

    scan(loader, "principal", (const char *const[]){"principal", "name", "role_name", NULL}, read_principal);
    scan(loader, "principal_alias", (const char *const[]){"alias", "principal", NULL}, read_principal_alias);
    scan(loader, "role", (const char *const[]){"role", NULL}, read_role);
    org->role_count = (int) hash_get_num_entries(loader->role_numbers);
    org->grants = palloc0(sizeof(List *) * ((Size) org->role_count + 1));
    scan(loader, "role_privilege", (const char *const[]){"role", "object", "privilege", "depth"}, read_grant);
    loader->unit_roles = palloc0(sizeof(List *) * ((Size) org->unit_count + 1));
    scan(loader, "unit_role", (const char *const[]){"unit", "role", NULL}, read_unit_role);
    org->members = palloc0(sizeof(List *) * ((Size) org->principal_count + 1));
    scan(loader, "membership", (const char *const[]){"principal", "unit", "role", "during"}, read_membership);
}

CrmOrganisation *
crm_organisation_load(MemoryContext context)
{
    MemoryContext old = MemoryContextSwitchTo(context);
    CrmOrganisation *org = palloc0(sizeof(CrmOrganisation));
    HASHCTL accesses = {
        .keysize = sizeof(CrmAccessKey), .entrysize = sizeof(CrmAccessEntry), .hcxt = context};
    Loader loader = {.organisation = org, .now = GetCurrentStatementStartTimestamp()};

    org->context = context;
    org->next_change = DT_NOEND;
    org->hierarchies = palloc(sizeof(CrmHierarchy));
    org->principals = palloc(sizeof(CrmPrincipal));
    org->objects = palloc(sizeof(char *));
    org->objects[org->object_count++] = "*";
    org->all_units = crm_value_map_create(context);
    org->principal_values = crm_value_map_create(context);
    org->accesses = hash_create("crm accesses", 64, &accesses, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);

    loader.unit_rows_size = 64;
    loader.unit_rows = palloc(sizeof(UnitRow) * (Size) loader.unit_rows_size);
    loader.unit_numbers = make_names("crm units");
    loader.principal_numbers = make_names("crm principals");
    loader.role_numbers = make_names("crm roles");
    loader.object_numbers = make_names("crm objects");
    intern(loader.object_numbers, "*");
    loader.range_type = lookup_type_cache(TSTZRANGEOID, TYPECACHE_RANGE_INFO);

    loader.snapshot = RegisterSnapshot(GetCatalogSnapshot(crm_relation_oid("unit")));
    load_units(&loader);
    load_members(&loader);
    UnregisterSnapshot(loader.snapshot);

    hash_destroy(loader.unit_numbers);
    hash_destroy(loader.principal_numbers);
    hash_destroy(loader.role_numbers);
    hash_destroy(loader.object_numbers);
    MemoryContextSwitchTo(old);
    return org;
}
