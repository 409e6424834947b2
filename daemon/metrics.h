/*
 * metrics.h: what this process has counted, and how OpenMetrics 1.0 writes it.
 *
 * Every family stands once, in the table of metrics.c, with its type, unit, labels and help; a label has the values listed there and
 * no others, so that no name of a customer, an endpoint or a rule ever becomes one. The numbers are the module's only state: there is
 * one process, and it counts from its start. Pure but for that.
 */
#ifndef CRMD_METRICS_H
#define CRMD_METRICS_H

#include <stdio.h>

enum Metric {
    METRIC_BUILD,
    METRIC_START,
    METRIC_MEMORY,
    METRIC_CPU,
    METRIC_DESCRIPTORS,
    METRIC_LOOP_BUSY,
    METRIC_CONNECTION_UP,
    METRIC_CONNECTIONS,
    METRIC_CONNECTION_LOSSES,
    METRIC_STATEMENTS_FAILED,
    METRIC_DATABASE_ANSWERED,
    METRIC_DELIVERIES,
    METRIC_POST,
    METRIC_IN_FLIGHT,
    METRIC_UNREPORTED,
    METRIC_STALE,
    METRIC_QUEUE,
    METRIC_QUEUE_OLDEST,
    METRIC_QUEUE_LAG,
    METRIC_DEAD,
    METRIC_ENDPOINTS_RESTING,
    METRIC_ENDPOINTS_OFF,
    METRIC_RULES,
    METRIC_RULE_TIME,
    METRIC_RULES_FAILING,
    METRIC_RULE_LAG,
    METRIC_FOLDS,
    METRIC_FOLDED_CHANGES,
    METRIC_FOLD_SUCCESS,
    METRIC_BACKFILLS,
    METRIC_BACKFILLED_ROWS,
    METRIC_FILLING,
    METRIC_LINK_RUNS,
    METRIC_WATCHED,
    METRIC_PAGES,
    METRIC_RELOADS,
    METRIC_COUNT
};

/* Values of labels in the family's order, NULL where it has fewer. A value that is not listed counts as the last, "other". */
void metrics_add(enum Metric metric, double amount, const char *first, const char *second);
void metrics_set(enum Metric metric, double value, const char *first, const char *second);
void metrics_observe(enum Metric metric, double seconds);

/* A gauge that is not known any more is not shown, as one that was never set. */
void metrics_unset(enum Metric metric);

/* The versions of METRIC_BUILD; constants of the program or of its libraries. */
void metrics_versions(const char *crmd, const char *libcurl, int libpq);

/* The whole exposition, with its end. */
void metrics_print(FILE *out);

/* Everything as at the start of the process. */
void metrics_reset(void);

#endif
