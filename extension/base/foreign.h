/*
 * foreign.h: keeps what somebody typed from running somebody else's text with the extension's rights.
 *
 * An expression that a user typed is analysed as that user (crm_rights_enter): the parser itself evaluates constants,
 * and with the constant of a type whose elements are of a domain the CHECK of that domain, which may call anything. Then
 * crm_foreign_find says whether the analysed tree could run anybody's own text later; such a tree is refused.
 *
 * Trusted is what is in pg_catalog, or belongs to an extension and to a superuser: the owner of a trusted extension may add
 * functions of his own to it. Columns of any type are fine, since reading one evaluates nothing. Constants of somebody's
 * enum are not: the expression is typed anew later, and his type may be another one by then.
 *
 * The same goes for reading a table: planning alone runs immutable functions in its indexes, constraints and statistics,
 * and a table may have become a view. crm.read_as_owner(relation, query) reads with the owner's rights.
 *
 * Errors between enter and leave put the rights back by the (sub)transaction's end.
 */
#ifndef CRM_BASE_FOREIGN_H
#define CRM_BASE_FOREIGN_H

#include "postgres.h"
#include "nodes/execnodes.h"
#include "nodes/nodes.h"

typedef struct CrmRights {
    Oid user;
    int context;
    int level;
} CrmRights;

typedef enum CrmForeign {
    CRM_FOREIGN_NONE,
    CRM_FOREIGN_FUNCTION, /* a function, operator or cast that is not trusted */
    CRM_FOREIGN_TYPE      /* a constant of, or a conversion to, a type that is not trusted */
} CrmForeign;

/*
 * From here on with the rights of role, who can neither change settings nor role beyond leave. Row-level security that
 * is forced on a table's owner does not bind him meanwhile.
 */
extern CrmRights crm_rights_enter(Oid role);
extern void crm_rights_leave(CrmRights rights);

/* Rows that SPI has just read become the result of a function that materializes it; an error where their types are not its. */
extern void crm_rows_return(ReturnSetInfo *result);

/* The first thing in an expression that is not trusted. */
extern CrmForeign crm_foreign_find(Node *expression);

#endif
