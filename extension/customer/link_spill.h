/*
 * link_spill.h: what does not fit in memory: files of the host, where there are some, and words in order, however many.
 *
 * What fails there goes back to the call of the linker that is under way, as in link_fail. Only the calling thread may come
 * here. What comes out does not depend on how much memory there was.
 */
#ifndef CRM_CUSTOMER_LINK_SPILL_H
#define CRM_CUSTOMER_LINK_SPILL_H

#include "customer/linker.h"

typedef struct LinkFile LinkFile; /* what is spilled, until it is closed */

extern bool link_can_spill(const Linker *linker);
extern LinkFile *link_file_open(Linker *linker);
extern void link_file_write(Linker *linker, LinkFile *file, const void *data, size_t size);
extern void link_file_rewind(Linker *linker, LinkFile *file);
extern void link_file_read(Linker *linker, LinkFile *file, void *data, size_t size);
extern void link_file_close(Linker *linker, LinkFile *file); /* NULL is fine */
extern void link_close_files(Linker *linker);

#define LINK_MOST_RUNS 64

/* Words in order that were written, and what of them is in memory. */
typedef struct LinkRun {
    LinkFile *file;
    uint64_t left;
    uint64_t *buffer;
    size_t at;
    size_t count;
} LinkRun;

typedef struct LinkSort {
    uint64_t *word;
    size_t count;
    size_t room;
    size_t most;
    int ignored; /* of words that are equal but for so many lowest bits the least is kept; 64: all are */
    LinkRun run[LINK_MOST_RUNS];
    int runs;
    bool reading;
    size_t at;
    uint8_t heap[LINK_MOST_RUNS]; /* runs, that with the least word on top */
    int heaped;
    size_t buffer_room;
    bool any;
    uint64_t last;
} LinkSort;

/* Words are added, then it is finished, then they come in order. So many bytes are held at most, as long as it can spill. */
extern void link_sort_open(Linker *linker, LinkSort *sort, size_t bytes, int ignored);
extern void link_sort_make_room(Linker *linker, LinkSort *sort);
extern void link_sort_finish(Linker *linker, LinkSort *sort);
extern bool link_sort_next(Linker *linker, LinkSort *sort, uint64_t *word);
extern void link_sort_close(Linker *linker, LinkSort *sort);

static inline void
link_sort_add(Linker *linker, LinkSort *sort, uint64_t word)
{
    if (sort->count == sort->room)
        link_sort_make_room(linker, sort);
    sort->word[sort->count++] = word;
}

#endif
