/*
 * link.h: cluster.h for SQL, over arrays. Pure functions: what `resolve` reads goes in, what it writes comes out.
 *
 *   cluster_records(kinds smallint[], keys integer[], nodes integer[], same integer[], different integer[]) integer[]
 *   assign_customers(labels integer[], held bigint[], OUT assigned bigint[], OUT heirs integer[])
 *
 * Nodes are 1 .. cardinality(kinds). keys[i] is a value that nodes[i] has, sorted by key, so that the nodes of a key
 * stand together; same and different are pairs one after the other. No array may hold a NULL.
 */
#ifndef CRM_CUSTOMER_LINK_H
#define CRM_CUSTOMER_LINK_H

#include "postgres.h"
#include "fmgr.h"

extern Datum crm_cluster_records(PG_FUNCTION_ARGS);
extern Datum crm_assign_customers(PG_FUNCTION_ARGS);

#endif
