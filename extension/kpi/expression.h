/*
 * expression.h: expressions of components, over the attributes of an entity.
 *
 * An expression is parsed with pg_catalog alone in the search path. What each attribute becomes is the caller's to say
 * (a parameter while it is checked, a column while it is captured). Subqueries, aggregates, what is not immutable and
 * functions that belong to neither pg_catalog nor an extension are refused, since capture runs an expression with the
 * rights of the owner of a team's table. Errors are RM401; an unknown attribute is the hook's to refuse.
 */
#ifndef CRM_KPI_EXPRESSION_H
#define CRM_KPI_EXPRESSION_H

#include "postgres.h"
#include "nodes/primnodes.h"
#include "parser/parse_node.h"

/* Returns the node that stands for an attribute, or raises. */
typedef Node *(*CrmAttributeHook)(ParseState *pstate, const char *attribute, int location, void *arg);

/* The analysed expression, coerced to the type unless that is InvalidOid; collations assigned, not yet planned. */
extern Node *crm_expression_parse(const char *text, Oid type, CrmAttributeHook hook, void *arg);
/* The type that an attribute of a kind has (entity_attribute.kind). */
extern Oid crm_kind_type(const char *kind);
/* Keeps names in an expression from meaning anybody's objects; undo with AtEOXact_GUC(true, level). */
extern int crm_expression_enter(void);

#endif
