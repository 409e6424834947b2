// links: extension/customer/key_pack.c
/* Packed lists of keys against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chance.h"
#include "customer/key_pack.h"

#define COUNT 20000

static void
test_sorts_and_keeps_the_order_of_equal_keys(void **context)
{
    KeyEntry *entries = calloc(COUNT, sizeof *entries);
    KeyEntry *scratch = calloc(COUNT, sizeof *scratch);

    (void) context;
    for (uint32_t i = 0; i < COUNT; i++)
        entries[i] = (KeyEntry){chance_bits() & (i % 2 ? 0xffffffff : 0xff), i};
    key_pack_sort(entries, scratch, COUNT);
    for (uint32_t i = 1; i < COUNT; i++) {
        assert_true(entries[i - 1].key <= entries[i].key);
        if (entries[i - 1].key == entries[i].key)
            assert_true(entries[i - 1].node < entries[i].node);
    }
    key_pack_sort(entries, scratch, 0);
    free(entries);
    free(scratch);
}

/* Rising, from below zero to the end of what there is. */
static int64_t
record_of(uint32_t i)
{
    return key_pack_record(((int64_t) i - COUNT / 2) * (INT64_C(1) << 46), (LinkKind) (i % 3));
}

/* Without some records the others are found by every key that they have, and keys of nobody else are gone. */
static void
test_forgets_records(void **context)
{
    KeyEntry entries[COUNT];
    KeyEntry scratch[COUNT];
    int64_t record[COUNT];
    int64_t gone[COUNT / 3 + 1];
    size_t gone_count = 0;
    uint8_t *list = malloc(key_pack_bound(COUNT));
    uint8_t *shorter = malloc(key_pack_bound(COUNT));
    size_t size;
    size_t left;

    (void) context;
    for (uint32_t i = 0; i < COUNT; i++) {
        entries[i] = (KeyEntry){chance_bits() % 5000 * (i % 9 == 0 ? 0 : 600000), i};
        record[i] = key_pack_record((int64_t) i * 250 - 500000, LINK_PERSON);
        if (i % 3 == 0)
            gone[gone_count++] = key_pack_number(record[i]);
    }
    key_pack_sort(entries, scratch, COUNT);
    size = key_pack(entries, COUNT, KEY_PACK_MANY, record, list);
    left = key_pack_without(list, size, gone, gone_count, shorter);
    assert_true(left < size);
    assert_int_equal(key_pack_without(shorter, left, gone, gone_count, list), left);
    assert_memory_equal(list, shorter, left);
    for (size_t first = 0, end; first < COUNT; first = end) {
        int64_t found[COUNT];
        KeyHolders holders;
        uint32_t expected = 0;

        assert_true(key_pack_find(shorter, left, entries[first].key, &holders));
        if (holders.elsewhere) { /* as it was */
            for (end = first; end < COUNT && entries[end].key == entries[first].key;)
                end++;
            assert_int_equal(holders.count, end - first);
            continue;
        }
        assert_true(key_pack_records(&holders, found));
        for (end = first; end < COUNT && entries[end].key == entries[first].key; end++)
            if (entries[end].node % 3 != 0)
                assert_int_equal(found[expected++], record[entries[end].node]);
        assert_int_equal(holders.count, expected);
        if (end > 2000)
            break;
    }
    /* all of them: nothing is left; none of them: nothing changes; cut off, it is noticed or shorter */
    for (uint32_t i = 0; i < COUNT; i++)
        record[i] = key_pack_number(record[i]);
    assert_true(key_pack_without(shorter, left, record, COUNT, list) <
                8); /* but for the key that many have */
    assert_int_equal(key_pack_without(shorter, left, NULL, 0, list), left);
    for (size_t cut = 1; cut < 200 && cut < left; cut++) {
        size_t got = key_pack_without(shorter, left - cut, gone, gone_count, list);

        assert_true(got == KEY_PACK_DAMAGED || got <= left - cut);
    }
    free(list);
    free(shorter);
}

/* Every key is found with its records, or their number where they are many, and no other key is. */
static void
test_finds_what_was_packed(void **context)
{
    KeyEntry *entries = calloc(COUNT, sizeof *entries);
    KeyEntry *scratch = calloc(COUNT, sizeof *scratch);
    int64_t *record = calloc(COUNT, sizeof *record);
    int64_t *found = calloc(COUNT, sizeof *found);
    uint8_t *list = malloc(key_pack_bound(COUNT));
    int elsewhere = 0;
    size_t size;

    (void) context;
    for (uint32_t i = 0; i < COUNT; i++) {
        entries[i] = (KeyEntry){chance_bits() % 7000 * (i % 2 ? 600000 : 1), i};
        record[i] = record_of(i);
    }
    key_pack_sort(entries, scratch, COUNT);
    size = key_pack(entries, COUNT, 3, record, list);
    assert_true(size <= key_pack_bound(COUNT));
    for (size_t first = 0, end; first < COUNT && first < 2000;
         first = end) { /* each reads the list from its start */
        KeyHolders holders;

        for (end = first; end < COUNT && entries[end].key == entries[first].key;)
            end++;
        assert_true(key_pack_find(list, size, entries[first].key, &holders));
        assert_int_equal(holders.count, end - first);
        assert_int_equal(holders.elsewhere, end - first > 3);
        elsewhere += holders.elsewhere;
        if (!holders.elsewhere) {
            assert_true(key_pack_records(&holders, found));
            for (size_t i = first; i < end; i++)
                assert_int_equal(found[i - first], record[entries[i].node]);
        }
        if (end < COUNT && entries[end].key != entries[first].key + 1) {
            assert_true(key_pack_find(list, size, entries[first].key + 1, &holders));
            assert_int_equal(holders.count, 0);
        }
    }
    assert_true(elsewhere > 10);
    free(entries);
    free(scratch);
    free(record);
    free(found);
    free(list);
}

static void
test_damage_is_noticed_or_harmless(void **context)
{
    KeyEntry entries[] = {{5, 0}, {5, 1}, {900000000, 2}};
    int64_t record[] = {10, 1000000, 7};
    uint8_t list[key_pack_bound(3) + 1];
    size_t size = key_pack(entries, 3, KEY_PACK_MANY, record, list);
    KeyHolders holders;
    int noticed = 0;

    (void) context;
    assert_true(key_pack_find(list, 0, 5, &holders));
    assert_int_equal(holders.count, 0);
    for (size_t cut = 1; cut < size; cut++) {
        int64_t found[4];
        bool good = key_pack_find(list, cut, 900000000, &holders);

        assert_true(!good || holders.count <= 1);
        noticed += !good || (holders.count == 1 && !key_pack_records(&holders, found));
    }
    assert_true(noticed >= (int) size - 3); /* it may end between two keys */
    for (int i = 0; i < 20000; i++) {
        uint8_t wrong[sizeof list];

        memcpy(wrong, list, sizeof list);
        wrong[chance_bits() % size] = (uint8_t) chance_bits();
        if (key_pack_find(wrong, size, chance_bits() % 2 ? 5 : 900000000, &holders) && !holders.elsewhere) {
            int64_t *found = calloc(holders.count + 1, sizeof *found);

            assert_true(holders.count <= size);       /* so that nobody asks for room without end */
            (void) key_pack_records(&holders, found); /* under the sanitizers */
            free(found);
        }
    }
}

static void
test_slots_take_a_few_hundred_entries(void **context)
{
    (void) context;
    assert_int_equal(key_pack_bits(0), 0);
    assert_int_equal(key_pack_bits(256), 0);
    assert_int_equal(key_pack_bits(512), 1);
    assert_int_equal(key_pack_bits(40000000), 18);
    assert_int_equal(key_pack_bits(UINT64_MAX), 24);
    assert_int_equal(key_pack_slot(0xffffffff, 0), 0);
    assert_int_equal(key_pack_slot(0xffffffff, 6), 63);
    assert_int_equal(key_pack_slot(0x03ffffff, 6), 0);
    /* lists of their own are under slots that are no others' */
    assert_int_equal(key_pack_own_slot(0), -1);
    assert_int_equal(key_pack_own_slot(1), -1);
    assert_int_equal(key_pack_own_slot(2), -2);
    assert_int_equal(key_pack_own_slot(UINT32_MAX), INT32_MIN);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorts_and_keeps_the_order_of_equal_keys),
        cmocka_unit_test(test_finds_what_was_packed),
        cmocka_unit_test(test_forgets_records),
        cmocka_unit_test(test_damage_is_noticed_or_harmless),
        cmocka_unit_test(test_slots_take_a_few_hundred_entries),
    };

    state_of_chance = 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
