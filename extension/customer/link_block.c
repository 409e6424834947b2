/*
 * link_block.c: which records are compared.
 *
 * Nobody says what identifies a record: every atom of it (a word, how the word sounds, a part of a date or number) makes a block of
 * the records that have it. Where a block is large, its records meet in the smaller blocks of those that have two such
 * atoms.
 */
#include "customer/link_inside.h"

#include <stdlib.h>
#include <string.h>

#define CAP 30
#define USUAL 0.1 /* an atom of more records than this share is worth nothing, not even beside another */

/*
 * A key of two atoms and a record that has it, in one word, so that there can be hundreds for each record: the upper bits of
 * the key, the number of the record below.
 */
#define RECORD_BITS 28
#define RECORD_MASK ((UINT64_C(1) << RECORD_BITS) - 1)

typedef struct Keys {
    uint64_t *key;
    size_t count;
    size_t room;
    uint8_t *seen; /* two bits for each place that keys are hashed to: how many were met, 2 for more */
    int place_bits;
} Keys;

#define MOST_PLACE_BITS 28
#define MOST_PAIR_KEYS 400 /* of a record */
#define MEASURED 16        /* a record of so many tells how much room keys take */

static uint32_t *
count_atoms(Linker *linker)
{
    uint32_t *count = link_allocate(linker, linker->atoms + 1, sizeof(uint32_t));
    uint32_t atom[LINK_MAX_ATOMS];
    uint16_t group[LINK_MAX_ATOMS];

    for (uint32_t i = 0; i < linker->records; i++) {
        int atoms = link_record_atoms(linker, i, atom, group);

        for (int k = 0; k < atoms; k++)
            count[atom[k]]++;
    }
    return count;
}

static void
note_large(Linker *linker, uint64_t hash, double count)
{
    LinkFrequency row = {LINK_SPACE_BLOCK, (int64_t) hash, count / linker->records};

    if (!link_model_add_frequency(linker->fitted, &row))
        link_fail(linker, LINK_NO_MEMORY);
}

/* By how many records have them; where a model is given, by what it knows of them. */
static void
size_atoms(Linker *linker, const uint32_t *count)
{
    linker->atom_size = link_allocate(linker, (size_t) linker->atoms + 1, 1);
    for (uint32_t a = 1; a < linker->atoms; a++) {
        double share = count[a] > linker->cap ? (double) count[a] / linker->records : -1;

        if (linker->fitted == NULL)
            share = link_model_frequency(linker->model, LINK_SPACE_BLOCK, linker->atom_hash[a]);
        else if (share >= 0)
            note_large(linker, linker->atom_hash[a], count[a]);
        linker->atom_size[a] = share < 0 ? LINK_SMALL : share > USUAL ? LINK_USUAL : LINK_LARGE;
    }
}

void
link_size_atoms(Linker *linker)
{
    uint32_t *none = link_allocate(linker, (size_t) linker->atoms + 1, sizeof(uint32_t));

    size_atoms(linker, none);
    link_release(linker, none);
}

/* The keys of a record that are made of two large atoms of different groups; at most room. */
static int
pair_keys(const Linker *linker, const uint32_t *atom, const uint16_t *group, int atoms, uint64_t *key,
          int room)
{
    int keys = 0;

    for (int i = 0; i < atoms; i++) {
        if (linker->atom_size[atom[i]] != LINK_LARGE)
            continue;
        for (int k = i + 1; k < atoms && keys < room; k++)
            if (linker->atom_size[atom[k]] == LINK_LARGE && group[i] != group[k]) {
                uint64_t a = linker->atom_hash[atom[i]];
                uint64_t b = linker->atom_hash[atom[k]];

                key[keys++] = (a < b ? link_mix(a, b) : link_mix(b, a)) & ~RECORD_MASK;
            }
    }
    return keys;
}

int
link_record_keys(const Linker *linker, uint32_t record, uint64_t *key, int room)
{
    uint32_t atom[LINK_MAX_ATOMS];
    uint16_t group[LINK_MAX_ATOMS];
    int atoms = link_record_atoms(linker, record, atom, group);
    int keys = 0;
    int small;

    for (int k = 0; k < atoms && keys < room; k++)
        if (linker->atom_size[atom[k]] == LINK_SMALL)
            key[keys++] = linker->atom_hash[atom[k]];
    small = keys;
    keys += pair_keys(linker, atom, group, atoms, key + keys, room - keys);
    for (int k = small; k < keys;)
        if (linker->fitted == NULL && link_model_frequency(linker->model, LINK_SPACE_BLOCK, key[k]) >= 0)
            key[k] = key[--keys];
        else
            k++;
    return keys;
}

/* In place, by the byte at shift and then by those below. */
static void
sort_words(uint64_t *word, size_t count, int shift)
{
    size_t end[256] = {0};
    size_t next[256];

    if (count < 32) {
        for (size_t i = 1; i < count; i++) {
            uint64_t its = word[i];
            size_t k = i;

            for (; k > 0 && word[k - 1] > its; k--)
                word[k] = word[k - 1];
            word[k] = its;
        }
        return;
    }
    for (size_t i = 0; i < count; i++)
        end[word[i] >> shift & 255]++;
    for (size_t b = 0, first = 0; b < 256; b++) {
        next[b] = first;
        first = end[b] += first;
    }
    for (size_t b = 0; b < 256; b++)
        while (next[b] < end[b]) {
            uint64_t its = word[next[b]];
            size_t to = its >> shift & 255;

            word[next[b]] = word[next[to]];
            word[next[to]++] = its;
        }
    for (size_t b = 0, first = 0; shift > 0 && b < 256; first = end[b++])
        sort_words(word + first, end[b] - first, shift - 8);
}

/* Counts a key, up to 2. */
static void
see(Keys *keys, uint64_t key)
{
    uint64_t place = link_mix(key, 3) >> (64 - keys->place_bits);
    int shift = (int) (place & 3) * 2;
    uint8_t *seen = &keys->seen[place / 4];

    if ((*seen >> shift & 3) < 2)
        *seen = (uint8_t) (*seen + (1 << shift));
}

static bool
seen_twice(const Keys *keys, uint64_t key)
{
    uint64_t place = link_mix(key, 3) >> (64 - keys->place_bits);

    return (keys->seen[place / 4] >> (place & 3) * 2 & 3) == 2;
}

static void
collect(Linker *linker, Keys *keys, uint64_t key, uint32_t record)
{
    if (keys->count == keys->room) {
        keys->room = keys->room + keys->room / 4 + 1024;
        keys->key = link_grow(linker, keys->key, keys->room, sizeof(uint64_t));
    }
    keys->key[keys->count++] = key | record;
}

typedef enum Pass { SEE, MEASURE, COLLECT } Pass;

/* One way over the records up to end; returns how many keys were met that others have, too. */
static size_t
pass_pair_keys(Linker *linker, Keys *keys, Pass pass, uint32_t end)
{
    uint32_t atom[LINK_MAX_ATOMS];
    uint16_t group[LINK_MAX_ATOMS];
    uint64_t key[MOST_PAIR_KEYS];
    size_t met = 0;

    for (uint32_t i = 0; i < end; i++) {
        int atoms = link_record_atoms(linker, i, atom, group);
        int found = pair_keys(linker, atom, group, atoms, key, MOST_PAIR_KEYS);

        for (int k = 0; k < found; k++)
            if (pass == SEE)
                see(keys, key[k]);
            else if (seen_twice(keys, key[k])) {
                met++;
                if (pass == COLLECT)
                    collect(linker, keys, key[k], i);
            }
        if (i % 4096 == 0)
            link_poll(linker, LINK_BLOCKING, i, linker->records);
    }
    return met;
}

/*
 * Most keys are met once: they are counted first, so that only others take room. Records are in the order of a hash, so
 * that the first of them show how many keys there will be, and the table need not be grown.
 */
static void
collect_pair_keys(Linker *linker, Keys *keys)
{
    uint32_t part = linker->records / MEASURED;

    for (keys->place_bits = 10; keys->place_bits < MOST_PLACE_BITS &&
                                (UINT64_C(1) << keys->place_bits) < 64 * (uint64_t) linker->records;)
        keys->place_bits++;
    keys->seen = link_allocate(linker, (size_t) 1 << (keys->place_bits - 2), 1);
    pass_pair_keys(linker, keys, SEE, linker->records);
    if (part > 0) {
        keys->room = pass_pair_keys(linker, keys, MEASURE, part) * (MEASURED + 1) + 1024;
        keys->key = link_allocate(linker, keys->room, sizeof(uint64_t));
    }
    pass_pair_keys(linker, keys, COLLECT, linker->records);
    link_release(linker, keys->seen);
    keys->key = link_shrink(linker, keys->key, keys->count, sizeof(uint64_t));
    sort_words(keys->key, keys->count, 56);
}

/* Leaves the keys of 2 .. cap records; returns how many different ones. */
static uint32_t
drop_keys(Linker *linker, Keys *keys)
{
    size_t kept = 0;
    uint32_t blocks = 0;

    for (size_t i = 0, end; i < keys->count; i = end) {
        uint64_t key = keys->key[i] & ~RECORD_MASK;

        for (end = i; end < keys->count && (keys->key[end] & ~RECORD_MASK) == key;)
            end++;
        if (end - i < 2)
            continue;
        if (end - i > linker->cap && linker->fitted != NULL)
            note_large(linker, key, (double) (end - i));
        if (end - i > linker->cap)
            continue;
        memmove(&keys->key[kept], &keys->key[i], (end - i) * sizeof(uint64_t));
        kept += end - i;
        blocks++;
    }
    keys->count = kept;
    return blocks;
}

/* Turns counts into numbers of blocks, from 1, 0 where the atom makes none; returns how many there are. */
static uint32_t
number_blocks(Linker *linker, uint32_t *count, size_t *members)
{
    uint32_t blocks = 0;

    *members = 0;
    for (uint32_t a = 1; a < linker->atoms; a++)
        if (count[a] >= 2 && linker->atom_size[a] == LINK_SMALL) {
            *members += count[a];
            blocks++;
        }
    return blocks;
}

/* Where the blocks begin; count then has the block of each atom, from 1. */
static void
place_blocks(Linker *linker, uint32_t *count, const Keys *keys)
{
    uint32_t block = 0;

    for (uint32_t a = 1; a < linker->atoms; a++) {
        bool good = count[a] >= 2 && linker->atom_size[a] == LINK_SMALL;

        if (good)
            linker->block_first[++block] = count[a];
        count[a] = good ? block : 0;
    }
    for (size_t i = 0; i < keys->count; i++) {
        if (i == 0 || ((keys->key[i] ^ keys->key[i - 1]) & ~RECORD_MASK) != 0)
            linker->block_attribute[block++] = LINK_ATTRIBUTES;
        linker->block_first[block]++;
    }
    for (uint32_t b = 0; b < linker->blocks; b++)
        linker->block_first[b + 1] += linker->block_first[b];
}

static void
fill_blocks(Linker *linker, const uint32_t *block_of, const Keys *keys, uint32_t atom_blocks)
{
    uint32_t atom[LINK_MAX_ATOMS];
    uint16_t group[LINK_MAX_ATOMS];
    uint32_t *fill = link_allocate(linker, (size_t) atom_blocks + 1, sizeof(uint32_t));

    for (uint32_t i = 0; i < linker->records; i++) {
        int atoms = link_record_atoms(linker, i, atom, group);

        for (int k = 0; k < atoms; k++) {
            uint32_t block = block_of[atom[k]];

            if (block == 0)
                continue;
            linker->block_record[linker->block_first[block - 1] + fill[block - 1]++] = i;
            linker->block_attribute[block - 1] = (uint8_t) (group[k] >> 8);
        }
    }
    for (size_t i = 0; i < keys->count; i++)
        linker->block_record[linker->block_first[atom_blocks] + i] = (uint32_t) (keys->key[i] & RECORD_MASK);
    link_release(linker, fill);
}

static void
turn_blocks(Linker *linker)
{
    uint32_t members = linker->block_first[linker->blocks];

    linker->record_first = link_allocate(linker, (size_t) linker->records + 2, sizeof(uint32_t));
    linker->record_block = link_allocate(linker, (size_t) members + 1, sizeof(uint32_t));
    for (uint32_t m = 0; m < members; m++)
        linker->record_first[linker->block_record[m] + 1]++;
    for (uint32_t i = 0; i < linker->records; i++)
        linker->record_first[i + 1] += linker->record_first[i];
    /* each beginning moves on as its blocks are written, to where the next record begins */
    for (uint32_t b = 0; b < linker->blocks; b++)
        for (uint32_t m = linker->block_first[b]; m < linker->block_first[b + 1]; m++)
            linker->record_block[linker->record_first[linker->block_record[m]]++] = b;
    memmove(linker->record_first + 1, linker->record_first, linker->records * sizeof(uint32_t));
    linker->record_first[0] = 0;
}

/* They are for blocks alone. */
static void
free_atoms(Linker *linker)
{
    link_release(linker, linker->atom_hash);
    link_release(linker, linker->atom_size);
    link_release(linker, linker->value_atom);
    linker->atom_hash = NULL;
    linker->atom_size = NULL;
    linker->value_atom = NULL;
}

void
link_make_blocks(Linker *linker)
{
    uint32_t *count = count_atoms(linker);
    Keys keys = {0};
    uint32_t atom_blocks;
    size_t members;

    if (linker->records > RECORD_MASK)
        link_fail(linker, LINK_NO_MEMORY);
    link_enter(linker, LINK_BLOCKING);
    linker->cap = linker->fitted == NULL ? UINT32_MAX : CAP;
    if (linker->fitted != NULL)
        linker->fitted->numbers.cap = linker->cap;
    size_atoms(linker, count);
    collect_pair_keys(linker, &keys);
    linker->blocks = drop_keys(linker, &keys);
    keys.key = link_shrink(linker, keys.key, keys.count, sizeof(uint64_t));
    atom_blocks = number_blocks(linker, count, &members);
    linker->blocks += atom_blocks;
    linker->block_first = link_allocate(linker, (size_t) linker->blocks + 2, sizeof(uint32_t));
    linker->block_attribute = link_allocate(linker, (size_t) linker->blocks + 1, 1);
    linker->block_record = link_allocate(linker, members + keys.count + 1, sizeof(uint32_t));
    place_blocks(linker, count, &keys);
    fill_blocks(linker, count, &keys, atom_blocks);
    link_release(linker, keys.key);
    link_release(linker, count);
    free_atoms(linker);
    turn_blocks(linker);
}

void
link_free_blocks(Linker *linker)
{
    link_release(linker, linker->block_first);
    link_release(linker, linker->block_attribute);
    link_release(linker, linker->block_record);
    link_release(linker, linker->record_first);
    link_release(linker, linker->record_block);
    link_enter(linker, LINK_FITTING);
    linker->block_attribute = NULL;
    linker->block_first = linker->block_record = linker->record_block = NULL;
    linker->record_first = NULL;
}
