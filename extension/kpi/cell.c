/*
 * cell.c: see cell.h.
 */
#include "base/compat.h"
#include "base/schema.h"
#include "customer/index_probe.h"
#include "kpi/cell.h"
#include "kpi/pending.h"

#include "access/table.h"
#include "access/tableam.h"
#include "common/hashfn.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"
#include "utils/uuid.h"

#define SH_PREFIX cell
#define SH_ELEMENT_TYPE Cell
#define SH_KEY_TYPE CellKey
#define SH_KEY key
#define SH_HASH_KEY(tb, k) hash_bytes((const unsigned char *) &(k), sizeof(CellKey))
#define SH_EQUAL(tb, a, b) ((a).source == (b).source && (a).dims == (b).dims && (a).period == (b).period)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

typedef struct DimsEntry {
    pg_uuid_t dims;
    uint32 hash;
    char status;
    int32 number;
} DimsEntry;

/* An id of dims is a hash already. */
static inline uint32
dims_id_hash(pg_uuid_t dims)
{
    uint32 result;

    memcpy(&result, dims.data, sizeof(result));
    return result;
}

#define SH_PREFIX dimsid
#define SH_ELEMENT_TYPE DimsEntry
#define SH_KEY_TYPE pg_uuid_t
#define SH_KEY dims
#define SH_HASH_KEY(tb, k) dims_id_hash(k)
#define SH_EQUAL(tb, a, b) (memcmp((a).data, (b).data, UUID_LEN) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

/* Columns of the tables, which are of the extension's making. */
enum { ROLLUP_INSTANCE = 1, ROLLUP_DAY, ROLLUP_DIMS, ROLLUP_ROWS, ROLLUP_INVALID, ROLLUP_SUMS };
enum { DIMS_ID = 1, DIMS_VALUES };

typedef struct Reading {
    Cells *cells;
    const CellSource *sources;
    int count;
    const CellPeriods *periods;
    MemoryContext context; /* of the result */
    dimsid_hash *ids;
    IndexProbe dims;
    int32 dims_room;
} Reading;

static int32
new_dims(Reading *reading)
{
    Cells *cells = reading->cells;

    if (cells->dims_count == reading->dims_room) {
        reading->dims_room = Max(64, 2 * reading->dims_room);
        cells->dims =
            cells->dims == NULL
                ? MemoryContextAllocHuge(reading->context, sizeof(CellDims) * (Size) reading->dims_room)
                : repalloc_huge(cells->dims, sizeof(CellDims) * (Size) reading->dims_room);
    }
    return cells->dims_count++;
}

/* From `first` on, the slot's columns are dimensions. */
static int32
copy_dims(Reading *reading, TupleTableSlot *slot, int first)
{
    int32 number = new_dims(reading);
    MemoryContext old = MemoryContextSwitchTo(reading->context);

    for (int i = 0; i < CRM_DIMS; i++) {
        bool isnull;
        Datum value = slot_getattr(slot, first + i, &isnull);

        reading->cells->dims[number].values[i] = isnull ? NULL : DatumGetTextPCopy(value);
    }
    MemoryContextSwitchTo(old);
    return number;
}

/* The number of interned dims, -1 where there are none of that id. */
static int32
dims_of_id(Reading *reading, pg_uuid_t *id)
{
    bool found;
    DimsEntry *entry = dimsid_insert(reading->ids, *id, &found);

    if (!found) {
        ScanKeyData key;
        TupleTableSlot *slot;

        ScanKeyInit(&key, DIMS_ID, BTEqualStrategyNumber, F_UUID_EQ, UUIDPGetDatum(id));
        slot = index_probe_find(&reading->dims, &key);
        entry->number = slot == NULL ? -1 : copy_dims(reading, slot, DIMS_VALUES);
    }
    return entry->number;
}

/* Whether a day counts, and for which period. */
static bool
period_of(const CellPeriods *periods, const CellSource *source, DateADT day, DateADT *period)
{
    int low = 0;
    int high = periods->count - 1;

    if (day > periods->until)
        return false;
    if (day < periods->since) {
        *period = CELL_BEFORE;
        return source->before;
    }
    if (periods->ends == NULL) {
        *period = day;
        return true;
    }
    while (low < high) {
        int middle = (low + high) / 2;

        if (periods->ends[middle] < day)
            low = middle + 1;
        else
            high = middle;
    }
    *period = periods->ends[low];
    return true;
}

static Cell *
find_cell(Reading *reading, int source, int32 dims, DateADT period)
{
    bool found;
    Cell *cell = cell_insert(reading->cells->table,
                             (CellKey){.source = source, .dims = dims, .period = period}, &found);

    if (!found) {
        cell->rows = 0;
        memset(cell->sums, 0, sizeof(cell->sums));
    }
    return cell;
}

static void
read_rollup_of(Reading *reading, IndexProbe *rollup, int number)
{
    const CellSource *source = &reading->sources[number];
    ScanKeyData keys[3];

    ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT4EQ, Int32GetDatum(source->instance));
    ScanKeyInit(&keys[1], 2, BTGreaterEqualStrategyNumber, F_DATE_GE,
                DateADTGetDatum(source->before ? DATEVAL_NOBEGIN : reading->periods->since));
    ScanKeyInit(&keys[2], 2, BTLessEqualStrategyNumber, F_DATE_LE, DateADTGetDatum(reading->periods->until));
    for (TupleTableSlot *slot = index_probe_find(rollup, keys); slot != NULL;
         slot = index_probe_next(rollup)) {
        bool isnull;
        DateADT period;
        int32 dims;
        Cell *cell;

        CHECK_FOR_INTERRUPTS();
        slot_getsomeattrs(slot, ROLLUP_ROWS);
        dims = dims_of_id(reading, DatumGetUUIDP(slot->tts_values[ROLLUP_DIMS - 1]));
        if (dims < 0 ||
            !period_of(reading->periods, source, DatumGetDateADT(slot->tts_values[ROLLUP_DAY - 1]), &period))
            continue;
        cell = find_cell(reading, number, dims, period);
        cell->rows += DatumGetInt64(slot->tts_values[ROLLUP_ROWS - 1]);
        for (int i = 0; i < CRM_SUMS; i++)
            if (source->sums[i]) {
                Datum value = slot_getattr(slot, ROLLUP_SUMS + i, &isnull);

                if (!isnull)
                    crm_total_merge(&cell->sums[i], value, reading->context);
            }
    }
}

static void
read_rollup(Reading *reading)
{
    IndexProbe rollup;

    index_probe_open(&rollup, "kpi_rollup", "kpi_rollup_pkey", 3);
    for (int i = 0; i < reading->count; i++)
        read_rollup_of(reading, &rollup, i);
    index_probe_close(&rollup);
}

static int
source_of(const Reading *reading, int32 instance)
{
    for (int i = 0; i < reading->count; i++)
        if (reading->sources[i].instance == instance)
            return i;
    return -1;
}

typedef struct PendingRow {
    Reading *reading;
    TupleTableSlot *slot;
    int32 dims; /* -1: nobody asked for them yet */
} PendingRow;

static void
read_part(void *arg, const Datum *values, const bool *nulls)
{
    PendingRow *row = arg;
    Reading *reading = row->reading;
    int number = source_of(reading, DatumGetInt32(values[CRM_PART_INSTANCE]));
    DateADT period;
    Cell *cell;

    if (number < 0 || !period_of(reading->periods, &reading->sources[number],
                                 DatumGetDateADT(values[CRM_PART_DAY]), &period))
        return;
    if (row->dims < 0)
        row->dims = copy_dims(reading, row->slot, CRM_PENDING_DIMS + 1);
    cell = find_cell(reading, number, row->dims, period);
    cell->rows += DatumGetInt64(values[CRM_PART_ROWS]);
    for (int i = 0; i < CRM_SUMS; i++)
        if (reading->sources[number].sums[i] && !nulls[CRM_PART_SUMS + i])
            crm_total_merge(&cell->sums[i], values[CRM_PART_SUMS + i], reading->context);
}

static void
read_pending(Reading *reading)
{
    Relation table = table_open(crm_relation_oid("kpi_pending"), AccessShareLock);
    TupleDesc part_desc = crm_pending_part_desc();
    TupleTableSlot *slot = table_slot_create(table, NULL);
    TableScanDesc scan = table_beginscan(table, GetActiveSnapshot(), 0, NULL);
    MemoryContext row_context =
        AllocSetContextCreate(CurrentMemoryContext, "crm pending row", ALLOCSET_DEFAULT_SIZES);

    while (table_scan_getnextslot(scan, ForwardScanDirection, slot)) {
        MemoryContext old = MemoryContextSwitchTo(row_context);

        PendingRow row = {.reading = reading, .slot = slot, .dims = -1};

        CHECK_FOR_INTERRUPTS();
        crm_pending_read(slot, part_desc, read_part, &row);
        MemoryContextSwitchTo(old);
        MemoryContextReset(row_context);
    }
    MemoryContextDelete(row_context);
    table_endscan(scan);
    ExecDropSingleTupleTableSlot(slot);
    table_close(table, AccessShareLock);
}

Cells *
cells_read(const CellSource *sources, int count, const CellPeriods *periods)
{
    Cells *cells = palloc0(sizeof(Cells));
    Reading reading = {.cells = cells,
                       .sources = sources,
                       .count = count,
                       .periods = periods,
                       .context = CurrentMemoryContext};

    cells->table = cell_create(CurrentMemoryContext, 1024, NULL);
    reading.ids = dimsid_create(CurrentMemoryContext, 256, NULL);
    index_probe_open(&reading.dims, "kpi_dims", "kpi_dims_pkey", 1);
    read_rollup(&reading);
    index_probe_close(&reading.dims);
    read_pending(&reading);
    return cells;
}

int64
cells_list(const Cells *cells, Cell ***list)
{
    cell_iterator iterator;
    Cell *cell;
    int64 count = 0;

    *list = MemoryContextAllocHuge(CurrentMemoryContext, sizeof(Cell *) * Max(cells->table->members, 1));
    cell_start_iterate(cells->table, &iterator);
    while ((cell = cell_iterate(cells->table, &iterator)) != NULL)
        (*list)[count++] = cell;
    return count;
}
