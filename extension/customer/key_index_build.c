/*
 * key_index_build.c: writes a build of link_block. See key_index.h.
 *
 * One pass over the records writes their keys to temporary files by the keys' upper bits; then each file, which fits in
 * memory, is sorted and cut into rows.
 */
#include "base/compat.h"
#include "base/kept_plan.h"
#include "base/schema.h"
#include "customer/key_index.h"
#include "customer/key_pack.h"
#include "customer/record_input.h"
#include "customer/resolve_run.h"
#include "customer/small_linker.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/buffile.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

PG_FUNCTION_INFO_V1(crm_key_index_build);

#define PART_BITS 6
#define PARTS (1 << PART_BITS)
#define READ_AT_ONCE 5000

typedef struct Build {
    int64 build;
    const LinkModel *model;
    BufFile *part[PARTS];
    uint64 part_entries[PARTS];
    uint64 entries;
    int64 *record; /* as key_pack has them, rising */
    uint32 count;
    uint32 room;
} Build;

static void
note_record(Build *to, int64 record, const LinkKey *keys, int key_count)
{
    if (to->count == to->room) {
        to->room = Max(1024, to->room * 2);
        to->record = repalloc_huge(to->record, sizeof(int64) * (Size) to->room);
    }
    for (int k = 0; k < key_count; k++) {
        KeyEntry entry = {keys[k].key, to->count};
        int part = (int) key_pack_slot(entry.key, PART_BITS);

        crm_buffile_write(to->part[part], &entry, sizeof entry);
        to->part_entries[part]++;
    }
    to->entries += (uint64) key_count;
    to->record[to->count++] = record;
}

/* The rows that SPI holds. */
static void
note_rows(Build *to, RecordInput *record)
{
    SmallLinker *linker = small_linker_open(to->model, false);
    LinkKey keys[LINK_MAX_KEYS];

    for (uint64 i = 0; i < SPI_processed; i++) {
        record_input_read(SPI_tuptable->vals[i], SPI_tuptable->tupdesc, record);
        small_linker_add(linker, &record->input, record->record_no);
    }
    for (int i = 0; i < linker->count; i++)
        note_record(to, key_pack_record(linker->number[i], linker->kind[i]), keys,
                    small_linker_keys(linker, i, keys));
    small_linker_close(linker);
}

static void
read_records(Build *to)
{
    SPIPlanPtr plan = plan_prepare(psprintf("SELECT %s FROM %s.record_copy r ORDER BY r.record_no",
                                            crm_record_columns(), crm_schema_quoted()),
                                   0, NULL);
    Portal cursor = SPI_cursor_open(NULL, plan, NULL, NULL, true);
    MemoryContext batch = AllocSetContextCreate(CurrentMemoryContext, "crm records", ALLOCSET_DEFAULT_SIZES);
    MemoryContext before = CurrentMemoryContext;
    RecordInput record = {0};
    uint64 rows;

    do {
        CHECK_FOR_INTERRUPTS();
        SPI_cursor_fetch(cursor, true, READ_AT_ONCE);
        rows = SPI_processed;
        MemoryContextSwitchTo(batch);
        note_rows(to, &record);
        MemoryContextSwitchTo(before);
        SPI_freetuptable(SPI_tuptable);
        MemoryContextReset(batch);
        resolve_run_tell(to->count, 0);
    } while (rows == READ_AT_ONCE);
    SPI_cursor_close(cursor);
}

static void
write_row(const Build *from, SPIPlanPtr plan, int32 slot, const KeyEntry *entries, size_t count, size_t many)
{
    bytea *list = palloc(VARHDRSZ + key_pack_bound(count));
    Datum values[3] = {Int64GetDatum(from->build), Int32GetDatum(slot), PointerGetDatum(list)};

    SET_VARSIZE(list, VARHDRSZ + key_pack(entries, count, many, from->record, (uint8_t *) VARDATA(list)));
    if (SPI_execute_plan(plan, values, NULL, false, 0) != SPI_OK_INSERT)
        elog(ERROR, "link_block could not be written");
    pfree(list);
}

/*
 * The lists of keys that many records have, each under its own slot: two keys that share one are written together. What no look-up
 * has time to read is left out.
 */
static void
write_own_rows(const Build *from, SPIPlanPtr plan, const KeyEntry *entries, size_t count)
{
    for (size_t first = 0, end; first < count; first = end) {
        int32 slot = key_pack_own_slot(entries[first].key);
        bool wanted = false;

        for (end = first; end < count && key_pack_own_slot(entries[end].key) == slot;) {
            size_t key = end;

            while (end < count && entries[end].key == entries[key].key)
                end++;
            wanted |= end - key > KEY_PACK_MANY && end - key <= KEY_INDEX_MOST_HOLDERS;
        }
        if (wanted)
            write_row(from, plan, slot, entries + first, end - first, KEY_INDEX_MOST_HOLDERS);
    }
}

static void
write_part(const Build *from, SPIPlanPtr plan, int part, int bits)
{
    size_t count = from->part_entries[part];
    KeyEntry *entries = palloc_extended(sizeof(KeyEntry) * Max(count, 1), MCXT_ALLOC_HUGE);
    KeyEntry *scratch = palloc_extended(sizeof(KeyEntry) * Max(count, 1), MCXT_ALLOC_HUGE);

    if (BufFileSeek(from->part[part], 0, 0, SEEK_SET) != 0 ||
        BufFileRead(from->part[part], entries, sizeof(KeyEntry) * count) != sizeof(KeyEntry) * count)
        ereport(ERROR, (errcode_for_file_access(), errmsg("could not read from a temporary file: %m")));
    key_pack_sort(entries, scratch, count);
    pfree(scratch);
    for (size_t first = 0, end; first < count; first = end) {
        uint32 slot = key_pack_slot(entries[first].key, bits);

        CHECK_FOR_INTERRUPTS();
        for (end = first + 1; end < count && key_pack_slot(entries[end].key, bits) == slot;)
            end++;
        write_row(from, plan, (int32) slot, entries + first, end - first, KEY_PACK_MANY);
        write_own_rows(from, plan, entries + first, end - first);
    }
    pfree(entries);
    BufFileClose(from->part[part]);
}

/* key_index_build(build bigint) integer: of the run's model and all records; returns how many bits of a key say its slot. */
Datum
crm_key_index_build(PG_FUNCTION_ARGS)
{
    Build to = {.build = PG_GETARG_INT64(0), .model = linker_model(resolve_run_linker(resolve_run_done()))};
    Oid types[3] = {INT8OID, INT4OID, BYTEAOID};
    SPIPlanPtr plan;
    int bits;

    SPI_connect();
    to.record = palloc(sizeof(int64));
    for (int i = 0; i < PARTS; i++)
        to.part[i] = BufFileCreateTemp(false);
    read_records(&to);
    /* a slot never spans two parts */
    bits = Max(key_pack_bits(to.entries), PART_BITS);
    plan = plan_prepare(
        psprintf("INSERT INTO %s.link_block (build, slot, entries) VALUES ($1, $2, $3)", crm_schema_quoted()),
        3, types);
    for (int i = 0; i < PARTS; i++)
        write_part(&to, plan, i, bits);
    SPI_finish();
    PG_RETURN_INT32(bits);
}
