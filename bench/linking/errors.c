/*
 * errors.c: of a true pair that two clusters hold, and of a found pair that no entity holds. See errors.h.
 *
 * From each record, one partner of the same entity and one of the same cluster is looked at: the next in a chain through
 * all that share it. So large clusters do not fill the page.
 */
#include "errors.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>

static void
print_record(const LinkInput *input)
{
    printf("   ");
    for (int i = 0; i < LINK_FIELDS; i++)
        if (input->field[i].data != NULL)
            printf(" | %.*s", (int) input->field[i].length, input->field[i].data);
    putchar('\n');
}

static void
print_pair(Linker *linker, const Table *table, uint32_t a, uint32_t b)
{
    LinkEvidence evidence[LINK_ATTRIBUTES];
    double prior = 0;
    double weight = 0;
    int count = linker_explain(linker, a, b, evidence, &prior, &weight);

    print_record(&table->input[a]);
    print_record(&table->input[b]);
    printf("    weight %.1f = prior %.1f", weight, prior);
    for (int i = 0; i < count; i++)
        printf(", %s: %s %+.1f%s%s", link_attribute_name(evidence[i].attribute),
               link_level_name(evidence[i].attribute, evidence[i].level), evidence[i].bits,
               evidence[i].given < 0 ? "" : " given ",
               evidence[i].given < 0 ? "" : link_attribute_name((LinkAttribute) evidence[i].given));
    printf("\n\n");
}

/* Pairs of neighbours in the chains of `by` that `other` does not hold. */
static void
print_broken(Linker *linker, const Table *table, const uint32_t *by, const uint32_t *other, int count)
{
    uint32_t *last = malloc(sizeof(uint32_t) * (table->rows + 1));
    size_t broken = 0;
    int shown = 0;

    if (last == NULL)
        errx(2, "out of memory");
    for (int pass = 0; pass < 2; pass++) {
        size_t step = broken / (size_t) count + 1;

        broken = 0;
        for (size_t i = 0; i < table->rows; i++)
            last[i] = UINT32_MAX;
        for (uint32_t i = 0; i < table->rows; i++) {
            uint32_t before = last[by[i]];

            last[by[i]] = i;
            if (before == UINT32_MAX || other[before] == other[i])
                continue;
            if (pass == 1 && broken % step == 0 && shown++ < count)
                print_pair(linker, table, before, i);
            broken++;
        }
    }
    free(last);
}

void
errors_print(Linker *linker, const Table *table, int count)
{
    const uint32_t *found = linker_clusters(linker);

    puts("\none entity in two clusters:\n");
    print_broken(linker, table, table->truth, found, count);
    puts("two entities in one cluster:\n");
    print_broken(linker, table, found, table->truth, count);
}
