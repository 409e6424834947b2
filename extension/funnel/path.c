/*
 * path.c: see path.h.
 */
#include "funnel/path.h"

#define NONE SIZE_MAX

static size_t
find_start(const PathRule *rule, const Stay *stays, size_t count)
{
    if (rule->anywhere)
        return rule->backward ? count - 1 : 0;
    if (rule->anchor == PATH_FIRST_ENTRY) {
        for (size_t i = 0; i < count; i++)
            if (stays[i].position == rule->position)
                return i;
    } else {
        for (size_t i = count; i > 0; i--)
            if (stays[i - 1].position == rule->position)
                return i - 1;
    }
    return NONE;
}

size_t
path_find(const PathRule *rule, const Stay *stays, size_t count, size_t *start)
{
    size_t length = 1;

    if (count == 0 || (*start = find_start(rule, stays, count)) == NONE)
        return 0;
    while (length < (size_t) rule->length && length < (rule->backward ? *start + 1 : count - *start)) {
        const Stay *here = path_stay(rule, stays, *start, length - 1);
        const Stay *there = path_stay(rule, stays, *start, length);

        if (rule->backward ? !is_within(there->last, here->since, rule->gap)
                           : !is_within(here->last, there->since, rule->gap))
            break;
        length++;
    }
    return length;
}
