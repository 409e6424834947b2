/*
 * link_twin.c: records that are equal in all that is compared. The first of them stands for all in blocks; whether two such are
 * one is judged as of any other pair: two that hold a usual name and nothing else are not.
 */
#include "customer/link_inside.h"

#include <string.h>

static bool
is_empty(const Linker *linker, uint32_t record)
{
    for (int c = 0; c < linker->columns; c++)
        if (link_cell(linker, record, c) != 0)
            return false;
    return true;
}

static uint64_t
hash_row(const Linker *linker, uint32_t record)
{
    uint64_t hash = linker->kind[record];

    for (int c = 0; c < linker->columns; c++)
        hash = link_mix(hash + link_cell(linker, record, c), 5);
    return hash;
}

static bool
are_twins(const Linker *linker, uint32_t a, uint32_t b)
{
    size_t columns = (size_t) linker->columns;

    return linker->kind[a] == linker->kind[b] &&
           memcmp(linker->row + a * columns, linker->row + b * columns, columns * sizeof(uint32_t)) == 0;
}

static void
note(Linker *linker, uint32_t first, uint32_t record)
{
    if (linker->twin == NULL) {
        linker->twin = link_allocate(linker, (size_t) linker->records + 1, sizeof(uint32_t));
        linker->twins = link_allocate(linker, (size_t) linker->records + 1, sizeof(uint32_t));
        for (uint32_t i = 0; i < linker->records; i++) {
            linker->twin[i] = i;
            linker->twins[i] = 1;
        }
    }
    linker->twin[record] = first;
    linker->twins[first]++;
    linker->distinct--;
}

void
link_find_twins(Linker *linker)
{
    LinkSort rows;
    uint64_t word;
    uint64_t hash = 0;
    uint32_t first = UINT32_MAX;

    linker->distinct = linker->records;
    link_sort_open(linker, &rows, link_spare(linker) / 4, 64);
    for (uint32_t i = 0; i < linker->records; i++)
        if (!is_empty(linker, i))
            link_sort_add(linker, &rows, (hash_row(linker, i) & ~LINK_RECORD_MASK) | i);
    link_sort_finish(linker, &rows);
    while (link_sort_next(linker, &rows, &word)) {
        uint32_t record = (uint32_t) (word & LINK_RECORD_MASK);

        if (first != UINT32_MAX && (word & ~LINK_RECORD_MASK) == hash && are_twins(linker, first, record)) {
            note(linker, first, record);
            continue;
        }
        hash = word & ~LINK_RECORD_MASK;
        first = record;
    }
    link_sort_close(linker, &rows);
}
