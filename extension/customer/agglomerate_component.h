/*
 * agglomerate_component.h: joins the clusters of one connected component. Used by agglomerate.c alone.
 */
#ifndef CRM_CUSTOMER_AGGLOMERATE_COMPONENT_H
#define CRM_CUSTOMER_AGGLOMERATE_COMPONENT_H

#include <stdatomic.h>

#include "customer/agglomerate.h"

/* What all threads share. */
typedef struct AgglomerateRun {
    const AgglomerateInput *input;
    atomic_size_t held; /* bytes */
    atomic_size_t most;
    atomic_int status; /* AgglomerateStatus: the first trouble; all threads end soon after */
    atomic_uint_least64_t weighed;
} AgglomerateRun;

typedef struct AgglomerateComponent {
    const uint32_t *member; /* its records, ascending */
    uint32_t members;
    const uint32_t *place; /* of any record of it, where it stands in member */
    const uint32_t
        *group; /* of any record of it, the first record that verdicts made one with it; NULL: itself */
    const WeightedPair *pairs; /* between its records */
    size_t pair_count;
    const RecordPair *different;
    size_t different_count;
    AgglomerateJoin *joins; /* room for one less than it has groups */
} AgglomerateComponent;

/* A thread's working space, kept from one component to the next. */
typedef struct AgglomerateBench AgglomerateBench;

/* Like realloc, counted against the run's memory; NULL, with the run's status set, where that does not suffice. */
extern void *agglomerate_hold(AgglomerateRun *run, void *old, size_t old_size, size_t size);
static inline uint32_t
agglomerate_product(uint64_t a, uint64_t b)
{
    return a * b < UINT32_MAX ? (uint32_t) (a * b) : UINT32_MAX;
}

/* The first trouble counts. */
extern void agglomerate_fail(AgglomerateRun *run, AgglomerateStatus status);
/* Whether to go on. The calling thread, worker 0, asks the caller, too. */
extern bool agglomerate_goes_on(AgglomerateRun *run, int worker);

extern AgglomerateBench *agglomerate_bench(AgglomerateRun *run, int worker);
extern void agglomerate_bench_free(AgglomerateBench *bench); /* NULL is fine */

/* Writes the joins and returns their number; the run's status says whether they are all. */
extern uint32_t agglomerate_component(AgglomerateBench *bench, const AgglomerateComponent *component);

#endif
