/*
 * cluster.h: records that mean the same customer, and the ids that the customers keep.
 *
 * Plain C, nothing of Postgres: nodes are 0 .. count - 1, the caller owns all memory, nothing here allocates. Everything
 * depends on the numbers of the nodes and the order of the calls alone, so the same input gives the same clusters.
 */
#ifndef CRM_CUSTOMER_CLUSTER_H
#define CRM_CUSTOMER_CLUSTER_H

#include <stdbool.h>
#include <stdint.h>

typedef enum ClusterKind { CLUSTER_ANY, CLUSTER_PERSON, CLUSTER_ORGANISATION } ClusterKind;

typedef struct ClusterPair {
    int a;
    int b;
} ClusterPair;

typedef struct ClusterSet {
    int count;
    int *parent;              /* [count] */
    unsigned char *kind;      /* [count] what the node is; of a root: what its cluster is */
    bool *apart;              /* [count] of a root: some member stands in pairs */
    const ClusterPair *pairs; /* never in one cluster */
    int pair_count;
} ClusterSet;

/*
 * Makes each node a cluster of its own. The caller has set count, kind, pairs and pair_count and gives parent and apart
 * room for count elements. Pairs must name nodes.
 */
extern void cluster_init(ClusterSet *set);

/* The root of the node's cluster. Two nodes are in one cluster where it is the same. */
extern int cluster_find(ClusterSet *set, int node);

/*
 * Joins the clusters of two nodes and returns true, also where they are one already. Returns false and changes nothing
 * where a pair forbids it, or where one is of persons and the other of organisations (unless any_kind).
 */
extern bool cluster_link(ClusterSet *set, int a, int b, bool any_kind);

/*
 * Links nodes that share a value: each with the first one before it that it may be linked with. A person and an
 * organisation that share an address stay two, while two persons that share it become one.
 */
extern void cluster_link_all(ClusterSet *set, const int *nodes, int count);

/* Writes each node's label: the smallest node of its cluster. label has room for count elements. */
extern void cluster_label(ClusterSet *set, int *label);

typedef struct ClusterHold {
    int64_t id;
    int label;
    int node;
} ClusterHold;

/*
 * Decides which cluster keeps which id. held[node] is the id that the node has, 0 for none; label is what cluster_label
 * wrote. From the smallest id, which is the oldest, to the largest: an id goes to that of the clusters holding it which
 * has no id yet and most of the id's nodes (ties: the smallest label). So the oldest id stays in a join, the largest part
 * keeps it in a split, and an id is given up only where all its nodes joined older customers. assigned[node] becomes the
 * id, 0 where the cluster gets a new one. heir[node] becomes the label of the cluster that has the id which the node
 * holds, or, where it was given up, of the one that holds most of its nodes; -1 where the node holds none. holds is room
 * for count elements, used in between.
 */
extern void cluster_assign(int count, const int *label, const int64_t *held, int64_t *assigned, int *heir,
                           ClusterHold *holds);

#endif
