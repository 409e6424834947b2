/*
 * survivorship.c: see survivorship.h.
 *
 * The order is sorted by a heap: it needs no memory and its worst case is n log n, for a customer with ten thousand records too.
 */
#include "customer/survivorship.h"

#include <stddef.h>

typedef int (*Comparison)(const SurvivorshipCandidate *a, const SurvivorshipCandidate *b);

static unsigned char
lower(char c)
{
    return (unsigned char) (c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

static int
by_number(int64_t a, int64_t b)
{
    return (a > b) - (a < b);
}

static int
by_value(const SurvivorshipCandidate *a, const SurvivorshipCandidate *b)
{
    for (int i = 0; i < a->length && i < b->length; i++)
        if (lower(a->value[i]) != lower(b->value[i]))
            return by_number(lower(a->value[i]), lower(b->value[i]));
    return by_number(a->length, b->length);
}

static int
by_key(const SurvivorshipCandidate *a, const SurvivorshipCandidate *b)
{
    for (int i = 0; i < a->key_length && i < b->key_length; i++)
        if (a->key[i] != b->key[i])
            return by_number((unsigned char) a->key[i], (unsigned char) b->key[i]);
    return by_number(a->key_length, b->key_length);
}

static int
by_age(const SurvivorshipCandidate *a, const SurvivorshipCandidate *b)
{
    int order = by_number(b->since, a->since);

    if (order == 0)
        order = by_number(a->place, b->place);
    return order == 0 ? by_key(a, b) : order;
}

static int
by_recency(const SurvivorshipCandidate *a, const SurvivorshipCandidate *b)
{
    int order = by_number(a->invalid, b->invalid);

    return order == 0 ? by_age(a, b) : order;
}

static int
by_trust(const SurvivorshipCandidate *a, const SurvivorshipCandidate *b)
{
    int order = by_number(a->invalid, b->invalid);

    if (order == 0)
        order = by_number(a->trust, b->trust);
    return order == 0 ? by_age(a, b) : order;
}

static int
by_size(const SurvivorshipCandidate *a, const SurvivorshipCandidate *b)
{
    int order = by_number(a->invalid, b->invalid);

    if (order == 0)
        order = by_number(b->characters, a->characters);
    return order == 0 ? by_age(a, b) : order;
}

/* Equal values side by side, the one that goes first of them in front. */
static int
by_value_and_recency(const SurvivorshipCandidate *a, const SurvivorshipCandidate *b)
{
    int order = by_value(a, b);

    return order == 0 ? by_recency(a, b) : order;
}

static void
sift(int *order, int root, int count, const SurvivorshipCandidate *candidates, Comparison compare)
{
    for (int child; (child = 2 * root + 1) < count; root = child) {
        int swapped = order[root];

        if (child + 1 < count && compare(&candidates[order[child]], &candidates[order[child + 1]]) < 0)
            child++;
        if (compare(&candidates[swapped], &candidates[order[child]]) >= 0)
            return;
        order[root] = order[child];
        order[child] = swapped;
    }
}

static void
sort(int *order, int count, const SurvivorshipCandidate *candidates, Comparison compare)
{
    for (int root = count / 2 - 1; root >= 0; root--)
        sift(order, root, count, candidates, compare);
    for (int last = count - 1; last > 0; last--) {
        int swapped = order[0];

        order[0] = order[last];
        order[last] = swapped;
        sift(order, 0, last, candidates, compare);
    }
}

/* Where a run of equal values that begins at start ends, in an order by value. */
static int
run_end(const int *order, int start, int count, const SurvivorshipCandidate *candidates)
{
    int end = start + 1;

    while (end < count && by_value(&candidates[order[start]], &candidates[order[end]]) == 0)
        end++;
    return end;
}

/* The run that is the longest goes to the front as it is; the others stay behind it, in the order of recency. */
static void
longest_run_first(int *order, int count, const SurvivorshipCandidate *candidates)
{
    int best = 0;
    int best_end = 0;

    for (int start = 0, end; start < count; start = end) {
        const SurvivorshipCandidate *head = &candidates[order[start]];
        int longer;

        end = run_end(order, start, count, candidates);
        longer = by_number(candidates[order[best]].invalid, head->invalid);
        if (longer == 0)
            longer = by_number(end - start, best_end - best);
        if (longer > 0 || (longer == 0 && by_age(head, &candidates[order[best]]) < 0) || best_end == 0) {
            best = start;
            best_end = end;
        }
    }
    for (int i = 0; i < best_end - best; i++) {
        int swapped = order[i];

        order[i] = order[best + i];
        order[best + i] = swapped;
    }
    sort(order, best_end - best, candidates, by_recency);
    sort(order + (best_end - best), count - (best_end - best), candidates, by_recency);
}

static int
each_value_once(int *order, int count, const SurvivorshipCandidate *candidates)
{
    int kept = 0;

    for (int start = 0, end; start < count; start = end) {
        end = run_end(order, start, count, candidates);
        order[kept++] = order[start];
    }
    sort(order, kept, candidates, by_recency);
    return kept;
}

int
survivorship_order(SurvivorshipRule rule, const SurvivorshipCandidate *candidates, int count, int *order)
{
    int found = 0;

    for (int i = 0; i < count; i++)
        if (candidates[i].value != NULL)
            order[found++] = i;
    if (rule == SURVIVORSHIP_FREQUENT || rule == SURVIVORSHIP_SET) {
        sort(order, found, candidates, by_value_and_recency);
        if (rule == SURVIVORSHIP_SET)
            return each_value_once(order, found, candidates);
        longest_run_first(order, found, candidates);
        return found;
    }
    sort(order, found, candidates,
         rule == SURVIVORSHIP_TRUSTED   ? by_trust
         : rule == SURVIVORSHIP_LONGEST ? by_size
                                        : by_recency);
    return found;
}

bool
survivorship_same(const SurvivorshipCandidate *a, const SurvivorshipCandidate *b)
{
    return by_value(a, b) == 0;
}
