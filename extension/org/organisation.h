/*
 * organisation.h: the organisation in memory: units in preorder, principals, who is a member of what now, and
 * what the roles may do.
 *
 * One copy for each session, read in one go from one fresh snapshot, and read again when something changed or
 * the next membership begins or ends. A pointer to it, and to anything in it, is good until crm_organisation
 * is called again. Rights of the reader do not matter: the tables are read as the catalogues are.
 */
#ifndef CRM_ORG_ORGANISATION_H
#define CRM_ORG_ORGANISATION_H

#include "postgres.h"
#include "datatype/timestamp.h"
#include "nodes/pg_list.h"
#include "utils/hsearch.h"

#include "org/load_table.h"
#include "org/value_map.h"

typedef enum CrmDepth { CRM_DEPTH_OWN, CRM_DEPTH_UNIT, CRM_DEPTH_BELOW, CRM_DEPTH_ORGANISATION } CrmDepth;

typedef enum CrmPrivilege {
    CRM_CREATE,
    CRM_READ,
    CRM_UPDATE,
    CRM_DELETE,
    CRM_ASSIGN,
    CRM_SHARE,
    CRM_EXPORT,
    CRM_MERGE,
    CRM_TOTAL,
    CRM_STORY,
    CRM_PRIVILEGES /* how many */
} CrmPrivilege;

/* A unit's number is its place in the array, so that a unit and all below it are unit .. last. */
typedef struct CrmUnit {
    const char *key;
    int parent; /* -1 at the top */
    int last;
} CrmUnit;

static inline bool
crm_unit_is_below(const CrmUnit *units, int unit, int top)
{
    return unit >= top && unit <= units[top].last;
}

typedef struct CrmPrincipal {
    const char *key;
    const char *role_name; /* NULL where it is bound to none */
} CrmPrincipal;

typedef struct CrmHierarchy {
    const char *key;
    CrmValueMap *units;
} CrmHierarchy;

#define CRM_EVERY_OBJECT 0 /* the number of "*" */

typedef struct CrmGrant {
    int object; /* number in object_names */
    CrmPrivilege privilege;
    CrmDepth depth;
} CrmGrant;

/* A member of a unit, now, with one role; with -1 where the membership has none. */
typedef struct CrmMember {
    int unit;
    int role;
} CrmMember;

/* What a principal may not do, in a unit and below, or everywhere where unit is -1. */
typedef struct CrmDenial {
    int object;
    CrmPrivilege privilege;
    int unit;
} CrmDenial;

typedef struct CrmOrganisation {
    MemoryContext context;
    uint64 number;           /* of this reading; numbers of units and principals are of no other */
    uint64 changes;          /* crm_org_changes when it was read */
    TimestampTz next_change; /* when the next membership begins or ends */
    int unit_count;
    CrmUnit *units;
    int root;               /* -1 while there is no unit */
    int root_hierarchy;     /* the organisation's own */
    CrmValueMap *all_units; /* of every hierarchy; NULL until asked for */
    int hierarchy_count;
    CrmHierarchy *hierarchies;
    CrmNames *unit_names; /* keys, as they are written, with the number of a place */
    int *places;          /* the unit's number there, -1 where there is no such unit */
    int principal_count;
    CrmPrincipal *principals;
    CrmNames *principal_names;
    CrmNames *bound_roles;         /* database roles, with the principal that each is bound to */
    CrmValueMap *principal_values; /* what owner columns hold */
    CrmValueMap *identities;       /* what tokens may name: keys and aliases */
    List **teams;                  /* for each principal, int: the teams that it belongs to now */
    List **members;                /* for each principal, CrmMember * */
    List **denials;                /* for each principal, CrmDenial * */
    CrmNames *object_names;        /* named in grants and denials */
    int role_count;
    List **grants;                  /* for each role, CrmGrant * */
    HTAB *accesses;                 /* access.c keeps what it computed here */
    struct CrmQuestions *questions; /* and question.c, what was asked */
    List *plans;                    /* and plans.c, what plans were made for */
} CrmOrganisation;

/* The organisation as it is now. */
extern CrmOrganisation *crm_organisation(void);
/* The same where it is known without reading a table, else NULL. For hooks. */
extern CrmOrganisation *crm_organisation_known(void);
/* Number of the unit with that key, as it is written; -1 where there is none, or the key is NULL. */
extern int crm_organisation_unit(const CrmOrganisation *organisation, const text *key);
/* The units of a hierarchy, or of all where key is NULL; error RM001 where it does not exist. */
extern CrmValueMap *crm_organisation_units(CrmOrganisation *organisation, const char *key);
/* Whether the principal is that one, or a team that it belongs to now. */
extern bool crm_organisation_acts_as(const CrmOrganisation *organisation, int principal, int other);
/* The privilege of that name; error RM001 where there is none. */
extern CrmPrivilege crm_privilege_parse(const char *name);

#endif
