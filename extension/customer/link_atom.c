/*
 * link_atom.c: which atoms are large, and the keys that a record is found by.
 *
 * An atom that few records have is a key by itself. One that many have is a key only together with another such atom, and
 * only where the two would seldom meet by chance: of two usual atoms nothing is learned by their meeting.
 */
#include "customer/link_inside.h"

#define USUAL 0.1 /* an atom of more records than this share is worth nothing, not even beside another */

/*
 * Two atoms that have nothing to do with each other meet in E records by chance, and the pairs of records that such keys propose
 * grow with the number of records times E. So E may be this through the number of records: the more records there are, the
 * rarer must be what brings two of them together.
 */
#define CHANCE 300000.0

/* In how many records each atom is, of those that stand for others. */
uint32_t *
link_count_atoms(Linker *linker)
{
    uint32_t *count = link_allocate(linker, (size_t) linker->atoms + 1, sizeof(uint32_t));
    uint32_t atom[LINK_MAX_ATOMS];

    for (int c = 0; c < linker->columns; c++) {
        int attribute = linker->column_attribute[c];
        const LinkValues *values = &linker->values[attribute];
        uint32_t *holders = link_allocate(linker, (size_t) values->count + 1, sizeof(uint32_t));

        for (uint32_t i = 0; i < linker->records; i++)
            holders[link_cell(linker, i, c)] += link_stands(linker, i);
        for (uint32_t v = 1; v < values->count; v++) {
            int groups = 0;
            int atoms = link_value_all_atoms(linker, attribute, v, atom, NULL, LINK_MAX_ATOMS, &groups);

            for (int k = 0; k < atoms; k++)
                count[atom[k]] += holders[v];
        }
        link_release(linker, holders);
    }
    return count;
}

void
link_note_large(Linker *linker, uint64_t hash, double count)
{
    LinkFrequency row = {LINK_SPACE_BLOCK, (int64_t) hash, count / linker->distinct};

    link_add_frequency(linker, &row);
}

void
link_size_atoms(Linker *linker, const uint32_t *count)
{
    linker->atom_share = link_allocate(linker, (size_t) linker->atoms + 1, sizeof(float));
    for (uint32_t a = 1; a < linker->atoms; a++) {
        double share = 0;

        if (linker->fitted == NULL)
            share = link_model_frequency(linker->model, LINK_SPACE_BLOCK, linker->atom_hash[a]);
        else if (count[a] > linker->cap) {
            share = (double) count[a] / linker->distinct;
            link_note_large(linker, linker->atom_hash[a], count[a]);
        }
        linker->atom_share[a] = share > 0 ? (float) share : 0;
    }
}

/* The atoms of a record that make keys of two, together. */
static int
large_atoms(const Linker *linker, uint32_t *atom, uint16_t *group, int atoms)
{
    int large = 0;

    for (int i = 0; i < atoms; i++) {
        float share = linker->atom_share[atom[i]];

        if (share <= 0 || (double) share > USUAL)
            continue;
        atom[large] = atom[i];
        group[large++] = group[i];
    }
    return large;
}

void
link_choose_limit(Linker *linker)
{
    double distinct = linker->distinct + 1.0;

    linker->fitted->unseen[LINK_SPACE_BLOCK] = CHANCE / (distinct * distinct);
}

int
link_pair_keys(const Linker *linker, uint32_t *atom, uint16_t *group, int atoms, uint64_t *key, int room)
{
    double limit = linker->model->unseen[LINK_SPACE_BLOCK];
    int keys = 0;

    atoms = large_atoms(linker, atom, group, atoms);
    for (int i = 0; i < atoms; i++)
        for (int k = i + 1; k < atoms && keys < room; k++) {
            double share = (double) linker->atom_share[atom[i]] * (double) linker->atom_share[atom[k]];
            uint64_t a = linker->atom_hash[atom[i]];
            uint64_t b = linker->atom_hash[atom[k]];

            if (group[i] != group[k] && (share <= limit || limit <= 0))
                key[keys++] = (a < b ? link_mix(a, b) : link_mix(b, a)) & ~LINK_RECORD_MASK;
        }
    return keys;
}
