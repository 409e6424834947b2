/*
 * check.h: `crmd check`: whether crmd could do its work with this configuration, one line for each thing looked at.
 *
 * Changes nothing and sends nothing. It is no part of the loop and may block.
 */
#ifndef CRMD_CHECK_H
#define CRMD_CHECK_H

#include <stdbool.h>
#include <stdio.h>

#include "config.h"

/* Whether all is well. path is where config came from. */
bool check_all(const struct Config *config, const char *path, FILE *out);

#endif
