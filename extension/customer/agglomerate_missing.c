/*
 * agglomerate_missing.c: pairs that were not compared, weighed where they decide. See agglomerate_bench.h.
 */
#include "customer/agglomerate_bench.h"

#include <math.h>
#include <string.h>

#define SAMPLE 128 /* so many missing pairs of an edge are weighed, evenly spread, where more are missing */

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
    uint32_t slot = agglomerate_hash(low, high) & bench->seen_mask;

    while (bench->seen[slot] != AGGLOMERATE_NONE && !is_pair(bench, bench->seen[slot], low, high))
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

    bench->extra = agglomerate_room(bench, EXTRA, bench->extras + more, sizeof(RecordPair));
    if (bench->extra == NULL)
        return false;
    if (bench->has_seen && count + count / 2 <= bench->seen_mask)
        return true;
    table = agglomerate_table_size(count + count / 2);
    bench->seen = agglomerate_room(bench, SEEN, table, sizeof(uint32_t));
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
    return input->weigh == NULL ? -AGGLOMERATE_CLIP
                                : input->weigh(input->context, bench->worker, member[a], member[b]);
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
 * all; those are not remembered, since in clusters of thousands that would take more memory than the pairs themselves. The walk through all pairs steps by about the golden section, so that any beginning of it is spread.
 */
bool
agglomerate_weigh_missing(AgglomerateBench *bench, AgglomerateEdge *edge)
{
    uint64_t rows = bench->size[edge->end[0]];
    uint64_t columns = bench->size[edge->end[1]];
    uint64_t all = rows * columns;
    uint64_t missing = all - edge->known;
    bool sampled = missing > SAMPLE;
    uint64_t wanted = sampled ? SAMPLE : missing;
    uint64_t step = (uint64_t) ((double) all * 0.6180339887) | 1;
    uint32_t *x = agglomerate_room(bench, MEMBERS, rows + columns, sizeof(uint32_t));
    uint64_t found = 0;
    int64_t sum = 0;

    if (x == NULL || !prepare_seen(bench, sampled ? 0 : (uint32_t) wanted))
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

        if (bench->seen[slot] != AGGLOMERATE_NONE)
            continue;
        if (!sampled) {
            bench->extra[bench->extras] = (RecordPair){low, high};
            bench->seen[slot] = (uint32_t) bench->component->pair_count + bench->extras++;
        }
        weight = weigh(bench, low, high);
        agglomerate_look_at(edge, low, high, weight);
        sum += agglomerate_clip(weight);
        found++;
    }
    if (found > 0)
        edge->sum += (int64_t) llrint((double) sum * ((double) missing / (double) found));
    edge->known = all;
    return true;
}
