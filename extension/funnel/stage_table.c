/*
 * stage_table.c: see stage_table.h. States of several workers are joined by stage_table_combine, whatever they count.
 */
#include "base/aggregate.h"
#include "funnel/stage_table.h"

#include "libpq/pqformat.h"

static StageTable *
new_table(MemoryContext context)
{
    StageTable *table = MemoryContextAllocZero(context, sizeof(StageTable));

    table->context = context;
    return table;
}

StageTable *
crm_stage_table(FunctionCallInfo fcinfo)
{
    MemoryContext context = crm_aggregate_context(fcinfo);

    return PG_ARGISNULL(0) ? new_table(context) : (StageTable *) PG_GETARG_POINTER(0);
}

StageRow *
crm_stage_row(StageTable *table, int32 position)
{
    int low = 0;
    int high = table->rows;

    while (low < high) {
        int middle = low + (high - low) / 2;

        if (table->row[middle]->position < position)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < table->rows && table->row[low]->position == position)
        return table->row[low];
    if (table->rows == table->room) {
        table->room = Max(16, 2 * table->room);
        table->row = table->row == NULL
                         ? MemoryContextAlloc(table->context, sizeof(StageRow *) * (Size) table->room)
                         : repalloc(table->row, sizeof(StageRow *) * (Size) table->room);
    }
    memmove(&table->row[low + 1], &table->row[low], sizeof(StageRow *) * (Size) (table->rows - low));
    table->row[low] = MemoryContextAllocZero(table->context, sizeof(StageRow));
    table->row[low]->position = position;
    table->rows++;
    return table->row[low];
}

PG_FUNCTION_INFO_V1(crm_stage_table_combine);

Datum
crm_stage_table_combine(PG_FUNCTION_ARGS)
{
    StageTable *left = crm_stage_table(fcinfo);
    const StageTable *right = PG_ARGISNULL(1) ? NULL : (const StageTable *) PG_GETARG_POINTER(1);

    for (int i = 0; right != NULL && i < right->rows; i++) {
        const StageRow *from = right->row[i];
        StageRow *to = crm_stage_row(left, from->position);

        for (int k = 0; k < STAGE_COUNTS; k++)
            to->count[k] += from->count[k];
        for (int k = 0; k < STAGE_LISTS; k++)
            crm_duration_join(&to->list[k], left->context, &from->list[k]);
    }
    PG_RETURN_POINTER(left);
}

PG_FUNCTION_INFO_V1(crm_stage_table_serialize);

Datum
crm_stage_table_serialize(PG_FUNCTION_ARGS)
{
    const StageTable *table = (const StageTable *) PG_GETARG_POINTER(0);
    StringInfoData message;

    pq_begintypsend(&message);
    pq_sendint32(&message, (uint32) table->rows);
    for (int i = 0; i < table->rows; i++) {
        pq_sendint32(&message, (uint32) table->row[i]->position);
        for (int k = 0; k < STAGE_COUNTS; k++)
            pq_sendint64(&message, (uint64) table->row[i]->count[k]);
        for (int k = 0; k < STAGE_LISTS; k++)
            crm_duration_send(&message, &table->row[i]->list[k]);
    }
    PG_RETURN_BYTEA_P(pq_endtypsend(&message));
}

PG_FUNCTION_INFO_V1(crm_stage_table_deserialize);

Datum
crm_stage_table_deserialize(PG_FUNCTION_ARGS)
{
    bytea *bytes = PG_GETARG_BYTEA_PP(0);
    StringInfoData message = {.data = VARDATA_ANY(bytes), .len = (int) VARSIZE_ANY_EXHDR(bytes)};
    StageTable *table = new_table(CurrentMemoryContext);

    for (int left = (int) pq_getmsgint(&message, 4); left > 0; left--) {
        StageRow *row = crm_stage_row(table, (int32) pq_getmsgint(&message, 4));

        for (int k = 0; k < STAGE_COUNTS; k++)
            row->count[k] = pq_getmsgint64(&message);
        for (int k = 0; k < STAGE_LISTS; k++)
            crm_duration_receive(&message, &row->list[k], table->context);
    }
    pq_getmsgend(&message);
    PG_RETURN_POINTER(table);
}
