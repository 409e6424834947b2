// links: linker
/* The linker with too little memory: what is spilled changes nothing, and what fails is told. Records that are alike, too. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "chance.h"
#include "customer/linker.h"

#define PEOPLE 1500
#define ENOUGH ((size_t) 256 << 20)

/* A place that can be told to fail, and to say how much is open. */
typedef struct Disk {
    uint64_t left; /* bytes that can be written */
    int open;
    int most_open;
} Disk;

typedef struct File {
    Disk *disk;
    char *data;
    size_t size;
    size_t at;
} File;

static void *
disk_open(void *context)
{
    Disk *disk = context;
    File *file = calloc(1, sizeof(File));

    assert_non_null(file);
    file->disk = disk;
    disk->open++;
    disk->most_open = disk->open > disk->most_open ? disk->open : disk->most_open;
    return file;
}

static bool
disk_write(void *context, const void *data, size_t size)
{
    File *file = context;

    assert_int_equal(file->at, file->size); /* from start to end */
    if (size > file->disk->left)
        return false;
    file->disk->left -= size;
    file->data = realloc(file->data, file->size + size);
    assert_non_null(file->data);
    memcpy(file->data + file->size, data, size);
    file->at = file->size += size;
    return true;
}

static bool
disk_rewind(void *context)
{
    ((File *) context)->at = 0;
    return true;
}

static bool
disk_read(void *context, void *data, size_t size)
{
    File *file = context;

    if (size > file->size - file->at)
        return false;
    memcpy(data, file->data + file->at, size);
    file->at += size;
    return true;
}

static void
disk_close(void *context)
{
    File *file = context;

    file->disk->open--;
    free(file->data);
    free(file);
}

static const LinkSpill spill = {disk_open, disk_write, disk_rewind, disk_read, disk_close};

static void
put(LinkInput *input, LinkField field, const char *text)
{
    input->field[field] = (LinkText){text, strlen(text)};
}

static void
syllables(char *out, unsigned number)
{
    static const char *const syllable[] = {"ba", "ke", "lo", "mi", "nu", "ra", "se", "to", "va", "zi"};

    snprintf(out, 16, "%s%s%s", syllable[number % 10], syllable[number / 10 % 10],
             syllable[number / 100 % 10]);
}

/* People, each with a second record where the number is even, with an error in the family name now and then. */
static void
add_people(Linker *linker)
{
    state_of_chance = 11;
    for (unsigned i = 0; i < PEOPLE; i++) {
        char given[16];
        char family[16];
        char date[16];
        char mail[48];
        char code[8];

        syllables(given, chance(40) * 7);
        syllables(family, chance(300) * 3 + 1);
        snprintf(date, sizeof(date), "19%02u-%02u-%02u", 30 + chance(70), 1 + chance(12), 1 + chance(28));
        snprintf(code, sizeof(code), "%05u", chance(500) * 13);
        snprintf(mail, sizeof(mail), "%s.%u@example.com", family, i);
        for (unsigned again = 0; again < (i % 2 == 0 ? 2 : 1); again++) {
            LinkInput input = {.name = 2 * i + again, .kind = LINK_PERSON};

            if (again == 1 && chance(3) == 0)
                family[chance((unsigned) strlen(family))] = 'x';
            put(&input, LINK_GIVEN_NAME, given);
            put(&input, LINK_FAMILY_NAME, family);
            put(&input, LINK_BIRTH_DATE, date);
            put(&input, LINK_POSTCODE, code);
            if (again == 0 || chance(2) == 0)
                put(&input, LINK_EMAIL, mail);
            assert_int_equal(linker_add(linker, &input), LINK_OK);
        }
    }
}

static Linker *
with_memory(size_t memory, Disk *disk)
{
    LinkerOptions options = {
        .memory = memory, .threads = 2, .spill = disk == NULL ? NULL : &spill, .context = disk};
    Linker *linker;

    assert_int_equal(linker_create(&options, &linker), LINK_OK);
    add_people(linker);
    return linker;
}

/* The least memory, in steps of a tenth, that a run gets along with; it is looked for once. */
static Linker *
least(Disk *disk, size_t *memory)
{
    static size_t found = (size_t) 600 << 10;

    for (;; found += found / 10) {
        Linker *linker = with_memory(found, disk);
        LinkStatus status = linker_run(linker);

        *memory = found;
        if (status == LINK_OK)
            return linker;
        assert_int_equal(status, LINK_NO_MEMORY);
        assert_true(linker_needed(linker) > found);
        linker_free(linker);
        assert_int_equal(disk->open, 0);
        assert_true(found < ENOUGH);
    }
}

static void
test_what_is_spilled_changes_nothing(void **state)
{
    Disk disk = {.left = UINT64_MAX};
    Linker *much = with_memory(ENOUGH, NULL);
    Linker *little;
    size_t memory;
    const LinkReport *a;
    const LinkReport *b;

    (void) state;
    assert_int_equal(linker_run(much), LINK_OK);
    little = least(&disk, &memory);
    a = linker_report(much);
    b = linker_report(little);
    assert_true(b->spilled > 0);
    assert_int_equal(a->spilled, 0);
    assert_true(b->memory <= memory);
    assert_true(2 * b->memory < a->memory);
    assert_true(disk.most_open > 2);
    assert_int_equal(a->candidates, b->candidates);
    assert_int_equal(a->kept, b->kept);
    assert_int_equal(a->cluster_pairs, b->cluster_pairs);
    assert_true(a->posterior_sum == b->posterior_sum);
    assert_true(a->threshold == b->threshold);
    assert_true(a->clusters < a->records);
    assert_memory_equal(linker_clusters(much), linker_clusters(little), a->records * sizeof(uint32_t));
    linker_free(much);
    linker_free(little);
    assert_int_equal(disk.open, 0);
}

/* Wherever the disk becomes full, the run ends with that status, and nothing stays open. */
static void
test_a_full_disk(void **state)
{
    Disk disk = {.left = UINT64_MAX};
    size_t memory;
    Linker *linker = least(&disk, &memory);
    uint64_t written = linker_report(linker)->spilled;

    (void) state;
    linker_free(linker);
    for (int part = 0; part < 6; part++) {
        disk = (Disk){.left = written * (uint64_t) part / 6};
        linker = with_memory(memory, &disk);
        assert_int_equal(linker_run(linker), LINK_SPILL);
        linker_free(linker);
        assert_int_equal(disk.open, 0);
    }
}

static void
test_too_little_memory(void **state)
{
    Disk disk = {.left = UINT64_MAX};
    size_t memory;
    Linker *linker = least(&disk, &memory);

    (void) state;
    linker_free(linker);
    for (int spilling = 0; spilling < 2; spilling++) {
        linker = with_memory(memory / 2, spilling ? &disk : NULL);
        assert_int_equal(linker_run(linker), LINK_NO_MEMORY);
        assert_true(linker_needed(linker) > memory / 2);
        linker_free(linker);
        assert_int_equal(disk.open, 0);
    }
}

/* Equal records are one customer where they hold enough to tell one person, and only there. */
static void
test_equal_records(void **state)
{
    Linker *linker = with_memory(ENOUGH, NULL);
    uint32_t first = PEOPLE + PEOPLE / 2;
    uint32_t johns = first + 300;

    (void) state;
    for (unsigned i = 0; i < 400; i++) {
        LinkInput input = {.name = 100000 + i, .kind = LINK_PERSON};

        put(&input, LINK_GIVEN_NAME, i < 300 ? "Wilhelmina" : "John");
        if (i < 300) {
            put(&input, LINK_FAMILY_NAME, "Quackenbush");
            put(&input, LINK_BIRTH_DATE, "1971-02-13");
            put(&input, LINK_EMAIL, "mina@example.org");
        }
        assert_int_equal(linker_add(linker, &input), LINK_OK);
    }
    assert_int_equal(linker_run(linker), LINK_OK);
    for (uint32_t i = 0; i < 300; i++)
        assert_int_equal(linker_clusters(linker)[first + i], first);
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(linker_clusters(linker)[johns + i], johns + i);
    assert_true(linker_report(linker)->cluster_pairs >= 300 * 299 / 2);
    linker_free(linker);
}

/* What people decided goes before what is equal. */
static void
test_a_verdict_on_equal_records(void **state)
{
    Linker *linker = with_memory(ENOUGH, NULL);
    uint32_t first = PEOPLE + PEOPLE / 2;

    (void) state;
    for (unsigned i = 0; i < 20; i++) {
        LinkInput input = {.name = 100000 + i, .kind = LINK_PERSON};

        put(&input, LINK_GIVEN_NAME, "Wilhelmina");
        put(&input, LINK_FAMILY_NAME, "Quackenbush");
        put(&input, LINK_BIRTH_DATE, "1971-02-13");
        put(&input, LINK_EMAIL, "mina@example.org");
        assert_int_equal(linker_add(linker, &input), LINK_OK);
    }
    assert_int_equal(linker_decide(linker, first, first + 1, LINK_DIFFERENT), LINK_OK);
    assert_int_equal(linker_decide(linker, 3, first + 1, LINK_SAME), LINK_OK);
    assert_int_equal(linker_run(linker), LINK_OK);
    assert_int_not_equal(linker_clusters(linker)[first], linker_clusters(linker)[first + 1]);
    assert_int_equal(linker_clusters(linker)[3], linker_clusters(linker)[first + 1]);
    linker_free(linker);
}

/* An entity of 120 records, each a little different, so that all its blocks are large. */
static void
test_a_crowd(void **state)
{
    Linker *linker = with_memory(ENOUGH, NULL);
    uint32_t first = PEOPLE + PEOPLE / 2;
    uint32_t together = 0;

    (void) state;
    for (unsigned i = 0; i < 120; i++) {
        LinkInput input = {.name = 100000 + i, .kind = LINK_PERSON};
        char mail[32];

        snprintf(mail, sizeof(mail), "q%u@example.org", i);
        put(&input, LINK_GIVEN_NAME, i % 3 == 0 ? "Wilhelmine" : "Wilhelmina");
        put(&input, LINK_FAMILY_NAME, "Quackenbush");
        put(&input, LINK_BIRTH_DATE, i % 3 == 1 ? "1971-12-13" : "1971-02-13");
        put(&input, LINK_POSTCODE, "99999");
        if (i % 2 == 0)
            put(&input, LINK_EMAIL, mail);
        assert_int_equal(linker_add(linker, &input), LINK_OK);
    }
    assert_int_equal(linker_run(linker), LINK_OK);
    for (uint32_t i = 0; i < 120; i++)
        together += linker_clusters(linker)[first + i] == linker_clusters(linker)[first + 1];
    assert_true(together >= 60); /* 40 where large blocks are left out */
    linker_free(linker);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_spilled_changes_nothing),
        cmocka_unit_test(test_a_full_disk),
        cmocka_unit_test(test_too_little_memory),
        cmocka_unit_test(test_equal_records),
        cmocka_unit_test(test_a_verdict_on_equal_records),
        cmocka_unit_test(test_a_crowd),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
