/*
 * change.c: in-memory aggregation of captured changes. See change.h.
 *
 * Three hash tables: one finds the number of a set of dimensions by its bytes, one a part by (group, component,
 * day), one a value by that and its bytes (made when the first value comes). Rows of one statement tend to come with the dimensions of the row before, so that one is tried first.
 */
#include "base/compat.h"
#include "kpi/change.h"
#include "kpi/piece.h"

#include "common/hashfn.h"
#include "mb/pg_wchar.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

typedef struct DimsKey {
    const char *bytes; /* for each dimension its length, or -1, and its bytes */
    int length;
} DimsKey;

typedef struct DimsEntry {
    DimsKey key;
    uint32 hash;
    char status;
    int32 group;
} DimsEntry;

struct CrmGroup {
    DimsKey key;
    text *dims[CRM_DIMS];
};

static inline bool
dims_equal(DimsKey a, DimsKey b)
{
    return a.length == b.length && memcmp(a.bytes, b.bytes, a.length) == 0;
}

#define SH_PREFIX dims
#define SH_ELEMENT_TYPE DimsEntry
#define SH_KEY_TYPE DimsKey
#define SH_KEY key
#define SH_HASH_KEY(tb, k) hash_bytes((const unsigned char *) (k).bytes, (k).length)
#define SH_EQUAL(tb, a, b) dims_equal(a, b)
#define SH_STORE_HASH
#define SH_GET_HASH(tb, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#define SH_PREFIX part
#define SH_ELEMENT_TYPE CrmPart
#define SH_KEY_TYPE CrmPartKey
#define SH_KEY key
#define SH_HASH_KEY(tb, k) hash_bytes((const unsigned char *) &(k), sizeof(CrmPartKey))
#define SH_EQUAL(tb, a, b) ((a).group == (b).group && (a).instance == (b).instance && (a).day == (b).day)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

static inline uint32
value_key_hash(const CrmValueKey *key)
{
    return hash_combine(hash_bytes((const unsigned char *) key->bytes, key->length),
                        hash_bytes((const unsigned char *) &key->part, sizeof(CrmPartKey)));
}

static inline bool
value_key_equal(const CrmValueKey *a, const CrmValueKey *b)
{
    return a->length == b->length && a->part.group == b->part.group && a->part.instance == b->part.instance &&
           a->part.day == b->part.day && memcmp(a->bytes, b->bytes, a->length) == 0;
}

#define SH_PREFIX value
#define SH_ELEMENT_TYPE CrmValue
#define SH_KEY_TYPE CrmValueKey
#define SH_KEY key
#define SH_HASH_KEY(tb, k) value_key_hash(&(k))
#define SH_EQUAL(tb, a, b) value_key_equal(&(a), &(b))
#define SH_STORE_HASH
#define SH_GET_HASH(tb, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct CrmChanges {
    CrmChangesSink sink;
    void *arg;
    MemoryContext context; /* of this struct */
    MemoryContext content; /* of what is aggregated; reset by a flush */
    dims_hash *dims;
    part_hash *parts;
    value_hash *values; /* NULL: none yet */
    CrmGroup *groups;
    int32 count;
    int32 space;
    int32 last;
    char *scratch; /* the bytes of the row at hand */
    uint64 parts_limit;
};

/* How many parts a hash table takes that fits into maintenance_work_mem, less some for the row that is the last. */
static uint64
parts_that_fit(void)
{
    uint64 size = 1 << 14;

    while (size * 2 * sizeof(CrmPart) <= (uint64) maintenance_work_mem * 1024)
        size *= 2;
    return size / 8 * 7;
}

static void
start(CrmChanges *changes)
{
    MemoryContext old = MemoryContextSwitchTo(changes->content);

    changes->dims = dims_create(changes->content, 16, NULL);
    changes->parts = part_create(changes->content, 32, NULL);
    changes->values = NULL;
    changes->space = 16;
    changes->groups = palloc(sizeof(CrmGroup) * changes->space);
    changes->count = 0;
    changes->last = -1;
    MemoryContextSwitchTo(old);
}

CrmChanges *
crm_changes_begin(CrmChangesSink sink, void *arg)
{
    MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "crm changes", ALLOCSET_SMALL_SIZES);
    CrmChanges *changes = MemoryContextAllocZero(context, sizeof(CrmChanges));

    changes->sink = sink;
    changes->arg = arg;
    changes->parts_limit = parts_that_fit();
    changes->context = context;
    changes->content = AllocSetContextCreate(context, "crm changes content", ALLOCSET_DEFAULT_SIZES);
    changes->scratch = MemoryContextAlloc(context, CRM_DIMS * (sizeof(int16) + CRM_DIM_BYTES));
    start(changes);
    return changes;
}

/* The row's dimensions as one string of bytes in the scratch space; values are cut here. */
static DimsKey
dims_key(CrmChanges *changes, text *const *dims)
{
    char *at = changes->scratch;

    for (int i = 0; i < CRM_DIMS; i++) {
        int16 length = -1;

        if (dims[i]) {
            length = Min(VARSIZE_ANY_EXHDR(dims[i]), CRM_DIM_BYTES);
            if (VARSIZE_ANY_EXHDR(dims[i]) > CRM_DIM_BYTES)
                length = pg_mbcliplen(VARDATA_ANY(dims[i]), VARSIZE_ANY_EXHDR(dims[i]), CRM_DIM_BYTES);
        }
        memcpy(at, &length, sizeof(length));
        at += sizeof(length);
        if (length > 0) {
            memcpy(at, VARDATA_ANY(dims[i]), length);
            at += length;
        }
    }
    return (DimsKey){.bytes = changes->scratch, .length = (int) (at - changes->scratch)};
}

static void
group_fill(CrmChanges *changes, CrmGroup *group, DimsKey key)
{
    const char *at;
    char *bytes = MemoryContextAlloc(changes->content, key.length);

    memcpy(bytes, key.bytes, key.length);
    group->key = (DimsKey){.bytes = bytes, .length = key.length};
    at = bytes;
    for (int i = 0; i < CRM_DIMS; i++) {
        int16 length;

        memcpy(&length, at, sizeof(length));
        at += sizeof(length);
        group->dims[i] = NULL;
        if (length < 0)
            continue;
        group->dims[i] = MemoryContextAlloc(changes->content, VARHDRSZ + length);
        SET_VARSIZE(group->dims[i], VARHDRSZ + length);
        memcpy(VARDATA(group->dims[i]), at, length);
        at += length;
    }
}

int32
crm_changes_group(CrmChanges *changes, const Datum *dims, const bool *nulls)
{
    text *texts[CRM_DIMS];
    DimsKey key;
    DimsEntry *entry;
    bool found;

    for (int i = 0; i < CRM_DIMS; i++)
        texts[i] = nulls[i] ? NULL : DatumGetTextPP(dims[i]);
    key = dims_key(changes, texts);
    if (changes->last >= 0 && dims_equal(key, changes->groups[changes->last].key))
        return changes->last;
    entry = dims_insert(changes->dims, key, &found);
    if (!found) {
        if (changes->count == changes->space) {
            changes->space *= 2;
            changes->groups = repalloc(changes->groups, sizeof(CrmGroup) * changes->space);
        }
        group_fill(changes, &changes->groups[changes->count], key);
        entry->key = changes->groups[changes->count].key; /* the scratch space is the next row's */
        entry->group = changes->count++;
    }
    changes->last = entry->group;
    return entry->group;
}

static CrmPart *
find_part(CrmChanges *changes, CrmPartKey key)
{
    bool found;
    CrmPart *part = part_insert(changes->parts, key, &found);

    if (!found) {
        part->rows = 0;
        part->invalid = 0;
        memset(part->sums, 0, sizeof(part->sums));
    }
    return part;
}

void
crm_changes_add(CrmChanges *changes, CrmPartKey key, int sign, int count, const Datum *sums,
                const bool *nulls)
{
    CrmPart *part = find_part(changes, key);
    bool invalid = false;

    part->rows += sign;
    for (int i = 0; i < count; i++)
        if (!nulls[i] && !crm_total_add(&part->sums[i], sums[i], sign, changes->content))
            invalid = true;
    if (invalid)
        part->invalid += sign;
}

void
crm_changes_merge(CrmChanges *changes, CrmPartKey key, int64 rows, int64 invalid, const Datum *sums,
                  const bool *nulls)
{
    CrmPart *part = find_part(changes, key);

    part->rows += rows;
    part->invalid += invalid;
    for (int i = 0; i < CRM_SUMS; i++)
        if (!nulls[i])
            crm_total_merge(&part->sums[i], sums[i], changes->content);
}

void
crm_changes_count(CrmChanges *changes, CrmPartKey key, const char *bytes, int length, int64 count)
{
    CrmValueKey wanted = {.part = key, .length = length, .bytes = bytes};
    CrmValue *value;
    bool found;

    if (changes->values == NULL)
        changes->values = value_create(changes->content, 32, NULL);
    value = value_insert(changes->values, wanted, &found);
    if (!found) {
        char *copy = MemoryContextAlloc(changes->content, length);

        memcpy(copy, bytes, length);
        value->key.bytes = copy;
        value->count = 0;
    }
    value->count += count;
}

bool
crm_changes_full(const CrmChanges *changes)
{
    return changes->parts->members > changes->parts_limit ||
           MemoryContextMemAllocated(changes->content, false) > (Size) maintenance_work_mem * 1024;
}

static bool
part_is_empty(const CrmPart *part)
{
    if (part->rows != 0 || part->invalid != 0)
        return false;
    for (int i = 0; i < CRM_SUMS; i++)
        if (!crm_total_is_zero(&part->sums[i]))
            return false;
    return true;
}

static int
key_compare(const CrmPartKey *x, const CrmPartKey *y)
{
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    if (x->instance != y->instance)
        return x->instance < y->instance ? -1 : 1;
    return x->day < y->day ? -1 : x->day > y->day;
}

static int
part_compare(const void *a, const void *b)
{
    return key_compare(&(*(CrmPart *const *) a)->key, &(*(CrmPart *const *) b)->key);
}

/* Values of one component and day in the order of pieces. */
static int
value_compare(const void *a, const void *b)
{
    const CrmValueKey *x = &(*(CrmValue *const *) a)->key;
    const CrmValueKey *y = &(*(CrmValue *const *) b)->key;
    int order = key_compare(&x->part, &y->part);

    return order != 0 ? order : crm_piece_compare(x->bytes, x->length, y->bytes, y->length);
}

static CrmPart **
sorted_parts(const CrmChanges *changes, int *count)
{
    CrmPart **parts = palloc(sizeof(CrmPart *) * Max(changes->parts->members, 1));
    part_iterator iterator;
    CrmPart *part;

    *count = 0;
    part_start_iterate(changes->parts, &iterator);
    while ((part = part_iterate(changes->parts, &iterator)) != NULL)
        if (!part_is_empty(part))
            parts[(*count)++] = part;
    qsort(parts, *count, sizeof(CrmPart *), part_compare);
    return parts;
}

static CrmValue **
sorted_values(const CrmChanges *changes, int *count)
{
    CrmValue **values;
    value_iterator iterator;
    CrmValue *value;

    *count = 0;
    if (changes->values == NULL)
        return NULL;
    values = palloc(sizeof(CrmValue *) * Max(changes->values->members, 1));
    value_start_iterate(changes->values, &iterator);
    while ((value = value_iterate(changes->values, &iterator)) != NULL)
        if (value->count != 0)
            values[(*count)++] = value;
    qsort(values, *count, sizeof(CrmValue *), value_compare);
    return values;
}

void
crm_changes_flush(CrmChanges *changes)
{
    MemoryContext old = MemoryContextSwitchTo(changes->content);
    int part_count, value_count;
    CrmPart **parts = sorted_parts(changes, &part_count);
    CrmValue **values = sorted_values(changes, &value_count);
    int part = 0;
    int value = 0;

    while (part < part_count || value < value_count) {
        int32 group = Min(part < part_count ? parts[part]->key.group : PG_INT32_MAX,
                          value < value_count ? values[value]->key.part.group : PG_INT32_MAX);
        CrmGroupChange change = {.dims = changes->groups[group].dims, .parts = parts + part};

        for (; part < part_count && parts[part]->key.group == group; part++)
            change.part_count++;
        if (value_count > 0)
            change.values = values + value;
        for (; value < value_count && values[value]->key.part.group == group; value++)
            change.value_count++;
        changes->sink(changes->arg, &change);
    }
    MemoryContextSwitchTo(old);
    MemoryContextReset(changes->content);
    start(changes);
}

void
crm_changes_end(CrmChanges *changes)
{
    MemoryContextDelete(changes->context);
}
