/*
 * csv.c: fields are unquoted in place, in the buffer that the file was read into. See csv.h.
 */
#include "csv.h"

#include <err.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *
read_whole(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");
    char *buffer;

    if (file == NULL || fseek(file, 0, SEEK_END) != 0)
        err(2, "%s", path);
    *size = (size_t) ftell(file);
    rewind(file);
    buffer = malloc(*size + 2);
    if (buffer == NULL || fread(buffer, 1, *size, file) != *size)
        err(2, "%s", path);
    fclose(file);
    if (*size > 0 && buffer[*size - 1] != '\n')
        buffer[(*size)++] = '\n';
    buffer[*size] = '\0';
    return buffer;
}

/* Takes one field from *at on, moves *at behind it and its separator; *last: it ended the line. */
static char *
take_field(char **at, char separator, bool *last)
{
    char *in = *at;
    char *start;
    char *out;

    while (*in == ' ')
        in++;
    start = out = in;
    if (*in == '"') {
        start = out = ++in;
        while (*in != '\0' && (*in != '"' || in[1] == '"')) {
            in += *in == '"';
            *out++ = *in++;
        }
        in += strcspn(in, separator == ';' ? ";\n" : ",\n");
    } else {
        while (*in != '\0' && *in != separator && *in != '\n')
            *out++ = *in++;
        while (out > start && (out[-1] == ' ' || out[-1] == '\r'))
            out--;
    }
    *last = *in != separator;
    *at = *in == '\0' ? in : in + 1;
    *out = '\0';
    return start;
}

void
csv_read(const char *path, char separator, Csv *csv)
{
    size_t size;
    size_t room = 1024;
    size_t used = 0;
    size_t line = 0;
    char *at;
    bool last;

    *csv = (Csv){.buffer = read_whole(path, &size)};
    csv->field = malloc(room * sizeof(char *));
    for (at = csv->buffer; at < csv->buffer + size; line++) {
        int count = 0;

        do {
            if (used == room)
                csv->field = realloc(csv->field, (room *= 2) * sizeof(char *));
            if (csv->field == NULL)
                errx(2, "out of memory");
            csv->field[used++] = take_field(&at, separator, &last);
            count++;
        } while (!last);
        if (line == 0)
            csv->columns = count;
        else if (count != csv->columns)
            errx(2, "%s: record %zu has %d fields instead of %d", path, line, count, csv->columns);
    }
    if (line == 0)
        errx(2, "%s is empty", path);
    csv->header = malloc(sizeof(char *) * (size_t) csv->columns);
    if (csv->header == NULL)
        errx(2, "out of memory");
    memcpy(csv->header, csv->field, sizeof(char *) * (size_t) csv->columns);
    memmove(csv->field, csv->field + csv->columns, sizeof(char *) * (used - (size_t) csv->columns));
    csv->rows = line - 1;
}

int
csv_column(const Csv *csv, const char *name)
{
    for (int i = 0; i < csv->columns; i++)
        if (strcmp(csv->header[i], name) == 0)
            return i;
    return -1;
}

void
csv_free(Csv *csv)
{
    free(csv->buffer);
    free(csv->field);
    free(csv->header);
}
