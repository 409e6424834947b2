/*
 * agglomerate_component.c: agglomeration of one connected component. See agglomerate_component.h.
 *
 * An edge stands for all pairs between two clusters, in a heap by score. Each cluster has a list of its edges; joining
 * moves those of the cluster that has fewer, and adds up what meets. An edge knows the sum of the weights that are known;
 * pairs that were never compared are weighed only when the edge comes to the top, and it goes back with its true score.
 *
 * Clusters are named by a record of theirs, records by their place in the component. What the result depends on, edges
 * compare by score and then by the pair that weighs most, is the same in whatever order pairs came.
 */
#include "customer/agglomerate_component.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
#define UNIT 1024.0F /* of the sums, in bits */
#define CLIP 10.0F   /* bits */
#define SAMPLE 128   /* so many missing pairs of an edge are weighed, evenly spread, where more are missing */
#define SHARE_LARGEST 0.2F
#define ASK_EVERY 1024 /* steps */

typedef struct Edge {
    int64_t sum;      /* of the known weights, clipped, in 1 / UNIT bits */
    uint64_t known;   /* pairs that the sum stands for */
    uint32_t end[2];  /* clusters */
    uint32_t next[2]; /* in the lists of the two clusters */
    uint32_t best[2]; /* the pair that weighs most, the lower place first */
    float largest;
    float score;
    uint32_t heap; /* its place there, or NONE */
    bool forbidden;
    bool dead; /* went up in another; still in a list */
} Edge;

typedef struct Array {
    void *data;
    size_t size; /* bytes */
} Array;

struct AgglomerateBench {
    AgglomerateRun *run;
    int worker;
    const AgglomerateComponent *component;
    Edge *edge;
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
    uint32_t *
        seen; /* hash table of pairs that are known, made when first needed: a place in pairs, or behind in extra */
    uint32_t seen_mask;
    bool has_seen;
    RecordPair *extra; /* places of pairs that were weighed */
    uint32_t extras;
    uint64_t weighed;
    uint32_t steps;
    Array space[11]; /* of the arrays above and of two lists of members */
};

enum { EDGE, BY_ENDS, HEAP, LIST, DEGREE, SIZE, RING, KIND, SEEN, EXTRA, MEMBERS };

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
static void *
room(AgglomerateBench *bench, int which, size_t count, size_t element)
{
    Array *array = &bench->space[which];
    size_t size = count * element;

    if (array->size < size || array->data == NULL) {
        size_t wanted = size + size / 4 + 64;
        void *data = agglomerate_hold(bench->run, array->data, array->size, wanted);

        if (data == NULL)
            return NULL;
        *array = (Array){data, wanted};
    }
    return array->data;
}

static uint32_t
hash_pair(uint32_t a, uint32_t b)
{
    uint64_t hash = ((uint64_t) a << 32 | b) * 0x9e3779b97f4a7c15ULL;

    return (uint32_t) (hash ^ hash >> 32);
}

static uint32_t
table_size(size_t count)
{
    uint32_t size = 4;

    while (size < 2 * count)
        size *= 2;
    return size;
}

/* ---- edges by their two clusters ---- */

static uint32_t
slot_of_ends(const AgglomerateBench *bench, uint32_t a, uint32_t b)
{
    uint32_t low = a < b ? a : b;
    uint32_t high = a < b ? b : a;
    uint32_t slot = hash_pair(low, high) & bench->by_ends_mask;

    while (bench->by_ends[slot] != NONE) {
        const Edge *edge = &bench->edge[bench->by_ends[slot]];

        if ((edge->end[0] == a && edge->end[1] == b) || (edge->end[0] == b && edge->end[1] == a))
            break;
        slot = (slot + 1) & bench->by_ends_mask;
    }
    return slot;
}

/* Takes an entry out and moves those back that stand behind because of it. */
static void
forget_ends(AgglomerateBench *bench, uint32_t a, uint32_t b)
{
    uint32_t hole = slot_of_ends(bench, a, b);
    uint32_t slot = hole;

    for (;;) {
        const Edge *edge;
        uint32_t home;

        slot = (slot + 1) & bench->by_ends_mask;
        if (bench->by_ends[slot] == NONE)
            break;
        edge = &bench->edge[bench->by_ends[slot]];
        home = hash_pair(edge->end[0] < edge->end[1] ? edge->end[0] : edge->end[1],
                         edge->end[0] < edge->end[1] ? edge->end[1] : edge->end[0]) &
               bench->by_ends_mask;
        if (((slot - home) & bench->by_ends_mask) >= ((slot - hole) & bench->by_ends_mask)) {
            bench->by_ends[hole] = bench->by_ends[slot];
            hole = slot;
        }
    }
    bench->by_ends[hole] = NONE;
}

/* ---- the heap, the best edge on top ---- */

static bool
is_better(const Edge *a, const Edge *b)
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
    Edge *edges = bench->edge;
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

static void
take_out(AgglomerateBench *bench, uint32_t edge)
{
    uint32_t at = bench->edge[edge].heap;
    uint32_t last;

    if (at == NONE)
        return;
    bench->edge[edge].heap = NONE;
    last = bench->heap[--bench->heaped];
    if (last == edge)
        return;
    bench->heap[at] = last;
    bench->edge[last].heap = at;
    sift(bench, last);
}

/* Works out the score anew and puts the edge where it belongs in the heap. */
static void
rate(AgglomerateBench *bench, uint32_t number)
{
    Edge *edge = &bench->edge[number];

    if (edge->forbidden || edge->known == 0 || edge->largest < AGGLOMERATE_LINK) {
        take_out(bench, number);
        return;
    }
    edge->score = SHARE_LARGEST * edge->largest +
                  (1 - SHARE_LARGEST) * (float) ((double) edge->sum / (double) edge->known / (double) UNIT);
    if (edge->heap == NONE) {
        edge->heap = bench->heaped;
        bench->heap[bench->heaped++] = number;
    }
    sift(bench, number);
}

/* ---- building ---- */

static int64_t
clip(float weight)
{
    float clipped = weight > CLIP ? CLIP : weight < -CLIP ? -CLIP : weight;

    return (int64_t) lrintf(clipped * UNIT);
}

static void
add_weight(Edge *edge, uint32_t a, uint32_t b, float weight)
{
    uint32_t low = a < b ? a : b;
    uint32_t high = a < b ? b : a;

    if (weight > edge->largest || (weight == edge->largest &&
                                   (low < edge->best[0] || (low == edge->best[0] && high < edge->best[1])))) {
        edge->largest = weight;
        edge->best[0] = low;
        edge->best[1] = high;
    }
    if (weight == -INFINITY)
        edge->forbidden = true;
}

static uint32_t
cluster_of(const AgglomerateComponent *component, uint32_t record)
{
    return component->place[component->group == NULL ? record : component->group[record]];
}

/* The edge between two clusters, a new one where there is none. */
static Edge *
edge_between(AgglomerateBench *bench, uint32_t a, uint32_t b)
{
    uint32_t slot = slot_of_ends(bench, a, b);
    Edge *edge;

    if (bench->by_ends[slot] != NONE)
        return &bench->edge[bench->by_ends[slot]];
    edge = &bench->edge[bench->edges];
    *edge = (Edge){
        .end = {a, b},
        .next = {bench->list[a], bench->list[b]},
        .best = {NONE, NONE},
        .largest = -INFINITY,
        .heap = NONE,
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
    uint32_t table = table_size(most);

    if (most >= NONE / 4) {
        agglomerate_fail(bench->run, AGGLOMERATE_NO_MEMORY);
        return false;
    }
    bench->edge = room(bench, EDGE, most, sizeof(Edge));
    bench->by_ends = room(bench, BY_ENDS, table, sizeof(uint32_t));
    bench->heap = room(bench, HEAP, most, sizeof(uint32_t));
    bench->list = room(bench, LIST, members, sizeof(uint32_t));
    bench->degree = room(bench, DEGREE, members, sizeof(uint32_t));
    bench->size = room(bench, SIZE, members, sizeof(uint32_t));
    bench->ring = room(bench, RING, members, sizeof(uint32_t));
    bench->kind = room(bench, KIND, members, sizeof(uint8_t));
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
        bench->list[i] = NONE;
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
        Edge *edge;

        if (a == b)
            continue;
        edge = edge_between(bench, a, b);
        edge->sum += clip(pair->weight);
        edge->known++;
        add_weight(edge, component->place[pair->a], component->place[pair->b], pair->weight);
    }
    for (size_t i = 0; i < component->different_count; i++) {
        uint32_t a = cluster_of(component, component->different[i].a);
        uint32_t b = cluster_of(component, component->different[i].b);

        if (a != b)
            edge_between(bench, a, b)->forbidden = true;
    }
    for (uint32_t i = 0; i < bench->edges; i++)
        rate(bench, i);
    return true;
}

/* ---- pairs that were not compared ---- */

static bool
is_pair(const AgglomerateBench *bench, uint32_t entry, uint32_t low, uint32_t high)
{
    const AgglomerateComponent *component = bench->component;
    uint32_t a;
    uint32_t b;

    if (entry >= component->pair_count) {
        const RecordPair *pair = &bench->extra[entry - component->pair_count];

        return pair->a == low && pair->b == high;
    }
    a = component->place[component->pairs[entry].a];
    b = component->place[component->pairs[entry].b];
    return (a == low && b == high) || (a == high && b == low);
}

static uint32_t
slot_of_pair(const AgglomerateBench *bench, uint32_t low, uint32_t high)
{
    uint32_t slot = hash_pair(low, high) & bench->seen_mask;

    while (bench->seen[slot] != NONE && !is_pair(bench, bench->seen[slot], low, high))
        slot = (slot + 1) & bench->seen_mask;
    return slot;
}

static void
put_pair(AgglomerateBench *bench, uint32_t a, uint32_t b, uint32_t entry)
{
    uint32_t slot = slot_of_pair(bench, a < b ? a : b, a < b ? b : a);

    bench->seen[slot] = entry;
}

/* Makes the table, or makes it larger, so that `more` pairs can come. */
static bool
prepare_seen(AgglomerateBench *bench, uint32_t more)
{
    const AgglomerateComponent *component = bench->component;
    size_t count = component->pair_count + bench->extras + more;
    uint32_t table;

    bench->extra = room(bench, EXTRA, bench->extras + more, sizeof(RecordPair));
    if (bench->extra == NULL)
        return false;
    if (bench->has_seen && count + count / 2 <= bench->seen_mask)
        return true;
    table = table_size(count + count / 2);
    bench->seen = room(bench, SEEN, table, sizeof(uint32_t));
    if (bench->seen == NULL)
        return false;
    memset(bench->seen, 0xff, table * sizeof(uint32_t));
    bench->seen_mask = table - 1;
    bench->has_seen = true;
    for (uint32_t i = 0; i < component->pair_count; i++)
        put_pair(bench, component->place[component->pairs[i].a], component->place[component->pairs[i].b], i);
    for (uint32_t i = 0; i < bench->extras; i++)
        put_pair(bench, bench->extra[i].a, bench->extra[i].b, (uint32_t) component->pair_count + i);
    return true;
}

static float
weigh(AgglomerateBench *bench, uint32_t a, uint32_t b)
{
    const AgglomerateInput *input = bench->run->input;
    const uint32_t *member = bench->component->member;

    bench->weighed++;
    return input->weigh == NULL ? -CLIP : input->weigh(input->context, bench->worker, member[a], member[b]);
}

static void
list_members(const AgglomerateBench *bench, uint32_t cluster, uint32_t *out)
{
    uint32_t record = cluster;

    do {
        *out++ = record;
        record = bench->ring[record];
    } while (record != cluster);
}

static uint64_t
common_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;

        a = b;
        b = rest;
    }
    return a;
}

/*
 * Weighs pairs of the edge that are not known: all of them, or some, evenly spread over both clusters, which then stand for
 * all. The walk through all pairs steps by about the golden section, so that any beginning of it is spread.
 */
static bool
weigh_missing(AgglomerateBench *bench, Edge *edge)
{
    uint64_t rows = bench->size[edge->end[0]];
    uint64_t columns = bench->size[edge->end[1]];
    uint64_t all = rows * columns;
    uint64_t missing = all - edge->known;
    uint64_t wanted = missing > SAMPLE ? SAMPLE : missing;
    uint64_t step = (uint64_t) ((double) all * 0.6180339887) | 1;
    uint32_t *x = room(bench, MEMBERS, rows + columns, sizeof(uint32_t));
    uint64_t found = 0;
    int64_t sum = 0;

    if (x == NULL || !prepare_seen(bench, (uint32_t) wanted))
        return false;
    list_members(bench, edge->end[0], x);
    list_members(bench, edge->end[1], x + rows);
    while (common_divisor(step, all) != 1)
        step++;
    for (uint64_t i = 0, cell = 0; i < all && found < wanted; i++, cell = (cell + step) % all) {
        uint32_t a = x[cell / columns];
        uint32_t b = x[rows + cell % columns];
        uint32_t low = a < b ? a : b;
        uint32_t high = a < b ? b : a;
        uint32_t slot = slot_of_pair(bench, low, high);
        float weight;

        if (bench->seen[slot] != NONE)
            continue;
        bench->extra[bench->extras] = (RecordPair){low, high};
        bench->seen[slot] = (uint32_t) bench->component->pair_count + bench->extras++;
        weight = weigh(bench, low, high);
        add_weight(edge, low, high, weight);
        sum += clip(weight);
        found++;
    }
    if (found > 0)
        edge->sum += (int64_t) llrint((double) sum * ((double) missing / (double) found));
    edge->known = all;
    return true;
}

/* ---- joining ---- */

/* What `from` knows goes into `into`; both are between the same clusters by now. */
static void
combine(Edge *into, const Edge *from)
{
    into->sum += from->sum;
    into->known += from->known;
    if (from->known > 0 && from->best[0] != NONE)
        add_weight(into, from->best[0], from->best[1], from->largest);
    into->forbidden = into->forbidden || from->forbidden;
}

/* Moves an edge of the cluster `from` to the cluster `to`, or adds it to the one that is there. */
static void
move_edge(AgglomerateBench *bench, uint32_t number, uint32_t from, uint32_t to)
{
    Edge *edge = &bench->edge[number];
    int side = edge->end[0] == from ? 0 : 1;
    uint32_t other = edge->end[1 - side];
    uint32_t slot;

    forget_ends(bench, from, other);
    slot = slot_of_ends(bench, to, other);
    if (bench->by_ends[slot] != NONE) {
        uint32_t met = bench->by_ends[slot];

        combine(&bench->edge[met], edge);
        edge->dead = true;
        take_out(bench, number);
        bench->degree[other]--;
        rate(bench, met);
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
    Edge *edge = &bench->edge[number];
    bool first = bench->degree[edge->end[0]] >= bench->degree[edge->end[1]];
    uint32_t to = edge->end[first ? 0 : 1];
    uint32_t from = edge->end[first ? 1 : 0];
    uint32_t other = bench->ring[to];

    take_out(bench, number);
    forget_ends(bench, to, from);
    edge->dead = true;
    bench->degree[to]--;
    bench->ring[to] = bench->ring[from];
    bench->ring[from] = other;
    bench->size[to] += bench->size[from];
    if (bench->kind[to] == 0)
        bench->kind[to] = bench->kind[from];
    for (uint32_t i = bench->list[from], next; i != NONE; i = next) {
        next = bench->edge[i].next[bench->edge[i].end[0] == from ? 0 : 1];
        if (!bench->edge[i].dead)
            move_edge(bench, i, from, to);
    }
    bench->list[from] = NONE;
}

static bool
kinds_differ(const AgglomerateBench *bench, const Edge *edge)
{
    uint8_t a = bench->kind[edge->end[0]];
    uint8_t b = bench->kind[edge->end[1]];

    return a != 0 && b != 0 && a != b;
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
        Edge *edge = &bench->edge[top];
        uint64_t all = (uint64_t) bench->size[edge->end[0]] * bench->size[edge->end[1]];

        if (++bench->steps % ASK_EVERY == 0 && !agglomerate_goes_on(bench->run, bench->worker))
            return 0;
        if (edge->score < bench->run->input->floor)
            break;
        if (kinds_differ(bench, edge)) {
            take_out(bench, top);
            continue;
        }
        if (edge->known < all) {
            if (!weigh_missing(bench, edge))
                return 0;
            rate(bench, top);
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
