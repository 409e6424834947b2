/*
 * link_doubt.c: which pairs somebody should look at first.
 *
 * A verdict helps most where it most likely changes something: so the most uncertain pairs come first, and of two clusters only the
 * most uncertain pair is asked about, none that was decided or contradicts itself. Worth in pairs, the number that goes with a
 * verdict times its uncertainty, was tried: it mends less than half as much (tests/unit/verdict.c), because the other pairs of
 * large clusters have said already what they are.
 */
#include "customer/link_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NEAR 8.0 /* bits from the threshold; what is further is no longer uncertain */

typedef struct Asked {
    LinkDoubt *doubts;
    int room;
    int count;
} Asked;

typedef struct KeySet {
    uint64_t *key; /* 0 is free */
    size_t slots;
} KeySet;

/* Where the pair stands in the set, or 0 at the place that it would have. */
static uint64_t *
place_of(const KeySet *set, uint32_t a, uint32_t b, uint64_t *key)
{
    size_t at;

    *key = (a < b ? (uint64_t) a << 32 | b : (uint64_t) b << 32 | a) + 1;
    at = link_mix(*key, 3) & (set->slots - 1);
    while (set->key[at] != 0 && set->key[at] != *key)
        at = (at + 1) & (set->slots - 1);
    return &set->key[at];
}

/* False where it was there already. */
static bool
put_key(KeySet *set, uint32_t a, uint32_t b)
{
    uint64_t key;
    uint64_t *place = place_of(set, a, b, &key);
    bool new = *place == 0;

    *place = key;
    return new;
}

static void
make_set(Linker *linker, KeySet *set, size_t most)
{
    for (set->slots = 64; set->slots < 2 * most;)
        set->slots *= 2;
    set->key = link_allocate(linker, set->slots, sizeof(uint64_t));
}

/*
 * How likely it is that the two are not what they are taken for, by a half at most: a pair that is far on the other side of the
 * threshold was outvoted by the other pairs of its clusters.
 */
static double
error_of(double bits)
{
    return 1 / (1 + exp2(fabs(bits)));
}

static int
compare_doubts(const void *left, const void *right)
{
    const LinkDoubt *a = left;
    const LinkDoubt *b = right;

    if (a->worth > b->worth || a->worth < b->worth)
        return a->worth > b->worth ? -1 : 1;
    if (a->a != b->a)
        return a->a < b->a ? -1 : 1;
    return a->b < b->b ? -1 : a->b > b->b;
}

/* Writes the pairs near the threshold that neither people nor values decided, numbered by content; NULL: counts them. */
static size_t
list_near(Linker *linker, KeySet *decided, LinkDoubt *doubt)
{
    double threshold = linker->report.threshold;
    size_t count = 0;
    LinkPairs kept;

    for (link_read_pairs(linker, &kept, false); link_next_pairs(linker, &kept);)
        for (size_t i = 0; i < kept.count; i++) {
            const LinkPair *pair = &kept.pair[i];
            double bits = linker->pattern_weight[pair->pattern] + (double) pair->rare - threshold;
            uint64_t key;

            if (bits < -NEAR || bits > NEAR || *place_of(decided, pair->a, pair->b, &key) != 0 ||
                link_pair_contradicts(linker, pair))
                continue;
            if (doubt != NULL)
                doubt[count] = (LinkDoubt){pair->a, pair->b, bits, error_of(bits)};
            count++;
        }
    return count;
}

static LinkDoubt *
near_pairs(Linker *linker, size_t *count)
{
    KeySet decided;
    LinkDoubt *doubt;

    make_set(linker, &decided, linker->same_count + linker->different_count);
    for (size_t i = 0; i < linker->same_count; i++)
        put_key(&decided, linker->same[i].a, linker->same[i].b);
    for (size_t i = 0; i < linker->different_count; i++)
        put_key(&decided, linker->different[i].a, linker->different[i].b);
    link_weigh_patterns(linker, linker->model);
    doubt = link_allocate(linker, list_near(linker, &decided, NULL) + 1, sizeof(LinkDoubt));
    *count = list_near(linker, &decided, doubt);
    link_release(linker, decided.key);
    return doubt;
}

static void
find_doubts(Linker *linker, void *argument)
{
    Asked *asked = argument;
    LinkDoubt *doubt;
    size_t count;
    KeySet met;

    if (linker->cluster == NULL)
        return;
    doubt = near_pairs(linker, &count);
    if (count > 1)
        qsort(doubt, count, sizeof(LinkDoubt), compare_doubts);
    make_set(linker, &met, (size_t) asked->room);
    for (size_t i = 0; i < count && asked->count < asked->room; i++)
        if (put_key(&met, linker->cluster[doubt[i].a], linker->cluster[doubt[i].b]))
            asked->doubts[asked->count++] = (LinkDoubt){
                linker->number[doubt[i].a], linker->number[doubt[i].b], doubt[i].weight, doubt[i].worth};
    link_release(linker, met.key);
    link_release(linker, doubt);
}

int
linker_doubts(Linker *linker, LinkDoubt *doubts, int room)
{
    Asked asked = {doubts, room, 0};

    return link_guard(linker, find_doubts, &asked) == LINK_OK ? asked.count : 0;
}
