/*
 * cluster.c: stable ids. See cluster.h.
 */
#include "customer/cluster.h"

#include <stdlib.h>

static int
compare_holds(const void *a, const void *b)
{
    const ClusterHold *x = a;
    const ClusterHold *y = b;

    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    if (x->label != y->label)
        return x->label < y->label ? -1 : 1;
    return (x->node > y->node) - (x->node < y->node);
}

/*
 * The label with most of the holds, which are of one id and sorted by label; of equals the smallest. With assigned, only
 * labels that have no id there count, and -1 is returned where there is none.
 */
static int
largest_part(const ClusterHold *holds, int count, const int64_t *assigned)
{
    int best = -1;
    int best_size = 0;

    for (int start = 0, end; start < count; start = end) {
        for (end = start; end < count && holds[end].label == holds[start].label;)
            end++;
        if (end - start > best_size && (assigned == NULL || assigned[holds[start].label] == 0)) {
            best = holds[start].label;
            best_size = end - start;
        }
    }
    return best;
}

void
cluster_assign(int count, const int *label, const int64_t *held, int64_t *assigned, int *heir,
               ClusterHold *holds)
{
    int used = 0;

    for (int i = 0; i < count; i++) {
        assigned[i] = 0;
        heir[i] = -1;
        if (held[i] != 0)
            holds[used++] = (ClusterHold){held[i], label[i], i};
    }
    qsort(holds, (size_t) used, sizeof(ClusterHold), compare_holds);
    /* a cluster's id stands at its label's node until all are known */
    for (int start = 0, end; start < used; start = end) {
        int winner;

        for (end = start; end < used && holds[end].id == holds[start].id;)
            end++;
        winner = largest_part(holds + start, end - start, assigned);
        if (winner >= 0)
            assigned[winner] = holds[start].id;
        else
            winner = largest_part(holds + start, end - start, NULL);
        for (int i = start; i < end; i++)
            heir[holds[i].node] = winner;
    }
    for (int i = 0; i < count; i++)
        assigned[i] = assigned[label[i]];
}
