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
    uint32_t a;
    uint32_t b;
    uint64_t pattern;
    float rare;
} Found;

typedef struct FoundList {
    Found *found;
    size_t count;
    size_t room;
} FoundList;

static void
meet(Linker *linker, LinkScratch *scratch, uint32_t a, uint32_t b, FoundList *list)
{
    LinkCompared compared;
    Found found = {.a = a, .b = b};

    link_compare(linker, scratch, a, b, &compared);
    found.rare = (float) link_rare_sum(linker, linker->model, &compared);
    if (link_pattern_weight(linker->model, compared.level) + (double) found.rare < HOPELESS)
        return;
    found.pattern = link_pack(compared.level);
    if (list->count == list->room) {
        list->room = list->room * 2 + 1024;
        list->found = link_grow(linker, list->found, list->room, sizeof(Found));
    }
    list->found[list->count++] = found;
}

static void
walk(Linker *linker, LinkScratch *scratch, uint32_t record, FoundList *list)
{
    for (size_t x = linker->record_first[record]; x < linker->record_first[record + 1]; x++) {
        uint32_t block = linker->record_block[x];

        for (uint32_t m = linker->block_first[block + 1]; m-- > linker->block_first[block];) {
            uint32_t other = linker->block_record[m];

            if (other <= record)
                break;
            if (scratch->stamp[other] == record + 1)
                continue;
            scratch->stamp[other] = record + 1;
            linker->report.candidates++;
            meet(linker, scratch, record, other, list);
        }
    }
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

static void
number_patterns(Linker *linker, const FoundList *list)
{
    LinkIndex index = {0};
    uint32_t room = 0;

    linker->pair = link_allocate(linker, list->count + 1, sizeof(LinkPair));
    linker->pairs = list->count;
    for (size_t i = 0; i < list->count; i++)
        linker->pair[i] =
            (LinkPair){list->found[i].a, list->found[i].b,
                       pattern_number(linker, &index, &room, list->found[i].pattern), list->found[i].rare};
    link_release(linker, index.slot);
    linker->pattern_weight = link_allocate(linker, (size_t) linker->patterns + 1, sizeof(double));
}

void
link_make_pairs(Linker *linker)
{
    LinkScratch *scratch = link_scratch(linker, true);
    FoundList list = {0};

    for (uint32_t i = 0; i < linker->records; i++) {
        walk(linker, scratch, i, &list);
        if (i % 1024 == 0)
            link_poll(linker, LINK_COMPARING, i, linker->records);
    }
    number_patterns(linker, &list);
    linker->report.kept = list.count;
    link_release(linker, list.found);
    link_scratch_free(linker, scratch);
}
