/*
 * assign.h: cluster_assign of cluster.h for SQL, over arrays.
 */
#ifndef CRM_CUSTOMER_ASSIGN_H
#define CRM_CUSTOMER_ASSIGN_H

#include "postgres.h"
#include "fmgr.h"

extern Datum crm_assign_customers(PG_FUNCTION_ARGS);

#endif
