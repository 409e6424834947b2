/*
 * piece.c: see piece.h.
 */
#include "base/compat.h"
#include "base/varint.h"
#include "kpi/piece.h"

#include "utils/memutils.h"

static int
compare(const PieceEntry *a, const PieceEntry *b)
{
    return crm_piece_compare(a->value, a->length, b->value, b->length);
}

#define ST_SORT sort_entries
#define ST_ELEMENT_TYPE PieceEntry
#define ST_COMPARE(a, b) compare(a, b)
#define ST_SCOPE static
#define ST_DEFINE
#include "lib/sort_template.h"

int64
crm_piece_reduce(PieceEntry *entries, int64 count)
{
    int64 kept = 0;

    sort_entries(entries, count);
    for (int64 i = 0, next; i < count; i = next) {
        PieceEntry sum = entries[i];

        for (next = i + 1; next < count && compare(&entries[next], &sum) == 0; next++)
            sum.count += entries[next].count;
        if (sum.count != 0)
            entries[kept++] = sum;
    }
    return kept;
}

bytea *
crm_piece_pack(const PieceEntry *entries, int64 count)
{
    Size size = VARHDRSZ;
    bytea *piece;
    unsigned char *at;

    for (int64 i = 0; i < count; i++)
        size += 2 * VARINT_MAX + (Size) entries[i].length;
    piece = MemoryContextAllocHuge(CurrentMemoryContext, size);
    at = (unsigned char *) VARDATA(piece);
    for (int64 i = 0; i < count; i++) {
        at = varint_put(at, (uint64) entries[i].length);
        memcpy(at, entries[i].value, entries[i].length);
        at = varint_put(at + entries[i].length, zigzag(entries[i].count));
    }
    size = (Size) ((char *) at - (char *) piece);
    if (!AllocSizeIsValid(size))
        ereport(ERROR, errcode(ERRCODE_PROGRAM_LIMIT_EXCEEDED),
                errmsg("too many counted values in one set of dimensions"),
                errhint("Type SELECT count_values(kpi, false) for a KPI whose values are not worth it."));
    SET_VARSIZE(piece, size);
    return piece;
}

PieceReader
crm_piece_read(const bytea *piece)
{
    const unsigned char *data = (const unsigned char *) VARDATA_ANY(piece);

    return (PieceReader){.at = data, .end = data + VARSIZE_ANY_EXHDR(piece)};
}

bool
crm_piece_next(PieceReader *reader, PieceEntry *entry)
{
    const unsigned char *at;
    uint64 length, count;

    if (reader->at == reader->end)
        return false;
    at = varint_get(reader->at, reader->end, &length);
    if (at != NULL && length <= (uint64) (reader->end - at)) {
        entry->value = (const char *) at;
        entry->length = (int32) length;
        at = varint_get(at + length, reader->end, &count);
    } else
        at = NULL;
    if (at == NULL)
        ereport(ERROR, errcode(ERRCODE_DATA_CORRUPTED), errmsg("not a piece of counted values"));
    entry->count = unzigzag(count);
    reader->at = at;
    return true;
}
