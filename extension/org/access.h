/*
 * access.h: for one principal, object and privilege the set of units that the principal's roles reach, and the
 * set in which it is denied.
 *
 * A principal acts with all that its teams have. Depths nest: whoever reaches a unit by any depth has the
 * privilege on own rows too. total and story include what read reaches; create stands alone; every other
 * privilege reaches no further than read. Denials win: the units reached are without those denied. Sets are
 * kept with the organisation and die with it.
 */
#ifndef CRM_ORG_ACCESS_H
#define CRM_ORG_ACCESS_H

#include "postgres.h"

#include "org/organisation.h"

typedef struct CrmAccess {
    bool all;      /* the whole organisation, rows without a unit included */
    bool own;      /* rows that the principal owns */
    bool nothing;  /* denied everywhere */
    int count;     /* units reached */
    uint8 *denied; /* set of units; NULL where there is none */
    uint8 units[FLEXIBLE_ARRAY_MEMBER];
} CrmAccess;

/* What load.c makes the table of: principal, object, privilege to the set. */
typedef struct CrmAccessKey {
    int principal;
    int object; /* -1: named in no grant, so that only those on "*" count */
    int privilege;
} CrmAccessKey;

typedef struct CrmAccessEntry {
    CrmAccessKey key;
    CrmAccess *access;
} CrmAccessEntry;

extern const CrmAccess *crm_access(CrmOrganisation *organisation, int principal, const char *object,
                                   CrmPrivilege privilege);

static inline bool
crm_unit_set_has(const uint8 *set, int unit)
{
    return unit >= 0 && (set[unit >> 3] & (1 << (unit & 7))) != 0;
}

static inline bool
crm_access_unit(const CrmAccess *access, int unit)
{
    return access->all || crm_unit_set_has(access->units, unit);
}

static inline bool
crm_access_denied(const CrmAccess *access, int unit)
{
    return access->nothing || (access->denied != NULL && crm_unit_set_has(access->denied, unit));
}

#endif
