/*
 * identity.h: who asks. The outer database role decides: SET ROLE counts, SECURITY DEFINER does not.
 */
#ifndef CRM_ORG_IDENTITY_H
#define CRM_ORG_IDENTITY_H

#include "base/compat.h"

#include "org/organisation.h"

/* Number of the principal bound to a database role, or -1. */
extern int crm_identity_principal(const CrmOrganisation *organisation, Oid role);
/* Superusers and BYPASSRLS roles are outside the rules, as they are for Postgres' own policies. */
extern bool crm_identity_outside(Oid role);
/* Raises RM101 with what to type. */
CRM_NORETURN extern void crm_identity_missing(Oid role);
/* Number of the principal with that key, case ignored; error RM001 where there is none. */
extern int crm_identity_named(const CrmOrganisation *organisation, const char *key);

#endif
