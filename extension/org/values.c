/*
 * values.c: the values of unit, owner and key columns by which an index finds the rows that the caller's roles
 * reach: what an index condition compares with. See visible_support.c.
 *
 * Rows that belong to no unit cannot be listed. A plan that lists is not made for somebody who reaches them; where
 * such a plan is at work already when the organisation changes, it would miss rows, and is an error instead that
 * says to try again.
 */
#include "base/compat.h"
#include "org/ask.h"
#include "org/plans.h"

#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/uuid.h"

PGDLLEXPORT Datum crm_visible_values(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_owned_values(PG_FUNCTION_ARGS);
PGDLLEXPORT Datum crm_shared_values(PG_FUNCTION_ARGS);

static const CrmShape unit_shape = {-1, 0, 1, 2, 3, -1};
static const CrmShape owner_shape = {-1, 0, 1, -1, -1, -1};
static const CrmShape record_shape = {-1, -1, 1, -1, -1, 0};

/* One C function serves four SQL functions, which differ in the type that they return. */
static Oid
element_type(FunctionCallInfo fcinfo)
{
    return get_element_type(get_func_rettype(fcinfo->flinfo->fn_oid));
}

typedef struct Listing {
    const CrmAsked *asked;
    Oid type;
    ArrayBuildState *state;
} Listing;

static void
add_value(Datum value, void *arg)
{
    Listing *listing = arg;

    listing->state = accumArrayResult(listing->state, value, false, listing->type, CurrentMemoryContext);
}

static ArrayType *
finish(const Listing *listing)
{
    if (listing->state == NULL)
        return construct_empty_array(listing->type);
    return DatumGetArrayTypeP(makeArrayResult(listing->state, CurrentMemoryContext));
}

static bool
unit_wanted(int unit, const void *arg)
{
    return crm_access_unit(((const Listing *) arg)->asked->question->access, unit);
}

static bool
owner_wanted(int owner, const void *arg)
{
    const CrmAsked *asked = ((const Listing *) arg)->asked;

    return crm_organisation_acts_as(asked->organisation, asked->question->principal, owner);
}

/* The list is made once and kept with the question; the caller gets a copy, since the question may go. */
static ArrayType *
list_values(FunctionCallInfo fcinfo, const CrmAsked *asked, CrmValueMap *map, CrmValueWanted wanted, int kind)
{
    Listing listing = {asked, element_type(fcinfo), NULL};
    int slot = kind * 4 + (listing.type == TEXTOID   ? 0
                           : listing.type == INT4OID ? 1
                           : listing.type == INT8OID ? 2
                                                     : 3);
    ArrayType *list = asked->question->lists[slot];

    if (list == NULL) {
        crm_value_map_each(map, listing.type, wanted, add_value, &listing);
        list = finish(&listing);
        asked->question->lists[slot] =
            memcpy(MemoryContextAlloc(asked->organisation->context, VARSIZE(list)), list, VARSIZE(list));
        return list;
    }
    return memcpy(palloc(VARSIZE(list)), list, VARSIZE(list));
}

CRM_NORETURN static void
raise_not_listable(void)
{
    crm_plans_give_up();
    ereport(ERROR, errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
            errmsg("what the caller may see grew while a plan for less was at work"),
            errdetail("The plan reads rows of listed units, and the caller now reaches rows without a unit."),
            errhint("Run the statement again."));
}

PG_FUNCTION_INFO_V1(crm_visible_values);
Datum
crm_visible_values(PG_FUNCTION_ARGS)
{
    const CrmAsked *asked = crm_ask(fcinfo, &unit_shape);

    if (asked == NULL)
        PG_RETURN_NULL();
    if (asked->question->outside || crm_access_unit(asked->question->access, asked->question->fallback))
        raise_not_listable();
    PG_RETURN_ARRAYTYPE_P(list_values(fcinfo, asked, asked->question->units, unit_wanted, 0));
}

PG_FUNCTION_INFO_V1(crm_owned_values);
Datum
crm_owned_values(PG_FUNCTION_ARGS)
{
    const CrmAsked *asked = crm_ask(fcinfo, &owner_shape);

    if (asked == NULL)
        PG_RETURN_NULL();
    if (asked->question->outside)
        raise_not_listable();
    if (!asked->question->access->own)
        PG_RETURN_ARRAYTYPE_P(construct_empty_array(element_type(fcinfo)));
    PG_RETURN_ARRAYTYPE_P(list_values(fcinfo, asked, asked->organisation->principal_values, owner_wanted, 1));
}

/* A key that is no value of the column's type is no row's. */
static bool
parse_key(const char *key, Oid type, Datum *value)
{
    pg_uuid_t *uuid;
    int64 integer;

    switch (type) {
    case TEXTOID:
        *value = CStringGetTextDatum(key);
        return true;
    case UUIDOID:
        uuid = palloc(sizeof(pg_uuid_t));
        *value = UUIDPGetDatum(uuid);
        return crm_canonical_uuid(key, uuid);
    case INT4OID:
        if (!crm_canonical_integer(key, &integer) || integer < PG_INT32_MIN || integer > PG_INT32_MAX)
            return false;
        *value = Int32GetDatum((int32) integer);
        return true;
    default:
        if (!crm_canonical_integer(key, &integer))
            return false;
        *value = Int64GetDatum(integer);
        return true;
    }
}

static void
add_key(const char *key, void *arg)
{
    Datum value;

    if (parse_key(key, ((Listing *) arg)->type, &value))
        add_value(value, arg);
}

PG_FUNCTION_INFO_V1(crm_shared_values);
Datum
crm_shared_values(PG_FUNCTION_ARGS)
{
    const CrmAsked *asked = crm_ask(fcinfo, &record_shape);
    Listing listing = {asked, InvalidOid, NULL};

    if (asked == NULL)
        PG_RETURN_NULL();
    if (asked->shares == NULL)
        raise_not_listable();
    listing.type = element_type(fcinfo);
    crm_shares_each(asked->shares, asked->relation, asked->privilege, add_key, &listing);
    PG_RETURN_ARRAYTYPE_P(finish(&listing));
}
