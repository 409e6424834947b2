/*
 * attribution_label.c: see attribution_label.h. A hash table with open addressing over the labels, which hold copies of the texts.
 */
#include "base/bytes.h"
#include "funnel/attribution_label.h"

#include "common/hashfn.h"
#include "storage/shmem.h"

typedef struct Label {
    uint32 hash;
    text *part[LABEL_PARTS];
} Label;

struct AttributionLabels {
    MemoryContext context;
    Label *labels;
    int count;
    uint32 slots;
    int *slot; /* a number, or -1 */
};

static void
resize(AttributionLabels *labels, uint32 slots)
{
    if (labels->slot != NULL)
        pfree(labels->slot);
    labels->slots = slots;
    labels->slot = MemoryContextAllocHuge(labels->context, mul_size(sizeof(int), slots));
    labels->labels = labels->labels == NULL
                         ? MemoryContextAllocHuge(labels->context, mul_size(sizeof(Label), slots / 2))
                         : repalloc_huge(labels->labels, mul_size(sizeof(Label), slots / 2));
    for (uint32 i = 0; i < slots; i++)
        labels->slot[i] = -1;
    for (int i = 0; i < labels->count; i++) {
        uint32 at = labels->labels[i].hash & (slots - 1);

        while (labels->slot[at] >= 0)
            at = (at + 1) & (slots - 1);
        labels->slot[at] = i;
    }
}

AttributionLabels *
crm_labels_new(void)
{
    AttributionLabels *labels = palloc0(sizeof *labels);

    labels->context = CurrentMemoryContext;
    resize(labels, 64);
    return labels;
}

static int
compare_parts(text *left, text *right)
{
    if (left == NULL || right == NULL)
        return (left != NULL) - (right != NULL);
    return crm_bytes_compare(PointerGetDatum(left), PointerGetDatum(right));
}

static bool
is_same(const Label *left, const Label *right)
{
    if (left->hash != right->hash)
        return false;
    for (int i = 0; i < LABEL_PARTS; i++)
        if (compare_parts(left->part[i], right->part[i]) != 0)
            return false;
    return true;
}

static text *
kept(const AttributionLabels *labels, const text *part)
{
    Size size;
    text *copy;

    if (part == NULL)
        return NULL;
    size = VARSIZE_ANY_EXHDR(part);
    copy = MemoryContextAlloc(labels->context, size + VARHDRSZ);
    SET_VARSIZE(copy, size + VARHDRSZ);
    memcpy(VARDATA(copy), VARDATA_ANY(part), size);
    return copy;
}

int
crm_labels_number(AttributionLabels *labels, FunctionCallInfo fcinfo, int first)
{
    Label label = {0};
    uint32 at;

    for (int i = 0; i < LABEL_PARTS; i++)
        if (!PG_ARGISNULL(first + i)) {
            label.part[i] = PG_GETARG_TEXT_PP(first + i);
            label.hash =
                hash_combine(label.hash, hash_bytes((const unsigned char *) VARDATA_ANY(label.part[i]),
                                                    (int) VARSIZE_ANY_EXHDR(label.part[i])));
        }
    at = label.hash & (labels->slots - 1);
    while (labels->slot[at] >= 0) {
        if (is_same(&labels->labels[labels->slot[at]], &label))
            return labels->slot[at];
        at = (at + 1) & (labels->slots - 1);
    }
    for (int i = 0; i < LABEL_PARTS; i++)
        label.part[i] = kept(labels, label.part[i]);
    labels->slot[at] = labels->count;
    labels->labels[labels->count++] = label;
    if ((uint32) labels->count == labels->slots / 2)
        resize(labels, labels->slots * 2);
    return labels->count - 1;
}

int
crm_labels_count(const AttributionLabels *labels)
{
    return labels->count;
}

text *
crm_labels_part(const AttributionLabels *labels, int number, int part)
{
    return labels->labels[number].part[part];
}

static int
compare_labels(const void *a, const void *b, void *context)
{
    const AttributionLabels *labels = context;

    for (int i = 0; i < LABEL_PARTS; i++) {
        int result = compare_parts(crm_labels_part(labels, *(const int *) a, i),
                                   crm_labels_part(labels, *(const int *) b, i));

        if (result != 0)
            return result;
    }
    return 0;
}

int *
crm_labels_order(const AttributionLabels *labels)
{
    int *order = palloc_extended(mul_size(sizeof(int), Max(labels->count, 1)), MCXT_ALLOC_HUGE);

    for (int i = 0; i < labels->count; i++)
        order[i] = i;
    qsort_arg(order, (size_t) labels->count, sizeof(int), compare_labels,
              unconstify(AttributionLabels *, labels));
    return order;
}
