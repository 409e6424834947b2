/*
 * markov.h: what channels are worth by a Markov chain of the paths: how many conversions would be lost without each. Plain C:
 * knows nothing of Postgres.
 *
 * A path goes from the start over its channels to the conversion, or to the end without one. The next step of a chain depends on
 * the present channel alone, by the shares that the paths show. Without a channel, whoever would come to it is lost. The removal
 * effect of a channel is the share of conversions lost so (Anderl, Becker, von Wangenheim, Schumann: Mapping the customer journey,
 * 2016); credits are proportional to it. A channel that follows itself is one step, which changes no effect.
 *
 * One direct solve, no random walks and no iteration, so that the same paths give the same effects, in whatever order they come.
 */
#ifndef CRM_FUNNEL_MARKOV_H
#define CRM_FUNNEL_MARKOV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One inversion of a matrix of so many rows takes about a second. */
#define MARKOV_CHANNELS_MAX 1000

/*
 * How often one followed on another: rows are the channels and then the start, columns the channels, the conversion, and the end
 * without one. counts has room for markov_size(channels), all 0 at first, and belongs to the caller.
 */
typedef struct Markov {
    size_t channels;
    int64_t *counts;
} Markov;

extern size_t markov_size(size_t channels);
/* Adds a path; channels are numbers from 0, stride bytes apart. An empty path is not there. */
extern void markov_add(Markov *chain, const int32_t *path, size_t stride, size_t length, bool converted);
/*
 * The removal effect of each channel, 0 to 1, and returned the chance of a conversion; without any, all effects are 0. room is for
 * markov_room(channels) numbers.
 */
extern double markov_effects(const Markov *chain, double *effects, double *room);
extern size_t markov_room(size_t channels);

#endif
