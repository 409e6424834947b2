/*
 * link_pairs.c: walks the pairs of the blocks, each once, and keeps those that may link. There is never a table of all of
 * them: a record marks whom it has met.
 */
#include "customer/link_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Bits, before anything was learned, below which a pair never links: what can be learned later adds less. */
#define HOPELESS (-12.0)

typedef struct Found {
    uint64_t pattern;
    uint32_t a;
    uint32_t b;
    float rare;
} Found;

/* What one thread found, in linker->lent. */
typedef struct FoundList {
    LinkScratch *scratch;
    size_t count;
    size_t room;
    uint64_t candidates_by[LINK_ATTRIBUTES + 1];
} FoundList;

/* What was found for some records: by whom, and where it stands. */
typedef struct Chunk {
    int worker;
    size_t first;
    size_t count;
} Chunk;

#define CHUNK_RECORDS 1024
#define BATCH 32 /* records that one is compared with */

typedef struct Search {
    Linker *linker;
    FoundList list[LINK_MAX_THREADS];
    Chunk *chunk;
    size_t room; /* of a thread, in pairs */
    atomic_bool full;
} Search;

/* False: there is no more memory. */
static bool
keep(Search *search, int worker, const Found *found)
{
    FoundList *list = &search->list[worker];
    Found *kept = search->linker->lent[worker];

    if (list->count == list->room) {
        size_t room = list->room + list->room / 2 + 1024;

        kept = room > search->room ? NULL : realloc(kept, room * sizeof(Found));
        if (kept == NULL) {
            atomic_store(&search->full, true);
            return false;
        }
        search->linker->lent[worker] = kept;
        list->room = room;
    }
    kept[list->count++] = *found;
    return true;
}

static bool
meet(Search *search, int worker, uint32_t a, uint32_t b)
{
    const Linker *linker = search->linker;
    LinkCompared compared;
    Found found = {.a = a, .b = b};

    link_compare(linker, search->list[worker].scratch, a, b, &compared);
    found.rare = (float) link_rare_sum(linker, linker->model, &compared);
    if (link_pattern_weight(linker->model, compared.level) + (double) found.rare < HOPELESS)
        return true;
    found.pattern = link_pack(compared.level);
    return keep(search, worker, &found);
}

/*
 * Compares a record with others. Their values lie anywhere in memory: they are asked for all at once, and waited for once.
 */
static bool
meet_all(Search *search, int worker, uint32_t record, const uint32_t *other, int count)
{
    const Linker *linker = search->linker;

    for (int i = 0; i < count; i++)
        __builtin_prefetch(&linker->row[(size_t) other[i] * (size_t) linker->columns]);
    for (int i = 0; i < count; i++)
        for (int c = 0; c < linker->columns; c++)
            __builtin_prefetch(
                &linker->values[linker->column_attribute[c]].value[link_cell(linker, other[i], c)]);
    for (int i = 0; i < count; i++)
        for (int c = 0; c < linker->columns; c++)
            __builtin_prefetch(
                linker->values[linker->column_attribute[c]].value[link_cell(linker, other[i], c)].data);
    for (int i = 0; i < count; i++)
        if (!meet(search, worker, record, other[i]))
            return false;
    return true;
}

static bool
walk(Search *search, int worker, uint32_t record)
{
    uint32_t batch[BATCH];
    int count = 0;
    const Linker *linker = search->linker;
    FoundList *list = &search->list[worker];
    uint32_t *stamp = list->scratch->stamp;

    for (uint32_t x = linker->record_first[record]; x < linker->record_first[record + 1]; x++) {
        uint32_t block = linker->record_block[x];

        for (uint32_t m = linker->block_first[block + 1]; m-- > linker->block_first[block];) {
            uint32_t other = linker->block_record[m];

            if (other <= record)
                break;
            if (stamp[other] == record + 1)
                continue;
            stamp[other] = record + 1;
            list->candidates_by[linker->block_attribute[block]]++;
            batch[count++] = other;
            if (count < BATCH)
                continue;
            if (!meet_all(search, worker, record, batch, count))
                return false;
            count = 0;
        }
    }
    return meet_all(search, worker, record, batch, count);
}

static bool
walk_chunk(void *context, int worker, size_t from, size_t to)
{
    Search *search = context;
    Chunk *chunk = &search->chunk[from / CHUNK_RECORDS];

    *chunk = (Chunk){worker, search->list[worker].count, 0};
    for (size_t i = from; i < to; i++)
        if (!walk(search, worker, (uint32_t) i))
            return false;
    chunk->count = search->list[worker].count - chunk->first;
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

/* In the order of records, whoever found them. */
static void
number_patterns(Linker *linker, const Search *search, size_t chunks)
{
    LinkIndex index = {0};
    uint32_t room = 0;

    linker->pairs = 0;
    for (size_t c = 0; c < chunks; c++)
        linker->pairs += search->chunk[c].count;
    linker->pair = link_allocate(linker, linker->pairs + 1, sizeof(LinkPair));
    linker->pairs = 0;
    for (size_t c = 0; c < chunks; c++) {
        const Chunk *chunk = &search->chunk[c];
        const Found *found = linker->lent[chunk->worker];

        for (size_t i = chunk->first; i < chunk->first + chunk->count; i++)
            linker->pair[linker->pairs++] =
                (LinkPair){found[i].a, found[i].b, pattern_number(linker, &index, &room, found[i].pattern),
                           found[i].rare};
    }
    link_release(linker, index.slot);
    linker->pattern_weight = link_allocate(linker, (size_t) linker->patterns + 1, sizeof(double));
}

/* What the threads found counts as held, from here until it is freed. */
static size_t
count_lent(Linker *linker, const Search *search)
{
    size_t size = 0;

    for (int t = 0; t < link_threads(linker); t++) {
        size += search->list[t].room * sizeof(Found);
        for (int k = 0; k <= LINK_ATTRIBUTES; k++) {
            linker->report.candidates_by[k] += search->list[t].candidates_by[k];
            linker->report.candidates += search->list[t].candidates_by[k];
        }
    }
    linker->held += size;
    if (linker->held > linker->report.memory)
        linker->report.memory = linker->held;
    return size;
}

void
link_make_pairs(Linker *linker)
{
    size_t chunks = ((size_t) linker->records + CHUNK_RECORDS - 1) / CHUNK_RECORDS;
    Search *search = link_allocate(linker, 1, sizeof(Search));
    size_t free_bytes;
    size_t lent;

    search->linker = linker;
    search->chunk = link_allocate(linker, chunks + 1, sizeof(Chunk));
    for (int t = 0; t < link_threads(linker); t++)
        search->list[t].scratch = link_scratch(linker, true);
    free_bytes = linker->options.memory - linker->held;
    search->room = free_bytes / sizeof(Found) / (size_t) link_threads(linker);
    if (!link_in_parallel(linker, LINK_COMPARING, linker->records, CHUNK_RECORDS, walk_chunk, search)) {
        linker->needed = atomic_load(&search->full) ? 2 * linker->options.memory : 0;
        link_fail(linker, atomic_load(&search->full) ? LINK_NO_MEMORY : LINK_CANCELLED);
    }
    lent = count_lent(linker, search);
    number_patterns(linker, search, chunks);
    linker->report.kept = linker->pairs;
    for (int t = 0; t < link_threads(linker); t++) {
        free(linker->lent[t]);
        linker->lent[t] = NULL;
        link_scratch_free(linker, search->list[t].scratch);
    }
    linker->held -= lent;
    link_release(linker, search->chunk);
    link_release(linker, search);
}
