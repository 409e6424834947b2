// links: extension/customer/key_pack.c
/* Packed lists of records by key: any bytes are refused or read; what is packed is found again, and taken out again. */
#include "fuzz.h"
#include "customer/key_pack.h"

#define MOST 300

static void
read_bytes(const uint8_t *data, size_t size)
{
    uint8_t *list = (uint8_t *) copy_bytes(data, size), *out = malloc(size + 1);
    int64_t numbers[] = {0, 1, 2, 100, 1000000};
    KeyHolders holders;
    size_t length;

    CHECK(out != NULL);
    for (uint32_t key = 0; key < 40; key++)
        if (key_pack_find(list, size, key < 20 ? key : key << 26, &holders) && !holders.elsewhere &&
            holders.count <= size) {
            int64_t *records = calloc(holders.count + 1, sizeof *records);

            CHECK(records != NULL);
            if (key_pack_records(&holders, records))
                for (uint32_t i = 1; i < holders.count; i++)
                    CHECK(records[i] > records[i - 1]);
            free(records);
        }
    length = key_pack_without(list, size, numbers, sizeof numbers / sizeof numbers[0], out);
    CHECK(length == KEY_PACK_DAMAGED || length <= size);
    free(list);
    free(out);
}

static void
there_and_back(struct Input input)
{
    KeyEntry entries[MOST], scratch[MOST];
    int64_t records[MOST], found[MOST];
    size_t count = 0, size, many = 1 + take_number(&input, 1) % KEY_PACK_MANY;
    uint8_t *list;

    while (input.size >= 2 && count < MOST) {
        entries[count] =
            (KeyEntry){(uint32_t) take_number(&input, 1) << (take_number(&input, 1) & 24), (uint32_t) count};
        records[count] = key_pack_record((int64_t) count * 3, (LinkKind) (count % 3));
        count++;
    }
    key_pack_sort(entries, scratch, count);
    list = malloc(key_pack_bound(count) + 1);
    CHECK(list != NULL);
    size = key_pack(entries, count, many, records, list);
    CHECK(size <= key_pack_bound(count));
    for (size_t i = 0, next; i < count; i = next) {
        KeyHolders holders;

        for (next = i; next < count && entries[next].key == entries[i].key; next++)
            ;
        CHECK(key_pack_find(list, size, entries[i].key, &holders) && holders.count == next - i);
        CHECK(holders.elsewhere == (next - i > many));
        if (!holders.elsewhere) {
            CHECK(key_pack_records(&holders, found));
            for (size_t j = i; j < next; j++)
                CHECK(found[j - i] == records[entries[j].node]);
        }
    }
    free(list);
}

TARGET(key_pack)
{
    read_bytes(data, size);
    there_and_back((struct Input){data, size});
}
