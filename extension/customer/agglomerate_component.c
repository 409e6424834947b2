/*
 * agglomerate_component.c: agglomeration of one connected component. See agglomerate_component.h.
 *
 * Each cluster has a list of its edges; joining moves those of the cluster that has fewer, and adds up what meets. An edge
 * knows the sum of the weights that are known; pairs that were never compared are weighed only when the edge comes to the
 * top, and it goes back with its true score.
 */
#include "customer/agglomerate_component.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "customer/agglomerate_bench.h"

#define ASK_EVERY 1024 /* steps */

void *
agglomerate_hold(AgglomerateRun *run, void *old, size_t old_size, size_t size)
{
    size_t held = atomic_fetch_add(&run->held, size) + size; /* the old one, too: realloc may copy */
    size_t most = atomic_load(&run->most);
    void *memory = NULL;

    if (run->input->memory == 0 || held <= run->input->memory)
        memory = realloc(old, size == 0 ? 1 : size);
    if (memory == NULL) {
        atomic_fetch_sub(&run->held, size);
        agglomerate_fail(run, AGGLOMERATE_NO_MEMORY);
        return NULL;
    }
    while (held > most && !atomic_compare_exchange_weak(&run->most, &most, held))
        ;
    atomic_fetch_sub(&run->held, old_size);
    return memory;
}

void
agglomerate_fail(AgglomerateRun *run, AgglomerateStatus status)
{
    int none = AGGLOMERATE_OK;

    atomic_compare_exchange_strong(&run->status, &none, (int) status);
}

bool
agglomerate_goes_on(AgglomerateRun *run, int worker)
{
    const AgglomerateInput *input = run->input;

    if (worker == 0 && input->interrupted != NULL && input->interrupted(input->context))
        agglomerate_fail(run, AGGLOMERATE_CANCELLED);
    return atomic_load(&run->status) == AGGLOMERATE_OK;
}

AgglomerateBench *
agglomerate_bench(AgglomerateRun *run, int worker)
{
    AgglomerateBench *bench = agglomerate_hold(run, NULL, 0, sizeof(AgglomerateBench));

    if (bench != NULL) {
        memset(bench, 0, sizeof(AgglomerateBench));
        bench->run = run;
        bench->worker = worker;
    }
    return bench;
}

void
agglomerate_bench_free(AgglomerateBench *bench)
{
    if (bench == NULL)
        return;
    atomic_fetch_add(&bench->run->weighed, bench->weighed);
    for (size_t i = 0; i < sizeof(bench->space) / sizeof(bench->space[0]); i++) {
        free(bench->space[i].data);
        atomic_fetch_sub(&bench->run->held, bench->space[i].size);
    }
    atomic_fetch_sub(&bench->run->held, sizeof(AgglomerateBench));
    free(bench);
}

/* Room for so many elements; what stands there is kept. NULL: no memory. */
void *
agglomerate_room(AgglomerateBench *bench, int which, size_t count, size_t element)
{
    AgglomerateArray *array = &bench->space[which];
    size_t size = count * element;

    if (array->size < size || array->data == NULL) {
        size_t wanted = size + size / 4 + 64;
        void *data = agglomerate_hold(bench->run, array->data, array->size, wanted);

        if (data == NULL)
            return NULL;
        *array = (AgglomerateArray){data, wanted};
    }
    return array->data;
}

/* ---- building ---- */

static uint32_t
cluster_of(const AgglomerateComponent *component, uint32_t record)
{
    return component->place[component->group == NULL ? record : component->group[record]];
}

/* The edge between two clusters, a new one where there is none. */
static AgglomerateEdge *
edge_between(AgglomerateBench *bench, uint32_t a, uint32_t b)
{
    uint32_t slot = agglomerate_slot(bench, a, b);
    AgglomerateEdge *edge;

    if (bench->by_ends[slot] != AGGLOMERATE_NONE)
        return &bench->edge[bench->by_ends[slot]];
    edge = &bench->edge[bench->edges];
    *edge = (AgglomerateEdge){
        .end = {a, b},
        .next = {bench->list[a], bench->list[b]},
        .best = {AGGLOMERATE_NONE, AGGLOMERATE_NONE},
        .largest = -INFINITY,
        .heap = AGGLOMERATE_NONE,
    };
    bench->by_ends[slot] = bench->list[a] = bench->list[b] = bench->edges++;
    bench->degree[a]++;
    bench->degree[b]++;
    return edge;
}

static bool
make_room(AgglomerateBench *bench, const AgglomerateComponent *component)
{
    size_t most = component->pair_count + component->different_count;
    size_t members = component->members;
    uint32_t table = agglomerate_table_size(most);

    if (most >= AGGLOMERATE_NONE / 4) {
        agglomerate_fail(bench->run, AGGLOMERATE_NO_MEMORY);
        return false;
    }
    bench->edge = agglomerate_room(bench, EDGE, most, sizeof(AgglomerateEdge));
    bench->by_ends = agglomerate_room(bench, BY_ENDS, table, sizeof(uint32_t));
    bench->heap = agglomerate_room(bench, HEAP, most, sizeof(uint32_t));
    bench->list = agglomerate_room(bench, LIST, members, sizeof(uint32_t));
    bench->degree = agglomerate_room(bench, DEGREE, members, sizeof(uint32_t));
    bench->size = agglomerate_room(bench, SIZE, members, sizeof(uint32_t));
    bench->ring = agglomerate_room(bench, RING, members, sizeof(uint32_t));
    bench->kind = agglomerate_room(bench, KIND, members, sizeof(uint8_t));
    if (bench->edge == NULL || bench->by_ends == NULL || bench->heap == NULL || bench->list == NULL ||
        bench->degree == NULL || bench->size == NULL || bench->ring == NULL || bench->kind == NULL)
        return false;
    memset(bench->by_ends, 0xff, table * sizeof(uint32_t));
    bench->by_ends_mask = table - 1;
    return true;
}

static void
make_clusters(AgglomerateBench *bench, const AgglomerateComponent *component)
{
    const uint8_t *kind = bench->run->input->kind;

    for (uint32_t i = 0; i < component->members; i++) {
        uint32_t cluster =
            cluster_of(component, component->member[i]); /* not behind i: the first of its group */
        uint8_t its = kind == NULL ? 0 : kind[component->member[i]];

        bench->ring[i] = i;
        bench->size[i] = bench->degree[i] = 0;
        bench->list[i] = AGGLOMERATE_NONE;
        if (cluster != i) {
            bench->ring[i] = bench->ring[cluster];
            bench->ring[cluster] = i;
        }
        if (bench->size[cluster]++ == 0 || bench->kind[cluster] == 0)
            bench->kind[cluster] = its;
    }
}

static bool
build(AgglomerateBench *bench, const AgglomerateComponent *component)
{
    bench->component = component;
    bench->edges = bench->heaped = bench->extras = 0;
    bench->has_seen = false;
    if (!make_room(bench, component))
        return false;
    make_clusters(bench, component);
    for (size_t i = 0; i < component->pair_count; i++) {
        const WeightedPair *pair = &component->pairs[i];
        uint32_t a = cluster_of(component, pair->a);
        uint32_t b = cluster_of(component, pair->b);
        AgglomerateEdge *edge;

        if (a == b)
            continue;
        edge = edge_between(bench, a, b);
        edge->sum += agglomerate_clip(pair->weight);
        edge->known++;
        agglomerate_look_at(edge, component->place[pair->a], component->place[pair->b], pair->weight);
    }
    for (size_t i = 0; i < component->different_count; i++) {
        uint32_t a = cluster_of(component, component->different[i].a);
        uint32_t b = cluster_of(component, component->different[i].b);

        if (a != b)
            edge_between(bench, a, b)->forbidden = true;
    }
    for (uint32_t i = 0; i < bench->edges; i++)
        agglomerate_rate(bench, i);
    return true;
}

/* ---- joining ---- */

/* What `from` knows goes into `into`; both are between the same clusters by now. */
static void
combine(AgglomerateEdge *into, const AgglomerateEdge *from)
{
    into->sum += from->sum;
    into->known += from->known;
    into->looked_at += from->looked_at;
    into->against += from->against;
    if (from->known > 0 && from->best[0] != AGGLOMERATE_NONE)
        agglomerate_add_weight(into, from->best[0], from->best[1], from->largest);
    into->forbidden = into->forbidden || from->forbidden;
}

/* Moves an edge of the cluster `from` to the cluster `to`, or adds it to the one that is there. */
static void
move_edge(AgglomerateBench *bench, uint32_t number, uint32_t from, uint32_t to)
{
    AgglomerateEdge *edge = &bench->edge[number];
    int side = edge->end[0] == from ? 0 : 1;
    uint32_t other = edge->end[1 - side];
    uint32_t slot;

    agglomerate_forget(bench, from, other);
    slot = agglomerate_slot(bench, to, other);
    if (bench->by_ends[slot] != AGGLOMERATE_NONE) {
        uint32_t met = bench->by_ends[slot];

        combine(&bench->edge[met], edge);
        edge->dead = true;
        agglomerate_take_out(bench, number);
        bench->degree[other]--;
        agglomerate_rate(bench, met);
        return;
    }
    edge->end[side] = to;
    edge->next[side] = bench->list[to];
    bench->list[to] = number;
    bench->degree[to]++;
    bench->by_ends[slot] = number;
}

static void
join(AgglomerateBench *bench, uint32_t number)
{
    AgglomerateEdge *edge = &bench->edge[number];
    bool first = bench->degree[edge->end[0]] >= bench->degree[edge->end[1]];
    uint32_t to = edge->end[first ? 0 : 1];
    uint32_t from = edge->end[first ? 1 : 0];
    uint32_t other = bench->ring[to];

    agglomerate_take_out(bench, number);
    agglomerate_forget(bench, to, from);
    edge->dead = true;
    bench->degree[to]--;
    bench->ring[to] = bench->ring[from];
    bench->ring[from] = other;
    bench->size[to] += bench->size[from];
    if (bench->kind[to] == 0)
        bench->kind[to] = bench->kind[from];
    for (uint32_t i = bench->list[from], next; i != AGGLOMERATE_NONE; i = next) {
        next = bench->edge[i].next[bench->edge[i].end[0] == from ? 0 : 1];
        if (!bench->edge[i].dead)
            move_edge(bench, i, from, to);
    }
    bench->list[from] = AGGLOMERATE_NONE;
}

static bool
kinds_differ(const AgglomerateBench *bench, const AgglomerateEdge *edge)
{
    uint8_t a = bench->kind[edge->end[0]];
    uint8_t b = bench->kind[edge->end[1]];

    return a != 0 && b != 0 && a != b;
}

static bool
contradicts(const AgglomerateEdge *edge)
{
    return (uint64_t) edge->against * AGGLOMERATE_SLIPS > edge->looked_at;
}

uint32_t
agglomerate_component(AgglomerateBench *bench, const AgglomerateComponent *component)
{
    float lowest = INFINITY;
    uint32_t joins = 0;

    if (!build(bench, component))
        return 0;
    while (bench->heaped > 0) {
        uint32_t top = bench->heap[0];
        AgglomerateEdge *edge = &bench->edge[top];
        uint64_t all = (uint64_t) bench->size[edge->end[0]] * bench->size[edge->end[1]];

        if (++bench->steps % ASK_EVERY == 0 && !agglomerate_goes_on(bench->run, bench->worker))
            return 0;
        if (edge->score < bench->run->input->floor)
            break;
        if (kinds_differ(bench, edge)) {
            agglomerate_take_out(bench, top);
            continue;
        }
        if (edge->known < all) {
            if (!agglomerate_weigh_missing(bench, edge))
                return 0;
            agglomerate_rate(bench, top);
            continue;
        }
        if (contradicts(edge)) {
            edge->forbidden = true;
            agglomerate_take_out(bench, top);
            continue;
        }
        lowest = edge->score < lowest ? edge->score : lowest;
        component->joins[joins++] = (AgglomerateJoin){
            component->member[edge->best[0]],
            component->member[edge->best[1]],
            lowest,
            agglomerate_product(bench->size[edge->end[0]], bench->size[edge->end[1]]),
        };
        join(bench, top);
    }
    return joins;
}
