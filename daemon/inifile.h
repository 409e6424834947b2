/*
 * inifile.h: reads a file of [sections] with `name = value` lines, the form of the configuration and of the secrets file.
 *
 * Lines of up to INIFILE_LINE_MAX bytes; `;` or `#` at the start of a line and `;` after a space begin a comment. A name
 * given twice in one section is left to the handler.
 */
#ifndef CRMD_INIFILE_H
#define CRMD_INIFILE_H

#include <stdio.h>

#include "status.h"

#define INIFILE_LINE_MAX 4096

/* Returns a Status; on anything but STATUS_OK it has filled the Problem, and reading ends. */
typedef enum Status (*InifileHandler)(void *arg, const char *section, const char *name, const char *value,
                                      struct Problem *problem);

/* path is for messages. The file stays open. The Problem is prefixed by the path. */
enum Status inifile_read(FILE *file, const char *path, InifileHandler handler, void *arg,
                         struct Problem *problem) MUST_CHECK;

#endif
