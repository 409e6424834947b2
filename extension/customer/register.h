/*
 * register.h: the trigger of registered tables.
 *
 * It writes the keys of the rows that a statement touched to record_dirty and does nothing else. It never makes the
 * team's statement fail: where the keys cannot be had it notes the whole table (a NULL key), and where the table is not
 * adopted any more it does nothing.
 */
#ifndef CRM_CUSTOMER_REGISTER_H
#define CRM_CUSTOMER_REGISTER_H

#include "postgres.h"
#include "fmgr.h"

extern Datum crm_record_changed(PG_FUNCTION_ARGS);

#endif
