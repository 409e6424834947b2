/*
 * threshold.c: the valley in the pairs that go with each bit of the threshold. See threshold.h.
 *
 * The density at t is the share of the pairs inside clusters that a threshold of t + WINDOW would lose. Where few joins
 * stand behind it, one more or less would change it much, so that SMOOTH joins of average size are added. The cut is the
 * lowest t whose density is not much above the least one: what is nearly as sure as the surest is taken in.
 */
#include "customer/threshold.h"

#include <math.h>
#include <string.h>

#define STEP 0.25 /* bits */
#define WINDOW 8  /* steps */
#define STEPS 43  /* from THRESHOLD_LOWEST to THRESHOLD_HIGHEST, both included */
#define SMOOTH 4.0
#define NEARLY 1.5
#define FEW_RECORDS 1000
#define FEW_JOINS 20

typedef struct Level {
    double pairs; /* that joins between this step and the next put together; of the last, all above */
    double joins;
} Level;

static void
count_levels(const AgglomerateLog *log, Level level[STEPS + WINDOW])
{
    memset(level, 0, sizeof(Level) * (STEPS + WINDOW));
    for (size_t i = 0; i < log->count; i++) {
        double step = floor(((double) log->joins[i].score - THRESHOLD_LOWEST) / STEP);
        int at = step < 0 ? -1 : step >= STEPS + WINDOW - 1 ? STEPS + WINDOW - 1 : (int) step;

        if (at < 0)
            continue;
        level[at].pairs += log->joins[i].pairs;
        level[at].joins++;
    }
}

double
threshold_choose(const AgglomerateLog *log, uint32_t records)
{
    Level level[STEPS + WINDOW];
    double density[STEPS];
    double least = INFINITY;

    count_levels(log, level);
    for (int i = STEPS + WINDOW - 2; i >= 0; i--) {
        level[i].pairs += level[i + 1].pairs;
        level[i].joins += level[i + 1].joins;
    }
    if (records < FEW_RECORDS || level[0].joins < FEW_JOINS)
        return THRESHOLD_LOWEST;
    for (int i = 0; i < STEPS; i++) {
        density[i] = INFINITY;
        if (level[i].joins > 0)
            density[i] =
                (level[i].pairs - level[i + WINDOW].pairs + SMOOTH * level[i].pairs / level[i].joins) /
                level[i].pairs;
        least = density[i] < least ? density[i] : least;
    }
    for (int i = 0; i < STEPS; i++)
        if (density[i] <= NEARLY * least)
            return THRESHOLD_LOWEST + i * STEP;
    return THRESHOLD_LOWEST;
}
