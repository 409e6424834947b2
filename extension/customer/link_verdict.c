/*
 * link_verdict.c: what people decided teaches the model.
 *
 * A pair that was decided is believed in wholly or not at all, whatever it weighs, when m and the prior are fitted: it counts as
 * one pair like any other, for people are asked about the doubtful ones, and to count those more would make doubtful pairs look
 * usual. Pairs that are alike in what is compared learn from it by the levels that they share.
 */
#include "customer/link_inside.h"

#include <math.h>

static uint64_t
key_of(uint32_t a, uint32_t b)
{
    return (a < b ? (uint64_t) a << 32 | b : (uint64_t) b << 32 | a) + 1;
}

static LinkVerdictSlot *
slot_of(const Linker *linker, uint64_t key)
{
    uint32_t at = (uint32_t) link_mix(key, 4) & (linker->verdict_slots - 1);

    while (linker->verdict[at].key != 0 && linker->verdict[at].key != key)
        at = (at + 1) & (linker->verdict_slots - 1);
    return &linker->verdict[at];
}

/* Of two that people disagree about, "different" holds, as in clusters. */
static void
put(Linker *linker, const RecordPair *pair, size_t count, bool same)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t key = key_of(pair[i].a, pair[i].b);

        *slot_of(linker, key) = (LinkVerdictSlot){key, same};
    }
}

void
link_make_verdicts(Linker *linker)
{
    size_t count = linker->same_count + linker->different_count;

    if (count == 0)
        return;
    for (linker->verdict_slots = 64; linker->verdict_slots < 2 * count;)
        linker->verdict_slots *= 2;
    linker->verdict = link_allocate(linker, linker->verdict_slots, sizeof(LinkVerdictSlot));
    put(linker, linker->same, linker->same_count, true);
    put(linker, linker->different, linker->different_count, false);
}

void
link_free_verdicts(Linker *linker)
{
    link_release(linker, linker->verdict);
    linker->verdict = NULL;
}

float
link_verdict_bits(const Linker *linker, uint32_t a, uint32_t b)
{
    const LinkVerdictSlot *slot;

    if (linker->verdict == NULL)
        return 0;
    slot = slot_of(linker, key_of(a, b));
    return slot->key == 0 ? 0 : slot->same ? INFINITY : -INFINITY;
}
