/*
 * markov.c: see markov.h.
 *
 * With Q the chances of going from channel to channel, N = (I - Q)^-1 has the expected visits of j from i. From the start with
 * chances s, channel r is visited s.N[r] times, so ever with chance f = s.N[r] / N[r][r], and a conversion comes from there with
 * chance x[r], where x = N.b and b are the chances of converting next. All conversions by way of r, f.x[r], are what is lost without
 * it: every effect follows from one inverse.
 *
 * I - Q is diagonally dominant with a positive diagonal and nothing positive beside it, and every channel leads out, so elimination
 * needs no pivots and its diagonal stays positive.
 */
#include "funnel/markov.h"

size_t
markov_size(size_t channels)
{
    return (channels + 1) * (channels + 2);
}

size_t
markov_room(size_t channels)
{
    return channels * channels + 2 * channels;
}

static int64_t *
counts_from(const Markov *chain, size_t state)
{
    return chain->counts + state * (chain->channels + 2);
}

void
markov_add(Markov *chain, const int32_t *path, size_t stride, size_t length, bool converted)
{
    const char *next = (const char *) path;
    size_t state = chain->channels; /* the start */

    for (size_t i = 0; i < length; i++, next += stride) {
        size_t channel = (size_t) * (const int32_t *) (const void *) next;

        if (channel == state)
            continue;
        counts_from(chain, state)[channel]++;
        state = channel;
    }
    if (length > 0)
        counts_from(chain, state)[chain->channels + (converted ? 0 : 1)]++;
}

static double
total_from(const Markov *chain, size_t state)
{
    int64_t total = 0;

    for (size_t i = 0; i < chain->channels + 2; i++)
        total += counts_from(chain, state)[i];
    return (double) total;
}

/* I - Q; a channel that no path has stands for itself. */
static void
fill_matrix(const Markov *chain, double *matrix)
{
    size_t n = chain->channels;

    for (size_t i = 0; i < n; i++) {
        double total = total_from(chain, i);

        for (size_t j = 0; j < n; j++)
            matrix[i * n + j] =
                (i == j ? 1 : 0) - (total > 0 ? (double) counts_from(chain, i)[j] / total : 0);
    }
}

/* Gauss and Jordan, in place. */
static void
invert(double *matrix, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        double *pivot_row = matrix + k * n;
        double pivot = 1 / pivot_row[k];

        pivot_row[k] = 1;
        for (size_t j = 0; j < n; j++)
            pivot_row[j] *= pivot;
        for (size_t i = 0; i < n; i++) {
            double *row = matrix + i * n;
            double factor = row[k];

            if (i == k || factor == 0)
                continue;
            row[k] = 0;
            for (size_t j = 0; j < n; j++)
                row[j] -= factor * pivot_row[j];
        }
    }
}

double
markov_effects(const Markov *chain, double *effects, double *room)
{
    size_t n = chain->channels;
    const int64_t *start = counts_from(chain, n);
    double starts = total_from(chain, n);
    double *inverse = room;
    double *visits = room + n * n; /* s.N */
    double *converts = visits + n; /* x */
    double chance = 0;

    for (size_t i = 0; i < n; i++)
        visits[i] = converts[i] = effects[i] = 0;
    if (starts <= 0)
        return 0;
    fill_matrix(chain, inverse);
    invert(inverse, n);
    for (size_t j = 0; j < n; j++) {
        double total = total_from(chain, j);
        double next = total > 0 ? (double) counts_from(chain, j)[n] / total : 0;

        for (size_t i = 0; i < n; i++) {
            visits[j] += (double) start[i] / starts * inverse[i * n + j];
            converts[i] += inverse[i * n + j] * next;
        }
    }
    for (size_t i = 0; i < n; i++)
        chance += (double) start[i] / starts * converts[i];
    if (chance > 0)
        for (size_t i = 0; i < n; i++)
            effects[i] = visits[i] / inverse[i * n + i] * converts[i] / chance;
    return chance;
}
