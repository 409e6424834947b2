/*
 * row_as_statement.h: what a trigger for each row was fired with, as if a statement had touched that row alone.
 *
 * For triggers that read transition tables by the names crm_old and crm_new, on tables where triggers fire for each row. Everything is made in
 * the current memory context; the tables are ended by crm_row_as_statement_end, or with an error by their resource owner.
 */
#ifndef CRM_BASE_ROW_AS_STATEMENT_H
#define CRM_BASE_ROW_AS_STATEMENT_H

#include "postgres.h"

#include "commands/trigger.h"

typedef struct CrmRowAsStatement {
    TriggerData data; /* what is to be used in place of the trigger's own */
    Trigger trigger;
} CrmRowAsStatement;

/* of was fired after a row was inserted, updated or deleted. */
extern TriggerData *crm_row_as_statement_begin(CrmRowAsStatement *as, const TriggerData *of);
extern void crm_row_as_statement_end(CrmRowAsStatement *as);

#endif
