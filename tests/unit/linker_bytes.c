// links: linker
/*
 * Any bytes at all in every field of a record: malformed UTF-8, NULs, halves of characters, long runs, values of other fields.
 * Whatever the linker makes of them, it makes the same of it in any order, and reads no byte that is not there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "customer/linker.h"

#define RECORDS 400
#define MOST 64

static LinkInput record[RECORDS];

static size_t
append(char *out, size_t used, const char *piece, size_t length)
{
    memcpy(out + used, piece, length);
    return used + length;
}

/* A text of pieces that are likely to matter, in memory of just its size. */
static LinkText
hostile_text(void)
{
    static const struct {
        const char *piece;
        size_t length;
    } pieces[] = {
        {"\xC3\xBC", 2}, {"\xC3", 1},         {"\x80", 1},         {"\xFF\xFE", 2}, {"\xED\xA0\x80", 3},
        {"\xC0\xAF", 2}, {"\xF0\x9F\x98", 3}, {"\xF5\x80", 2},     {"\0", 1},       {"\xE5\xB1\xB1", 3},
        {" ", 1},        {"van ", 4},         {"Ann", 3},          {"Lee", 3},      {", ", 2},
        {"@", 1},        {".com", 4},         {"12", 2},           {"1980-02-", 8}, {"/", 1},
        {"+49", 3},      {"\xE1\x84\x80", 3}, {"Dr. h. c. ", 10},  {"(0)", 3},      {"ph d", 4},
        {"#", 1},        {"Flat 2/1, ", 10},  {"\xEF\xBC\x91", 3}, {"\xD9\x80", 2}, {"v.d. ", 5},
        {"10117 B, ", 9}};
    char room[MOST * 16];
    size_t used = 0;
    char *text;

    if (rand() % 3 == 0)
        return (LinkText){NULL, 0};
    for (int n = rand() % (rand() % 20 == 0 ? MOST : 6); n > 0; n--) {
        size_t which = (size_t) rand() % (sizeof pieces / sizeof pieces[0]);
        char any = (char) rand();

        used = rand() % 8 == 0 ? append(room, used, &any, 1)
                               : append(room, used, pieces[which].piece, pieces[which].length);
    }
    text = malloc(used + (used == 0));
    assert_non_null(text);
    memcpy(text, room, used);
    return (LinkText){text, used};
}

static int
setup(void **state)
{
    (void) state;
    srand(20);
    for (int i = 0; i < RECORDS; i++) {
        record[i].name = (uint64_t) i;
        record[i].kind = (LinkKind) (rand() % 3);
        for (int field = 0; field < LINK_FIELDS; field++)
            if (i > 0 && rand() % 4 == 0) { /* as another record has it */
                const LinkText *other = &record[rand() % i].field[field];
                char *copy = other->data == NULL ? NULL : malloc(other->length + (other->length == 0));

                if (copy != NULL)
                    memcpy(copy, other->data, other->length);
                record[i].field[field] = (LinkText){copy, copy == NULL ? 0 : other->length};
            } else
                record[i].field[field] = hostile_text();
    }
    return 0;
}

static int
teardown(void **state)
{
    (void) state;
    for (int i = 0; i < RECORDS; i++)
        for (int field = 0; field < LINK_FIELDS; field++)
            free((char *) record[i].field[field].data);
    return 0;
}

static Linker *
linked(bool backwards, const LinkModel *model)
{
    LinkerOptions options = {.memory = (size_t) 256 << 20, .threads = backwards ? 3 : 1, .model = model};
    Linker *linker;

    assert_int_equal(linker_create(&options, &linker), LINK_OK);
    for (int i = 0; i < RECORDS; i++)
        assert_int_equal(linker_add(linker, &record[backwards ? RECORDS - 1 - i : i]), LINK_OK);
    assert_int_equal(linker_run(linker), LINK_OK);
    return linker;
}

static void
test_order_does_not_matter(void **state)
{
    Linker *forwards = linked(false, NULL), *backwards = linked(true, NULL);
    const uint32_t *x = linker_clusters(forwards), *y = linker_clusters(backwards);

    (void) state;
    for (int i = 0; i < RECORDS; i++) {
        assert_in_range(x[i], 0, i);
        assert_int_equal(x[x[i]], x[i]);
        for (int k = 0; k < i; k++)
            if ((x[i] == x[k]) != (y[RECORDS - 1 - i] == y[RECORDS - 1 - k]))
                fail_msg("%d and %d are one in one order only", i, k);
    }
    linker_free(forwards);
    linker_free(backwards);
}

static void
test_every_pair_is_explained(void **state)
{
    Linker *linker = linked(false, NULL), *again;
    LinkDoubt doubts[50];

    (void) state;
    again = linked(false, linker_model(linker));
    for (int round = 0; round < 20000; round++) {
        LinkEvidence evidence[LINK_ATTRIBUTES];
        uint32_t a = (uint32_t) rand() % RECORDS, b = (uint32_t) rand() % RECORDS;
        double prior, weight, sum;
        int found = linker_explain(round % 2 == 0 ? linker : again, a, b, evidence, &prior, &weight);

        assert_in_range(found, 0, LINK_ATTRIBUTES);
        sum = prior;
        for (int i = 0; i < found; i++) {
            assert_in_range(evidence[i].level, 1, LINK_MAX_LEVELS - 1);
            assert_non_null(link_level_name(evidence[i].attribute, evidence[i].level));
            sum += evidence[i].bits;
        }
        assert_true(isfinite(weight) && fabs(sum - weight) < 0.01);
    }
    assert_in_range(linker_doubts(linker, doubts, 50), 0, 50);
    linker_free(again);
    linker_free(linker);
}

/* They depend on nothing but the record, whatever linker it was added to. */
static void
test_keys(void **state)
{
    LinkerOptions options = {.memory = (size_t) 256 << 20, .threads = 1};
    Linker *forwards, *backwards;

    (void) state;
    assert_int_equal(linker_create(&options, &forwards), LINK_OK);
    assert_int_equal(linker_create(&options, &backwards), LINK_OK);
    for (int i = 0; i < RECORDS; i++) {
        assert_int_equal(linker_add(forwards, &record[i]), LINK_OK);
        assert_int_equal(linker_add(backwards, &record[RECORDS - 1 - i]), LINK_OK);
    }
    for (uint32_t i = 0; i < RECORDS; i++) {
        LinkKey one[LINK_MAX_KEYS], other[LINK_MAX_KEYS];
        int n, m, same = 0;

        assert_int_equal(linker_keys(forwards, i, one, &n), LINK_OK);
        assert_int_equal(linker_keys(backwards, RECORDS - 1 - i, other, &m), LINK_OK);
        assert_in_range(n, 0, LINK_MAX_KEYS);
        assert_int_equal(n, m);
        for (int k = 0; k < n; k++)
            for (int l = 0; l < m; l++)
                if (one[k].key == other[l].key) {
                    same++;
                    break;
                }
        assert_int_equal(same, n);
    }
    linker_free(forwards);
    linker_free(backwards);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_does_not_matter),
        cmocka_unit_test(test_every_pair_is_explained),
        cmocka_unit_test(test_keys),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
