/*
 * link_pairs.c: compares the candidates, each pair once, and keeps those that may link. Candidates come sorted, some at a
 * time, so that there is never a table of what was compared.
 */
#include "customer/link_inside.h"

#include <string.h>

/* Bits, before anything was learned, below which a pair never links: what can be learned later adds less. */
#define HOPELESS (-12.0)

typedef struct Found {
    uint64_t pattern;
    uint32_t a;
    uint32_t b;
    float rare;
} Found;

#define CHUNK_PAIRS 2048
#define TOGETHER 32 /* pairs whose values are asked for at once */
#define LEAST_BATCH ((size_t) 1 << 13)
#define MOST_BATCH ((size_t) 1 << 18)

/* Candidates that are in memory, and what was found among them: that of a chunk stands where the chunk begins. */
typedef struct Batch {
    Linker *linker;
    LinkScratch *scratch[LINK_MAX_THREADS];
    uint64_t *candidate;
    Found *found;
    uint32_t *found_in; /* of each chunk */
    size_t count;
    size_t room;
} Batch;

static uint32_t
first_of(uint64_t candidate)
{
    return (uint32_t) (candidate >> (LINK_CANDIDATE_BITS + LINK_RECORD_BITS));
}

static uint32_t
second_of(uint64_t candidate)
{
    return (uint32_t) (candidate >> LINK_CANDIDATE_BITS & LINK_RECORD_MASK);
}

/* Their values lie anywhere in memory: they are asked for all at once, and waited for once. */
static void
ask_for(const Linker *linker, const uint64_t *candidate, size_t count)
{
    for (size_t i = 0; i < count; i++)
        __builtin_prefetch(&linker->row[(size_t) second_of(candidate[i]) * (size_t) linker->columns]);
    for (size_t i = 0; i < count; i++)
        for (int c = 0; c < linker->columns; c++)
            __builtin_prefetch(&linker->values[linker->column_attribute[c]]
                                    .value[link_cell(linker, second_of(candidate[i]), c)]);
    for (size_t i = 0; i < count; i++)
        for (int c = 0; c < linker->columns; c++)
            __builtin_prefetch(linker->values[linker->column_attribute[c]]
                                   .value[link_cell(linker, second_of(candidate[i]), c)]
                                   .data);
}

static bool
may_link(const Linker *linker, LinkScratch *scratch, Found *found)
{
    LinkCompared compared;
    /* one of many that are alike stands for as many squared, which would add up even where each says nothing */
    double least =
        linker->twin != NULL && linker->twin[found->b] == found->a ? (double) AGGLOMERATE_FLOOR : HOPELESS;

    link_compare(linker, scratch, found->a, found->b, &compared);
    found->rare = (float) link_rare_sum(linker, linker->model, &compared);
    found->pattern = link_pack(compared.level);
    return link_pattern_weight(linker->model, compared.level) + (double) found->rare >= least;
}

static bool
compare_chunk(void *context, int worker, size_t from, size_t to)
{
    Batch *batch = context;
    uint32_t found = 0;

    for (size_t i = from; i < to; i++) {
        Found *its = &batch->found[from + found];

        if ((i - from) % TOGETHER == 0)
            ask_for(batch->linker, &batch->candidate[i], to - i < TOGETHER ? to - i : TOGETHER);
        its->a = first_of(batch->candidate[i]);
        its->b = second_of(batch->candidate[i]);
        found += may_link(batch->linker, batch->scratch[worker], its);
    }
    batch->found_in[from / CHUNK_PAIRS] = found;
    return true;
}

static uint32_t
pattern_number(Linker *linker, LinkIndex *index, uint32_t *room, uint64_t pattern)
{
    uint32_t at;

    if (2 * (index->used + 1) > index->slots) {
        uint32_t slots = index->slots == 0 ? 1024 : 2 * index->slots;

        link_release(linker, index->slot);
        index->slot = link_allocate(linker, slots, sizeof(uint32_t));
        index->slots = slots;
        for (uint32_t p = 0; p < linker->patterns; p++) {
            at = (uint32_t) link_mix(linker->pattern[p], 2) & (slots - 1);
            while (index->slot[at] != 0)
                at = (at + 1) & (slots - 1);
            index->slot[at] = p + 1;
        }
    }
    at = (uint32_t) link_mix(pattern, 2) & (index->slots - 1);
    while (index->slot[at] != 0 && linker->pattern[index->slot[at] - 1] != pattern)
        at = (at + 1) & (index->slots - 1);
    if (index->slot[at] != 0)
        return index->slot[at] - 1;
    if (linker->patterns == *room) {
        *room = *room * 2 + 1024;
        linker->pattern = link_grow(linker, linker->pattern, *room, sizeof(uint64_t));
    }
    linker->pattern[linker->patterns] = pattern;
    index->slot[at] = linker->patterns + 1;
    index->used++;
    return linker->patterns++;
}

/* How many pairs of records this one stands for: those that are like its two. */
static float
pairs_of(const Linker *linker, uint32_t a, uint32_t b)
{
    if (linker->twin == NULL)
        return 1;
    if (linker->twin[b] == a)
        return (float) linker->twins[a] / 2;
    return (float) linker->twins[a] * (float) linker->twins[b];
}

/* In the order of candidates, whoever compared them. */
static void
keep_found(Linker *linker, const Batch *batch, LinkIndex *index, uint32_t *room)
{
    for (size_t from = 0; from < batch->count; from += CHUNK_PAIRS)
        for (uint32_t i = 0; i < batch->found_in[from / CHUNK_PAIRS]; i++) {
            const Found *found = &batch->found[from + i];
            LinkPair pair = {found->a, found->b, pattern_number(linker, index, room, found->pattern),
                             found->rare, pairs_of(linker, found->a, found->b)};

            link_keep_pair(linker, &pair);
        }
}

static void
read_batch(Linker *linker, LinkSort *candidates, Batch *batch)
{
    for (batch->count = 0; batch->count < batch->room; batch->count++) {
        uint64_t candidate;

        if (!link_sort_next(linker, candidates, &candidate))
            return;
        batch->candidate[batch->count] = candidate;
        linker->report.candidates++;
        linker->report.candidates_by[candidate & ((1 << LINK_CANDIDATE_BITS) - 1)]++;
    }
}

static void
open_batch(Linker *linker, Batch *batch)
{
    size_t room = link_spare(linker) / 8 / (sizeof(uint64_t) + sizeof(Found));
    size_t all = (size_t) linker->records * (linker->records + UINT64_C(1)) / 2 + 1;

    batch->linker = linker;
    batch->room = room < LEAST_BATCH ? LEAST_BATCH : room > MOST_BATCH ? MOST_BATCH : room;
    if (batch->room > all) /* to clear more would take a handful of records longest */
        batch->room = all;
    batch->candidate = link_allocate(linker, batch->room, sizeof(uint64_t));
    batch->found = link_allocate(linker, batch->room, sizeof(Found));
    batch->found_in = link_allocate(linker, batch->room / CHUNK_PAIRS + 1, sizeof(uint32_t));
    for (int t = 0; t < link_threads(linker); t++)
        batch->scratch[t] = link_scratch(linker);
}

static void
close_batch(Linker *linker, Batch *batch)
{
    for (int t = 0; t < link_threads(linker); t++)
        link_scratch_free(linker, batch->scratch[t]);
    link_release(linker, batch->candidate);
    link_release(linker, batch->found);
    link_release(linker, batch->found_in);
}

void
link_make_pairs(Linker *linker)
{
    LinkSort candidates;
    LinkIndex index = {0};
    uint32_t room = 0;
    Batch batch = {0};

    link_make_candidates(linker, &candidates);
    link_enter(linker, LINK_COMPARING);
    open_batch(linker, &batch);
    for (read_batch(linker, &candidates, &batch); batch.count > 0; read_batch(linker, &candidates, &batch)) {
        if (!link_in_parallel(linker, LINK_COMPARING, batch.count, CHUNK_PAIRS, compare_chunk, &batch))
            link_fail(linker, LINK_CANCELLED);
        keep_found(linker, &batch, &index, &room);
    }
    close_batch(linker, &batch);
    link_sort_close(linker, &candidates);
    link_release(linker, index.slot);
    linker->pattern_weight = link_allocate(linker, (size_t) linker->patterns + 1, sizeof(double));
    linker->report.kept = linker->pairs;
    link_enter(linker, LINK_FITTING);
}
