/*
 * load_principal.c: principals, their teams, roles, memberships and denials. See load.h.
 */
#include "base/compat.h"
#include "org/load.h"
#include "org/period.h"

#include "utils/builtins.h"
#include "utils/memutils.h"

typedef struct Loader {
    CrmOrganisation *organisation;
    TimestampTz now;
    CrmStrings strings;
    CrmNames *role_numbers;
    List **unit_roles; /* for each unit, roles of all its members */
} Loader;

static int
principal_number(const Loader *loader, const CrmRow *row, int column)
{
    return crm_names_get_text(loader->organisation->principal_names, crm_row_text(row, column));
}

static int
unit_number(const Loader *loader, const CrmRow *row, int column)
{
    return crm_organisation_unit(loader->organisation, crm_row_text(row, column));
}

static int
role_number(const Loader *loader, const CrmRow *row, int column)
{
    return crm_names_get_text(loader->role_numbers, crm_row_text(row, column));
}

static bool
holds(Loader *loader, Datum period)
{
    return crm_period_holds(period, loader->now, &loader->organisation->next_change);
}

static void
read_principal(void *arg, const CrmRow *row)
{
    Loader *loader = arg;
    CrmOrganisation *org = loader->organisation;
    const char *key = crm_row_string(row, 0, &loader->strings);
    const char *role_name = crm_row_name(row, 2, &loader->strings);
    int number = org->principal_count++;

    if ((number & (number + 1)) == 0) /* room for the next power of two */
        org->principals = repalloc_huge(org->principals, sizeof(CrmPrincipal) * 2 * ((Size) number + 1));
    org->principals[number] = (CrmPrincipal){key, role_name};
    crm_names_set(org->principal_names, key, number);
    crm_value_map_add(org->identities, key, number, 0);
    crm_value_map_add(org->principal_values, key, number, 0);
    crm_value_map_add(org->principal_values, crm_row_string(row, 1, &loader->strings), number, 3);
    if (role_name != NULL) {
        crm_names_set(org->bound_roles, role_name, number);
        crm_value_map_add(org->principal_values, role_name, number, 2);
    }
}

static void
read_principal_alias(void *arg, const CrmRow *row)
{
    Loader *loader = arg;
    int principal = principal_number(loader, row, 1);

    if (principal < 0)
        return;
    crm_value_map_add(loader->organisation->identities, crm_row_string(row, 0, &loader->strings), principal,
                      1);
    crm_value_map_add(loader->organisation->principal_values, crm_row_string(row, 0, &loader->strings),
                      principal, 1);
}

static void
read_team_member(void *arg, const CrmRow *row)
{
    Loader *loader = arg;
    int team = principal_number(loader, row, 0);
    int principal = principal_number(loader, row, 1);
    List **teams = &loader->organisation->teams[principal >= 0 ? principal : 0];

    if (team >= 0 && principal >= 0 && holds(loader, row->values[2]))
        *teams = list_append_unique_int(*teams, team);
}

static void
read_role(void *arg, const CrmRow *row)
{
    crm_names_intern(((Loader *) arg)->role_numbers, crm_row_text(row, 0), NULL);
}

static CrmDepth
parse_depth(const char *depth)
{
    static const char *const names[] = {
        [CRM_DEPTH_OWN] = "own",
        [CRM_DEPTH_UNIT] = "unit",
        [CRM_DEPTH_BELOW] = "below",
        [CRM_DEPTH_ORGANISATION] = "organisation",
    };

    for (CrmDepth i = CRM_DEPTH_OWN; i <= CRM_DEPTH_ORGANISATION; i++) {
        if (strcmp(names[i], depth) == 0)
            return i;
    }
    elog(ERROR, "unknown depth \"%s\"", depth);
}

static void
read_grant(void *arg, const CrmRow *row)
{
    Loader *loader = arg;
    int role = role_number(loader, row, 0);
    CrmGrant *grant;

    if (role < 0)
        return;
    grant = palloc(sizeof(CrmGrant));
    grant->object = crm_names_intern(loader->organisation->object_names, crm_row_text(row, 1), NULL);
    grant->privilege = crm_privilege_parse(crm_row_string(row, 2, &loader->strings));
    grant->depth = parse_depth(crm_row_string(row, 3, &loader->strings));
    loader->organisation->grants[role] = lappend(loader->organisation->grants[role], grant);
}

static void
read_unit_role(void *arg, const CrmRow *row)
{
    Loader *loader = arg;
    int unit = unit_number(loader, row, 0);
    int role = role_number(loader, row, 1);

    if (unit >= 0 && role >= 0)
        loader->unit_roles[unit] = lappend_int(loader->unit_roles[unit], role);
}

static void
add_member(Loader *loader, int principal, int unit, int role)
{
    CrmMember *member = palloc(sizeof(CrmMember));

    *member = (CrmMember){unit, role};
    loader->organisation->members[principal] = lappend(loader->organisation->members[principal], member);
}

static void
read_membership(void *arg, const CrmRow *row)
{
    Loader *loader = arg;
    int principal = principal_number(loader, row, 0);
    int unit = unit_number(loader, row, 1);
    ListCell *cell;

    if (principal < 0 || unit < 0 || !holds(loader, row->values[3]))
        return;
    add_member(loader, principal, unit, role_number(loader, row, 2));
    foreach (cell, loader->unit_roles[unit])
        add_member(loader, principal, unit, lfirst_int(cell));
}

static void
read_denial(void *arg, const CrmRow *row)
{
    Loader *loader = arg;
    CrmOrganisation *org = loader->organisation;
    int principal = principal_number(loader, row, 0);
    int unit = unit_number(loader, row, 3);
    CrmDenial *denial;

    if (principal < 0 || (!row->nulls[3] && unit < 0))
        return;
    denial = palloc(sizeof(CrmDenial));
    denial->object = crm_names_intern(org->object_names, crm_row_text(row, 1), NULL);
    denial->privilege = crm_privilege_parse(crm_row_string(row, 2, &loader->strings));
    denial->unit = unit;
    org->denials[principal] = lappend(org->denials[principal], denial);
}

static List **
make_lists(int count)
{
    return palloc0(sizeof(List *) * ((Size) count + 1));
}

void
crm_load_principals(CrmOrganisation *organisation, Snapshot snapshot, TimestampTz now)
{
    Loader loader = {.organisation = organisation, .now = now};

    organisation->principal_names = crm_names_create(organisation->context, crm_table_rows("principal"));
    organisation->bound_roles = crm_names_create(organisation->context, 0);
    loader.strings.context = organisation->context;
    loader.role_numbers = crm_names_create(organisation->context, 0);
    organisation->principals = palloc(sizeof(CrmPrincipal));
    crm_table_scan("principal", (const char *const[]){"principal", "name", "role_name", NULL}, snapshot,
                   read_principal, &loader);
    crm_table_scan("principal_alias", (const char *const[]){"alias", "principal", NULL}, snapshot,
                   read_principal_alias, &loader);
    organisation->teams = make_lists(organisation->principal_count);
    crm_table_scan("team_member", (const char *const[]){"team", "principal", "during", NULL}, snapshot,
                   read_team_member, &loader);
    crm_table_scan("role", (const char *const[]){"role", NULL}, snapshot, read_role, &loader);
    organisation->role_count = crm_names_count(loader.role_numbers);
    organisation->grants = make_lists(organisation->role_count);
    crm_table_scan("role_privilege", (const char *const[]){"role", "object", "privilege", "depth"}, snapshot,
                   read_grant, &loader);
    loader.unit_roles = make_lists(organisation->unit_count);
    crm_table_scan("unit_role", (const char *const[]){"unit", "role", NULL}, snapshot, read_unit_role,
                   &loader);
    organisation->members = make_lists(organisation->principal_count);
    crm_table_scan("membership", (const char *const[]){"principal", "unit", "role", "during"}, snapshot,
                   read_membership, &loader);
    organisation->denials = make_lists(organisation->principal_count);
    crm_table_scan("denial", (const char *const[]){"principal", "object", "privilege", "unit"}, snapshot,
                   read_denial, &loader);
}
