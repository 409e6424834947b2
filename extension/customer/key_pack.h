/*
 * key_pack.h: which records have a key, packed: what a row of link_block holds.
 *
 * Plain C, nothing of Postgres. Keys fall into 2^bits slots by their upper bits, so that each slot's list is short enough to
 * be read from end to end. Numbers are coded as differences, seven bits to a byte: a list has no machine's byte order.
 */
#ifndef CRM_CUSTOMER_KEY_PACK_H
#define CRM_CUSTOMER_KEY_PACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "customer/linker.h"

typedef struct KeyEntry {
    uint32_t key;
    uint32_t node; /* index into the array of records */
} KeyEntry;

/* A record as the lists have it: its number, and its kind, so that nobody need fetch those of a kind that he does not look for. */
static inline int64_t
key_pack_record(int64_t number, LinkKind kind)
{
    return (int64_t) ((uint64_t) number << 2 | (uint64_t) kind);
}

static inline int64_t
key_pack_number(int64_t record)
{
    return record >> 2;
}

static inline LinkKind
key_pack_kind(int64_t record)
{
    return (LinkKind) (record & 3);
}

/* How many bits of a key say its slot, for lists of about 256 entries: 0 to 24. */
extern int key_pack_bits(uint64_t entries);
extern uint32_t key_pack_slot(uint32_t key, int bits);

/* Sorts by key, entries of one key staying in their order; scratch has room for count entries. */
extern void key_pack_sort(KeyEntry *entries, KeyEntry *scratch, size_t count);

/*
 * The records of a key that more of them have stand in a list of their own, under this slot: whoever looks for another key
 * need not read them, and whoever looks for this one is told first how many there are.
 */
#define KEY_PACK_MANY 64
extern int32_t key_pack_own_slot(uint32_t key);

/* The most bytes that a list of count entries takes. */
extern size_t key_pack_bound(size_t count);
/*
 * Writes entries, sorted by key; record has those of key_pack_record, which rise for each key. Of keys of more than many records
 * only their number is written. Returns the bytes written.
 */
extern size_t key_pack(const KeyEntry *entries, size_t count, size_t many, const int64_t *record,
                       uint8_t *out);

/* What a list says of a key. */
typedef struct KeyHolders {
    uint32_t count;
    bool elsewhere;    /* in a list of its own */
    const uint8_t *at; /* the records, in the list, where they are not elsewhere */
    const uint8_t *end;
} KeyHolders;

/* false where the bytes are no such list; a key that is not in it has no records. */
extern bool key_pack_find(const uint8_t *list, size_t size, uint32_t key, KeyHolders *holders);
/* Writes the records, of which there are holders->count and which rise; false where the bytes are no such list. */
extern bool key_pack_records(const KeyHolders *holders, int64_t *records);

#define KEY_PACK_DAMAGED SIZE_MAX

/*
 * Writes the list without the records of some numbers, which rise, and without the keys that only they have; keys whose records are elsewhere
 * stay as they are. out has room for size bytes.
 * Returns the bytes written, which are size where none of the records was there, KEY_PACK_DAMAGED where the bytes are no such
 * list.
 */
extern size_t key_pack_without(const uint8_t *list, size_t size, const int64_t *numbers, size_t count,
                               uint8_t *out);

#endif
