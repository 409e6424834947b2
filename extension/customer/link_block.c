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

typedef struct KeyOf {
    uint64_t key;
    uint32_t record;
} KeyOf;

typedef struct Keys {
    KeyOf *key;
    size_t count;
    size_t room;
} Keys;

static uint32_t *
count_atoms(Linker *linker)
{
    uint32_t *count = link_allocate(linker, linker->atoms + 1, sizeof(uint32_t));
    uint32_t atom[LINK_MAX_ATOMS];
    uint8_t group[LINK_MAX_ATOMS];

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
pair_keys(const Linker *linker, const uint32_t *atom, const uint8_t *group, int atoms, uint64_t *key,
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

                key[keys++] = a < b ? link_mix(a, b) : link_mix(b, a);
            }
    }
    return keys;
}

int
link_record_keys(const Linker *linker, uint32_t record, uint64_t *key, int room)
{
    uint32_t atom[LINK_MAX_ATOMS];
    uint8_t group[LINK_MAX_ATOMS];
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

static int
compare_keys(const void *left, const void *right)
{
    const KeyOf *a = left;
    const KeyOf *b = right;

    if (a->key != b->key)
        return a->key < b->key ? -1 : 1;
    return a->record < b->record ? -1 : a->record > b->record;
}

static void
collect_pair_keys(Linker *linker, Keys *keys)
{
    uint32_t atom[LINK_MAX_ATOMS];
    uint8_t group[LINK_MAX_ATOMS];
    uint64_t key[400];

    for (uint32_t i = 0; i < linker->records; i++) {
        int atoms = link_record_atoms(linker, i, atom, group);
        int found = pair_keys(linker, atom, group, atoms, key, 400);

        if (keys->count + (size_t) found > keys->room) {
            keys->room = keys->room * 2 + (size_t) found + 1024;
            keys->key = link_grow(linker, keys->key, keys->room, sizeof(KeyOf));
        }
        for (int k = 0; k < found; k++)
            keys->key[keys->count++] = (KeyOf){key[k], i};
    }
    if (keys->count > 1)
        qsort(keys->key, keys->count, sizeof(KeyOf), compare_keys);
}

/* Leaves the keys of 2 .. cap records; returns how many different ones. */
static uint32_t
drop_keys(Linker *linker, Keys *keys)
{
    size_t kept = 0;
    uint32_t blocks = 0;

    for (size_t i = 0, end; i < keys->count; i = end) {
        for (end = i; end < keys->count && keys->key[end].key == keys->key[i].key;)
            end++;
        if (end - i < 2)
            continue;
        if (end - i > linker->cap && linker->fitted != NULL)
            note_large(linker, keys->key[i].key, (double) (end - i));
        if (end - i > linker->cap)
            continue;
        memmove(&keys->key[kept], &keys->key[i], (end - i) * sizeof(KeyOf));
        kept += end - i;
        blocks++;
    }
    keys->count = kept;
    return blocks;
}

/* Turns counts into numbers of blocks, from 1; 0 where the atom makes none. */
static uint32_t
number_blocks(Linker *linker, uint32_t *count, size_t *members)
{
    uint32_t blocks = 0;

    *members = 0;
    for (uint32_t a = 1; a < linker->atoms; a++) {
        bool good = count[a] >= 2 && linker->atom_size[a] == LINK_SMALL;

        *members += good ? count[a] : 0;
        count[a] = good ? ++blocks : 0;
    }
    return blocks;
}

static void
fill_blocks(Linker *linker, const uint32_t *block_of, const Keys *keys, uint32_t atom_blocks)
{
    uint32_t atom[LINK_MAX_ATOMS];
    uint8_t group[LINK_MAX_ATOMS];
    uint32_t *fill = link_allocate(linker, linker->blocks + 2, sizeof(uint32_t));

    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < linker->records; i++) {
            int atoms = link_record_atoms(linker, i, atom, group);

            for (int k = 0; k < atoms; k++) {
                uint32_t block = block_of[atom[k]];

                if (block == 0)
                    continue;
                if (pass == 0)
                    linker->block_first[block]++;
                else
                    linker->block_record[linker->block_first[block - 1] + fill[block - 1]++] = i;
            }
        }
        for (size_t i = 0, block = atom_blocks; i < keys->count; i++) {
            if (i == 0 || keys->key[i].key != keys->key[i - 1].key)
                block++;
            if (pass == 0)
                linker->block_first[block]++;
            else
                linker->block_record[linker->block_first[block - 1] + fill[block - 1]++] =
                    keys->key[i].record;
        }
        if (pass == 0)
            for (uint32_t b = 0; b < linker->blocks; b++)
                linker->block_first[b + 1] += linker->block_first[b];
    }
    link_release(linker, fill);
}

static void
turn_blocks(Linker *linker)
{
    uint32_t members = linker->block_first[linker->blocks];
    size_t *fill;

    linker->record_first = link_allocate(linker, (size_t) linker->records + 2, sizeof(size_t));
    linker->record_block = link_allocate(linker, (size_t) members + 1, sizeof(uint32_t));
    for (uint32_t m = 0; m < members; m++)
        linker->record_first[linker->block_record[m] + 1]++;
    for (uint32_t i = 0; i < linker->records; i++)
        linker->record_first[i + 1] += linker->record_first[i];
    fill = link_allocate(linker, (size_t) linker->records + 1, sizeof(size_t));
    for (uint32_t b = 0; b < linker->blocks; b++)
        for (uint32_t m = linker->block_first[b]; m < linker->block_first[b + 1]; m++) {
            uint32_t record = linker->block_record[m];

            linker->record_block[linker->record_first[record] + fill[record]++] = b;
        }
    link_release(linker, fill);
}

void
link_make_blocks(Linker *linker)
{
    uint32_t *count = count_atoms(linker);
    Keys keys = {0};
    uint32_t atom_blocks;
    size_t members;

    link_enter(linker, LINK_BLOCKING);
    linker->cap = linker->fitted == NULL ? UINT32_MAX : CAP;
    if (linker->fitted != NULL)
        linker->fitted->numbers.cap = linker->cap;
    size_atoms(linker, count);
    collect_pair_keys(linker, &keys);
    linker->blocks = drop_keys(linker, &keys);
    atom_blocks = number_blocks(linker, count, &members);
    linker->blocks += atom_blocks;
    linker->block_first = link_allocate(linker, (size_t) linker->blocks + 2, sizeof(uint32_t));
    linker->block_record = link_allocate(linker, members + keys.count + 1, sizeof(uint32_t));
    fill_blocks(linker, count, &keys, atom_blocks);
    link_release(linker, keys.key);
    link_release(linker, count);
    turn_blocks(linker);
}

void
link_free_blocks(Linker *linker)
{
    link_release(linker, linker->atom_size);
    link_release(linker, linker->block_first);
    link_release(linker, linker->block_record);
    link_release(linker, linker->record_first);
    link_release(linker, linker->record_block);
    link_enter(linker, LINK_FITTING);
    linker->atom_size = NULL;
    linker->block_first = linker->block_record = linker->record_block = NULL;
    linker->record_first = NULL;
}
