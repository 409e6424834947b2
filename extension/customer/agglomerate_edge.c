/*
 * agglomerate_edge.c: edges by their two clusters, and in a heap. See agglomerate_bench.h.
 *
 * Edges compare by score and then by the pair that weighs most, so that the top is the same in whatever order pairs came.
 */
#include "customer/agglomerate_bench.h"

#include <math.h>

#define SHARE_LARGEST 0.2F

uint32_t
agglomerate_hash(uint32_t a, uint32_t b)
{
    uint64_t hash = ((uint64_t) a << 32 | b) * 0x9e3779b97f4a7c15ULL;

    return (uint32_t) (hash ^ hash >> 32);
}

uint32_t
agglomerate_table_size(size_t count)
{
    uint32_t size = 4;

    while (size < 2 * count)
        size *= 2;
    return size;
}

/* ---- edges by their two clusters ---- */

uint32_t
agglomerate_slot(const AgglomerateBench *bench, uint32_t a, uint32_t b)
{
    uint32_t low = a < b ? a : b;
    uint32_t high = a < b ? b : a;
    uint32_t slot = agglomerate_hash(low, high) & bench->by_ends_mask;

    while (bench->by_ends[slot] != AGGLOMERATE_NONE) {
        const AgglomerateEdge *edge = &bench->edge[bench->by_ends[slot]];

        if ((edge->end[0] == a && edge->end[1] == b) || (edge->end[0] == b && edge->end[1] == a))
            break;
        slot = (slot + 1) & bench->by_ends_mask;
    }
    return slot;
}

/* Takes an entry out and moves those back that stand behind because of it. */
void
agglomerate_forget(AgglomerateBench *bench, uint32_t a, uint32_t b)
{
    uint32_t hole = agglomerate_slot(bench, a, b);
    uint32_t slot = hole;

    for (;;) {
        const AgglomerateEdge *edge;
        uint32_t home;

        slot = (slot + 1) & bench->by_ends_mask;
        if (bench->by_ends[slot] == AGGLOMERATE_NONE)
            break;
        edge = &bench->edge[bench->by_ends[slot]];
        home = agglomerate_hash(edge->end[0] < edge->end[1] ? edge->end[0] : edge->end[1],
                                edge->end[0] < edge->end[1] ? edge->end[1] : edge->end[0]) &
               bench->by_ends_mask;
        if (((slot - home) & bench->by_ends_mask) >= ((slot - hole) & bench->by_ends_mask)) {
            bench->by_ends[hole] = bench->by_ends[slot];
            hole = slot;
        }
    }
    bench->by_ends[hole] = AGGLOMERATE_NONE;
}

int64_t
agglomerate_clip(float weight)
{
    float clipped = weight > AGGLOMERATE_CLIP    ? AGGLOMERATE_CLIP
                    : weight < -AGGLOMERATE_CLIP ? -AGGLOMERATE_CLIP
                                                 : weight;

    return (int64_t) lrintf(clipped * AGGLOMERATE_UNIT);
}

void
agglomerate_add_weight(AgglomerateEdge *edge, uint32_t a, uint32_t b, float weight)
{
    uint32_t low = a < b ? a : b;
    uint32_t high = a < b ? b : a;

    if (weight > edge->largest || (weight == edge->largest &&
                                   (low < edge->best[0] || (low == edge->best[0] && high < edge->best[1])))) {
        edge->largest = weight;
        edge->best[0] = low;
        edge->best[1] = high;
    }
}

void
agglomerate_look_at(AgglomerateEdge *edge, uint32_t a, uint32_t b, float weight)
{
    edge->looked_at++;
    if (weight == -INFINITY)
        edge->against++;
    else
        agglomerate_add_weight(edge, a, b, weight);
}

/* ---- the heap, the best edge on top ---- */

static bool
is_better(const AgglomerateEdge *a, const AgglomerateEdge *b)
{
    if (a->score != b->score)
        return a->score > b->score;
    if (a->best[0] != b->best[0])
        return a->best[0] < b->best[0];
    return a->best[1] < b->best[1];
}

static void
sift(AgglomerateBench *bench, uint32_t edge)
{
    AgglomerateEdge *edges = bench->edge;
    uint32_t *heap = bench->heap;
    uint32_t at = edges[edge].heap;

    for (uint32_t up; at > 0 && is_better(&edges[edge], &edges[heap[up = (at - 1) / 2]]); at = up) {
        heap[at] = heap[up];
        edges[heap[at]].heap = at;
    }
    for (uint32_t down; (down = 2 * at + 1) < bench->heaped; at = down) {
        if (down + 1 < bench->heaped && is_better(&edges[heap[down + 1]], &edges[heap[down]]))
            down++;
        if (!is_better(&edges[heap[down]], &edges[edge]))
            break;
        heap[at] = heap[down];
        edges[heap[at]].heap = at;
    }
    heap[at] = edge;
    edges[edge].heap = at;
}

void
agglomerate_take_out(AgglomerateBench *bench, uint32_t edge)
{
    uint32_t at = bench->edge[edge].heap;
    uint32_t last;

    if (at == AGGLOMERATE_NONE)
        return;
    bench->edge[edge].heap = AGGLOMERATE_NONE;
    last = bench->heap[--bench->heaped];
    if (last == edge)
        return;
    bench->heap[at] = last;
    bench->edge[last].heap = at;
    sift(bench, last);
}

/* Works out the score anew and puts the edge where it belongs in the heap. */
void
agglomerate_rate(AgglomerateBench *bench, uint32_t number)
{
    AgglomerateEdge *edge = &bench->edge[number];

    if (edge->forbidden || edge->known == 0 || edge->largest < AGGLOMERATE_LINK) {
        agglomerate_take_out(bench, number);
        return;
    }
    edge->score =
        SHARE_LARGEST * edge->largest +
        (1 - SHARE_LARGEST) * (float) ((double) edge->sum / (double) edge->known / (double) AGGLOMERATE_UNIT);
    if (edge->heap == AGGLOMERATE_NONE) {
        edge->heap = bench->heaped;
        bench->heap[bench->heaped++] = number;
    }
    sift(bench, number);
}
