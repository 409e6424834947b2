/*
 * plan.h: what capture evaluates for each row of one table: its components, compiled into one projection.
 *
 * A plan is made for one relation, an adopted table or a partition of it (whose rows are converted to the table's row
 * type), and for all its components or one. Attributes are calls of the table's map_ functions, which the planner
 * inlines to columns; attributes without a mapping are NULL. Compiling and evaluating run as the owner of the table.
 * crm_plan_find keeps plans for the session, forgotten on changes of the table, of functions or by capture_changed.
 */
#ifndef CRM_KPI_PLAN_H
#define CRM_KPI_PLAN_H

#include "postgres.h"
#include "executor/tuptable.h"
#include "nodes/pg_list.h"
#include "utils/rel.h"

#include "kpi/change.h"

/* Whether a component's values are counted, as what they are told apart by or as numbers, instead of summed. */
typedef enum CrmCounted { COUNTED_NOT, COUNTED_TEXT, COUNTED_NUMBER } CrmCounted;

/* A row of kpi_instance. */
typedef struct CrmInstance {
    int32 instance;
    char *component;
    char *zone;
    bool from_beginning; /* a row without a day counts from the beginning */
    char *day;
    char *filter; /* NULL: none */
    int sum_count;
    char *sums[CRM_SUMS]; /* NULL: an attribute of it is not mapped */
    CrmCounted counted;   /* what the first of sums is then */
} CrmInstance;

typedef struct CrmPlan CrmPlan;

/* The adopted table that the relation is or belongs to, or InvalidOid; the instances that are not broken, of CrmInstance. */
extern Oid crm_plan_root(Oid relid);
extern List *crm_plan_instances(Oid root);

/* The type of an attribute of the table's entity, also where it is not mapped. */
extern Oid crm_plan_attribute_type(Oid root, const char *attribute);

/* Compiles, in a child of the current memory context. May raise whatever an expression raises. */
extern CrmPlan *crm_plan_build(Relation rel, Oid root, List *instances);
/* The plan for all instances that is kept, or NULL where it has to be built; crm_plan_keep takes one over. */
extern CrmPlan *crm_plan_find(Oid relid);
extern void crm_plan_keep(Oid relid, CrmPlan *plan);
/* Whether evaluating is nothing but reading columns, and cannot raise. */
extern bool crm_plan_is_plain(const CrmPlan *plan);
extern bool crm_plan_is_empty(const CrmPlan *plan);
extern Oid crm_plan_table(const CrmPlan *plan);
/* Adds one row of the relation to the changes. Call between crm_plan_enter and crm_plan_leave. */
extern void crm_plan_row(CrmPlan *plan, TupleTableSlot *slot, int sign, CrmChanges *changes);

/* The owner's rights, for compiling and evaluating. A subtransaction's abort leaves them too. */
typedef struct CrmPlanRights {
    Oid user;
    int context;
} CrmPlanRights;
extern CrmPlanRights crm_plan_enter(Oid owner);
extern void crm_plan_leave(CrmPlanRights rights);

#endif
