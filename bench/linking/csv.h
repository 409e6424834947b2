/*
 * csv.h: a file of comma-separated values, as it comes out of COPY or a spreadsheet, held in memory.
 *
 * Quoted fields may hold commas, line ends and doubled quotes. Blanks around unquoted fields and header names are cut.
 */
#ifndef CRM_BENCH_CSV_H
#define CRM_BENCH_CSV_H

#include <stddef.h>

typedef struct Csv {
    char *buffer;
    char **field; /* [rows * columns], NUL at the end, "" where empty; the header is not among them */
    char **header;
    size_t rows;
    int columns;
} Csv;

/* Ends the program with a message where the file cannot be read. */
extern void csv_read(const char *path, char separator, Csv *csv);
extern int csv_column(const Csv *csv, const char *name); /* -1: none */
extern void csv_free(Csv *csv);

#endif
