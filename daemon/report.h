/*
 * report.h: crmd report, one page of what a principal may see.
 *
 * Asks the database once (report_page, in a transaction that writes nothing) and lays out what it answers (report_page.h), on standard output or
 * in a file, which is there whole or as it was before: it is written beside its place and moved there.
 */
#ifndef CRMD_REPORT_H
#define CRMD_REPORT_H

#include "config.h"
#include "status.h"

struct ReportAsked {
    const char *principal;                       /* must be there */
    const char *since, *until, *unit, *language; /* NULL: the database's default */
    const char *path;                            /* NULL: standard output */
};

enum Status report_run(const struct Config *config, const struct ReportAsked *asked,
                       struct Problem *problem) MUST_CHECK;

#endif
