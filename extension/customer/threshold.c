/*
 * threshold.c: where the pairs that go with each bit of the threshold are fewest. See threshold.h.
 *
 * The density at t is the share of the pairs inside clusters that a threshold of t + WINDOW would lose. Where few joins
 * stand behind it, one more or less would change it much, so that SMOOTH joins of average size are added. Coming from above,
 * one goes down until the density has grown to NEARLY times the least one so far, since from there on much of what is joined is
 * new. Coming from below, one goes up until it is nearly as low as anywhere. Where the density has one valley the two agree;
 * where it has several, or a flat one, the cut is halfway.
 *
 * Both jump when a few joins of large clusters are added or left out. So they are looked for in HALVES halves of the joins,
 * drawn by hash, and the mean is taken: what the data do not decide moves by a little instead of by bits.
 */
#include "customer/threshold.h"

#include <math.h>
#include <string.h>

#define STEP 0.25 /* bits */
#define WINDOW 8  /* steps */
#define STEPS 43  /* from THRESHOLD_LOWEST to THRESHOLD_HIGHEST, both included */
#define SMOOTH 4.0
#define NEARLY 1.7
#define HALVES 32
#define FEW_RECORDS 1000
#define FEW_JOINS 20

typedef struct Level {
    double pairs; /* that joins from this step on put together */
    double joins;
} Level;

/* A bit for each half that the join is in. */
static uint64_t
halves_of(const AgglomerateJoin *join)
{
    uint64_t hash = ((uint64_t) join->a << 32 | join->b) + 0x9e3779b97f4a7c15ULL;

    hash = (hash ^ hash >> 30) * 0xbf58476d1ce4e5b9ULL;
    hash = (hash ^ hash >> 27) * 0x94d049bb133111ebULL;
    return hash ^ hash >> 31;
}

static int
step_of(double score)
{
    double step = floor((score - THRESHOLD_LOWEST) / STEP);

    return step < 0 ? -1 : step >= STEPS + WINDOW - 1 ? STEPS + WINDOW - 1 : (int) step;
}

static void
count_levels(const AgglomerateLog *log, int half, Level level[STEPS + WINDOW])
{
    memset(level, 0, sizeof(Level) * (STEPS + WINDOW));
    for (size_t i = 0; i < log->count; i++) {
        int at = step_of((double) log->joins[i].score);

        if (at < 0 || (halves_of(&log->joins[i]) >> half & 1) == 0)
            continue;
        level[at].pairs += log->joins[i].pairs;
        level[at].joins++;
    }
    for (int i = STEPS + WINDOW - 2; i >= 0; i--) {
        level[i].pairs += level[i + 1].pairs;
        level[i].joins += level[i + 1].joins;
    }
}

/* In steps. */
static double
cut(const Level level[STEPS + WINDOW])
{
    double density[STEPS];
    double least = INFINITY;
    double least_above = INFINITY;
    int from_above = STEPS - 1;
    int from_below = 0;

    for (int i = 0; i < STEPS; i++) {
        density[i] = INFINITY;
        if (level[i].joins > 0)
            density[i] =
                (level[i].pairs - level[i + WINDOW].pairs + SMOOTH * level[i].pairs / level[i].joins) /
                level[i].pairs;
        least = density[i] < least ? density[i] : least;
    }
    while (density[from_below] > NEARLY * least)
        from_below++;
    for (int i = STEPS - 1; i >= 0; i--) {
        if (isfinite(least_above) && density[i] > NEARLY * least_above)
            break;
        least_above = density[i] < least_above ? density[i] : least_above;
        from_above = i;
    }
    return (from_above + from_below) / 2.0;
}

double
threshold_choose(const AgglomerateLog *log, uint32_t records)
{
    Level level[STEPS + WINDOW];
    size_t joins = 0;
    double sum = 0;
    int used = 0;

    for (size_t i = 0; i < log->count; i++)
        joins += step_of((double) log->joins[i].score) >= 0;
    if (records < FEW_RECORDS || joins < FEW_JOINS)
        return THRESHOLD_LOWEST;
    for (int half = 0; half < HALVES; half++) {
        count_levels(log, half, level);
        if (level[0].joins == 0)
            continue;
        sum += cut(level);
        used++;
    }
    return used == 0 ? THRESHOLD_LOWEST : THRESHOLD_LOWEST + sum / used * STEP;
}
