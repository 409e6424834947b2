/*
 * cluster.c: union-find and stable ids. See cluster.h.
 *
 * The root of a cluster is its smallest node, so that labels need no second pass over sizes; paths are halved when
 * walked, which keeps them short without ranks.
 */
#include "customer/cluster.h"

#include <stdlib.h>

void
cluster_init(ClusterSet *set)
{
    for (int i = 0; i < set->count; i++) {
        set->parent[i] = i;
        set->apart[i] = false;
    }
    for (int i = 0; i < set->pair_count; i++) {
        set->apart[set->pairs[i].a] = true;
        set->apart[set->pairs[i].b] = true;
    }
}

int
cluster_find(ClusterSet *set, int node)
{
    while (set->parent[node] != node) {
        set->parent[node] = set->parent[set->parent[node]];
        node = set->parent[node];
    }
    return node;
}

static bool
is_forbidden(ClusterSet *set, int x, int y)
{
    if (!set->apart[x] || !set->apart[y])
        return false;
    for (int i = 0; i < set->pair_count; i++) {
        int a = cluster_find(set, set->pairs[i].a);
        int b = cluster_find(set, set->pairs[i].b);

        if ((a == x && b == y) || (a == y && b == x))
            return true;
    }
    return false;
}

bool
cluster_link(ClusterSet *set, int a, int b, bool any_kind)
{
    int x = cluster_find(set, a);
    int y = cluster_find(set, b);

    if (x == y)
        return true;
    if (!any_kind && set->kind[x] != CLUSTER_ANY && set->kind[y] != CLUSTER_ANY &&
        set->kind[x] != set->kind[y])
        return false;
    if (is_forbidden(set, x, y))
        return false;
    if (y < x) {
        int other = x;

        x = y;
        y = other;
    }
    set->parent[y] = x;
    if (set->kind[x] == CLUSTER_ANY)
        set->kind[x] = set->kind[y];
    set->apart[x] = set->apart[x] || set->apart[y];
    return true;
}

void
cluster_link_all(ClusterSet *set, const int *nodes, int count)
{
    for (int i = 1; i < count; i++)
        for (int k = 0; k < i; k++)
            if (cluster_link(set, nodes[k], nodes[i], false))
                break;
}

void
cluster_label(ClusterSet *set, int *label)
{
    for (int i = 0; i < set->count; i++)
        label[i] = cluster_find(set, i);
}

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
