/*
 * furthest.c: the aggregate furthest_journey: of several journeys the one whose attempt comes furthest.
 *
 * It serves "the same product through all steps": a journey for each subject and product, and of those of a subject the
 * furthest. Between equals it decides as attempt.h does between attempts: who gets there first, then who began last; then
 * the journey that sorts first, so that the order of rows makes no difference.
 */
#include "base/aggregate.h"
#include "base/bytes.h"
#include "funnel/inquiry.h"
#include "funnel/journey_value.h"

#include "libpq/pqformat.h"

typedef struct FurthestState {
    int32 depth;
    int64 began;
    int64 ended;
    struct varlena *journey; /* NULL: none yet */
} FurthestState;

/* Whether the first is to be preferred. Its journey is not NULL. */
static bool
is_further(const FurthestState *a, const FurthestState *b)
{
    if (b->journey == NULL || a->depth != b->depth)
        return b->journey == NULL || a->depth > b->depth;
    if (a->ended != b->ended)
        return a->ended < b->ended;
    if (a->began != b->began)
        return a->began > b->began;
    return crm_bytes_compare(PointerGetDatum(a->journey), PointerGetDatum(b->journey)) < 0;
}

static void
take(FurthestState *state, MemoryContext context, const FurthestState *other)
{
    Size size = VARSIZE_ANY(other->journey);
    struct varlena *copy = MemoryContextAlloc(context, size);

    memcpy(copy, other->journey, size);
    if (state->journey != NULL)
        pfree(state->journey);
    *state = *other;
    state->journey = copy;
}

PG_FUNCTION_INFO_V1(crm_furthest_step);

/* (state, journey, steps, within, mode, anchor, gap) */
Datum
crm_furthest_step(PG_FUNCTION_ARGS)
{
    Inquiry *inquiry = crm_inquiry(fcinfo, 2);
    uint64 optional = crm_inquiry_rule(inquiry)->optional;
    MemoryContext context = crm_aggregate_context(fcinfo);
    FurthestState *state = PG_ARGISNULL(0) ? NULL : (FurthestState *) PG_GETARG_POINTER(0);
    FurthestState candidate = {.began = PG_INT64_MAX, .ended = PG_INT64_MIN};
    Attempt attempt;

    if (state == NULL)
        state = MemoryContextAllocZero(context, sizeof(FurthestState));
    if (PG_ARGISNULL(1))
        PG_RETURN_POINTER(state);
    candidate.journey = PG_GETARG_JOURNEY_PP(1);
    crm_inquiry_attempt(inquiry, candidate.journey, &attempt);
    candidate.depth = attempt.depth;
    for (uint64 taken = attempt.taken & ~optional; taken != 0; taken &= taken - 1) {
        int64 at = attempt.at[__builtin_ctzll(taken)];

        candidate.began = Min(candidate.began, at);
        candidate.ended = Max(candidate.ended, at);
    }
    if (is_further(&candidate, state))
        take(state, context, &candidate);
    PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(crm_furthest_combine);

Datum
crm_furthest_combine(PG_FUNCTION_ARGS)
{
    MemoryContext context = crm_aggregate_context(fcinfo);
    FurthestState *left = PG_ARGISNULL(0) ? NULL : (FurthestState *) PG_GETARG_POINTER(0);
    const FurthestState *right = PG_ARGISNULL(1) ? NULL : (const FurthestState *) PG_GETARG_POINTER(1);

    if (left == NULL)
        left = MemoryContextAllocZero(context, sizeof(FurthestState));
    if (right != NULL && right->journey != NULL && is_further(right, left))
        take(left, context, right);
    PG_RETURN_POINTER(left);
}

PG_FUNCTION_INFO_V1(crm_furthest_serialize);

Datum
crm_furthest_serialize(PG_FUNCTION_ARGS)
{
    const FurthestState *state = (const FurthestState *) PG_GETARG_POINTER(0);
    StringInfoData message;

    pq_begintypsend(&message);
    pq_sendint32(&message, (uint32) state->depth);
    pq_sendint64(&message, (uint64) state->began);
    pq_sendint64(&message, (uint64) state->ended);
    if (state->journey != NULL)
        pq_sendbytes(&message, (const char *) state->journey, (int) VARSIZE_ANY(state->journey));
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

PG_FUNCTION_INFO_V1(crm_furthest_deserialize);

Datum
crm_furthest_deserialize(PG_FUNCTION_ARGS)
{
    bytea *bytes = PG_GETARG_BYTEA_PP(0);
    StringInfoData message = {.data = VARDATA_ANY(bytes), .len = (int) VARSIZE_ANY_EXHDR(bytes)};
    FurthestState *state = palloc0(sizeof(FurthestState));
    int size;

    state->depth = (int32) pq_getmsgint(&message, 4);
    state->began = pq_getmsgint64(&message);
    state->ended = pq_getmsgint64(&message);
    size = message.len - message.cursor;
    if (size > 0) {
        state->journey = palloc((Size) size);
        memcpy(state->journey, pq_getmsgbytes(&message, size), (Size) size);
    }
    PG_RETURN_POINTER(state);
}

PG_FUNCTION_INFO_V1(crm_furthest_final);

Datum
crm_furthest_final(PG_FUNCTION_ARGS)
{
    const FurthestState *state = PG_ARGISNULL(0) ? NULL : (const FurthestState *) PG_GETARG_POINTER(0);

    if (state == NULL || state->journey == NULL)
        PG_RETURN_NULL();
    PG_RETURN_POINTER(state->journey);
}
