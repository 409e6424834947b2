/*
 * attribution_label.h: numbers for what is credited: a channel, a campaign, a kind of touch, any of which may be NULL.
 *
 * Labels live in the memory context that was current when they were made, and are never forgotten. Numbers are given in order of
 * appearance, from 0; crm_labels_order has them by name, which is the same whatever the order of the rows.
 */
#ifndef CRM_FUNNEL_ATTRIBUTION_LABEL_H
#define CRM_FUNNEL_ATTRIBUTION_LABEL_H

#include "base/compat.h"

#include "fmgr.h"

#define LABEL_PARTS 3

typedef struct AttributionLabels AttributionLabels;

extern AttributionLabels *crm_labels_new(void);
/* The number of the label in the arguments from number first on, three texts. */
extern int crm_labels_number(AttributionLabels *labels, FunctionCallInfo fcinfo, int first);
extern int crm_labels_count(const AttributionLabels *labels);
/* A part of a label as a text; NULL for NULL. */
extern text *crm_labels_part(const AttributionLabels *labels, int number, int part);
/* All numbers by name, bytewise, NULL first; palloc'd. */
extern int *crm_labels_order(const AttributionLabels *labels);

#endif
