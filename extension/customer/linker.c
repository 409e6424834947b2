/*
 * linker.c: see linker.h. The way of a run: link_read reads, link_block finds who is compared, link_pairs compares, link_fit
 * learns, link_cluster clusters.
 */
#include "customer/link_inside.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "customer/normal.h"

LinkStatus
linker_create(const LinkerOptions *options, Linker **made)
{
    Linker *linker;
    LinkNumbers none = {.version = LINK_MODEL_VERSION};

    *made = NULL;
    if (options->model != NULL && link_model_numbers(options->model)->version != LINK_MODEL_VERSION)
        return LINK_MODEL;
    linker = calloc(1, sizeof(Linker));
    if (linker == NULL)
        return LINK_NO_MEMORY;
    linker->options = *options;
    linker->model = options->model;
    linker->phase = LINK_READING;
    linker->since = link_clock();
    if (linker->options.threads < 1)
        linker->options.threads = 1;
    if (options->model == NULL)
        linker->model = linker->fitted = link_model_create(&none);
    if (linker->model == NULL) {
        free(linker);
        return LINK_NO_MEMORY;
    }
    *made = linker;
    return LINK_OK;
}

void
linker_free(Linker *linker)
{
    if (linker == NULL)
        return;
    link_release_all(linker);
    link_model_free(linker->fitted);
    free(linker);
}

/* The fields in one piece: a LinkRawField and its bytes each. */
static size_t
pack(const LinkInput *record, char *out)
{
    LinkRawField end = {LINK_FIELDS, 0};
    size_t used = 0;

    for (int f = 0; f < LINK_FIELDS; f++) {
        LinkRawField head = {(uint16_t) f, 0};

        if (record->field[f].data == NULL)
            continue;
        head.length = (uint16_t) (record->field[f].length < NORMAL_MAX_TEXT ? record->field[f].length
                                                                            : NORMAL_MAX_TEXT);
        memcpy(out + used, &head, sizeof(head));
        memcpy(out + used + sizeof(head), record->field[f].data, head.length);
        used += sizeof(head) + head.length;
    }
    memcpy(out + used, &end, sizeof(end));
    return used + sizeof(end);
}

static void
add(Linker *linker, void *argument)
{
    const LinkInput *record = argument;
    char packed[LINK_FIELDS * (NORMAL_MAX_TEXT + sizeof(LinkRawField)) + sizeof(LinkRawField)];
    size_t size = pack(record, packed);
    LinkArrival *arrival;

    if (linker->added == linker->added_room) {
        linker->added_room = linker->added_room == 0 ? 16 : linker->added_room + linker->added_room / 2;
        linker->arrival = link_grow(linker, linker->arrival, linker->added_room, sizeof(LinkArrival));
    }
    arrival = &linker->arrival[linker->added];
    arrival->raw = link_keep(linker, &linker->raw, packed, size);
    arrival->content = link_hash((int) record->kind, packed, size);
    arrival->name = record->name;
    arrival->number = linker->added;
    arrival->kind = (uint8_t) record->kind;
    linker->added++;
}

LinkStatus
linker_add(Linker *linker, const LinkInput *record)
{
    LinkInput copy = *record;

    return link_guard(linker, add, &copy);
}

typedef struct Decision {
    RecordPair pair;
    LinkVerdict verdict;
} Decision;

static void
decide(Linker *linker, void *argument)
{
    const Decision *decision = argument;
    bool same = decision->verdict == LINK_SAME;
    RecordPair **pairs = same ? &linker->same : &linker->different;
    size_t *count = same ? &linker->same_count : &linker->different_count;
    size_t *room = same ? &linker->same_room : &linker->different_room;

    if (*count == *room) {
        *room = *room * 2 + 16;
        *pairs = link_grow(linker, *pairs, *room, sizeof(RecordPair));
    }
    (*pairs)[(*count)++] = decision->pair;
}

LinkStatus
linker_decide(Linker *linker, uint32_t a, uint32_t b, LinkVerdict verdict)
{
    Decision decision = {{a, b}, verdict};

    return link_guard(linker, decide, &decision);
}

/* As the records were numbered when they came: the smallest number of each cluster. */
static void
answer(Linker *linker)
{
    uint32_t *least = link_allocate(linker, (size_t) linker->records + 1, sizeof(uint32_t));

    linker->answer = link_allocate(linker, (size_t) linker->records + 1, sizeof(uint32_t));
    memset(least, 0xFF, ((size_t) linker->records + 1) * sizeof(uint32_t));
    linker->report.clusters = 0;
    for (uint32_t i = 0; i < linker->records; i++) {
        uint32_t *of_cluster = &least[linker->cluster[i]];

        linker->report.clusters += *of_cluster == UINT32_MAX;
        if (linker->number[i] < *of_cluster)
            *of_cluster = linker->number[i];
    }
    for (uint32_t i = 0; i < linker->records; i++)
        linker->answer[linker->number[i]] = least[linker->cluster[i]];
    link_release(linker, least);
}

static void
finish_report(Linker *linker)
{
    LinkReport *report = &linker->report;
    double inside = (double) report->cluster_pairs;

    report->records = linker->records;
    report->posterior_sum = link_believe(linker, linker->model, NULL);
    report->fixed = linker->model->numbers.fixed;
    report->sure = fabs(report->posterior_sum - inside) <= inside / 3 + 1;
}

/* Values, words and their frequencies: all that comparing needs. */
void
link_prepare(Linker *linker)
{
    if (linker->scratch != NULL)
        return;
    link_settle(linker);
    linker->scratch = link_scratch(linker);
    if (linker->fitted != NULL)
        link_count_frequencies(linker, NULL);
    else if (linker->options.only_first)
        link_read_near_frequencies(linker, linker->scratch);
    else
        link_read_frequencies(linker);
}

static void
run(Linker *linker, void *argument)
{
    (void) argument;
    link_prepare(linker);
    linker->cluster = link_allocate(linker, (size_t) linker->records + 1, sizeof(uint32_t));
    if (linker->fitted != NULL) {
        link_fit(linker);
        link_cluster(linker, NAN, linker->cluster);
        linker->fitted->numbers.records = linker->records;
        linker->fitted->numbers.threshold = linker->report.threshold;
        link_write_frequencies(linker);
    } else {
        link_make_pairs(linker);
        linker->report.threshold = linker->model->numbers.threshold;
        link_cluster(linker, linker->report.threshold, linker->cluster);
    }
    answer(linker);
    finish_report(linker);
    link_enter(linker, LINK_DONE);
}

LinkStatus
linker_run(Linker *linker)
{
    return link_guard(linker, run, NULL);
}

const uint32_t *
linker_clusters(const Linker *linker)
{
    return linker->answer;
}

const LinkModel *
linker_model(const Linker *linker)
{
    return linker->model;
}

size_t
linker_needed(const Linker *linker)
{
    return linker->needed;
}

const LinkReport *
linker_report(const Linker *linker)
{
    return &linker->report;
}
