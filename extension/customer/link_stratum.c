/*
 * link_stratum.c: pairs that agree on one thing, drawn evenly over all of them and compared once. What they say of strangers is
 * link_depend.c's.
 */
#include "customer/link_inside.h"
#include "customer/normal.h"

#include <stdlib.h>

#define AGREEING 15000
#define ROOMY 16 /* so many times what is drawn is there before it is kept in memory */

/* Records by what they agree on: those of group g are record[first[g]] up to record[first[g + 1]]. */
typedef struct Groups {
    uint32_t count;
    uint32_t *group; /* of each value */
    uint32_t *first;
    uint32_t *record;
    double *pairs; /* of the groups up to this one */
} Groups;

/* Of what values have in common that agree at the level: the beginning of a postcode, the family of a name. */
static uint64_t
coarse_hash(int attribute, int level, const LinkValue *value)
{
    const LinkWordUse *use;
    uint32_t family = 0;

    if (attribute == LINK_ATTRIBUTE_POSTCODE)
        return link_hash(level, value->data,
                         level == LINK_POSTCODE_OUTWARD ? value->mark : value->area /* also of one edit */);
    use = link_uses(attribute, value);
    for (int i = 0; i < value->length; i++)
        if (use[i].role == NORMAL_FAMILY)
            family = use[i].word;
    return family != 0 ? link_mix(family, (uint64_t) level) : value->hash;
}

static void
group_values(Linker *linker, int attribute, int level, Groups *groups)
{
    const LinkValues *values = &linker->values[attribute];
    LinkIndex index = {0};
    uint64_t *hash;

    groups->group = link_allocate(linker, (size_t) values->count + 1, sizeof(uint32_t));
    groups->count = values->count;
    if (level == LINK_EXACT) {
        for (uint32_t v = 0; v < values->count; v++)
            groups->group[v] = v;
        return;
    }
    for (index.slots = 64; index.slots < 2 * values->count;)
        index.slots *= 2;
    index.slot = link_allocate(linker, index.slots, sizeof(uint32_t));
    hash = link_allocate(linker, (size_t) values->count + 1, sizeof(uint64_t));
    groups->count = 1;
    for (uint32_t v = 1; v < values->count; v++) {
        uint64_t h = coarse_hash(attribute, level, &values->value[v]);
        uint32_t at = (uint32_t) h & (index.slots - 1);

        while (index.slot[at] != 0 && hash[index.slot[at]] != h)
            at = (at + 1) & (index.slots - 1);
        if (index.slot[at] == 0) {
            hash[groups->count] = h;
            index.slot[at] = groups->count++;
        }
        groups->group[v] = index.slot[at];
    }
    link_release(linker, index.slot);
    link_release(linker, hash);
}

static void
make_groups(Linker *linker, int attribute, int level, Groups *groups)
{
    int column = linker->attribute_column[attribute];
    uint32_t *fill;

    group_values(linker, attribute, level, groups);
    groups->first = link_allocate(linker, (size_t) groups->count + 2, sizeof(uint32_t));
    groups->record = link_allocate(linker, (size_t) linker->records + 1, sizeof(uint32_t));
    groups->pairs = link_allocate(linker, (size_t) groups->count + 1, sizeof(double));
    fill = link_allocate(linker, (size_t) groups->count + 1, sizeof(uint32_t));
    for (uint32_t i = 0; i < linker->records; i++)
        groups->first[groups->group[link_cell(linker, i, column)] + 1]++;
    for (uint32_t g = 0; g < groups->count; g++) {
        double size = groups->first[g + 1];

        groups->pairs[g] = (g == 0 ? 0 : groups->pairs[g - 1]) + (g == 0 ? 0 : size * (size - 1) / 2);
        groups->first[g + 1] += groups->first[g];
    }
    for (uint32_t i = 0; i < linker->records; i++) {
        uint32_t g = groups->group[link_cell(linker, i, column)];

        groups->record[groups->first[g] + fill[g]++] = i;
    }
    link_release(linker, fill);
}

static void
free_groups(Linker *linker, Groups *groups)
{
    link_release(linker, groups->group);
    link_release(linker, groups->first);
    link_release(linker, groups->record);
    link_release(linker, groups->pairs);
}

static void
draw(const Groups *groups, uint64_t seed, uint64_t t, uint32_t *a, uint32_t *b)
{
    double all = groups->pairs[groups->count - 1];
    double at = (double) (link_mix(t, seed) >> 11) * 0x1p-53 * all;
    uint32_t low = 0;
    uint32_t high = groups->count - 1;
    uint32_t size;
    uint32_t x;
    uint32_t y;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;

        if (groups->pairs[middle] > at)
            high = middle;
        else
            low = middle + 1;
    }
    size = groups->first[low + 1] - groups->first[low];
    x = (uint32_t) (link_mix(t, seed + 1) % size);
    y = (uint32_t) (link_mix(t, seed + 2) % (size - 1));
    y += y >= x;
    *a = groups->record[groups->first[low] + x];
    *b = groups->record[groups->first[low] + y];
}

/* All strata are drawn before any is judged, and are much more than all else where records are few. */
static void
write_drawn(Linker *linker, LinkStratum *stratum)
{
    size_t size = stratum->draws * sizeof(LinkCompared);

    if (!link_can_spill(linker) || link_spare(linker) / ROOMY > size)
        return;
    stratum->file = link_file_open(linker);
    link_file_write(linker, stratum->file, stratum->drawn, size);
    link_stow_stratum(linker, stratum);
}

void
link_fetch_stratum(Linker *linker, LinkStratum *stratum)
{
    if (stratum->file == NULL)
        return;
    stratum->drawn = link_allocate(linker, (size_t) stratum->draws + 1, sizeof(LinkCompared));
    link_file_rewind(linker, stratum->file);
    link_file_read(linker, stratum->file, stratum->drawn, stratum->draws * sizeof(LinkCompared));
}

void
link_stow_stratum(Linker *linker, LinkStratum *stratum)
{
    if (stratum->file == NULL)
        return;
    link_release(linker, stratum->drawn);
    stratum->drawn = NULL;
}

static void
draw_stratum(Linker *linker, LinkScratch *scratch, const uint32_t *label, LinkStratum *stratum)
{
    Groups groups;
    uint64_t seed = (uint64_t) (100 + stratum->attribute * 64 + stratum->level * 4);
    double all;
    uint64_t draws;

    make_groups(linker, stratum->attribute, stratum->level, &groups);
    all = groups.pairs[groups.count - 1];
    draws = all > AGREEING ? AGREEING : (uint64_t) all;
    stratum->drawn = link_allocate(linker, draws + 1, sizeof(LinkCompared));
    stratum->linked = link_allocate(linker, draws + 1, sizeof(bool));
    for (uint64_t t = 0; t < draws; t++) {
        LinkCompared *compared = &stratum->drawn[stratum->draws];
        uint32_t a;
        uint32_t b;

        draw(&groups, seed, t, &a, &b);
        link_compare(linker, scratch, a, b, compared);
        stratum->linked[stratum->draws] = !link_are_strangers(label, a, b);
        stratum->draws += compared->level[stratum->attribute] == stratum->level;
    }
    free_groups(linker, &groups);
    stratum->drawn = link_shrink(linker, stratum->drawn, stratum->draws + 1, sizeof(LinkCompared));
    write_drawn(linker, stratum);
}

LinkStratum *
link_draw_strata(Linker *linker, LinkScratch *scratch, const uint32_t *label, int *count)
{
    LinkStratum *strata = link_allocate(linker, (size_t) linker->columns + 5, sizeof(LinkStratum));

    *count = 0;
    for (int c = 0; c < linker->columns; c++) {
        int k = linker->column_attribute[c];

        strata[(*count)++] = (LinkStratum){.attribute = k, .level = LINK_EXACT};
        if (k == LINK_ATTRIBUTE_NAME && linker->attribute_column[LINK_ATTRIBUTE_EMAIL] >= 0)
            strata[(*count)++] = (LinkStratum){.attribute = k, .level = LINK_FAMILY_ONLY};
        if (k == LINK_ATTRIBUTE_POSTCODE) {
            strata[(*count)++] = (LinkStratum){.attribute = k, .level = 2};
            strata[(*count)++] = (LinkStratum){.attribute = k, .level = LINK_POSTCODE_OUTWARD};
            strata[(*count)++] = (LinkStratum){.attribute = k, .level = LINK_POSTCODE_AREA};
        }
    }
    for (int s = 0; s < *count; s++) {
        draw_stratum(linker, scratch, label, &strata[s]);
        link_poll(linker, LINK_FITTING, (uint64_t) s, (uint64_t) *count);
    }
    return strata;
}

void
link_free_strata(Linker *linker, LinkStratum *strata, int count)
{
    for (int s = 0; s < count; s++) {
        link_release(linker, strata[s].drawn);
        link_release(linker, strata[s].linked);
        link_file_close(linker, strata[s].file);
    }
    link_release(linker, strata);
}
