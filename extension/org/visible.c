/*
 * visible.c: the predicates of policies: visible (by unit), owned (by owner), shared (by key) and undenied (by
 * unit), for the caller and for a named principal. A row costs one look-up and one bit.
 */
#include "base/compat.h"
#include "org/ask.h"

#include "fmgr.h"
#include "utils/builtins.h"

PGDLLEXPORT Datum crm_visible_text(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_visible_int4(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_visible_int8(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_visible_uuid(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_undenied_text(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_undenied_int4(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_undenied_int8(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_undenied_uuid(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_owned_text(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_owned_int4(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_owned_int8(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_owned_uuid(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_shared_text(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_shared_int4(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_shared_int8(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_shared_uuid(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_principal_visible(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_principal_undenied(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_principal_owned(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_principal_shared(PG_FUNCTION_ARGS);

/* principal, object, privilege, hierarchy, fallback, relation */
static const CrmShape unit_shape = {-1, 1, 2, 3, 4, -1};
static const CrmShape owner_shape = {-1, 1, 2, -1, -1, -1};
static const CrmShape record_shape = {-1, -1, 2, -1, -1, 1};
static const CrmShape principal_unit_shape = {0, 2, 3, 4, 5, -1};
static const CrmShape principal_owner_shape = {0, 2, 3, -1, -1, -1};
static const CrmShape principal_record_shape = {0, -1, 3, -1, -1, 2};

static inline bool
visible_passes(const CrmAsked *asked, int unit)
{
    const CrmQuestion *question = asked->question;

    return crm_access_unit(question->access, unit >= 0 ? unit : question->fallback);
}

static inline bool
undenied_passes(const CrmAsked *asked, int unit)
{
    const CrmQuestion *question = asked->question;

    return !crm_access_denied(question->access, unit >= 0 ? unit : question->fallback);
}

static inline bool
owned_passes(const CrmAsked *asked, int owner)
{
    const CrmQuestion *question = asked->question;

    return owner >= 0 && question->access->own &&
           crm_organisation_acts_as(asked->organisation, question->principal, owner);
}

/* One predicate: its shape, when every row passes, which argument is the value, how its number is found, whether
 * that passes. */
#define PREDICATE(name, shape, always, arg, value, map, number, passes)                                      \
    PG_FUNCTION_INFO_V1(name);                                                                               \
    Datum name(PG_FUNCTION_ARGS)                                                                             \
    {                                                                                                        \
        const CrmAsked *asked = crm_ask(fcinfo, &(shape));                                                   \
                                                                                                             \
        if (asked == NULL)                                                                                   \
            PG_RETURN_NULL();                                                                                \
        PG_RETURN_BOOL(asked->question->always ||                                                            \
                       passes(asked, PG_ARGISNULL(arg) ? CRM_NO_VALUE : number(map, value(arg))));           \
    }

/* The same for the four types of a column. */
#define PREDICATES(name, shape, always, map, passes)                                                         \
    PREDICATE(name##_text, shape, always, 0, PG_GETARG_TEXT_PP, map, crm_value_map_value, passes)            \
    PREDICATE(name##_int4, shape, always, 0, PG_GETARG_INT32, map, crm_value_map_integer, passes)            \
    PREDICATE(name##_int8, shape, always, 0, PG_GETARG_INT64, map, crm_value_map_integer, passes)            \
    PREDICATE(name##_uuid, shape, always, 0, PG_GETARG_UUID_P, map, crm_value_map_uuid, passes)

#define UNITS (asked->question->units)
#define OWNERS (asked->organisation->principal_values)

PREDICATES(crm_visible, unit_shape, everything, UNITS, visible_passes)
PREDICATES(crm_undenied, unit_shape, undenied, UNITS, undenied_passes)
PREDICATES(crm_owned, owner_shape, outside, OWNERS, owned_passes)
PREDICATE(crm_principal_visible, principal_unit_shape, everything, 1, PG_GETARG_TEXT_PP, UNITS,
          crm_value_map_value, visible_passes)
PREDICATE(crm_principal_undenied, principal_unit_shape, undenied, 1, PG_GETARG_TEXT_PP, UNITS,
          crm_value_map_value, undenied_passes)
PREDICATE(crm_principal_owned, principal_owner_shape, outside, 1, PG_GETARG_TEXT_PP, OWNERS,
          crm_value_map_value, owned_passes)

/* Shares. Their keys are text: a number is written out, and only where anything is shared at all. */

/* Whether a key need not even be looked at; then *answer is it. */
static inline bool
answered_without_key(const CrmAsked *asked, bool key_is_null, bool *answer)
{
    *answer = asked->shares == NULL; /* outside the rules */
    return *answer || key_is_null || crm_shares_none(asked->shares);
}

static Datum
shared_key(const CrmAsked *asked, const char *key, int length)
{
    return BoolGetDatum(crm_shares_has(asked->shares, asked->relation, key, length, asked->privilege));
}

static Datum
shared_text(FunctionCallInfo fcinfo, const CrmShape *shape, int arg)
{
    const CrmAsked *asked = crm_ask(fcinfo, shape);
    bool answer;
    text *key;

    if (asked == NULL)
        PG_RETURN_NULL();
    if (answered_without_key(asked, PG_ARGISNULL(arg), &answer))
        PG_RETURN_BOOL(answer);
    key = PG_GETARG_TEXT_PP(arg);
    return shared_key(asked, VARDATA_ANY(key), (int) VARSIZE_ANY_EXHDR(key));
}

static Datum
shared_integer(FunctionCallInfo fcinfo, bool wide)
{
    const CrmAsked *asked = crm_ask(fcinfo, &record_shape);
    char key[MAXINT8LEN + 1];
    bool answer;

    if (asked == NULL)
        PG_RETURN_NULL();
    if (answered_without_key(asked, PG_ARGISNULL(0), &answer))
        PG_RETURN_BOOL(answer);
    return shared_key(asked, key, pg_lltoa(wide ? PG_GETARG_INT64(0) : PG_GETARG_INT32(0), key));
}

PG_FUNCTION_INFO_V1(crm_shared_text);
Datum
crm_shared_text(PG_FUNCTION_ARGS)
{
    return shared_text(fcinfo, &record_shape, 0);
}

PG_FUNCTION_INFO_V1(crm_shared_int4);
Datum
crm_shared_int4(PG_FUNCTION_ARGS)
{
    return shared_integer(fcinfo, false);
}

PG_FUNCTION_INFO_V1(crm_shared_int8);
Datum
crm_shared_int8(PG_FUNCTION_ARGS)
{
    return shared_integer(fcinfo, true);
}

PG_FUNCTION_INFO_V1(crm_shared_uuid);
Datum
crm_shared_uuid(PG_FUNCTION_ARGS)
{
    const CrmAsked *asked = crm_ask(fcinfo, &record_shape);
    bool answer;
    char *key;

    if (asked == NULL)
        PG_RETURN_NULL();
    if (answered_without_key(asked, PG_ARGISNULL(0), &answer))
        PG_RETURN_BOOL(answer);
    key = DatumGetCString(DirectFunctionCall1(uuid_out, PG_GETARG_DATUM(0)));
    return shared_key(asked, key, (int) strlen(key));
}

PG_FUNCTION_INFO_V1(crm_principal_shared);
Datum
crm_principal_shared(PG_FUNCTION_ARGS)
{
    return shared_text(fcinfo, &principal_record_shape, 1);
}
