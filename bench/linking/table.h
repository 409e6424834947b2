/*
 * table.h: the rows of a set as the linker takes them, and who they truly are.
 */
#ifndef CRM_BENCH_TABLE_H
#define CRM_BENCH_TABLE_H

#include "customer/linker.h"

#include "csv.h"

typedef struct Table {
    Csv csv;
    size_t rows;
    LinkInput *input;
    uint32_t *truth;   /* of each row, a number of the entity, 0 .. rows - 1 */
    uint64_t *entity;  /* of each row, a hash of what the entity is called */
    uint64_t *content; /* of each row, a hash of its mapped values and its place in the file */
    char *joined;      /* texts of fields that are made of several columns */
} Table;

/*
 * fields are "full_name=column", "address=street_number+address_1" (joined by blanks); truth is a column, with ":2" the
 * second of its parts between '-'. Rows without a truth are left out. Ends the program with a message where that is wrong.
 */
extern void table_read(Table *table, const char *path, const char *const *fields, int count,
                       const char *truth, LinkKind kind);

/* One record for each entity, and for one of share a second one. Which ones depends on what they hold. */
extern void table_thin(Table *table, double share);
/* Whole entities until there are so many rows. */
extern void table_sample(Table *table, size_t rows);
extern void table_shuffle(Table *table, uint64_t seed);
extern void table_free(Table *table);

extern uint64_t hash_text(const char *text, size_t length, uint64_t seed);

#endif
