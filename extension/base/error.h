/*
 * error.h: the SQLSTATEs of crm, one class "RM", listed for users in docs/errors.md.
 *
 * RM0xx base, RM1xx org, RM2xx customer, RM3xx funnel, RM4xx kpi, RM5xx alert. Where the standard has a fitting
 * code (invalid text representation, insufficient privilege, lock not available) that one is used instead.
 */
#ifndef CRM_BASE_ERROR_H
#define CRM_BASE_ERROR_H

#define ERRCODE_CRM_UNKNOWN_NAME                                                                             \
    MAKE_SQLSTATE('R', 'M', '0', '0', '1') /* no such entity, attribute, unit, KPI ... */
#define ERRCODE_CRM_INVALID_MAPPING MAKE_SQLSTATE('R', 'M', '0', '0', '2') /* a mapping that cannot work */
#define ERRCODE_CRM_CANNOT_ADOPT MAKE_SQLSTATE('R', 'M', '0', '0', '3') /* not a table that crm can adopt */
#define ERRCODE_CRM_NOT_ADOPTED MAKE_SQLSTATE('R', 'M', '0', '0', '4')  /* the table is not adopted */
#define ERRCODE_CRM_INVALID_ARGUMENT                                                                         \
    MAKE_SQLSTATE('R', 'M', '0', '0', '5') /* an argument that makes no sense */
/* Raised in SQL only: RM102 invalid structure of units, RM103 cannot protect, RM104 not protected, RM107 access
 * review closed, RM201 unknown customer. */
#define ERRCODE_CRM_NO_IDENTITY MAKE_SQLSTATE('R', 'M', '1', '0', '1') /* the caller is no principal */
#define ERRCODE_CRM_UNKNOWN_RECORD                                                                           \
    MAKE_SQLSTATE('R', 'M', '2', '0', '2')                              /* no such record, or no key of one */
#define ERRCODE_CRM_CANNOT_MERGE MAKE_SQLSTATE('R', 'M', '2', '0', '3') /* a merge that cannot be done */
#define ERRCODE_CRM_REFUSED_TRANSITION                                                                       \
    MAKE_SQLSTATE('R', 'M', '3', '0', '5') /* a transition that the workflow does not allow */
#define ERRCODE_CRM_INVALID_COMPONENT                                                                        \
    MAKE_SQLSTATE('R', 'M', '4', '0', '1') /* an expression that a component cannot have */

#endif
