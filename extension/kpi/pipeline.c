/*
 * pipeline.c: deals of one stage and age have one chance, and lie beside each other, so it is worked out once for all of them.
 */
#include "kpi/pipeline.h"

#include <math.h>
#include <string.h>

#define YEAR 365
#define OWN_WINS_MIN 10 /* fewer wins of one's own say too little of what a win is worth */

/* How many of the stays were entered up to a day. */
static size_t
entered_by(const PipelineStay *stays, size_t count, int32_t day)
{
    size_t low = 0;

    while (low < count) {
        size_t middle = low + (count - low) / 2;

        if (stays[middle].entered <= day)
            low = middle + 1;
        else
            count = middle;
    }
    return low;
}

/* Wins, losses and ends of what is known, by how many days after the age; returns how many had that age. */
static double
tally(const PipelineStay *stays, size_t count, int32_t age, int32_t now, size_t ahead, double *wins,
      double *losses, double *ends)
{
    size_t until = entered_by(stays, count, now - age - 1);
    double there = 0;

    for (size_t i = until > PIPELINE_CASES_MAX ? until - PIPELINE_CASES_MAX : 0; i < until; i++) {
        const PipelineStay *stay = &stays[i];
        int64_t since = (int64_t) stay->entered + age;
        int64_t seen = now - since;
        int64_t decided = stay->decided - since;

        if (decided <= 0 || (age >= 0 && stay->left <= since))
            continue;
        there++;
        if (decided <= seen && decided <= (int64_t) ahead)
            (stay->won ? wins : losses)[decided]++;
        else if (seen <= (int64_t) ahead)
            ends[seen]++;
    }
    return there;
}

void
pipeline_chance(const PipelineStay *stays, size_t count, int32_t age, int32_t now, size_t ahead, double *work,
                double *chance)
{
    double *wins = work, *losses = work + ahead + 2, *ends = work + 2 * (ahead + 2);
    double cases, there, open = 1;

    memset(work, 0, 3 * (ahead + 2) * sizeof(double));
    there = cases = tally(stays, count, age, now, ahead, wins, losses, ends);
    chance[0] = 0;
    for (size_t t = 1; t <= ahead; t++) {
        chance[t] = chance[t - 1];
        if (there <= 0)
            continue;
        chance[t] += open * wins[t] / there * cases / (cases + 1);
        open *= 1 - (wins[t] + losses[t]) / there;
        there -= wins[t] + losses[t] + ends[t];
    }
}

/* What a win was worth in the last year, of one's own where there are enough; a deal's last stay stands for it. */
static double
mean_win(const Pipeline *pipeline, int32_t now)
{
    double sum[2] = {0}, wins[2] = {0};

    for (size_t i = 0; i < pipeline->count; i++) {
        const PipelineStay *stay = &pipeline->stays[i];

        if (!stay->won || stay->left != stay->decided || stay->decided > now || stay->decided <= now - YEAR ||
            isnan(stay->amount))
            continue;
        sum[stay->counted] += stay->amount;
        wins[stay->counted]++;
    }
    if (wins[true] >= OWN_WINS_MIN)
        return sum[true] / wins[true];
    return wins[true] + wins[false] > 0 ? (sum[true] + sum[false]) / (wins[true] + wins[false]) : 0;
}

static void
add_stage(const PipelineStay *stays, size_t count, int32_t now, size_t ahead, bool by_amount, double worth,
          double *work, double *expected)
{
    double *chance = work + 3 * (ahead + 2);
    int64_t known = -1;

    for (size_t i = 0; i < count && stays[i].entered <= now; i++) {
        const PipelineStay *stay = &stays[i];
        double amount = !by_amount ? 1 : isnan(stay->amount) ? worth : stay->amount;

        if (!stay->counted || stay->left <= now || stay->decided <= now)
            continue;
        if (known != (int64_t) now - stay->entered) {
            known = (int64_t) now - stay->entered;
            pipeline_chance(stays, count, (int32_t) known, now, ahead, work, chance);
        }
        for (size_t j = 0; j < ahead; j++)
            expected[j] += amount * chance[j + 1];
    }
}

static void
add_arrivals(const Pipeline *pipeline, int32_t now, size_t ahead, double worth, const double *arrivals,
             double *work, double *expected)
{
    double *chance = work + 3 * (ahead + 2);

    pipeline_chance(pipeline->starts, pipeline->start_count, -1, now, ahead, work, chance);
    for (size_t day = 0; day < ahead; day++)
        for (size_t j = day; j < ahead; j++)
            expected[j] += arrivals[day] * worth * chance[j - day + 1];
}

void
pipeline_expect(const Pipeline *pipeline, int32_t now, size_t ahead, bool by_amount, const double *arrivals,
                double *work, double *expected)
{
    double worth = by_amount ? mean_win(pipeline, now) : 1;

    memset(expected, 0, ahead * sizeof(double));
    for (size_t i = 0; i < pipeline->count;) {
        size_t end = i;

        while (end < pipeline->count && pipeline->stays[end].stage == pipeline->stays[i].stage)
            end++;
        add_stage(pipeline->stays + i, end - i, now, ahead, by_amount, worth, work, expected);
        i = end;
    }
    add_arrivals(pipeline, now, ahead, worth, arrivals, work, expected);
}
