/*
 * link_kept.c: the pairs that were kept: in memory as long as it suffices, else in a file that is read through as often as they
 * are wanted. link_allocate asks to move them there where memory is wanted for something else.
 */
#include "customer/link_inside.h"

#define BUFFERED 16384 /* pairs */

static void
write_pairs(Linker *linker)
{
    if (linker->pair_file == NULL)
        linker->pair_file = link_file_open(linker);
    link_file_write(linker, linker->pair_file, linker->pair, linker->pairs_held * sizeof(LinkPair));
    linker->pairs_held = 0;
}

void
link_keep_pair(Linker *linker, const LinkPair *pair)
{
    if (linker->pairs_held == linker->pair_room) {
        size_t room = linker->pair_room + linker->pair_room / 2 + 1024;

        /* half of what there is, so that those who come next need not ask for it */
        if (link_can_spill(linker) && room >= BUFFERED && room * sizeof(LinkPair) > link_spare(linker) / 2)
            write_pairs(linker);
        else {
            linker->reading_pairs++; /* they must not move while they move */
            linker->pair = link_grow(linker, linker->pair, room, sizeof(LinkPair));
            linker->reading_pairs--;
            linker->pair_room = room;
        }
    }
    linker->pair[linker->pairs_held++] = *pair;
    linker->pairs++;
}

bool
link_spill_pairs(Linker *linker)
{
    if (!link_can_spill(linker) || linker->reading_pairs > 0 || linker->pair == NULL)
        return false;
    linker->reading_pairs++;
    write_pairs(linker);
    link_release(linker, linker->pair);
    linker->pair = NULL;
    linker->pair_room = 0;
    linker->reading_pairs--;
    return true;
}

void
link_read_pairs(Linker *linker, LinkPairs *reading, bool change)
{
    *reading = (LinkPairs){.change = change};
    if (linker->pair_file != NULL && linker->pairs_held > 0)
        link_spill_pairs(linker); /* what came last */
    linker->reading_pairs++;
    if (linker->pair_file == NULL)
        return;
    link_file_rewind(linker, linker->pair_file);
    reading->pair = link_allocate(linker, BUFFERED, sizeof(LinkPair));
    if (change)
        reading->changed = link_file_open(linker);
}

static void
end(Linker *linker, LinkPairs *reading)
{
    linker->reading_pairs--;
    if (linker->pair_file == NULL)
        return;
    link_release(linker, reading->pair);
    if (!reading->change)
        return;
    link_file_close(linker, linker->pair_file);
    linker->pair_file = reading->changed;
}

bool
link_next_pairs(Linker *linker, LinkPairs *reading)
{
    if (reading->change && linker->pair_file != NULL)
        link_file_write(linker, reading->changed, reading->pair, reading->count * sizeof(LinkPair));
    if (reading->done == linker->pairs) {
        end(linker, reading);
        return false;
    }
    reading->count = linker->pairs - reading->done;
    if (linker->pair_file == NULL)
        reading->pair = linker->pair;
    else {
        reading->count = reading->count < BUFFERED ? reading->count : BUFFERED;
        link_file_read(linker, linker->pair_file, reading->pair, reading->count * sizeof(LinkPair));
    }
    reading->done += reading->count;
    return true;
}
