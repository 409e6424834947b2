/*
 * stage_duration.c: the aggregate stage_durations: how long the stays of journeys take, by position.
 *
 * A history is looked at as it stood at one time: what comes later is not there, and a stay that had not ended then is open.
 */
#include "base/error.h"
#include "funnel/duration.h"
#include "funnel/journey_value.h"
#include "funnel/row_array.h"
#include "funnel/stage_table.h"
#include "funnel/stay_value.h"

#include "utils/timestamp.h"

/* What stage_durations counts and lists. */
enum { ENTRIES, SUBJECTS, REENTRIES, REGRESSIONS, STAYING };
enum { ENDED, OPEN };

/* A stay, of which the next one is known or the time of the question; again: its position occurred before. */
static void
add_stay(StageTable *table, StageRow *row, const Stay *stay, const Stay *next, int64 until, bool again)
{
    row->count[ENTRIES]++;
    row->count[again ? REENTRIES : SUBJECTS]++;
    if (next == NULL) {
        row->count[STAYING]++;
        if (stay->known)
            crm_duration_add(&row->list[OPEN], table->context, stay->since, until);
        return;
    }
    row->count[REGRESSIONS] += next->position < stay->position;
    if (stay->known && next->known)
        crm_duration_add(&row->list[ENDED], table->context, stay->since, next->since);
}

PG_FUNCTION_INFO_V1(crm_stage_durations_step);

/* (state, journey, until, since, estimated), the last two where the aggregate has them */
Datum
crm_stage_durations_step(PG_FUNCTION_ARGS)
{
    StageTable *table = crm_stage_table(fcinfo);
    int64 since = PG_NARGS() > 3 && !PG_ARGISNULL(3) ? PG_GETARG_TIMESTAMPTZ(3) : PG_INT64_MIN;
    int64 until;
    uint64 count;
    Stay *stays;

    if (PG_ARGISNULL(2) || TIMESTAMP_NOT_FINITE(PG_GETARG_TIMESTAMPTZ(2)))
        ereport(ERROR, errcode(ERRCODE_CRM_INVALID_ARGUMENT),
                errmsg("how long an open stay has lasted takes a time up to which to count"),
                errhint("Type now()."));
    until = PG_GETARG_TIMESTAMPTZ(2);
    if (PG_ARGISNULL(1))
        PG_RETURN_POINTER(table);
    stays = crm_stays(PG_GETARG_JOURNEY_PP(1),
                      PG_NARGS() > 4 && !PG_ARGISNULL(4) ? PG_GETARG_JOURNEY_PP(4) : NULL, true, &count);
    while (count > 0 && stays[count - 1].since > until)
        count--;
    table->journeys++;
    for (uint64 i = 0; i < count; i++) {
        StageRow *row = crm_stage_row(table, stays[i].position);
        bool again = row->seen == table->journeys;

        row->seen = table->journeys;
        if (stays[i].since >= since)
            add_stay(table, row, &stays[i], i + 1 < count ? &stays[i + 1] : NULL, until, again);
    }
    PG_RETURN_POINTER(table);
}

#define DURATION_COLUMNS 17

/* The product limit first, for which durations are sorted: taking other quantiles puts them into another order. */
static void
add_duration_row(RowArray *rows, StageRow *row)
{
    static const double quantile[] = {0.25, 0.5, 0.75, 0.9};
    DurationList *ended = &row->list[ENDED];
    Survival survival = {ended->values, ended->count, row->list[OPEN].values, row->list[OPEN].count};
    NullableDatum values[DURATION_COLUMNS] = {
        CRM_VALUE(Int32GetDatum(row->position)),
        CRM_VALUE(Int64GetDatum(row->count[ENTRIES])),
        CRM_VALUE(Int64GetDatum(row->count[SUBJECTS])),
        CRM_VALUE(Int64GetDatum(row->count[REENTRIES])),
        CRM_VALUE(Int64GetDatum(row->count[REGRESSIONS])),
        CRM_VALUE(Int64GetDatum(row->count[ENTRIES] - row->count[STAYING])),
        CRM_VALUE(Int64GetDatum(row->count[STAYING])),
        CRM_VALUE(Int64GetDatum((int64) ended->count)),
    };
    int n = 8;

    survival_sort(&survival);
    for (int i = 0; i < (int) lengthof(quantile); i++)
        values[n + 5 + i] = crm_duration_interval(survival_quantile(&survival, quantile[i]));
    values[n++] = crm_duration_mean(ended);
    values[n++] = crm_duration_quantile(ended, 1);
    for (int i = 1; i < (int) lengthof(quantile); i++)
        values[n++] = crm_duration_quantile(ended, quantile[i]);
    crm_row_array_add(rows, values);
}

PG_FUNCTION_INFO_V1(crm_stage_durations_final);

/* A row for each position. Sorting changes the state's order, which no other function of it minds. */
Datum
crm_stage_durations_final(PG_FUNCTION_ARGS)
{
    StageTable *table = PG_ARGISNULL(0) ? NULL : (StageTable *) PG_GETARG_POINTER(0);
    RowArray rows;

    if (table == NULL)
        PG_RETURN_NULL();
    crm_row_array_begin(&rows, fcinfo, DURATION_COLUMNS);
    for (int i = 0; i < table->rows; i++)
        if (table->row[i]->count[ENTRIES] > 0) /* or it was only before the time that is asked about */
            add_duration_row(&rows, table->row[i]);
    return crm_row_array_end(&rows);
}
