/*
 * run.h: puts the workers, the loop and the signals together: `crmd run` and `crmd once`.
 *
 * Signals: SIGTERM and SIGINT stop (a second one at once), SIGHUP reads configuration and secrets again, and keeps the old
 * where one of them is bad.
 */
#ifndef CRMD_RUN_H
#define CRMD_RUN_H

#include <stdbool.h>

#include "config.h"

enum ExitCode {
    CRMD_EXIT_OK = 0,
    CRMD_EXIT_FAILED = 1,     /* it could not start, or not stop in time, or (once) lost the database */
    CRMD_EXIT_USAGE = 2,      /* the command line makes no sense */
    CRMD_EXIT_INCOMPLETE = 3, /* once: all was tried, something failed and is kept for the next try */
};

/* path is where config came from. config changes on SIGHUP; it stays the caller's to free. */
enum ExitCode run_daemon(struct Config *config, const char *path, bool once);

/* How many connections to the database `run` has: one for each of its workers. */
int run_connections(const struct Config *config);

#endif
