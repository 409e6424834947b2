/*
 * link_memory.c: the linker's memory, its way out, and hashes.
 *
 * Every piece hangs in a list of its linker, so that a way out from anywhere leaks nothing.
 */
#include "customer/link_inside.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIRST_CHUNK ((size_t) 1 << 12) /* the next ones are larger */
#define CHUNK ((size_t) 1 << 16)
#define MOVED ((size_t) 1 << 18)

/* Keeps what follows it aligned. */
typedef union Header {
    LinkMemory memory;
    max_align_t align;
} Header;

void
link_fail(Linker *linker, LinkStatus status)
{
    longjmp(*linker->back, (int) status);
}

LinkStatus
link_guard(Linker *linker, void (*body)(Linker *linker, void *argument), void *argument)
{
    jmp_buf back;
    jmp_buf *outer = linker->back;
    int status = setjmp(back);

    if (status == 0) {
        linker->back = &back;
        body(linker, argument);
    }
    linker->back = outer;
    return (LinkStatus) status;
}

static Linker *
whole_of(Linker *linker)
{
    return linker->whole == NULL ? linker : linker->whole;
}

static void
count(Linker *linker, size_t more)
{
    size_t held = atomic_fetch_add(&whole_of(linker)->held, more) + more;

    if (linker->whole == NULL && held > linker->report.memory)
        linker->report.memory = held;
}

static void
discount(Linker *linker, size_t less)
{
    atomic_fetch_sub(&whole_of(linker)->held, less);
}

/* More than is allowed is refused before it is asked for. freed: bytes that are given back for it. */
static void
check(Linker *linker, size_t elements, size_t size, size_t freed)
{
    size_t most = linker->options.memory + freed;
    const Linker *whole = whole_of(linker);

    if (size != 0 && elements > (SIZE_MAX / 2 - sizeof(Header)) / size)
        link_fail(linker, LINK_NO_MEMORY);
    if (whole->held + elements * size > most && linker->whole == NULL)
        link_spill_pairs(linker);
    if (whole->held + elements * size > most) {
        linker->needed = whole->held + elements * size - freed;
        link_fail(linker, LINK_NO_MEMORY);
    }
}

void
link_count(Linker *linker, size_t size)
{
    check(linker, size, 1, 0);
    count(linker, size);
}

static void
hang(Linker *linker, Header *header)
{
    header->memory.next = linker->memory;
    header->memory.previous = NULL;
    if (linker->memory != NULL)
        linker->memory->previous = &header->memory;
    linker->memory = &header->memory;
}

static void
unhang(Linker *linker, Header *header)
{
    if (header->memory.next != NULL)
        header->memory.next->previous = header->memory.previous;
    if (header->memory.previous != NULL)
        header->memory.previous->next = header->memory.next;
    else
        linker->memory = header->memory.next;
}

void *
link_allocate(Linker *linker, size_t elements, size_t size)
{
    Header *header;

    check(linker, elements, size, 0);
    header = calloc(1, sizeof(Header) + elements * size);
    if (header == NULL)
        link_fail(linker, LINK_NO_MEMORY);
    header->memory.size = elements * size;
    hang(linker, header);
    count(linker, header->memory.size);
    return header + 1;
}

void *
link_grow(Linker *linker, void *old, size_t elements, size_t size)
{
    Header *header = old == NULL ? NULL : (Header *) old - 1;
    Header *grown;
    size_t before = header == NULL ? 0 : header->memory.size;

    if (header == NULL)
        return link_allocate(linker, elements, size);
    /* pages of what is large are moved and not copied */
    check(linker, elements, size, before >= MOVED ? before : 0);
    unhang(linker, header);
    grown = realloc(header, sizeof(Header) + elements * size);
    if (grown == NULL) {
        hang(linker, header);
        link_fail(linker, LINK_NO_MEMORY);
    }
    grown->memory.size = elements * size;
    hang(linker, grown);
    if (grown->memory.size > before)
        memset((char *) (grown + 1) + before, 0, grown->memory.size - before);
    discount(linker, before);
    count(linker, grown->memory.size);
    return grown + 1;
}

void *
link_shrink(Linker *linker, void *old, size_t elements, size_t size)
{
    Header *header = old == NULL ? NULL : (Header *) old - 1;
    Header *less;

    if (header == NULL || elements * size >= header->memory.size)
        return old;
    unhang(linker, header);
    less = realloc(header, sizeof(Header) + elements * size);
    if (less == NULL)
        less = header;
    else {
        discount(linker, less->memory.size - elements * size);
        less->memory.size = elements * size;
    }
    hang(linker, less);
    return less + 1;
}

void
link_release(Linker *linker, void *old)
{
    Header *header;

    if (old == NULL)
        return;
    header = (Header *) old - 1;
    unhang(linker, header);
    discount(linker, header->memory.size);
    free(header);
}

size_t
link_spare(const Linker *linker)
{
    return linker->options.memory > linker->held ? linker->options.memory - linker->held : 0;
}

void
link_release_all(Linker *linker)
{
    link_close_files(linker);
    for (int i = 0; i < LINK_MAX_THREADS; i++)
        free(linker->lent[i]);
    while (linker->memory != NULL)
        link_release(linker, (Header *) (void *) linker->memory + 1);
}

void
link_take_memory(Linker *linker, Linker *part)
{
    LinkMemory *last = part->memory;

    if (last == NULL)
        return;
    while (last->next != NULL)
        last = last->next;
    last->next = linker->memory;
    if (last->next != NULL)
        last->next->previous = last;
    linker->memory = part->memory;
    part->memory = NULL;
    count(linker, 0);
}

void *
link_keep(Linker *linker, LinkChunks *chunks, const void *data, size_t size)
{
    size_t padded = (size + 3) & ~(size_t) 3;
    char *place;

    if (chunks->count == 0 || chunks->size - chunks->used < padded) {
        size_t usual = chunks->count < 4 ? FIRST_CHUNK << chunks->count : CHUNK;
        size_t room = padded > usual ? padded : usual;

        if ((chunks->count & (chunks->count - 1)) == 0)
            chunks->chunk = link_grow(linker, chunks->chunk,
                                      chunks->count == 0 ? 1 : 2 * (size_t) chunks->count, sizeof(char *));
        chunks->chunk[chunks->count] = link_allocate(linker, room, 1);
        chunks->count++;
        chunks->size = room;
        chunks->used = 0;
    }
    place = chunks->chunk[chunks->count - 1] + chunks->used;
    chunks->used += padded;
    if (size > 0)
        memcpy(place, data, size);
    return place;
}

void
link_keep_free(Linker *linker, LinkChunks *chunks)
{
    for (uint32_t i = 0; i < chunks->count; i++)
        link_release(linker, chunks->chunk[i]);
    link_release(linker, chunks->chunk);
    memset(chunks, 0, sizeof(*chunks));
}

double
link_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec + (double) now.tv_nsec / 1e9;
}

void
link_enter(Linker *linker, LinkPhase phase)
{
    double now = link_clock();

    if (linker->phase != LINK_DONE)
        linker->report.seconds[linker->phase] += now - linker->since;
    linker->phase = phase;
    linker->since = now;
}

void
link_poll(Linker *linker, LinkPhase phase, uint64_t done, uint64_t total)
{
    const LinkerOptions *options = &linker->options;

    if (phase != linker->phase)
        link_enter(linker, phase);
    if (options->progress != NULL)
        options->progress(options->context, phase, done, total);
    if (options->interrupted != NULL && options->interrupted(options->context))
        link_fail(linker, LINK_CANCELLED);
}

uint64_t
link_mix(uint64_t a, uint64_t b)
{
    uint64_t h = (a ^ (b * UINT64_C(0x9E3779B97F4A7C15))) * UINT64_C(0xBF58476D1CE4E5B9);

    h ^= h >> 31;
    h *= UINT64_C(0x94D049BB133111EB);
    return h ^ (h >> 29);
}

uint64_t
link_hash(int space, const void *data, size_t size)
{
    const unsigned char *byte = data;
    uint64_t h = link_mix((uint64_t) space + 1, size);

    for (; size >= 8; size -= 8, byte += 8) {
        uint64_t word = 0;

        for (int i = 7; i >= 0; i--)
            word = word << 8 | byte[i];
        h = link_mix(h, word);
    }
    if (size > 0) {
        uint64_t word = 0;

        while (size-- > 0)
            word = word << 8 | byte[size];
        h = link_mix(h, word);
    }
    return h;
}
