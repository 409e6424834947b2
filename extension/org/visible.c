/*
 * visible.c: the predicates of policies: visible (by unit) and owned (by owner), for the caller and for a
 * named principal.
 *
 * What does not change between rows is worked out once and kept in fn_extra; a row then costs one look-up and
 * one bit. It is worked out again when the session heard of a change, the role or the statement's start is
 * another one (FETCH from an open cursor is a statement of its own), or an argument that is no constant
 * differs. At the first row of a statement messages of other sessions are taken in: a callback alone is not
 * called inside a transaction that holds all its locks. Nothing here points into the organisation for longer
 * than it lives: the change counter is compared before any use.
 */
#include "base/compat.h"
#include "base/caller.h"
#include "org/access.h"
#include "org/change.h"
#include "org/identity.h"

#include "access/xact.h"
#include "fmgr.h"
#include "nodes/primnodes.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PGDLLEXPORT Datum crm_visible_text(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_visible_int4(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_visible_int8(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_visible_uuid(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_owned_text(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_owned_int4(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_owned_int8(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_owned_uuid(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_principal_visible(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_principal_owned(PG_FUNCTION_ARGS);

/* object, privilege, hierarchy, fallback, principal */
#define SETTINGS 5

typedef struct Question {
    uint64 changes; /* crm_identity_changes when it was worked out */
    TimestampTz statement;
    Oid role;
    bool constant; /* no setting can differ between rows */
    text *settings[SETTINGS];
    bool outside;
    int principal;
    const CrmAccess *access;
    CrmValueMap *values; /* of the first argument: units, or principals */
    int fallback;
} Question;

/* Which argument each setting is; -1 where the function has no such argument. */
typedef struct Shape {
    int arguments[SETTINGS];
    bool by_owner; /* the value is an owner, not a unit */
} Shape;

static const Shape visible_shape = {{1, 2, 3, 4, -1}, false};
static const Shape owned_shape = {{1, 2, -1, -1, -1}, true};
static const Shape principal_visible_shape = {{2, 3, 4, 5, 0}, false};
static const Shape principal_owned_shape = {{2, 3, -1, -1, 0}, true};

static bool
is_named(const Shape *shape)
{
    return shape->arguments[4] >= 0;
}

/* A parameter does not count: a simple expression of PL/pgSQL keeps fn_extra while its variables change. */
static bool
is_constant(FmgrInfo *flinfo, int arg)
{
    Node *node = flinfo->fn_expr;

    return node != NULL && IsA(node, FuncExpr) && arg < list_length(((FuncExpr *) node)->args) &&
           IsA(list_nth(((FuncExpr *) node)->args, arg), Const);
}

static text *
setting(FunctionCallInfo fcinfo, const Shape *shape, int i)
{
    int arg = shape->arguments[i];

    return arg < 0 || PG_ARGISNULL(arg) ? NULL : PG_GETARG_TEXT_PP(arg);
}

static bool
same_text(const text *a, const text *b)
{
    if (a == NULL || b == NULL)
        return a == b;
    return VARSIZE_ANY_EXHDR(a) == VARSIZE_ANY_EXHDR(b) &&
           memcmp(VARDATA_ANY(a), VARDATA_ANY(b), VARSIZE_ANY_EXHDR(a)) == 0;
}

static bool
same_settings(FunctionCallInfo fcinfo, const Shape *shape, const Question *question)
{
    for (int i = 0; i < SETTINGS; i++) {
        if (!same_text(question->settings[i], setting(fcinfo, shape, i)))
            return false;
    }
    return true;
}

static bool
same_circumstances(const Question *question)
{
    return question->changes == crm_identity_changes && question->role == crm_caller_oid() &&
           question->statement == GetCurrentStatementStartTimestamp();
}

static void
keep_settings(FunctionCallInfo fcinfo, const Shape *shape, Question *question)
{
    question->constant = true;
    for (int i = 0; i < SETTINGS; i++) {
        text *value = setting(fcinfo, shape, i);

        if (question->settings[i] != NULL)
            pfree(question->settings[i]);
        question->settings[i] = NULL;
        if (value != NULL) {
            text *copy = MemoryContextAlloc(fcinfo->flinfo->fn_mcxt, VARSIZE_ANY_EXHDR(value) + VARHDRSZ);

            SET_VARSIZE(copy, VARSIZE_ANY_EXHDR(value) + VARHDRSZ);
            memcpy(VARDATA(copy), VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));
            question->settings[i] = copy;
        }
        if (shape->arguments[i] >= 0)
            question->constant &= is_constant(fcinfo->flinfo, shape->arguments[i]);
    }
}

static const char *
setting_string(const Question *question, int i)
{
    return question->settings[i] != NULL ? text_to_cstring(question->settings[i]) : NULL;
}

/* Who asks: somebody inside the rules, or an error. */
static void
find_asker(const Shape *shape, Question *question, const CrmOrganisation *organisation)
{
    question->outside = false;
    if (is_named(shape))
        question->principal = crm_identity_named(organisation, setting_string(question, 4));
    else {
        CrmIdentity identity;

        crm_identity_current(organisation, &identity);
        if (identity.principal < 0 && !identity.outside)
            crm_identity_missing(organisation);
        question->outside = identity.outside;
        question->principal = identity.principal;
    }
}

static void
find_values(const Shape *shape, Question *question, CrmOrganisation *organisation)
{
    if (shape->by_owner)
        question->values = organisation->principal_values;
    else {
        const char *fallback = setting_string(question, 3);

        question->values = crm_organisation_units(organisation, setting_string(question, 2));
        question->fallback = organisation->root;
        if (fallback != NULL)
            question->fallback =
                crm_value_map_text(organisation->all_units, fallback, (int) strlen(fallback));
    }
}

/* The question as it stands for this call; NULL where an argument without which there is no answer is null.
 */
static Question *
ask(FunctionCallInfo fcinfo, const Shape *shape)
{
    Question *question = fcinfo->flinfo->fn_extra;
    CrmOrganisation *organisation;
    CrmPrivilege privilege;
    uint64 changes;

    if (likely(question != NULL && same_circumstances(question) &&
               (question->constant || same_settings(fcinfo, shape, question))))
        return question;

    if (setting(fcinfo, shape, 0) == NULL || setting(fcinfo, shape, 1) == NULL ||
        (is_named(shape) && setting(fcinfo, shape, 4) == NULL))
        return NULL;
    if (question == NULL)
        question = fcinfo->flinfo->fn_extra =
            MemoryContextAllocZero(fcinfo->flinfo->fn_mcxt, sizeof(Question));
    if (question->statement != GetCurrentStatementStartTimestamp())
        crm_change_accept();
    question->changes = 0; /* not answered until the end */
    organisation = crm_organisation();
    /* Taken now: looking up names below may take in messages. Zero where even this copy is out of date
     * already. */
    changes = organisation->changes == crm_org_changes ? crm_identity_changes : 0;
    keep_settings(fcinfo, shape, question);
    question->role = crm_caller_oid();
    privilege = crm_privilege_parse(setting_string(question, 1));
    find_asker(shape, question, organisation);
    find_values(shape, question, organisation);
    question->access = question->outside ? NULL
                                         : crm_access(organisation, question->principal,
                                                      setting_string(question, 0), privilege);
    question->statement = GetCurrentStatementStartTimestamp();
    question->changes = changes;
    return question;
}

static bool
unit_passes(const Question *question, int unit)
{
    return crm_access_unit(question->access, unit >= 0 ? unit : question->fallback);
}

static bool
owner_passes(const Question *question, int owner)
{
    return owner >= 0 && owner == question->principal && question->access->own;
}

static int
text_number(const Question *question, text *value)
{
    return crm_value_map_text(question->values, VARDATA_ANY(value), (int) VARSIZE_ANY_EXHDR(value));
}

static int
integer_number(const Question *question, int64 value)
{
    return crm_value_map_integer(question->values, value);
}

static int
uuid_number(const Question *question, const pg_uuid_t *value)
{
    return crm_value_map_uuid(question->values, value);
}

/* One predicate: what the argument is, how it is found, whether what is found passes. */
#define PREDICATE(name, shape, arg, value, number, passes)                                                   \
    PG_FUNCTION_INFO_V1(name);                                                                               \
    Datum name(PG_FUNCTION_ARGS)                                                                             \
    {                                                                                                        \
        const Question *question = ask(fcinfo, &(shape));                                                    \
                                                                                                             \
        if (question == NULL)                                                                                \
            PG_RETURN_NULL();                                                                                \
        PG_RETURN_BOOL(question->outside ||                                                                  \
                       passes(question, PG_ARGISNULL(arg) ? CRM_NO_VALUE : number(question, value(arg))));   \
    }

PREDICATE(crm_visible_text, visible_shape, 0, PG_GETARG_TEXT_PP, text_number, unit_passes)
PREDICATE(crm_visible_int4, visible_shape, 0, PG_GETARG_INT32, integer_number, unit_passes)
PREDICATE(crm_visible_int8, visible_shape, 0, PG_GETARG_INT64, integer_number, unit_passes)
PREDICATE(crm_visible_uuid, visible_shape, 0, PG_GETARG_UUID_P, uuid_number, unit_passes)
PREDICATE(crm_owned_text, owned_shape, 0, PG_GETARG_TEXT_PP, text_number, owner_passes)
PREDICATE(crm_owned_int4, owned_shape, 0, PG_GETARG_INT32, integer_number, owner_passes)
PREDICATE(crm_owned_int8, owned_shape, 0, PG_GETARG_INT64, integer_number, owner_passes)
PREDICATE(crm_owned_uuid, owned_shape, 0, PG_GETARG_UUID_P, uuid_number, owner_passes)
PREDICATE(crm_principal_visible, principal_visible_shape, 1, PG_GETARG_TEXT_PP, text_number, unit_passes)
PREDICATE(crm_principal_owned, principal_owned_shape, 1, PG_GETARG_TEXT_PP, text_number, owner_passes)
