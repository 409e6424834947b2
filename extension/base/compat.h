/*
 * compat.h: what differs between PostgreSQL 15, 16, 17 and 18.
 *
 * The only file that reads PG_VERSION_NUM. Everything else includes it instead of guessing.
 */
#ifndef CRM_BASE_COMPAT_H
#define CRM_BASE_COMPAT_H

#include "postgres.h"

#if PG_VERSION_NUM < 150000
#error "crm needs PostgreSQL 15 or later"
#endif

#if PG_VERSION_NUM >= 160000
#include "varatt.h"
#include "nodes/miscnodes.h"
#define crm_input_error(context, result, ...) ereturn(context, result, __VA_ARGS__)
/* Calls a type's input function; false after a soft error. fmgr.h is the caller's to include. */
#define crm_input_call(function, text, context, result)                                                      \
    DirectInputFunctionCallSafe(function, text, InvalidOid, -1, context, result)
#else
/* No soft errors before 16: an input function raises. */
#define crm_input_error(context, result, ...) ereport(ERROR, __VA_ARGS__)
#define crm_input_call(function, text, context, result)                                                      \
    (*(result) = DirectFunctionCall3(function, CStringGetDatum(text), ObjectIdGetDatum(InvalidOid),          \
                                     Int32GetDatum(-1)),                                                     \
     true)
#endif

#if PG_VERSION_NUM < 180000
/* No column has it before 18. */
#define ATTRIBUTE_GENERATED_VIRTUAL 'v'
#endif

#if PG_VERSION_NUM >= 180000
#define CRM_NORETURN pg_noreturn
#else
#define CRM_NORETURN __attribute__((noreturn))
#endif

#if PG_VERSION_NUM >= 160000
#define crm_buffile_write(file, data, size) BufFileWrite(file, data, size)
#else
/* Does not write to what it reads from, and did not say so. */
#define crm_buffile_write(file, data, size) BufFileWrite(file, (void *) (uintptr_t) (data), size)
#endif

/* Since 18 a scan may count its searches for EXPLAIN; ours are none of a plan. */
#if PG_VERSION_NUM >= 180000
#define crm_index_beginscan(table, index, snapshot, keys)                                                    \
    index_beginscan(table, index, snapshot, NULL, keys, 0)
#else
#define crm_index_beginscan(table, index, snapshot, keys) index_beginscan(table, index, snapshot, keys, 0)
#endif

#if PG_VERSION_NUM < 160000
/* What a check hook hands on as extra; before 16 the server frees it with free(). */
#define guc_malloc(elevel, size) malloc(size)
#define guc_free(pointer) free(pointer)
#define object_ownercheck(classid, objectid, roleid) pg_class_ownercheck(objectid, roleid)
/* of schemas, which is all that is asked for */
#define object_aclcheck(classid, objectid, roleid, mode) pg_namespace_aclcheck(objectid, roleid, mode)
#endif

/* Whether an expression of SQL/JSON makes a value of a type that was asked for. */
#if PG_VERSION_NUM >= 170000
#define crm_makes_json(node)                                                                                 \
    (IsA(node, JsonExpr) || IsA(node, JsonConstructorExpr) || IsA(node, JsonValueExpr))
#elif PG_VERSION_NUM >= 160000
#define crm_makes_json(node) (IsA(node, JsonConstructorExpr) || IsA(node, JsonValueExpr))
#else
#define crm_makes_json(node) false
#endif

#endif
