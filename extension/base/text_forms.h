/*
 * text_forms.h: text forms of values that no setting changes.
 *
 * Dates and times in ISO form and UTC, intervals as ISO 8601, floats in the shortest form that gives them back, bytea in hex. Keys of
 * records and rows that a merge keeps are written so. Whoever fixes the forms restores them, after an error too.
 */
#ifndef CRM_BASE_TEXT_FORMS_H
#define CRM_BASE_TEXT_FORMS_H

#include "postgres.h"

#include "pgtime.h"

/* The settings that text forms depend on. */
typedef struct CrmTextForms {
    int date_style;
    int date_order;
    int interval_style;
    int float_digits;
    int bytea_form;
    pg_tz *zone;
} CrmTextForms;

/* Returns what was set before. */
extern CrmTextForms crm_text_forms_fix(void);
extern void crm_text_forms_restore(CrmTextForms before);

#endif
