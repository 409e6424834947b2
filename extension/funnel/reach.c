/*
 * reach.c: the aggregate funnel_reach_counts: how many subjects were in each stage of a funnel, how many came at least so far,
 * and how long it took them to the next stage that they reached.
 *
 * Positions are the order of the stages. Only some are progress: who is in such a stage has come past those before it.
 */
#include "funnel/journey_value.h"
#include "funnel/row_array.h"
#include "funnel/stage_table.h"
#include "funnel/stay_value.h"

enum { ENTERED, FURTHEST };
enum { NEXT };

/* The first time that a subject was at a position. */
typedef struct Passage {
    int32 position;
    bool known; /* at some time that is not estimated: at */
    int64 at;
} Passage;

/* By position, then what is known, then what is earlier. */
static int
compare_passages(const void *left, const void *right)
{
    const Passage *a = left;
    const Passage *b = right;

    if (a->position != b->position)
        return a->position < b->position ? -1 : 1;
    if (a->known != b->known)
        return a->known ? -1 : 1;
    return (a->at > b->at) - (a->at < b->at);
}

/* The passages of a subject, one for each position, ascending; palloc'd. */
static Passage *
find_passages(FunctionCallInfo fcinfo, uint64 *count)
{
    int untimed_count;
    const int32 *untimed = crm_positions_argument(fcinfo, 2, &untimed_count);
    uint64 stay_count = 0;
    struct varlena *estimated = PG_NARGS() > 4 && !PG_ARGISNULL(4) ? PG_GETARG_JOURNEY_PP(4) : NULL;
    Stay *stays = PG_ARGISNULL(1) ? NULL : crm_stays(PG_GETARG_JOURNEY_PP(1), estimated, false, &stay_count);
    Passage *passages =
        palloc_extended(sizeof(Passage) * (stay_count + (uint64) untimed_count + 1), MCXT_ALLOC_HUGE);
    uint64 all = 0;

    for (uint64 i = 0; i < stay_count; i++)
        passages[all++] = (Passage){stays[i].position, stays[i].known, stays[i].since};
    for (int i = 0; i < untimed_count; i++)
        passages[all++] = (Passage){untimed[i], false, 0};
    qsort(passages, all, sizeof(Passage), compare_passages);
    *count = 0;
    for (uint64 i = 0; i < all; i++)
        if (*count == 0 || passages[*count - 1].position != passages[i].position)
            passages[(*count)++] = passages[i];
    return passages;
}

PG_FUNCTION_INFO_V1(crm_funnel_reach_step);

/* (state, journey, untimed integer[], progress integer[], estimated) */
Datum
crm_funnel_reach_step(PG_FUNCTION_ARGS)
{
    StageTable *table = crm_stage_table(fcinfo);
    int progress_count;
    const int32 *progress = crm_positions_argument(fcinfo, 3, &progress_count);
    uint64 count;
    Passage *passages = find_passages(fcinfo, &count);
    const Passage *previous = NULL;

    for (uint64 i = 0; i < count; i++) {
        const Passage *passage = &passages[i];

        crm_stage_row(table, passage->position)->count[ENTERED]++;
        if (!crm_position_is_among(progress, progress_count, passage->position))
            continue;
        if (previous != NULL && previous->known && passage->known && passage->at >= previous->at)
            crm_duration_add(&crm_stage_row(table, previous->position)->list[NEXT], table->context,
                             previous->at, passage->at);
        previous = passage;
    }
    if (previous != NULL)
        crm_stage_row(table, previous->position)->count[FURTHEST]++;
    PG_RETURN_POINTER(table);
}

#define COLUMNS 8

PG_FUNCTION_INFO_V1(crm_funnel_reach_final);

/* A row for each position. */
Datum
crm_funnel_reach_final(PG_FUNCTION_ARGS)
{
    StageTable *table = PG_ARGISNULL(0) ? NULL : (StageTable *) PG_GETARG_POINTER(0);
    RowArray rows;

    if (table == NULL)
        PG_RETURN_NULL();
    crm_row_array_begin(&rows, fcinfo, COLUMNS);
    for (int i = 0; i < table->rows; i++) {
        StageRow *row = table->row[i];
        NullableDatum values[COLUMNS] = {
            CRM_VALUE(Int32GetDatum(row->position)),
            CRM_VALUE(Int64GetDatum(row->count[ENTERED])),
            CRM_VALUE(Int64GetDatum(row->count[FURTHEST])),
            CRM_VALUE(Int64GetDatum((int64) row->list[NEXT].count)),
            crm_duration_quantile(&row->list[NEXT], 0.5),
            crm_duration_quantile(&row->list[NEXT], 0.75),
            crm_duration_quantile(&row->list[NEXT], 0.9),
            crm_duration_mean(&row->list[NEXT]),
        };

        crm_row_array_add(&rows, values);
    }
    return crm_row_array_end(&rows);
}
