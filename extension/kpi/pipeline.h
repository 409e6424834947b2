/*
 * pipeline.h: what a pipeline is expected to win in the days ahead, by what became of those who were as far, as long, before. Plain C:
 * knows nothing of Postgres.
 *
 * The chance of a win within j days of a deal that has been in its stage for a days is the cumulative incidence (Aalen and Johansen:
 * wins and losses compete, those still open are censored) among all stays in that stage that had lasted a days too. So one that is
 * older than any winner had been has no chance, however far its stage. As if one more such stay had been lost, so that few cases say
 * little. Deals that are yet to come are expected at the rate of late, and win as those before did from their first day.
 */
#ifndef CRM_KPI_PIPELINE_H
#define CRM_KPI_PIPELINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PIPELINE_NEVER INT32_MAX
#define PIPELINE_CASES_MAX 20000 /* the newest stays of a stage that are learned of */

/* A deal in a stage, in days: since entered, until left; decided on, and how. amount is NaN where it is not known. */
typedef struct PipelineStay {
    int32_t stage;
    int32_t entered;
    int32_t left;    /* the day of the next stage or outcome, PIPELINE_NEVER where there is none */
    int32_t decided; /* PIPELINE_NEVER where the deal is open */
    bool won;
    bool starts;  /* the deal's first stay */
    bool counted; /* whether its win counts: others only teach */
    double amount;
} PipelineStay;

/* Stays ordered by stage and by the day they were entered. */
typedef struct Pipeline {
    const PipelineStay *stays;
    size_t count;
    const PipelineStay *starts; /* those that start, ordered by the day */
    size_t start_count;
} Pipeline;

/*
 * expected[j]: what is won in the j + 1 days after day `now`, of which and before which alone anything is known. arrivals[i]: how many counted
 * deals will start on the day i after. work has room for 4 * (ahead + 2) numbers. With by_amount amounts are added, those that are not
 * known as the mean of the wins of the last year; otherwise wins are counted.
 */
extern void pipeline_expect(const Pipeline *pipeline, int32_t now, size_t ahead, bool by_amount,
                            const double *arrivals, double *work, double *expected);

/*
 * chance[t], t up to ahead: that a deal which at the end of day `now` has been in its stage for age days wins within t days; stays are of that stage, by the
 * day they were entered. age -1: that a deal wins within t - 1 days after the one on which it starts. work has room for 3 * (ahead + 2).
 */
extern void pipeline_chance(const PipelineStay *stays, size_t count, int32_t age, int32_t now, size_t ahead,
                            double *work, double *chance);

#endif
