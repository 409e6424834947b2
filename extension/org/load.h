/*
 * load.h: reads the organisation from its tables. Only organisation.c calls it.
 */
#ifndef CRM_ORG_LOAD_H
#define CRM_ORG_LOAD_H

#include "postgres.h"

#include "org/organisation.h"

/*
 * A new organisation in that context, as of the statement's start. `changes` is left to the caller. On an
 * error nothing remains but the context.
 */
extern CrmOrganisation *crm_organisation_load(MemoryContext context);

/* The two halves of it, in this order; the current context is the organisation's. */
extern void crm_load_units(CrmOrganisation *organisation, Snapshot snapshot);
extern void crm_load_principals(CrmOrganisation *organisation, Snapshot snapshot, TimestampTz now);

#endif
