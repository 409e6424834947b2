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
    int16 rank;
} Source;

typedef struct Word {
    const char *data;
    int length;
} Word;

typedef struct WordEntry {
    Word word;
    uint32 hash;
    int index;
    int16 rank;
    char status;
} WordEntry;

typedef struct IntegerEntry {
    int64 value;
    int index;
    int16 rank;
    char status;
} IntegerEntry;

typedef struct UuidEntry {
    pg_uuid_t value;
    int index;
    int16 rank;
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
    words_hash *regular;
    words_hash *exact;
    integers_hash *integers;
    uuids_hash *uuids;
    /* Integers that lie close together: the meaning of first .. first + dense_count - 1, else NULL. */
    int *dense;
    int64 first;
    uint64 dense_count;
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
    Assert(map->regular == NULL && map->integers == NULL && map->dense == NULL && map->uuids == NULL);
    if (map->count == map->size) {
        map->size *= 2;
        map->sources = repalloc_huge(map->sources, sizeof(Source) * (Size) map->size);
    }
    map->sources[map->count++] = (Source){word, index, (int16) rank};
}

void
crm_value_map_include(CrmValueMap *map, const CrmValueMap *other, int penalty)
{
    for (int i = 0; i < other->count; i++)
        crm_value_map_add(map, other->sources[i].word, other->sources[i].index,
                          other->sources[i].rank + penalty);
}

/* The lower rank wins; a second meaning of the same rank makes the value mean nothing. */
static void
settle(bool found, int *index, int16 *rank, int new_index, int16 new_rank)
{
    if (!found || new_rank < *rank) {
        *index = new_index;
        *rank = new_rank;
    } else if (new_rank == *rank && new_index != *index)
        *index = CRM_NO_VALUE;
}

/*
 * Spellings. The three regular ones of an ASCII word follow from its lower case, so that one entry of `regular`
 * stands for them, and for all words that differ in case alone. What is spelled otherwise (eBay), and all
 * spellings of other words, are entries of `exact`.
 */

typedef enum Spelling { LOWER, UPPER, INITIALS, SPELLINGS } Spelling;

static bool
is_ascii(const char *word, int length)
{
    for (int i = 0; i < length; i++) {
        if (IS_HIGHBIT_SET(word[i]))
            return false;
    }
    return true;
}

/* ASCII without a capital: it is its own lower case, and need not be folded. */
static inline bool
is_lower_ascii(const char *value, int length)
{
    bool other = false;

    for (int i = 0; i < length; i++)
        other |= IS_HIGHBIT_SET(value[i]) || (unsigned char) (value[i] - 'A') < 26;
    return !other;
}

static inline bool
is_letter(char lower)
{
    return lower >= 'a' && lower <= 'z';
}

/* A lower-case ASCII word in another spelling. */
static void
spell_ascii(char *buffer, const char *lower, int length, Spelling spelling)
{
    bool inside = false; /* after a letter or digit of the same word */

    for (int i = 0; i < length; i++) {
        bool capital = spelling == UPPER || (spelling == INITIALS && !inside);

        buffer[i] = is_letter(lower[i]) && capital ? (char) (lower[i] - 'a' + 'A') : lower[i];
        inside = is_letter(lower[i]) || (lower[i] >= '0' && lower[i] <= '9');
    }
}

/* Writes the ASCII value in lower case, and says whether it is spelled regularly. */
static bool
fold_ascii(char *lower, const char *value, int length)
{
    bool is[SPELLINGS] = {true, true, true};
    bool inside = false;

    for (int i = 0; i < length; i++) {
        bool upper = value[i] >= 'A' && value[i] <= 'Z';

        lower[i] = upper ? (char) (value[i] - 'A' + 'a') : value[i];
        if (is_letter(lower[i])) {
            is[LOWER] &= !upper;
            is[UPPER] &= upper;
            is[INITIALS] &= upper == !inside;
            inside = true;
        } else
            inside = value[i] >= '0' && value[i] <= '9';
    }
    return is[LOWER] || is[UPPER] || is[INITIALS];
}

static void
insert_word(words_hash *words, const char *word, int length, const Source *source, bool copy)
{
    bool found;
    WordEntry *entry;

    if (length > CRM_VALUE_MAX)
        return;
    entry = words_insert(words, (Word){word, length}, &found);
    if (!found && copy)
        entry->word.data = pnstrdup(word, (Size) length);
    settle(found, &entry->index, &entry->rank, source->index, source->rank);
}

/* Spelled by the database's locale. */
static void
insert_other(CrmValueMap *map, const Source *source)
{
    const char *word = source->word;
    Size length = strlen(word);
    char *spelled[SPELLINGS] = {str_tolower(word, length, DEFAULT_COLLATION_OID),
                                str_toupper(word, length, DEFAULT_COLLATION_OID),
                                str_initcap(word, length, DEFAULT_COLLATION_OID)};

    insert_word(map->exact, word, (int) length, source, false);
    for (Spelling i = LOWER; i < SPELLINGS; i++)
        insert_word(map->exact, spelled[i], (int) strlen(spelled[i]), source, false);
}

static void
insert_spellings(CrmValueMap *map, const Source *source)
{
    char lower[CRM_VALUE_MAX];
    int length = (int) strlen(source->word);

    if (length > CRM_VALUE_MAX)
        return;
    if (!is_ascii(source->word, length)) {
        insert_other(map, source);
        return;
    }
    if (!fold_ascii(lower, source->word, length))
        insert_word(map->exact, source->word, length, source, false);
    if (memcmp(lower, source->word, (size_t) length) == 0)
        insert_word(map->regular, source->word, length, source, false);
    else
        insert_word(map->regular, lower, length, source, true);
}

/* An error halfway leaves the map without tables, not with half of one; so do those below. */
static void
make_words(CrmValueMap *map)
{
    MemoryContext old = MemoryContextSwitchTo(map->context);
    CrmValueMap made = *map;

    made.regular = words_create(map->context, (uint32) map->count, NULL);
    made.exact = words_create(map->context, 16, NULL);
    for (int i = 0; i < map->count; i++)
        insert_spellings(&made, &map->sources[i]);
    *map = made;
    MemoryContextSwitchTo(old);
}

/* Integers and uuids */

/* As an integer is written out: no sign but -, no leading zeros. */
bool
crm_canonical_integer(const char *value, int64 *result)
{
    const char *digits = value + (*value == '-');
    uint64 magnitude = 0;

    if (*digits < '0' || *digits > '9' || (*digits == '0' && (digits[1] != '\0' || digits != value)))
        return false;
    for (; *digits >= '0' && *digits <= '9'; digits++) {
        if (magnitude > (PG_UINT64_MAX - 9) / 10)
            return false;
        magnitude = magnitude * 10 + (uint64) (*digits - '0');
    }
    if (*digits != '\0' || magnitude > (uint64) PG_INT64_MAX + (*value == '-'))
        return false;
    *result = (int64) (*value == '-' ? 0 - magnitude : magnitude);
    return true;
}

/* Either case: the hexadecimal digits of a uuid are the same number in both. */
bool
crm_canonical_uuid(const char *value, pg_uuid_t *result)
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

typedef struct IntegerWord {
    int64 value;
    const Source *source;
} IntegerWord;

/* Integers that lie close together: an array, which stays in the processor's cache. */
static void
make_dense(CrmValueMap *map, const IntegerWord *integers, int count, int64 first, int64 last)
{
    uint64 places = (uint64) last - (uint64) first + 1;
    int16 *ranks = MemoryContextAllocExtended(CurrentMemoryContext, sizeof(int16) * places, MCXT_ALLOC_HUGE);

    map->dense = MemoryContextAllocExtended(map->context, sizeof(int) * places, MCXT_ALLOC_HUGE);
    map->first = first;
    map->dense_count = places;
    for (uint64 i = 0; i < places; i++) {
        map->dense[i] = CRM_NO_VALUE;
        ranks[i] = PG_INT16_MAX; /* no word has such a rank */
    }
    for (int i = 0; i < count; i++) {
        uint64 place = (uint64) integers[i].value - (uint64) first;

        settle(ranks[place] != PG_INT16_MAX, &map->dense[place], &ranks[place], integers[i].source->index,
               integers[i].source->rank);
    }
    pfree(ranks);
}

static void
make_sparse(CrmValueMap *map, const IntegerWord *integers, int count)
{
    integers_hash *made = integers_create(map->context, (uint32) count + 16, NULL);

    for (int i = 0; i < count; i++) {
        bool found;
        IntegerEntry *entry = integers_insert(made, integers[i].value, &found);

        settle(found, &entry->index, &entry->rank, integers[i].source->index, integers[i].source->rank);
    }
    map->integers = made;
}

static void
make_integers(CrmValueMap *map)
{
    IntegerWord *integers = palloc(sizeof(IntegerWord) * ((Size) map->count + 1));
    int count = 0;
    int64 first = PG_INT64_MAX;
    int64 last = PG_INT64_MIN;

    for (int i = 0; i < map->count; i++) {
        IntegerWord *integer = &integers[count];

        integer->source = &map->sources[i];
        if (!crm_canonical_integer(map->sources[i].word, &integer->value))
            continue;
        first = Min(first, integer->value);
        last = Max(last, integer->value);
        count++;
    }
    if (count > 0 && (uint64) last - (uint64) first < 8 * (uint64) count)
        make_dense(map, integers, count, first, last);
    else
        make_sparse(map, integers, count);
    pfree(integers);
}

static uuids_hash *
uuids_of(CrmValueMap *map)
{
    if (unlikely(map->uuids == NULL)) {
        uuids_hash *made = uuids_create(map->context, (uint32) map->count + 16, NULL);

        for (int i = 0; i < map->count; i++) {
            const Source *source = &map->sources[i];
            UuidEntry *entry;
            pg_uuid_t value;
            bool found;

            if (!crm_canonical_uuid(source->word, &value))
                continue;
            entry = uuids_insert(made, value, &found);
            settle(found, &entry->index, &entry->rank, source->index, source->rank);
        }
        map->uuids = made;
    }
    return map->uuids;
}

/* Looking up */

int
crm_value_map_text(CrmValueMap *map, const char *value, int length)
{
    char lower[CRM_VALUE_MAX];
    WordEntry *entry;

    if (unlikely(map->regular == NULL))
        make_words(map);
    if (length > CRM_VALUE_MAX)
        return CRM_NO_VALUE;
    if (is_lower_ascii(value, length))
        entry = words_lookup(map->regular, (Word){value, length});
    else if (is_ascii(value, length) && fold_ascii(lower, value, length))
        entry = words_lookup(map->regular, (Word){lower, length});
    else
        entry = words_lookup(map->exact, (Word){value, length});
    return entry != NULL ? entry->index : CRM_NO_VALUE;
}

int
crm_value_map_value(CrmValueMap *map, const text *value)
{
    return crm_value_map_text(map, VARDATA_ANY(value), (int) VARSIZE_ANY_EXHDR(value));
}

int
crm_value_map_integer(CrmValueMap *map, int64 value)
{
    uint64 place = (uint64) value - (uint64) map->first;
    IntegerEntry *entry;

    if (unlikely(map->dense == NULL && map->integers == NULL)) {
        make_integers(map);
        place = (uint64) value - (uint64) map->first;
    }
    if (likely(map->dense != NULL))
        return place < map->dense_count ? map->dense[place] : CRM_NO_VALUE;
    entry = integers_lookup(map->integers, value);
    return entry != NULL ? entry->index : CRM_NO_VALUE;
}

int
crm_value_map_uuid(CrmValueMap *map, const pg_uuid_t *value)
{
    UuidEntry *entry = uuids_lookup(uuids_of(map), *value);

    return entry != NULL ? entry->index : CRM_NO_VALUE;
}

static void
visit_word(Word word, CrmValueVisitor visit, void *arg)
{
    visit(PointerGetDatum(cstring_to_text_with_len(word.data, word.length)), arg);
}

static void
visit_spellings(Word lower, CrmValueVisitor visit, void *arg)
{
    char upper[CRM_VALUE_MAX];
    char initials[CRM_VALUE_MAX];
    Size length = (Size) lower.length;

    spell_ascii(upper, lower.data, lower.length, UPPER);
    spell_ascii(initials, lower.data, lower.length, INITIALS);
    visit_word(lower, visit, arg);
    if (memcmp(upper, lower.data, length) != 0)
        visit_word((Word){upper, lower.length}, visit, arg);
    if (memcmp(initials, lower.data, length) != 0 && memcmp(initials, upper, length) != 0)
        visit_word((Word){initials, lower.length}, visit, arg);
}

static void
each_text(CrmValueMap *map, CrmValueWanted wanted, CrmValueVisitor visit, void *arg)
{
    words_iterator iterator;
    WordEntry *entry;

    if (map->regular == NULL)
        make_words(map);
    words_start_iterate(map->regular, &iterator);
    while ((entry = words_iterate(map->regular, &iterator)) != NULL) {
        if (entry->index != CRM_NO_VALUE && wanted(entry->index, arg))
            visit_spellings(entry->word, visit, arg);
    }
    words_start_iterate(map->exact, &iterator);
    while ((entry = words_iterate(map->exact, &iterator)) != NULL) {
        if (entry->index != CRM_NO_VALUE && wanted(entry->index, arg))
            visit_word(entry->word, visit, arg);
    }
}

static void
visit_integer(int64 value, bool wide, CrmValueVisitor visit, void *arg)
{
    if (wide)
        visit(Int64GetDatum(value), arg);
    else if (value >= PG_INT32_MIN && value <= PG_INT32_MAX)
        visit(Int32GetDatum((int32) value), arg);
}

static void
each_integer(CrmValueMap *map, bool wide, CrmValueWanted wanted, CrmValueVisitor visit, void *arg)
{
    integers_iterator iterator;
    IntegerEntry *entry;

    if (map->dense == NULL && map->integers == NULL)
        make_integers(map);
    for (uint64 i = 0; i < map->dense_count; i++) {
        if (map->dense[i] != CRM_NO_VALUE && wanted(map->dense[i], arg))
            visit_integer((int64) ((uint64) map->first + i), wide, visit, arg);
    }
    if (map->integers == NULL)
        return;
    integers_start_iterate(map->integers, &iterator);
    while ((entry = integers_iterate(map->integers, &iterator)) != NULL) {
        if (entry->index != CRM_NO_VALUE && wanted(entry->index, arg))
            visit_integer(entry->value, wide, visit, arg);
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
