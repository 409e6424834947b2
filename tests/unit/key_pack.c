// links: extension/customer/key_pack.c
/* Packed lists of keys against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "customer/key_pack.h"

#define COUNT 20000

static uint64_t state = 1;

static uint32_t
next_number(void)
{
    state = state * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t) (state >> 32);
}

static void
test_sorts_and_keeps_the_order_of_equal_keys(void **context)
{
    KeyEntry *entries = calloc(COUNT, sizeof *entries);
    KeyEntry *scratch = calloc(COUNT, sizeof *scratch);

    (void) context;
    for (uint32_t i = 0; i < COUNT; i++)
        entries[i] = (KeyEntry){next_number() & (i % 2 ? 0xffffffff : 0xff), i};
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

static int64_t
record_of(uint32_t i)
{
    /* also falling ones */
    return i % 3 == 0 ? INT64_MAX - i : i % 3 == 1 ? (int64_t) i : -(int64_t) i;
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
        entries[i] = (KeyEntry){next_number() % 7000 * (i % 2 ? 600000 : 1), i};
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
        wrong[next_number() % size] = (uint8_t) next_number();
        if (key_pack_find(wrong, size, next_number() % 2 ? 5 : 900000000, &holders) && !holders.elsewhere) {
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
        cmocka_unit_test(test_damage_is_noticed_or_harmless),
        cmocka_unit_test(test_slots_take_a_few_hundred_entries),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
