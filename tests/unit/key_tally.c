// links: extension/customer/key_tally.c
/* Who shares most, against a sum over all records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chance.h"
#include "customer/key_pack.h"
#include "customer/key_tally.h"

#define RECORDS 3000
#define LISTS 40
#define ROOM 100

/* Numbers far apart, negative ones, and whole windows of neighbours. */
static int64_t
number_of(int i, int64_t step)
{
    return ((int64_t) i - RECORDS / 3) * step;
}

static LinkKind
kind_of(int i)
{
    return (LinkKind) (i % 3);
}

typedef struct Case {
    int64_t record[LISTS][RECORDS];
    KeyList list[LISTS];
    bool holds[LISTS][RECORDS];
} Case;

static void
make_case(Case *made, int lists, int64_t step)
{
    for (int k = 0; k < lists; k++) {
        uint32_t share = 1 + chance_bits() % 60;
        int count = 0;

        for (int i = 0; i < RECORDS; i++) {
            made->holds[k][i] = chance_bits() % share == 0;
            if (made->holds[k][i])
                made->record[k][count++] = key_pack_record(number_of(i, step), kind_of(i));
        }
        made->list[k] = (KeyList){.record = made->record[k],
                                  .end = made->record[k] + count,
                                  .group = chance_bits() % 12,
                                  .bits = (float) (chance_bits() % 64) / 4};
    }
}

/* The bits of a record: of each group the most. */
static double
bits_of(const Case *of, const KeyList *list, int lists, int record)
{
    double sum = 0;

    for (uint32_t group = 0; group < 12; group++) {
        float most = -1;

        for (int k = 0; k < lists; k++)
            if (list[k].group == group && of->holds[k][record] && list[k].bits > most)
                most = list[k].bits;
        if (most >= 0)
            sum += (double) most;
    }
    return sum;
}

static bool
shares(const Case *of, int lists, int record)
{
    for (int k = 0; k < lists; k++)
        if (of->holds[k][record])
            return true;
    return false;
}

static int
compare_candidates(const void *a, const void *b)
{
    const KeyCandidate *x = a;
    const KeyCandidate *y = b;

    if (x->bits != y->bits)
        return x->bits > y->bits ? -1 : 1;
    return x->record_no < y->record_no ? -1 : x->record_no > y->record_no;
}

static void
check_case(KeyTally *tally, Case *of, int lists, int64_t step, LinkKind kind, int room)
{
    KeyCandidate expected[RECORDS] = {{0, 0}};
    KeyCandidate found[RECORDS];
    KeyList before[LISTS];
    int count = 0;
    int got;

    memcpy(before, of->list, sizeof before);
    for (int i = 0; i < RECORDS; i++)
        if (shares(of, lists, i) && (kind == LINK_ANY || kind_of(i) == LINK_ANY || kind_of(i) == kind))
            expected[count++] = (KeyCandidate){number_of(i, step), bits_of(of, before, lists, i)};
    qsort(expected, (size_t) count, sizeof(KeyCandidate), compare_candidates);
    if (count > room)
        count = room;
    got = key_tally(tally, of->list, lists, kind, found, room);
    assert_int_equal(got, count);
    for (int i = 0; i < count; i++) {
        assert_int_equal(found[i].record_no, expected[i].record_no);
        assert_true(found[i].bits == expected[i].bits);
    }
}

static void
test_finds_those_that_share_most(void **context)
{
    const int64_t steps[] = {1, 7, 5000, 20000, INT64_C(1) << 45};
    KeyTally *tally = calloc(1, sizeof *tally);
    KeyTally *clear = calloc(1, sizeof *clear);
    Case *made = calloc(1, sizeof *made);

    (void) context;
    for (int round = 0; round < 60; round++) {
        int64_t step = steps[round % 5];
        int lists = 1 + (int) (chance_bits() % LISTS);

        make_case(made, lists, step);
        check_case(tally, made, lists, step, (LinkKind) (round % 3), round % 7 == 0 ? RECORDS : ROOM);
        assert_memory_equal(tally->place, clear->place, sizeof clear->place); /* for the next one */
    }
    free(made);
    free(clear);
    free(tally);
}

static void
test_nothing_and_no_room(void **context)
{
    KeyTally *tally = calloc(1, sizeof *tally);
    int64_t record[] = {key_pack_record(5, LINK_PERSON)};
    KeyList list = {.record = record, .end = record, .bits = 3};
    KeyCandidate found[1];

    (void) context;
    assert_int_equal(key_tally(tally, NULL, 0, LINK_ANY, found, 1), 0);
    assert_int_equal(key_tally(tally, &list, 1, LINK_ANY, found, 1), 0);
    list.end = record + 1;
    assert_int_equal(key_tally(tally, &list, 1, LINK_ORGANISATION, found, 1), 0);
    list.record = record;
    assert_int_equal(key_tally(tally, &list, 1, LINK_PERSON, found, 0), 0);
    list.record = record;
    assert_int_equal(key_tally(tally, &list, 1, LINK_PERSON, found, 1), 1);
    assert_int_equal(found[0].record_no, 5);
    free(tally);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_those_that_share_most),
        cmocka_unit_test(test_nothing_and_no_room),
    };

    state_of_chance = 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
