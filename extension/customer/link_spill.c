/*
 * link_spill.c: what does not fit in memory, and words in order, however many.
 *
 * A sorter holds its words in memory as long as they fit. When they do not, what is there is sorted and written as a run;
 * runs are merged while they are read. What comes out does not depend on how much memory there was.
 */
#include "customer/link_inside.h"

#include <string.h>

#define LEAST_WORDS ((size_t) 1 << 12)
#define RUN_BUFFER ((size_t) 1 << 13) /* words of a run that are in memory while it is read, at most */
#define INSERTION 32                  /* so few are sorted by insertion */

struct LinkFile {
    LinkFile *next;
    LinkFile *previous;
    void *handle;
};

bool
link_can_spill(const Linker *linker)
{
    return linker->options.spill != NULL;
}

LinkFile *
link_file_open(Linker *linker)
{
    LinkFile *file = link_allocate(linker, 1, sizeof(LinkFile));

    file->handle = linker->options.spill->open(linker->options.context);
    if (file->handle == NULL) {
        link_release(linker, file);
        link_fail(linker, LINK_SPILL);
    }
    file->next = linker->files;
    if (file->next != NULL)
        file->next->previous = file;
    linker->files = file;
    return file;
}

void
link_file_write(Linker *linker, LinkFile *file, const void *data, size_t size)
{
    if (size > 0 && !linker->options.spill->write(file->handle, data, size))
        link_fail(linker, LINK_SPILL);
    linker->report.spilled += size;
}

void
link_file_rewind(Linker *linker, LinkFile *file)
{
    if (!linker->options.spill->rewind(file->handle))
        link_fail(linker, LINK_SPILL);
}

void
link_file_read(Linker *linker, LinkFile *file, void *data, size_t size)
{
    if (size > 0 && !linker->options.spill->read(file->handle, data, size))
        link_fail(linker, LINK_SPILL);
}

void
link_file_close(Linker *linker, LinkFile *file)
{
    if (file == NULL)
        return;
    linker->options.spill->close(file->handle);
    if (file->next != NULL)
        file->next->previous = file->previous;
    if (file->previous != NULL)
        file->previous->next = file->next;
    else
        linker->files = file->next;
    link_release(linker, file);
}

void
link_close_files(Linker *linker)
{
    while (linker->files != NULL)
        link_file_close(linker, linker->files);
}

static void
insert_in_order(uint64_t *word, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint64_t its = word[i];
        size_t k = i;

        for (; k > 0 && word[k - 1] > its; k--)
            word[k] = word[k - 1];
        word[k] = its;
    }
}

/* Brings the words into the order of their bytes at shift; end is where each byte's words end. */
static void
part_words(uint64_t *word, size_t count, int shift, size_t *end)
{
    size_t next[256];

    memset(end, 0, 256 * sizeof(size_t));
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
}

static int
below(int shift)
{
    return shift > 8 ? shift - 8 : 0;
}

/* In place. All words are equal in the bits from shift + 8 on. */
static void
sort_words(uint64_t *word, size_t count, int shift)
{
    size_t end[256];

    if (count < INSERTION) {
        insert_in_order(word, count);
        return;
    }
    part_words(word, count, shift, end);
    for (size_t b = 0, first = 0; shift > 0 && b < 256; first = end[b++])
        sort_words(word + first, end[b] - first, below(shift));
}

typedef struct Sorting {
    uint64_t *word;
    int shift;
    size_t end[256];
} Sorting;

static bool
sort_part(void *context, int worker, size_t from, size_t to)
{
    const Sorting *sorting = context;

    (void) worker;
    for (size_t b = from; b < to; b++) {
        size_t first = b == 0 ? 0 : sorting->end[b - 1];

        sort_words(sorting->word + first, sorting->end[b] - first, below(sorting->shift));
    }
    return true;
}

/* What is in memory, by all threads. */
static void
sort_all(Linker *linker, LinkSort *sort)
{
    Sorting sorting = {.word = sort->word};
    uint64_t used = 0;
    size_t kept = 0;

    for (size_t i = 0; i < sort->count; i++)
        used |= sort->word[i];
    while (sorting.shift < 56 && used >> sorting.shift > 255)
        sorting.shift++;
    part_words(sort->word, sort->count, sorting.shift, sorting.end);
    if (sorting.shift > 0 && !link_in_parallel(linker, LINK_BLOCKING, 256, 1, sort_part, &sorting))
        link_fail(linker, LINK_CANCELLED);
    for (size_t i = 0; sort->ignored < 64 && i < sort->count; i++)
        if (kept == 0 || sort->word[i] >> sort->ignored != sort->word[kept - 1] >> sort->ignored)
            sort->word[kept++] = sort->word[i];
    if (sort->ignored < 64)
        sort->count = kept;
}

void
link_sort_open(Linker *linker, LinkSort *sort, size_t bytes, int ignored)
{
    memset(sort, 0, sizeof(*sort));
    sort->ignored = ignored;
    sort->most = bytes / sizeof(uint64_t) < LEAST_WORDS ? LEAST_WORDS : bytes / sizeof(uint64_t);
    sort->room = LEAST_WORDS;
    sort->word = link_allocate(linker, sort->room, sizeof(uint64_t));
}

static void begin_runs(Linker *linker, LinkSort *sort);

static void
write_run(Linker *linker, LinkSort *sort)
{
    LinkRun *run = &sort->run[sort->runs++];

    *run = (LinkRun){.file = link_file_open(linker), .left = sort->count};
    link_file_write(linker, run->file, sort->word, sort->count * sizeof(uint64_t));
    sort->count = 0;
}

/* All runs become one. */
static void
join_runs(Linker *linker, LinkSort *sort)
{
    LinkRun joined = {.file = link_file_open(linker)};
    size_t count = 0;

    begin_runs(linker, sort);
    while (link_sort_next(linker, sort, &sort->word[count])) {
        joined.left++;
        if (++count == sort->room) {
            link_file_write(linker, joined.file, sort->word, count * sizeof(uint64_t));
            count = 0;
        }
    }
    link_file_write(linker, joined.file, sort->word, count * sizeof(uint64_t));
    sort->run[0] = joined;
    sort->runs = 1;
    sort->reading = false;
}

void
link_sort_make_room(Linker *linker, LinkSort *sort)
{
    size_t room = sort->room + sort->room / 2;

    if (sort->room < sort->most) {
        sort->room = room < sort->most ? room : sort->most;
        sort->word = link_grow(linker, sort->word, sort->room, sizeof(uint64_t));
        return;
    }
    sort_all(linker, sort);
    if (sort->count < sort->room - sort->room / 4)
        return; /* many were the same */
    if (!link_can_spill(linker)) {
        sort->room = room;
        sort->word = link_grow(linker, sort->word, room, sizeof(uint64_t));
        return;
    }
    write_run(linker, sort);
    if (sort->runs == LINK_MOST_RUNS)
        join_runs(linker, sort);
}

static void
fill_run(Linker *linker, LinkRun *run, size_t room)
{
    run->at = 0;
    run->count = run->left < room ? (size_t) run->left : room;
    link_file_read(linker, run->file, run->buffer, run->count * sizeof(uint64_t));
    run->left -= run->count;
}

/* The run at the top of the heap goes to where it belongs by the word that it is at. */
static void
sink(LinkSort *sort, int at)
{
    for (;;) {
        int least = at;
        uint8_t its = sort->heap[at];

        for (int child = 2 * at + 1; child <= 2 * at + 2 && child < sort->heaped; child++) {
            const LinkRun *a = &sort->run[sort->heap[child]];
            const LinkRun *b = &sort->run[sort->heap[least]];

            if (a->buffer[a->at] < b->buffer[b->at])
                least = child;
        }
        if (least == at)
            return;
        sort->heap[at] = sort->heap[least];
        sort->heap[least] = its;
        at = least;
    }
}

static void
begin_runs(Linker *linker, LinkSort *sort)
{
    size_t room = sort->most / (size_t) sort->runs;

    sort->buffer_room = room < 64 ? 64 : room > RUN_BUFFER ? RUN_BUFFER : room;
    sort->heaped = 0;
    for (int r = 0; r < sort->runs; r++) {
        sort->run[r].buffer = link_allocate(linker, sort->buffer_room, sizeof(uint64_t));
        link_file_rewind(linker, sort->run[r].file);
        fill_run(linker, &sort->run[r], sort->buffer_room);
        sort->heap[sort->heaped++] = (uint8_t) r;
    }
    for (int at = sort->heaped; at-- > 0;)
        sink(sort, at);
    sort->reading = true;
    sort->any = false;
}

void
link_sort_finish(Linker *linker, LinkSort *sort)
{
    sort_all(linker, sort);
    sort->reading = true;
    sort->at = 0;
    if (sort->runs == 0) {
        sort->word = link_shrink(linker, sort->word, sort->count + 1, sizeof(uint64_t));
        return;
    }
    write_run(linker, sort);
    link_release(linker, sort->word);
    sort->word = NULL;
    begin_runs(linker, sort);
}

static uint64_t
take_least(Linker *linker, LinkSort *sort)
{
    LinkRun *run = &sort->run[sort->heap[0]];
    uint64_t word = run->buffer[run->at++];

    if (run->at == run->count) {
        if (run->left > 0)
            fill_run(linker, run, sort->buffer_room);
        else {
            link_release(linker, run->buffer);
            link_file_close(linker, run->file);
            *run = (LinkRun){0};
            sort->heap[0] = sort->heap[--sort->heaped];
        }
    }
    sink(sort, 0);
    return word;
}

bool
link_sort_next(Linker *linker, LinkSort *sort, uint64_t *word)
{
    if (sort->runs == 0) {
        if (sort->at == sort->count)
            return false;
        *word = sort->word[sort->at++];
        return true;
    }
    while (sort->heaped > 0) {
        uint64_t its = take_least(linker, sort);

        if (sort->any && sort->ignored < 64 && its >> sort->ignored == sort->last >> sort->ignored)
            continue;
        sort->any = true;
        sort->last = its;
        *word = its;
        return true;
    }
    return false;
}

void
link_sort_close(Linker *linker, LinkSort *sort)
{
    for (int r = 0; r < sort->runs; r++) {
        link_release(linker, sort->run[r].buffer);
        link_file_close(linker, sort->run[r].file);
    }
    link_release(linker, sort->word);
    memset(sort, 0, sizeof(*sort));
}
