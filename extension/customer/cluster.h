/*
 * cluster.h: the ids that customers keep.
 *
 * Plain C, nothing of Postgres: records are nodes 0 .. count - 1, the caller owns all memory, nothing here allocates. Everything
 * depends on the arguments alone, so the same input gives the same ids.
 */
#ifndef CRM_CUSTOMER_CLUSTER_H
#define CRM_CUSTOMER_CLUSTER_H

#include <stdint.h>

typedef struct ClusterHold {
    int64_t id;
    int label;
    int node;
} ClusterHold;

/*
 * Decides which cluster keeps which id. held[node] is the id that the node has, 0 for none; label[node] is the smallest
 * node of its cluster. From the smallest id, which is the oldest, to the largest: an id goes to that of the clusters holding it which
 * has no id yet and most of the id's nodes (ties: the smallest label). So the oldest id stays in a join, the largest part
 * keeps it in a split, and an id is given up only where all its nodes joined older customers. assigned[node] becomes the
 * id, 0 where the cluster gets a new one. heir[node] becomes the label of the cluster that has the id which the node
 * holds, or, where it was given up, of the one that holds most of its nodes; -1 where the node holds none. holds is room
 * for count elements, used in between.
 */
extern void cluster_assign(int count, const int *label, const int64_t *held, int64_t *assigned, int *heir,
                           ClusterHold *holds);

#endif
