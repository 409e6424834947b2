/*
 * agglomerate_bench.h: what a thread works with while it joins the clusters of a component. Used by agglomerate_*.c alone.
 *
 * An edge stands for all pairs between two clusters. Clusters are named by a record of theirs, records by their place in
 * the component. agglomerate_component.c has the joining, agglomerate_edge.c the heap of edges and their table,
 * agglomerate_missing.c the pairs that were never compared.
 */
#ifndef CRM_CUSTOMER_AGGLOMERATE_BENCH_H
#define CRM_CUSTOMER_AGGLOMERATE_BENCH_H

#include "customer/agglomerate_component.h"

#define AGGLOMERATE_NONE UINT32_MAX
#define AGGLOMERATE_UNIT 1024.0F /* of the sums, in bits */
#define AGGLOMERATE_CLIP 10.0F   /* bits */

enum { EDGE, BY_ENDS, HEAP, LIST, DEGREE, SIZE, RING, KIND, SEEN, EXTRA, MEMBERS, AGGLOMERATE_SPACES };

typedef struct AgglomerateEdge {
    int64_t sum;        /* of the known weights, clipped, in 1 / AGGLOMERATE_UNIT bits */
    uint64_t known;     /* pairs that the sum stands for */
    uint32_t looked_at; /* pairs whose own weight is in the sum */
    uint32_t against;   /* of those, contradictions */
    uint32_t end[2];    /* clusters */
    uint32_t next[2];   /* in the lists of the two clusters */
    uint32_t best[2];   /* the pair that weighs most, the lower place first */
    float largest;
    float score;
    uint32_t heap;  /* its place there, or AGGLOMERATE_NONE */
    bool forbidden; /* for good, also of what its clusters become */
    bool dead;      /* went up in another; still in a list */
} AgglomerateEdge;

typedef struct AgglomerateArray {
    void *data;
    size_t size; /* bytes */
} AgglomerateArray;

struct AgglomerateBench {
    AgglomerateRun *run;
    int worker;
    const AgglomerateComponent *component;
    AgglomerateEdge *edge;
    uint32_t edges;
    uint32_t *by_ends; /* hash table of edges by their clusters */
    uint32_t by_ends_mask;
    uint32_t *heap;
    uint32_t heaped;
    uint32_t *list;   /* of each cluster, its first edge */
    uint32_t *degree; /* of each cluster, its live edges */
    uint32_t *size;   /* of each cluster, its records */
    uint32_t *ring;   /* of each record, the next one of its cluster, in a circle */
    uint8_t *kind;    /* of each cluster */
    uint32_t
        *seen; /* hash table of known pairs, made when first needed: a place in pairs, or behind in extra */
    uint32_t seen_mask;
    bool has_seen;
    RecordPair *extra; /* places of pairs that were weighed */
    uint32_t extras;
    uint64_t weighed;
    uint32_t steps;
    AgglomerateArray space[AGGLOMERATE_SPACES]; /* of the arrays above and of two lists of members */
};

/* Room in one of the spaces for so many elements; what stands there is kept. NULL: no memory, the status is set. */
extern void *agglomerate_room(AgglomerateBench *bench, int space, size_t count, size_t element);
extern uint32_t agglomerate_hash(uint32_t a, uint32_t b);
extern uint32_t agglomerate_table_size(size_t count);

/* Where the edge between two clusters stands in by_ends, or where it would. */
extern uint32_t agglomerate_slot(const AgglomerateBench *bench, uint32_t a, uint32_t b);
extern void agglomerate_forget(AgglomerateBench *bench, uint32_t a, uint32_t b);

/* A weight in whole units, clipped. */
extern int64_t agglomerate_clip(float weight);
/* Takes note of the weight of a pair that was looked at; the sum is the caller's. */
extern void agglomerate_look_at(AgglomerateEdge *edge, uint32_t a, uint32_t b, float weight);
/* Takes note of a pair that may be the one that weighs most. */
extern void agglomerate_add_weight(AgglomerateEdge *edge, uint32_t a, uint32_t b, float weight);
/* Works out the score anew and puts the edge where it belongs in the heap, or takes it out where it may not join. */
extern void agglomerate_rate(AgglomerateBench *bench, uint32_t edge);
extern void agglomerate_take_out(AgglomerateBench *bench, uint32_t edge);

/* Weighs the pairs of an edge that are not known. False: no memory. */
extern bool agglomerate_weigh_missing(AgglomerateBench *bench, AgglomerateEdge *edge);

#endif
