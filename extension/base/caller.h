/*
 * caller.h: the role on whose behalf a statement runs.
 *
 * The outer role: SET ROLE counts, SECURITY DEFINER does not, so that a function that runs with the extension's
 * rights still knows who asked.
 */
#ifndef CRM_BASE_CALLER_H
#define CRM_BASE_CALLER_H

#include "postgres.h"

extern Oid crm_caller_oid(void);

#endif
