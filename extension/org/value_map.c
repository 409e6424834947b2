/*
 * value_map.c: see value_map.h. Three hash tables, and one that remembers spellings: folding the case of a
 * value costs a hundred times the look-up, and a column repeats the same few spellings for millions of rows.
 */
#include "base/compat.h"
#include "org/value_map.h"

#include "catalog/pg_collation.h"
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/memutils.h"

typedef struct Word {
    const char *data;
    int length;
} Word;

typedef struct WordEntry {
    Word word;
    uint32 hash;
    int index;
    int rank;
    char status;
} WordEntry;

typedef struct IntegerEntry {
    int64 value;
    int index;
    int rank;
    char status;
} IntegerEntry;

typedef struct UuidEntry {
    pg_uuid_t value;
    int index;
    int rank;
    char status;
} UuidEntry;

static inline uint32
hash_word(Word word)
{
    return hash_bytes((const unsigned char *) word.data, word.length);
}

static inline uint32
hash_integer(int64 value)
{
    return murmurhash32((uint32) value ^ murmurhash32((uint32) ((uint64) value >> 32)));
}

#define SH_PREFIX words
#define SH_ELEMENT_TYPE WordEntry
#define SH_KEY_TYPE Word
#define SH_KEY word
#define SH_HASH_KEY(table, key) hash_word(key)
#define SH_EQUAL(table, a, b)                                                                                \
    ((a).length == (b).length && memcmp((a).data, (b).data, (size_t) (a).length) == 0)
#define SH_STORE_HASH
#define SH_GET_HASH(table, entry) (entry)->hash
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#define SH_PREFIX integers
#define SH_ELEMENT_TYPE IntegerEntry
#define SH_KEY_TYPE int64
#define SH_KEY value
#define SH_HASH_KEY(table, key) hash_integer(key)
#define SH_EQUAL(table, a, b) ((a) == (b))
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

#define SH_PREFIX uuids
#define SH_ELEMENT_TYPE UuidEntry
#define SH_KEY_TYPE pg_uuid_t
#define SH_KEY value
#define SH_HASH_KEY(table, key) hash_bytes((key).data, UUID_LEN)
#define SH_EQUAL(table, a, b) (memcmp((a).data, (b).data, UUID_LEN) == 0)
#define SH_SCOPE static inline
#define SH_DECLARE
#define SH_DEFINE
#include "lib/simplehash.h"

struct CrmValueMap {
    MemoryContext context;
    words_hash *folded;
    integers_hash *integers;
    uuids_hash *uuids;
    /* spellings seen, in a context of their own so that they can be forgotten */
    MemoryContext spelling_context;
    words_hash *spellings;
};

#define SPELLINGS_MAX 8192

CrmValueMap *
crm_value_map_create(MemoryContext context)
{
    CrmValueMap *map = MemoryContextAllocZero(context, sizeof(CrmValueMap));

    map->context = context;
    map->folded = words_create(context, 64, NULL);
    map->integers = integers_create(context, 16, NULL);
    map->uuids = uuids_create(context, 16, NULL);
    map->spelling_context = AllocSetContextCreate(context, "crm unit spellings", ALLOCSET_SMALL_SIZES);
    map->spellings = words_create(map->spelling_context, 64, NULL);
    return map;
}

/* The lower rank wins; a second meaning of the same rank makes the value mean nothing. */
static void
settle(bool found, int *index, int *rank, int new_index, int new_rank)
{
    if (!found || new_rank < *rank) {
        *index = new_index;
        *rank = new_rank;
    } else if (new_rank == *rank && new_index != *index)
        *index = CRM_NO_VALUE;
}

static bool
canonical_integer(const char *value, int64 *result)
{
    char again[32];
    char *end;

    if (strlen(value) > 20 || value[strspn(value, "-0123456789")] != '\0')
        return false;
    errno = 0;
    *result = strtoi64(value, &end, 10);
    if (errno != 0 || *end != '\0')
        return false;
    snprintf(again, sizeof(again), INT64_FORMAT, *result);
    return strcmp(value, again) == 0;
}

static bool
canonical_uuid(const char *folded, pg_uuid_t *result)
{
    if (strlen(folded) != 36)
        return false;
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? folded[i] != '-' : strchr("0123456789abcdef", folded[i]) == NULL)
            return false;
    }
    *result = *DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(folded)));
    return true;
}

void
crm_value_map_add(CrmValueMap *map, const char *value, int index, int rank)
{
    MemoryContext old = MemoryContextSwitchTo(map->context);
    char *folded = str_tolower(value, strlen(value), DEFAULT_COLLATION_OID);
    Word word = {folded, (int) strlen(folded)};
    WordEntry *entry;
    int64 integer;
    pg_uuid_t uuid;
    bool found;

    entry = words_insert(map->folded, word, &found);
    settle(found, &entry->index, &entry->rank, index, rank);
    if (canonical_integer(folded, &integer)) {
        IntegerEntry *as_integer = integers_insert(map->integers, integer, &found);

        settle(found, &as_integer->index, &as_integer->rank, index, rank);
    }
    if (canonical_uuid(folded, &uuid)) {
        UuidEntry *as_uuid = uuids_insert(map->uuids, uuid, &found);

        settle(found, &as_uuid->index, &as_uuid->rank, index, rank);
    }
    MemoryContextSwitchTo(old);
}

static void
forget_spellings(CrmValueMap *map)
{
    MemoryContextReset(map->spelling_context);
    map->spellings = words_create(map->spelling_context, 64, NULL);
}

static int
find_new_spelling(CrmValueMap *map, Word word)
{
    char *folded = str_tolower(word.data, (size_t) word.length, DEFAULT_COLLATION_OID);
    Word key = {folded, (int) strlen(folded)};
    WordEntry *entry = words_lookup(map->folded, key);
    int index = entry != NULL ? entry->index : CRM_NO_VALUE;
    char *copy;
    bool found;

    pfree(folded);
    if (map->spellings->members >= SPELLINGS_MAX)
        forget_spellings(map);
    copy = MemoryContextAlloc(map->spelling_context, (Size) word.length + 1);
    memcpy(copy, word.data, (size_t) word.length);
    word.data = copy;
    entry = words_insert(map->spellings, word, &found);
    entry->index = index;
    return index;
}

int
crm_value_map_text(CrmValueMap *map, const char *value, int length)
{
    Word word = {value, length};
    WordEntry *entry;

    if (length > CRM_VALUE_MAX)
        return CRM_NO_VALUE;
    entry = words_lookup(map->spellings, word);
    return entry != NULL ? entry->index : find_new_spelling(map, word);
}

int
crm_value_map_integer(CrmValueMap *map, int64 value)
{
    IntegerEntry *entry = integers_lookup(map->integers, value);

    return entry != NULL ? entry->index : CRM_NO_VALUE;
}

int
crm_value_map_uuid(CrmValueMap *map, const pg_uuid_t *value)
{
    UuidEntry *entry = uuids_lookup(map->uuids, *value);

    return entry != NULL ? entry->index : CRM_NO_VALUE;
}
