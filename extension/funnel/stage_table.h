/*
 * stage_table.h: what an aggregate over journeys counts and times by position. Rows are in order of position.
 */
#ifndef CRM_FUNNEL_STAGE_TABLE_H
#define CRM_FUNNEL_STAGE_TABLE_H

#include "base/compat.h"
#include "funnel/duration_list.h"

#include "fmgr.h"

#define STAGE_COUNTS 5
#define STAGE_LISTS 2

typedef struct StageRow {
    int32 position;
    uint64 seen; /* the last journey, by number, that was here; of one process, for whoever wants it */
    int64 count[STAGE_COUNTS];
    DurationList list[STAGE_LISTS];
} StageRow;

typedef struct StageTable {
    MemoryContext context; /* where all of it lives */
    uint64 journeys;       /* the number of the present one, for whoever counts them */
    int rows;
    int room;
    StageRow **row;
} StageTable;

/* The state of an aggregate's function, argument 0, or a new one. */
extern StageTable *crm_stage_table(FunctionCallInfo fcinfo);
/* The row of a position, made where there is none; it stays where it is. */
extern StageRow *crm_stage_row(StageTable *table, int32 position);

#endif
