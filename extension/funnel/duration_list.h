/*
 * duration_list.h: durations that an aggregate collects, in microseconds. What is said of them is duration.h's.
 */
#ifndef CRM_FUNNEL_DURATION_LIST_H
#define CRM_FUNNEL_DURATION_LIST_H

#include "base/compat.h"

#include "lib/stringinfo.h"

/* All zero is the empty list. Its values live in the context that is given with each change, always the same one. */
typedef struct DurationList {
    uint64 count;
    uint64 capacity;
    double *values;
} DurationList;

/* Adds the time from one instant to another, which is not before it. */
extern void crm_duration_add(DurationList *list, MemoryContext context, int64 since, int64 until);
extern void crm_duration_add_value(DurationList *list, MemoryContext context, double value);
/* Adds all that another list has. */
extern void crm_duration_join(DurationList *list, MemoryContext context, const DurationList *more);
/* For states that go from one process to another. */
extern void crm_duration_send(StringInfo message, const DurationList *list);
extern void crm_duration_receive(StringInfo message, DurationList *list, MemoryContext context);

/* Results as intervals of hours, never days; NULL where the list is empty, or the duration is not finite. */
extern NullableDatum crm_duration_interval(double microseconds);
extern NullableDatum crm_duration_quantile(DurationList *list, double q);
extern NullableDatum crm_duration_mean(const DurationList *list);

#endif
