/*
 * value_map.c: see value_map.h. The words are kept as a list, and one hash table for each type is made of it on
 * demand: a session that asks for integers never pays for the spellings of text.
 */
#include "base/compat.h"
#include "org/value_map.h"

#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "common/hashfn.h"
#include "utils/builtins.h"
#include "utils/formatting.h"
#include "utils/memutils.h"

typedef struct Source {
    const char *word;
    int index;
    int rank;
} Source;

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
    Source *sources;
    int count;
    int size;
    /* NULL until asked for */
    words_hash *words;
    integers_hash *integers;
    uuids_hash *uuids;
};

CrmValueMap *
crm_value_map_create(MemoryContext context)
{
    CrmValueMap *map = MemoryContextAllocZero(context, sizeof(CrmValueMap));

    map->context = context;
    map->size = 16;
    map->sources = MemoryContextAlloc(context, sizeof(Source) * (Size) map->size);
    return map;
}

void
crm_value_map_add(CrmValueMap *map, const char *word, int index, int rank)
{
    Assert(map->words == NULL && map->integers == NULL && map->uuids == NULL);
    if (map->count == map->size) {
        map->size *= 2;
        map->sources = repalloc_huge(map->sources, sizeof(Source) * (Size) map->size);
    }
    map->sources[map->count++] = (Source){word, index, rank};
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

/* Spellings */

typedef enum Spelling { AS_WRITTEN, LOWER, UPPER, INITIALS, SPELLINGS } Spelling;

static void
spell_ascii(char *buffer, const char *word, Spelling spelling)
{
    bool inside = false; /* after a letter or digit of the same word */

    for (; *word != '\0'; word++, buffer++) {
        bool capital = spelling == UPPER || (spelling == INITIALS && !inside);

        *buffer = (char) (capital ? pg_ascii_toupper((unsigned char) *word)
                                  : pg_ascii_tolower((unsigned char) *word));
        inside = (*word >= '0' && *word <= '9') || (*buffer >= 'a' && *buffer <= 'z') ||
                 (*buffer >= 'A' && *buffer <= 'Z');
    }
    *buffer = '\0';
}

static char *
spell_any(const char *word, Spelling spelling)
{
    Size length = strlen(word);

    switch (spelling) {
    case LOWER:
        return str_tolower(word, length, DEFAULT_COLLATION_OID);
    case UPPER:
        return str_toupper(word, length, DEFAULT_COLLATION_OID);
    case INITIALS:
        return str_initcap(word, length, DEFAULT_COLLATION_OID);
    default:
        return pstrdup(word);
    }
}

static void
insert_word(CrmValueMap *map, const char *spelled, const Source *source, bool copy)
{
    Word word = {spelled, (int) strlen(spelled)};
    WordEntry *entry;
    bool found;

    if (word.length > CRM_VALUE_MAX)
        return;
    entry = words_insert(map->words, word, &found);
    if (!found && copy)
        entry->word.data = pstrdup(spelled);
    settle(found, &entry->index, &entry->rank, source->index, source->rank);
}

static void
insert_spellings(CrmValueMap *map, const Source *source)
{
    const char *word = source->word;
    Size length = strlen(word);
    bool ascii = true;

    for (Size i = 0; i < length; i++)
        ascii &= !IS_HIGHBIT_SET(word[i]);
    insert_word(map, word, source, false);
    for (Spelling spelling = LOWER; spelling < SPELLINGS; spelling++) {
        char buffer[CRM_VALUE_MAX + 1];

        if (ascii && length <= CRM_VALUE_MAX) {
            spell_ascii(buffer, word, spelling);
            insert_word(map, buffer, source, true);
        } else {
            char *spelled = spell_any(word, spelling);

            insert_word(map, spelled, source, true);
            pfree(spelled);
        }
    }
}

static words_hash *
words_of(CrmValueMap *map)
{
    if (unlikely(map->words == NULL)) {
        MemoryContext old = MemoryContextSwitchTo(map->context);

        map->words = words_create(map->context, (uint32) map->count * 3 + 16, NULL);
        for (int i = 0; i < map->count; i++)
            insert_spellings(map, &map->sources[i]);
        MemoryContextSwitchTo(old);
    }
    return map->words;
}

/* Integers and uuids */

static bool
canonical_integer(const char *value, int64 *result)
{
    char again[32];
    char *end;

    if (strlen(value) > 20 || value[strspn(value, "-0123456789")] != '\0')
        return false;
    errno = 0;
    *result = strtoi64(value, &end, 10);
    if (errno != 0 || *end != '\0' || end == value)
        return false;
    snprintf(again, sizeof(again), INT64_FORMAT, *result);
    return strcmp(value, again) == 0;
}

/* Either case: the hexadecimal digits of a uuid are the same number in both. */
static bool
canonical_uuid(const char *value, pg_uuid_t *result)
{
    if (strlen(value) != 36)
        return false;
    for (int i = 0; i < 36; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;

        if (dash ? value[i] != '-' : strchr("0123456789abcdefABCDEF", value[i]) == NULL)
            return false;
    }
    *result = *DatumGetUUIDP(DirectFunctionCall1(uuid_in, CStringGetDatum(value)));
    return true;
}

static integers_hash *
integers_of(CrmValueMap *map)
{
    if (unlikely(map->integers == NULL)) {
        map->integers = integers_create(map->context, (uint32) map->count + 16, NULL);
        for (int i = 0; i < map->count; i++) {
            const Source *source = &map->sources[i];
            IntegerEntry *entry;
            int64 value;
            bool found;

            if (!canonical_integer(source->word, &value))
                continue;
            entry = integers_insert(map->integers, value, &found);
            settle(found, &entry->index, &entry->rank, source->index, source->rank);
        }
    }
    return map->integers;
}

static uuids_hash *
uuids_of(CrmValueMap *map)
{
    if (unlikely(map->uuids == NULL)) {
        map->uuids = uuids_create(map->context, (uint32) map->count + 16, NULL);
        for (int i = 0; i < map->count; i++) {
            const Source *source = &map->sources[i];
            UuidEntry *entry;
            pg_uuid_t value;
            bool found;

            if (!canonical_uuid(source->word, &value))
                continue;
            entry = uuids_insert(map->uuids, value, &found);
            settle(found, &entry->index, &entry->rank, source->index, source->rank);
        }
    }
    return map->uuids;
}

/* Looking up */

int
crm_value_map_text(CrmValueMap *map, const char *value, int length)
{
    WordEntry *entry = words_lookup(words_of(map), (Word){value, length});

    return entry != NULL ? entry->index : CRM_NO_VALUE;
}

int
crm_value_map_integer(CrmValueMap *map, int64 value)
{
    IntegerEntry *entry = integers_lookup(integers_of(map), value);

    return entry != NULL ? entry->index : CRM_NO_VALUE;
}

int
crm_value_map_uuid(CrmValueMap *map, const pg_uuid_t *value)
{
    UuidEntry *entry = uuids_lookup(uuids_of(map), *value);

    return entry != NULL ? entry->index : CRM_NO_VALUE;
}

static void
each_text(CrmValueMap *map, CrmValueWanted wanted, CrmValueVisitor visit, void *arg)
{
    words_iterator iterator;
    WordEntry *entry;

    words_start_iterate(words_of(map), &iterator);
    while ((entry = words_iterate(map->words, &iterator)) != NULL) {
        if (entry->index != CRM_NO_VALUE && wanted(entry->index, arg))
            visit(PointerGetDatum(cstring_to_text_with_len(entry->word.data, entry->word.length)), arg);
    }
}

static void
each_integer(CrmValueMap *map, bool wide, CrmValueWanted wanted, CrmValueVisitor visit, void *arg)
{
    integers_iterator iterator;
    IntegerEntry *entry;

    integers_start_iterate(integers_of(map), &iterator);
    while ((entry = integers_iterate(map->integers, &iterator)) != NULL) {
        if (entry->index == CRM_NO_VALUE || !wanted(entry->index, arg))
            continue;
        if (wide)
            visit(Int64GetDatum(entry->value), arg);
        else if (entry->value >= PG_INT32_MIN && entry->value <= PG_INT32_MAX)
            visit(Int32GetDatum((int32) entry->value), arg);
    }
}

static void
each_uuid(CrmValueMap *map, CrmValueWanted wanted, CrmValueVisitor visit, void *arg)
{
    uuids_iterator iterator;
    UuidEntry *entry;

    uuids_start_iterate(uuids_of(map), &iterator);
    while ((entry = uuids_iterate(map->uuids, &iterator)) != NULL) {
        if (entry->index != CRM_NO_VALUE && wanted(entry->index, arg))
            visit(UUIDPGetDatum(&entry->value), arg);
    }
}

void
crm_value_map_each(CrmValueMap *map, Oid type, CrmValueWanted wanted, CrmValueVisitor visit, void *arg)
{
    switch (type) {
    case TEXTOID:
        each_text(map, wanted, visit, arg);
        break;
    case INT4OID:
    case INT8OID:
        each_integer(map, type == INT8OID, wanted, visit, arg);
        break;
    case UUIDOID:
        each_uuid(map, wanted, visit, arg);
        break;
    default:
        elog(ERROR, "no values of type %u", type);
    }
}
