/*
 * link_block.c: which records are compared.
 *
 * Nobody says what identifies a record: every atom of it (a word, how the word sounds, a part of a date or number) makes a block of
 * the records that have it. Where a block is large, its records meet in the smaller blocks of those that have two such
 * atoms. Records that are equal in all that is compared are one record here.
 *
 * Blocks are runs of sorted words, a key above and a record below, and so are the pairs that they propose: what does not fit in
 * memory is spilled.
 */
#include "customer/link_inside.h"

#include <stdlib.h>
#include <string.h>

#define MOST_PLACE_BITS 28
#define MOST_PAIR_KEYS 400 /* of a record */
#define FEW_BLOCKS 4       /* whoever is in fewer small blocks is looked for in large ones, too */
#define NEIGHBOURS 3       /* in each of those */
#define MOST_LARGE 8       /* of those */

/* How often keys were met, two bits for each place that they are hashed to: 2 for more. */
typedef struct Seen {
    uint8_t *seen;
    int place_bits;
} Seen;

typedef struct Blocks {
    LinkSort keys;
    LinkSort *pairs;
    Seen seen;
    uint8_t *met; /* of each record: small blocks that it is in, up to FEW_BLOCKS */
} Blocks;

static void
see(const Seen *seen, uint64_t key)
{
    uint64_t place = link_mix(key, 3) >> (64 - seen->place_bits);
    int shift = (int) (place & 3) * 2;
    uint8_t *places = &seen->seen[place / 4];

    if ((*places >> shift & 3) < 2)
        *places = (uint8_t) (*places + (1 << shift));
}

static bool
seen_twice(const Seen *seen, uint64_t key)
{
    uint64_t place = link_mix(key, 3) >> (64 - seen->place_bits);

    return (seen->seen[place / 4] >> (place & 3) * 2 & 3) == 2;
}

/* Everybody of a block meets. */
static void
propose(Linker *linker, Blocks *blocks, const uint32_t *record, uint32_t count, int attribute)
{
    for (uint32_t i = 0; i < count; i++) {
        uint8_t *met = &blocks->met[record[i]];

        *met = (uint8_t) (*met + (*met < FEW_BLOCKS));
        for (uint32_t k = i + 1; k < count; k++)
            link_sort_add(linker, blocks->pairs, link_candidate(record[i], record[k], attribute));
    }
}

/* Blocks of atoms that few have. */
static void
block_atoms(Linker *linker, Blocks *blocks, const uint32_t *count)
{
    uint32_t atom[LINK_MAX_ATOMS];
    uint16_t group[LINK_MAX_ATOMS];
    uint8_t *attribute = link_allocate(linker, (size_t) linker->atoms + 1, 1);
    uint32_t *member = NULL;
    size_t room = 0;
    uint64_t word = 0;
    bool more;

    link_sort_open(linker, &blocks->keys, link_spare(linker) / 4, 64);
    for (uint32_t i = 0; i < linker->records; i++) {
        int atoms = link_stands(linker, i) ? link_record_atoms(linker, i, atom, group) : 0;

        for (int k = 0; k < atoms; k++)
            if (count[atom[k]] >= 2 && linker->atom_share[atom[k]] <= 0) {
                attribute[atom[k]] = (uint8_t) (group[k] >> 8);
                link_sort_add(linker, &blocks->keys, (uint64_t) atom[k] << LINK_RECORD_BITS | i);
            }
        if (i % 4096 == 0)
            link_poll(linker, LINK_BLOCKING, i, 3 * (uint64_t) linker->records);
    }
    link_sort_finish(linker, &blocks->keys);
    more = link_sort_next(linker, &blocks->keys, &word);
    while (more) {
        uint64_t its = word >> LINK_RECORD_BITS;
        uint32_t size = 0;

        for (; more && word >> LINK_RECORD_BITS == its; more = link_sort_next(linker, &blocks->keys, &word)) {
            if (size == room) {
                room = room + room / 2 + 64;
                member = link_grow(linker, member, room, sizeof(uint32_t));
            }
            member[size++] = (uint32_t) (word & LINK_RECORD_MASK);
        }
        propose(linker, blocks, member, size, attribute[its]);
    }
    link_sort_close(linker, &blocks->keys);
    link_release(linker, member);
    link_release(linker, attribute);
}

static int
keys_of(const Linker *linker, uint32_t record, uint64_t *key)
{
    uint32_t atom[LINK_MAX_ATOMS];
    uint16_t group[LINK_MAX_ATOMS];
    int atoms;

    if (!link_stands(linker, record))
        return 0;
    atoms = link_record_atoms(linker, record, atom, group);
    return link_pair_keys(linker, atom, group, atoms, key, MOST_PAIR_KEYS);
}

/* Most keys of two atoms are met once: they are counted first, so that only others are sorted. */
static void
collect_pair_keys(Linker *linker, Blocks *blocks)
{
    Seen *seen = &blocks->seen;
    uint64_t key[MOST_PAIR_KEYS];
    size_t most = link_spare(linker) / 8;

    for (seen->place_bits = 10; seen->place_bits < MOST_PLACE_BITS &&
                                (UINT64_C(1) << seen->place_bits) < 64 * (uint64_t) linker->records &&
                                (UINT64_C(1) << (seen->place_bits - 2)) < most;)
        seen->place_bits++;
    seen->seen = link_allocate(linker, (size_t) 1 << (seen->place_bits - 2), 1);
    link_sort_open(linker, &blocks->keys, link_spare(linker) / 4, 64);
    for (int pass = 0; pass < 2; pass++)
        for (uint32_t i = 0; i < linker->records; i++) {
            int keys = keys_of(linker, i, key);

            for (int k = 0; k < keys; k++)
                if (pass == 0)
                    see(seen, key[k]);
                else if (seen_twice(seen, key[k]))
                    link_sort_add(linker, &blocks->keys, key[k] | i);
            if (i % 4096 == 0)
                link_poll(linker, LINK_BLOCKING, (uint64_t) (pass + 1) * linker->records + i,
                          3 * (uint64_t) linker->records);
        }
    link_release(linker, seen->seen);
    link_sort_finish(linker, &blocks->keys);
}

static void
block_pairs(Linker *linker, Blocks *blocks)
{
    uint32_t *member;
    uint64_t word = 0;
    uint32_t cap = linker->cap;
    bool more;

    collect_pair_keys(linker, blocks);
    if (cap > linker->records)
        cap = linker->records;
    member = link_allocate(linker, (size_t) cap + 1, sizeof(uint32_t));
    more = link_sort_next(linker, &blocks->keys, &word);
    while (more) {
        uint64_t key = word & ~LINK_RECORD_MASK;
        uint32_t size = 0;

        for (; more && (word & ~LINK_RECORD_MASK) == key;
             more = link_sort_next(linker, &blocks->keys, &word)) {
            if (size < cap)
                member[size] = (uint32_t) (word & LINK_RECORD_MASK);
            size++;
        }
        if (size <= cap)
            propose(linker, blocks, member, size, LINK_ATTRIBUTES);
        else if (linker->fitted != NULL)
            link_note_large(linker, key, size);
    }
    link_sort_close(linker, &blocks->keys);
    link_release(linker, member);
}

/*
 * An entity of hundreds of records makes all its blocks large, and its records would meet nobody. Whoever met few is compared
 * with some neighbours in the large blocks of two atoms, where chance does not bring people together: so many pairs as
 * records, which are enough to hold them together.
 */
static void
block_crowds(Linker *linker, Blocks *blocks)
{
    uint64_t key[MOST_PAIR_KEYS];
    uint64_t last[NEIGHBOURS] = {0};
    uint64_t word = 0;
    size_t seen = 0;

    link_sort_open(linker, &blocks->keys, link_spare(linker) / 4, 64);
    for (uint32_t i = 0; i < linker->records; i++) {
        int keys = blocks->met[i] < FEW_BLOCKS ? keys_of(linker, i, key) : 0;
        int large = 0;

        for (int k = 0; k < keys && large < MOST_LARGE; k++)
            if (link_model_frequency(linker->model, LINK_SPACE_BLOCK, key[k]) >= 0) {
                link_sort_add(linker, &blocks->keys, key[k] | i);
                large++;
            }
    }
    link_sort_finish(linker, &blocks->keys);
    while (link_sort_next(linker, &blocks->keys, &word)) {
        for (size_t k = 0; k < NEIGHBOURS && k < seen; k++)
            if (((last[(seen - k - 1) % NEIGHBOURS] ^ word) & ~LINK_RECORD_MASK) == 0)
                link_sort_add(
                    linker, blocks->pairs,
                    link_candidate((uint32_t) (last[(seen - k - 1) % NEIGHBOURS] & LINK_RECORD_MASK),
                                   (uint32_t) (word & LINK_RECORD_MASK), LINK_ATTRIBUTES));
        last[seen++ % NEIGHBOURS] = word;
    }
    link_sort_close(linker, &blocks->keys);
}

/* Whoever is like another one in all is compared with that one. */
static void
block_twins(Linker *linker, Blocks *blocks)
{
    for (uint32_t i = 0; linker->twin != NULL && i < linker->records; i++)
        if (!link_stands(linker, i))
            link_sort_add(linker, blocks->pairs, link_candidate(linker->twin[i], i, LINK_ATTRIBUTES));
}

/* They are for blocks alone. */
static void
free_atoms(Linker *linker)
{
    link_release(linker, linker->atom_hash);
    link_release(linker, linker->atom_share);
    link_release(linker, linker->value_atom);
    linker->atom_hash = NULL;
    linker->atom_share = NULL;
    linker->value_atom = NULL;
}

void
link_make_candidates(Linker *linker, LinkSort *pairs)
{
    Blocks blocks = {.pairs = pairs};
    uint32_t *count;

    if (linker->records > LINK_RECORD_MASK)
        link_fail(linker, LINK_NO_MEMORY);
    link_enter(linker, LINK_BLOCKING);
    link_find_twins(linker);
    count = link_count_atoms(linker);
    linker->cap = linker->fitted == NULL ? UINT32_MAX : LINK_CAP;
    link_size_atoms(linker, count);
    if (linker->fitted != NULL) {
        linker->fitted->numbers.cap = linker->cap;
        link_choose_limit(linker);
    }
    link_sort_open(linker, pairs, link_spare(linker) / 2, LINK_CANDIDATE_BITS);
    blocks.met = link_allocate(linker, (size_t) linker->records + 1, 1);
    block_twins(linker, &blocks);
    block_atoms(linker, &blocks, count);
    link_release(linker, count);
    block_pairs(linker, &blocks);
    if (linker->fitted != NULL)
        block_crowds(linker, &blocks);
    link_release(linker, blocks.met);
    free_atoms(linker);
    link_sort_finish(linker, pairs);
}
