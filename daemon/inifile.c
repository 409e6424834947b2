/*
 * inifile.c: libinih with a reader of our own, because the library cuts lines at a length fixed when it was built (200
 * bytes in some distributions) and says nothing. Where it can be told at run time, it is.
 */
#include "inifile.h"

#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <string.h>

/* Not in every build of the library: absent ones have the address NULL. */
#pragma weak ini_max_line
#pragma weak ini_use_stack
#pragma weak ini_initial_alloc
#pragma weak ini_allow_realloc

struct Reading {
    FILE *file;
    InifileHandler handler;
    void *arg;
    struct Problem *problem;
    enum Status status;
    int line;
    bool too_long;
};

static char *
read_line(char *buffer, int size, void *stream)
{
    struct Reading *reading = stream;
    size_t length;

    if (reading->status != STATUS_OK || reading->too_long || fgets(buffer, size, reading->file) == NULL)
        return NULL;
    reading->line++;
    length = strlen(buffer);
    if (length > 0 && buffer[length - 1] != '\n' && !feof(reading->file)) {
        reading->too_long = true;
        return NULL;
    }
    return buffer;
}

static int
take(void *user, const char *section, const char *name, const char *value)
{
    struct Reading *reading = user;

    if (reading->status == STATUS_OK)
        reading->status = reading->handler(reading->arg, section, name, value, reading->problem);
    return reading->status == STATUS_OK;
}

enum Status
inifile_read(FILE *file, const char *path, InifileHandler handler, void *arg, struct Problem *problem)
{
    struct Reading reading = {.file = file, .handler = handler, .arg = arg, .problem = problem};
    struct Problem inner;
    int bad_line;

    if (&ini_max_line != NULL && &ini_use_stack != NULL && &ini_initial_alloc != NULL) {
        ini_use_stack = false;
        ini_initial_alloc = ini_max_line = INIFILE_LINE_MAX;
    }
    errno = 0;
    bad_line = ini_parse_stream(read_line, &reading, take, &reading);
    if (reading.status != STATUS_OK) {
        inner = *problem;
        problem_set(problem, "%s line %d: %s", path, reading.line, inner.text);
        return reading.status;
    }
    if (ferror(file)) {
        problem_set(problem, "cannot read %s: %s", path, strerror(errno));
        return STATUS_SYSTEM;
    }
    if (reading.too_long) {
        problem_set(problem, "%s line %d is too long", path, reading.line);
        return STATUS_INVALID;
    }
    if (bad_line != 0) {
        problem_set(problem, "%s line %d is neither a [section] nor name = value", path, bad_line);
        return STATUS_INVALID;
    }
    return STATUS_OK;
}
