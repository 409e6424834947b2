/*
 * sequence.c: patterns of events. See sequence.h.
 *
 * For each step of the pattern there is a list of the events that can be the last one of the pattern so far. An event joins
 * the list of a step if the list of the step before has one at the right distance: the nearest where nothing may lie between,
 * else the oldest that is not too far away, which only moves on as time does. So an event costs the same whatever was before.
 */
#include "funnel/sequence.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SECOND 1000000.0

/* Where the text goes on after a number, and the number; NULL: there is none. */
static const char *
parse_seconds(const char *text, int64_t *microseconds)
{
    char *end;
    double seconds;

    if (*text < '0' || *text > '9')
        return NULL;
    seconds = strtod(text, &end);
    if (!(seconds * SECOND < 9e18))
        return NULL;
    *microseconds = llround(seconds * SECOND);
    return end;
}

/* <=3600 and its like, up to the parenthesis: bounds the time to the next event. NULL: it is none. */
static const char *
parse_distance(const char *text, SequenceStep *next)
{
    char relation = *text;
    bool or_equal = relation != '\0' && text[1] == '=';
    int64_t least = INT64_MIN;
    int64_t most = INT64_MAX;
    int64_t limit;

    if (relation != '<' && relation != '>' && (relation != '=' || !or_equal))
        return NULL;
    text = parse_seconds(text + (or_equal ? 2 : 1), &limit);
    if (text == NULL)
        return NULL;
    if (relation != '<')
        least = or_equal ? limit : limit + 1;
    if (relation != '>')
        most = or_equal ? limit : limit - 1;
    if (least > next->at_least)
        next->at_least = least;
    if (most < next->at_most)
        next->at_most = most;
    next->adjacent = false;
    return text;
}

static bool
add_step(SequencePattern *pattern, SequenceStep *next, int condition)
{
    if (pattern->steps == SEQUENCE_STEPS_MAX)
        return false;
    next->condition = condition;
    pattern->step[pattern->steps++] = *next;
    *next = (SequenceStep){.adjacent = true, .at_most = INT64_MAX};
    return true;
}

const char *
sequence_parse(const char *text, int conditions, SequencePattern *pattern)
{
    SequenceStep next = {.adjacent = true, .at_most = INT64_MAX};

    pattern->steps = 0;
    for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
        int condition = -1;

        if (text[0] == '.' && text[1] == '*') {
            next.adjacent = false;
            text += 2;
            continue;
        }
        if (text[0] == '.')
            text++;
        else if (strncmp(text, "(?t", 3) == 0) {
            if (pattern->steps == 0)
                return "A time stands between two events.";
            text = parse_distance(text + 3, &next);
            if (text == NULL || *text++ != ')')
                return "A time is written (?t<=3600), with <, <=, ==, >= or > and seconds.";
            continue;
        } else {
            char *end;
            long number;

            if (strncmp(text, "(?", 2) != 0 || text[2] < '0' || text[2] > '9')
                return "A pattern is made of (?1), (?2) ..., ., .* and (?t<=3600).";
            number = strtol(text + 2, &end, 10);
            if (*end != ')')
                return "A pattern is made of (?1), (?2) ..., ., .* and (?t<=3600).";
            if (number < 1 || number > conditions)
                return "There is no condition of that number; the first is (?1).";
            condition = (int) number - 1;
            text = end + 1;
        }
        if (!add_step(pattern, &next, condition))
            return "A pattern has 64 events at most.";
    }
    if (pattern->steps == 0)
        return "A pattern has an event at least.";
    if (next.at_least > 0 || next.at_most < INT64_MAX)
        return "A time stands between two events.";
    return NULL;
}

/* The events that can be the last one of the pattern up to a step; those before first are too long ago. */
typedef struct List {
    size_t *event;
    size_t length;
    size_t first;
} List;

/* Whether an event can follow one of a list. */
static bool
follows(const SequenceStep *step, const WindowEvent *events, size_t event, List *list)
{
    int64_t at = events[event].at;

    if (step->adjacent)
        return list->length > 0 && list->event[list->length - 1] + 1 == event;
    while (list->first < list->length &&
           (uint64_t) at - (uint64_t) events[list->event[list->first]].at > (uint64_t) step->at_most)
        list->first++;
    return step->at_most >= 0 && list->first < list->length &&
           (uint64_t) at - (uint64_t) events[list->event[list->first]].at >= (uint64_t) step->at_least;
}

uint64_t
sequence_count(const SequencePattern *pattern, const WindowEvent *events, size_t count, uint64_t most,
               size_t *scratch)
{
    List list[SEQUENCE_STEPS_MAX];
    uint64_t found = 0;

    for (int j = 0; j < pattern->steps; j++)
        list[j] = (List){scratch + (size_t) j * count, 0, 0};
    for (size_t i = 0; i < count && found < most; i++) {
        for (int j = pattern->steps - 1; j >= 0; j--) {
            const SequenceStep *step = &pattern->step[j];

            if (step->condition >= 0 && (events[i].steps >> step->condition & 1) == 0)
                continue;
            if (j == 0 || follows(step, events, i, &list[j - 1]))
                list[j].event[list[j].length++] = i;
        }
        if (list[pattern->steps - 1].length > 0) {
            found++;
            for (int j = 0; j < pattern->steps; j++)
                list[j].length = list[j].first = 0;
        }
    }
    return found;
}
