/*
 * normal_nickname.c: names that go for each other, found by hash in the two tables of normal_nickname.h.
 */
#include "customer/normal_nickname.h"

#include <pthread.h>

#define MAX_NAME 32

static NormalSlot english_slots[8192];
static NormalSlot other_slots[16384];
static NormalTable english = {normal_names_english, 0, english_slots, 8192};
static NormalTable other = {normal_names_other, 0, other_slots, 16384};
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static void
fill_tables(void)
{
    english.count = normal_names_english_count;
    other.count = normal_names_other_count;
    (void) normal_table_fill(&english);
    (void) normal_table_fill(&other);
}

static int
find_all(const NormalTable *table, const char *word, int length, int first, uint16_t *groups, int room)
{
    const NormalEntry *entry;
    unsigned place = 0;
    int count = 0;

    while (count < room && (entry = normal_table_find(table, word, length, &place)) != NULL)
        groups[count++] = (uint16_t) (first + (entry - table->entries));
    return count;
}

int
normal_nicknames(const char *word, size_t length, uint16_t *groups, int room)
{
    int count;

    if (length == 0 || length > MAX_NAME)
        return 0;
    pthread_once(&tables_once, fill_tables);
    count = find_all(&english, word, (int) length, 0, groups, room);
    return count + find_all(&other, word, (int) length, english.count, groups + count, room - count);
}
