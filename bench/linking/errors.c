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

/* Goes through the pairs of each group of rows that have a value of `by` in common; of those that `other` tells apart, or of all. */
static void
count_contradictions(Linker *linker, const Table *table, const uint32_t *by, const uint32_t *other, int show,
                     const char *what)
{
    uint32_t *last = calloc(table->rows + 1, sizeof(uint32_t));
    uint32_t *before = calloc(table->rows + 1, sizeof(uint32_t));
    size_t pairs = 0;
    size_t found[LINK_OTHER_PERSON + 1] = {0};

    if (last == NULL || before == NULL)
        errx(2, "out of memory");
    for (uint32_t i = 0; i < table->rows; i++) {
        before[i] = last[by[i]];
        last[by[i]] = i + 1;
    }
    for (uint32_t i = 0; i < table->rows; i++)
        for (uint32_t k = before[i]; k > 0; k = before[k - 1]) {
            LinkContradiction contradiction;

            if (other != NULL && other[i] == other[k - 1])
                continue;
            contradiction = linker_contradiction(linker, k - 1, i);
            pairs++;
            found[contradiction]++;
            if (contradiction != LINK_NO_CONTRADICTION && show-- > 0)
                print_pair(linker, table, k - 1, i);
        }
    for (int i = LINK_NO_CONTRADICTION + 1; i <= LINK_OTHER_PERSON; i++)
        printf("%s %-40s %zu of %zu\n", what, link_contradiction_name((LinkContradiction) i), found[i],
               pairs);
    free(before);
    free(last);
}

void
errors_contradictions(Linker *linker, const Table *table, int count)
{
    count_contradictions(linker, table, table->truth, NULL, count, "true pairs:");
    count_contradictions(linker, table, linker_clusters(linker), table->truth, 0, "wrong pairs:");
}
