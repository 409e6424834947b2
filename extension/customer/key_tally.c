/*
 * key_tally.c: see key_tally.h.
 *
 * The lists are read side by side, a window of record numbers at a time: within one a record's bits stand in a place of an
 * array, which costs a look-up by a hash neither time nor a miss of the cache. Windows in which nobody has a key are
 * never looked at, so that it does not matter how far apart the numbers lie.
 */
#include "customer/key_tally.h"

#include <stdbool.h>
#include <stdlib.h>

#include "customer/key_pack.h"

/* Of a group those with most bits first, so that a record's first list is the one that counts. */
static int
compare_lists(const void *a, const void *b)
{
    const KeyList *x = a;
    const KeyList *y = b;

    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return x->bits > y->bits ? -1 : x->bits < y->bits;
}

static int
compare_bits(const void *a, const void *b)
{
    const KeyCandidate *x = a;
    const KeyCandidate *y = b;

    if (x->bits != y->bits)
        return x->bits > y->bits ? -1 : 1;
    return x->record_no < y->record_no ? -1 : x->record_no > y->record_no;
}

/* Puts a candidate into its place in a heap whose top is the least promising one. */
static void
sift(KeyCandidate *heap, int count, int at, KeyCandidate candidate)
{
    for (int child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && compare_bits(&heap[child + 1], &heap[child]) > 0)
            child++;
        if (compare_bits(&candidate, &heap[child]) >= 0)
            break;
        heap[at] = heap[child];
    }
    heap[at] = candidate;
}

/* Keeps it where it is among the best so far; returns how many are kept. */
static int
offer(KeyCandidate *heap, int count, int room, KeyCandidate candidate)
{
    if (count < room) {
        heap[count++] = candidate;
        for (int k = count == room ? room / 2 : 0; k-- > 0;)
            sift(heap, count, k, heap[k]);
    } else if (room > 0 && compare_bits(&candidate, &heap[0]) < 0) {
        sift(heap, count, 0, candidate);
    }
    return count;
}

/* The lowest number that is left; false where nothing is. */
static bool
lowest(const KeyList *lists, int count, int64_t *number)
{
    bool found = false;

    for (int k = 0; k < count; k++) {
        int64_t its;

        if (lists[k].record == lists[k].end)
            continue;
        its = key_pack_number(*lists[k].record);
        if (!found || its < *number)
            *number = its;
        found = true;
    }
    return found;
}

/* Counts the records of the window that begins with base; returns how many there are in touched. */
static int
count_window(KeyTally *tally, KeyList *lists, int count, LinkKind kind, int64_t base)
{
    int touched = 0;

    for (int k = 0; k < count; k++) {
        KeyList *list = &lists[k];
        uint32_t group = list->group + 1;

        for (; list->record < list->end; list->record++) {
            uint64_t at = (uint64_t) key_pack_number(*list->record) - (uint64_t) base;

            if (at >= KEY_TALLY_WINDOW)
                break;
            if (!link_kinds_agree(key_pack_kind(*list->record), kind))
                continue;
            if (tally->place[at].group == 0)
                tally->touched[touched++] = (uint16_t) at;
            if (tally->place[at].group != group)
                tally->place[at].bits += list->bits;
            tally->place[at].group = group;
        }
    }
    return touched;
}

int
key_tally(KeyTally *tally, KeyList *lists, int count, LinkKind kind, KeyCandidate *candidates, int room)
{
    int found = 0;
    int64_t base = 0;

    if (count > 1)
        qsort(lists, (size_t) count, sizeof(KeyList), compare_lists);
    while (lowest(lists, count, &base)) {
        int touched = count_window(tally, lists, count, kind, base);

        for (int i = 0; i < touched; i++) {
            uint16_t at = tally->touched[i];

            found = offer(candidates, found, room, (KeyCandidate){base + at, tally->place[at].bits});
            tally->place[at].bits = 0;
            tally->place[at].group = 0;
        }
    }
    if (found > 1)
        qsort(candidates, (size_t) found, sizeof(KeyCandidate), compare_bits);
    return found;
}
