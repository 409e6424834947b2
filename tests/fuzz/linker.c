// links: linker
/* A handful of records of any bytes, linked: it ends, and each cluster is named by one of its own records. */
#include "fuzz.h"
#include "customer/linker.h"

#define RECORDS 12

TARGET(linker)
{
    struct Input input = {data, size};
    LinkerOptions options = {.memory = 64 << 20, .threads = 1};
    Linker *linker = NULL;
    char *kept[RECORDS * LINK_FIELDS];
    uint32_t count = 0;
    int used = 0;

    CHECK(linker_create(&options, &linker) == LINK_OK);
    while (input.size > 0 && count < RECORDS) {
        LinkInput record = {.name = count, .kind = (LinkKind) (take_number(&input, 1) % 3)};
        uint64_t fields = take_number(&input, 2);

        for (int i = 0; i < LINK_FIELDS; i++)
            if (fields >> i & 1) {
                size_t length;

                kept[used] = take_text(&input, 200, &length);
                record.field[i] = (LinkText){kept[used++], length};
            }
        CHECK(linker_add(linker, &record) == LINK_OK);
        count++;
    }
    if (count > 1) {
        LinkEvidence evidence[LINK_ATTRIBUTES];
        LinkKey keys[LINK_MAX_KEYS];
        double prior, weight;
        int key_count = 0;

        CHECK(linker_keys(linker, 0, keys, &key_count) == LINK_OK && key_count >= 0 &&
              key_count <= LINK_MAX_KEYS);
        CHECK(linker_run(linker) == LINK_OK);
        for (uint32_t i = 0; i < count; i++)
            CHECK(linker_clusters(linker)[i] <= i &&
                  linker_clusters(linker)[linker_clusters(linker)[i]] == linker_clusters(linker)[i]);
        CHECK(linker_explain(linker, 0, 1, evidence, &prior, &weight) <= LINK_ATTRIBUTES);
        CHECK(weight == weight && prior == prior);
        CHECK(link_contradiction_name(linker_contradiction(linker, 0, 1)) != NULL);
    }
    linker_free(linker);
    while (used > 0)
        free(kept[--used]);
}
