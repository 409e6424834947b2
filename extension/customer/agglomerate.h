/*
 * agglomerate.h: clusters from weighted pairs.
 *
 * Plain C, nothing of Postgres. Records are 0 .. records - 1, and their order breaks ties: number them by what they hold.
 * Clusters are joined from the best pair of clusters downwards. How well two clusters go together is 0.2 times the
 * largest weight between them and 0.8 times the mean of all weights between them, each clipped to -10 .. 10 bits: one
 * strong pair does not chain strangers together, and a cluster's records vouch for each other.
 *
 * Two clusters never join, nor what they become by other joins, where their records contradict each other. A contradiction is
 * practically never a slip, so in small clusters one is enough; but of many records some are wrong, so one pair in
 * AGGLOMERATE_SLIPS of those looked at is let pass. In the mean a contradiction counts as the lowest weight.
 *
 * Pairs that are not in the array are asked for (weigh) when they decide about a join, so that nobody compares n * n.
 * Every join is logged with its score, so that the threshold can be chosen afterwards, without labels (threshold.h).
 *
 * The result depends on the set of pairs alone, neither on their order nor on the number of threads: sums are kept in
 * whole 1/1024 bits. Memory is malloc'ed and freed inside, apart from the log, which agglomerate_free gives back.
 */
#ifndef CRM_CUSTOMER_AGGLOMERATE_H
#define CRM_CUSTOMER_AGGLOMERATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct WeightedPair {
    uint32_t a;
    uint32_t b;
    float weight; /* bits; -INFINITY: a contradiction */
} WeightedPair;

typedef struct RecordPair {
    uint32_t a;
    uint32_t b;
} RecordPair;

#define AGGLOMERATE_FLOOR (-6.0F) /* pairs below are not worth passing: weigh says the same of them */
#define AGGLOMERATE_LINK (-1.0F)  /* clusters without a pair of this weight never join */

#define AGGLOMERATE_SLIPS 20

typedef enum AgglomerateStatus {
    AGGLOMERATE_OK,
    AGGLOMERATE_NO_MEMORY,
    AGGLOMERATE_CANCELLED,
} AgglomerateStatus;

typedef struct AgglomerateInput {
    uint32_t records;
    /*
     * Each pair once, a and b in any order. Reordered in place. Pairs that were compared and weigh less than
     * AGGLOMERATE_FLOOR may be left out.
     */
    WeightedPair *pairs;
    size_t pair_count;
    const RecordPair *same; /* joined first of all, whatever they weigh and of what kind they are */
    size_t same_count;
    const RecordPair *different; /* never in one cluster, also where `same` would bring them together */
    size_t different_count;
    const uint8_t *kind; /* of each record: 0 any, or a kind; different kinds never join. May be NULL */
    float floor;   /* joins with a lower score are not even logged: AGGLOMERATE_FLOOR, or more to save time */
    int threads;   /* at least 1; all of them call weigh */
    size_t memory; /* bytes; 0: no limit */
    /* The weight of a pair that is not in pairs, or -INFINITY. worker is 0 .. threads - 1, for scratch space. NULL: -10 bits. */
    float (*weigh)(void *context, int worker, uint32_t a, uint32_t b);
    bool (*interrupted)(void *context); /* asked by the calling thread only; may be NULL */
    void *context;
} AgglomerateInput;

/* A join. Those of one component of the graph stand together, in the order in which they happened. */
typedef struct AgglomerateJoin {
    uint32_t a; /* the pair between the two clusters that weighs most */
    uint32_t b;
    float
        score; /* the lowest so far in this component: cut anywhere, the joins above are a beginning of it */
    uint32_t
        pairs; /* that it puts into one cluster: the product of the sizes (the largest number stands for more) */
} AgglomerateJoin;

typedef struct AgglomerateLog {
    AgglomerateJoin *joins; /* first those that verdicts forced, with a score of INFINITY */
    size_t count;
    uint64_t weighed; /* pairs asked for */
    size_t memory;    /* most that was held, in bytes, without pairs */
} AgglomerateLog;

/* On a status other than AGGLOMERATE_OK the log is empty. */
extern AgglomerateStatus agglomerate(const AgglomerateInput *input, AgglomerateLog *log);
extern void agglomerate_free(AgglomerateLog *log);

/*
 * The clusters of all joins with a score of at least threshold: writes of each record the smallest record of its cluster,
 * and returns the number of pairs inside clusters. label has room for records elements.
 */
extern uint64_t agglomerate_cut(const AgglomerateLog *log, uint32_t records, double threshold,
                                uint32_t *label);

#endif
