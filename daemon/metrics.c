/*
 * metrics.c: a family has a row of cells. Of a counter or gauge there is one for each combination of its labels' values; of a histogram
 * one for each bucket, not cumulative, and behind them the sum.
 */
#include "metrics.h"

#include <stdbool.h>
#include <string.h>

enum Type { TYPE_INFO, TYPE_COUNTER, TYPE_GAUGE, TYPE_HISTOGRAM };

#define CELLS_MAX 128
#define VALUES(...) ((const char *const[]){__VA_ARGS__, NULL})

struct Label {
    const char *name;
    const char *const *values; /* ends with NULL */
};

struct Family {
    const char *name;
    enum Type type;
    const char *unit; /* NULL: none; the name ends with it */
    struct Label labels[2];
    const char *help;
};

static const char *const connections[] = {"fold",   "link", "pack",  "evaluate", "evaluate-slow",
                                          "outbox", "act",  "other", NULL};
static const char *const results[] = {"ok", "failed", NULL};

static const struct Family families[METRIC_COUNT] = {
    [METRIC_BUILD] = {"crmd_build", TYPE_INFO, NULL, {{0}}, "Versions of crmd and of its libraries."},
    [METRIC_START] =
        {"process_start_time_seconds", TYPE_GAUGE, "seconds", {{0}}, "When crmd was started, as Unix time."},
    [METRIC_MEMORY] = {"process_resident_memory_bytes", TYPE_GAUGE, "bytes", {{0}}, "Resident memory."},
    [METRIC_CPU] =
        {"process_cpu_seconds", TYPE_COUNTER, "seconds", {{0}}, "Processor time, user and system."},
    [METRIC_DESCRIPTORS] = {"process_open_fds", TYPE_GAUGE, NULL, {{0}}, "Open descriptors."},
    [METRIC_LOOP_BUSY] = {"crmd_loop_busy_seconds",
                          TYPE_HISTOGRAM,
                          "seconds",
                          {{0}},
                          "How long one wake-up of the loop took: everything else waits that long."},
    [METRIC_CONNECTION_UP] = {"crmd_connection_up",
                              TYPE_GAUGE,
                              NULL,
                              {{"connection", connections}},
                              "Whether the connection to the database is there."},
    [METRIC_CONNECTIONS] = {"crmd_connections",
                            TYPE_COUNTER,
                            NULL,
                            {{"connection", connections}},
                            "Connections made: the first, and each that came back."},
    [METRIC_CONNECTION_LOSSES] = {"crmd_connection_failures",
                                  TYPE_COUNTER,
                                  NULL,
                                  {{"connection", connections}},
                                  "Connections lost or not made."},
    [METRIC_STATEMENTS_FAILED] = {"crmd_statements_failed",
                                  TYPE_COUNTER,
                                  NULL,
                                  {{"connection", connections}},
                                  "Statements that the server refused."},
    [METRIC_DATABASE_ANSWERED] = {"crmd_database_answer_timestamp_seconds",
                                  TYPE_GAUGE,
                                  "seconds",
                                  {{0}},
                                  "When the database answered last, as Unix time."},
    [METRIC_DELIVERIES] =
        {"crmd_deliveries",
         TYPE_COUNTER,
         NULL,
         {{"outcome", VALUES("delivered", "retry", "unanswered", "refused", "gone", "dead")},
          {"kind", VALUES("webhook", "slack", "teams", "mattermost", "google_chat", "discord", "pagerduty",
                          "alertmanager", "cloudevents", "email", "telegram", "other")}},
         "Attempts to deliver, by what became of them and the endpoint's kind."},
    [METRIC_POST] = {"crmd_post_duration_seconds",
                     TYPE_HISTOGRAM,
                     "seconds",
                     {{0}},
                     "How long a request to a receiver took, from its name to its answer."},
    [METRIC_IN_FLIGHT] =
        {"crmd_deliveries_in_flight", TYPE_GAUGE, NULL, {{0}}, "Deliveries that are being sent."},
    [METRIC_UNREPORTED] = {"crmd_results_unreported",
                           TYPE_GAUGE,
                           NULL,
                           {{0}},
                           "Results of deliveries that the database does not have yet."},
    [METRIC_STALE] = {"crmd_results_stale",
                      TYPE_COUNTER,
                      NULL,
                      {{0}},
                      "Results that came after the lease, or that the database did not take."},
    [METRIC_QUEUE] = {"crmd_queue_deliveries",
                      TYPE_GAUGE,
                      NULL,
                      {{"state", VALUES("due", "waiting", "leased")}},
                      "Deliveries that are not finished: due now, waiting for their time, being sent by any "
                      "daemon. Counted up to 100000."},
    [METRIC_QUEUE_OLDEST] = {"crmd_queue_oldest_age_seconds",
                             TYPE_GAUGE,
                             "seconds",
                             {{0}},
                             "How long ago the oldest delivery that is not finished was written."},
    [METRIC_QUEUE_LAG] =
        {"crmd_queue_lag_seconds",
         TYPE_GAUGE,
         "seconds",
         {{0}},
         "How long a delivery has been due that nobody sends although its endpoint is on and "
         "not resting."},
    [METRIC_DEAD] = {"crmd_deliveries_dead",
                     TYPE_GAUGE,
                     NULL,
                     {{0}},
                     "Deliveries given up within the last day. Counted up to 100000."},
    [METRIC_ENDPOINTS_RESTING] =
        {"crmd_endpoints_resting",
         TYPE_GAUGE,
         NULL,
         {{0}},
         "Endpoints that get nothing for now, after failures or at their own request."},
    [METRIC_ENDPOINTS_OFF] = {"crmd_endpoints_switched_off",
                              TYPE_GAUGE,
                              NULL,
                              {{0}},
                              "Endpoints that were switched off because of what their receiver answered."},
    [METRIC_RULES] =
        {"crmd_rules_evaluated", TYPE_COUNTER, NULL, {{"result", results}}, "Evaluations of rules."},
    [METRIC_RULE_TIME] = {"crmd_rule_duration_seconds",
                          TYPE_HISTOGRAM,
                          "seconds",
                          {{0}},
                          "How long the evaluation of a rule took."},
    [METRIC_RULES_FAILING] =
        {"crmd_rules_failing", TYPE_GAUGE, NULL, {{0}}, "Rules whose last evaluation failed."},
    [METRIC_RULE_LAG] = {"crmd_rule_lag_seconds",
                         TYPE_GAUGE,
                         "seconds",
                         {{0}},
                         "How long a rule has been due that nobody evaluates."},
    [METRIC_FOLDS] =
        {"crmd_folds", TYPE_COUNTER, NULL, {{"result", results}}, "Folds of changes into the numbers."},
    [METRIC_FOLDED_CHANGES] =
        {"crmd_folded_changes", TYPE_COUNTER, NULL, {{0}}, "Changes that were folded into the numbers."},
    [METRIC_FOLD_SUCCESS] = {"crmd_fold_success_timestamp_seconds",
                             TYPE_GAUGE,
                             "seconds",
                             {{0}},
                             "When changes were folded last, as Unix time, also where there were none."},
    [METRIC_BACKFILLS] =
        {"crmd_backfills", TYPE_COUNTER, NULL, {{"result", results}}, "Tables read for one purpose."},
    [METRIC_BACKFILLED_ROWS] =
        {"crmd_backfilled_rows", TYPE_COUNTER, NULL, {{0}}, "Rows that backfills have read."},
    [METRIC_FILLING] = {"crmd_backfills_left",
                        TYPE_GAUGE,
                        NULL,
                        {{"state", VALUES("filling", "failed")}},
                        "Backfills that are still to be done, and that failed."},
    [METRIC_LINK_RUNS] =
        {"crmd_link_runs", TYPE_COUNTER, NULL, {{"result", results}}, "Runs that linked all records anew."},
    [METRIC_WATCHED] = {"crmd_watch_timestamp_seconds",
                        TYPE_GAUGE,
                        "seconds",
                        {{0}},
                        "When the database was asked last about queue, rules and backfills, as Unix time."},
    [METRIC_PAGES] = {"crmd_page_answers",
                      TYPE_COUNTER,
                      NULL,
                      {{"code",
                        VALUES("200", "400", "403", "404", "405", "409", "410", "413", "503", "other")}},
                      "Answers of the page behind messages' buttons."},
    [METRIC_RELOADS] = {"crmd_reloads",
                        TYPE_COUNTER,
                        NULL,
                        {{"result", results}},
                        "Times that configuration and secrets were read again on SIGHUP."},
};

static const char *const type_names[] = {"info", "counter", "gauge", "histogram"};
/* with a point, as canonical numbers of OpenMetrics have */
static const struct {
    double seconds;
    const char *label;
} bounds[] = {{0.001, "0.001"}, {0.0025, "0.0025"}, {0.005, "0.005"}, {0.01, "0.01"}, {0.025, "0.025"},
              {0.05, "0.05"},   {0.1, "0.1"},       {0.25, "0.25"},   {0.5, "0.5"},   {1, "1.0"},
              {2.5, "2.5"},     {5, "5.0"},         {10, "10.0"},     {30, "30.0"},   {60, "60.0"}};
#define BOUND_COUNT (sizeof bounds / sizeof bounds[0])
#define CELL_SUM (BOUND_COUNT + 1) /* before it the bucket of what is beyond all bounds */

static struct {
    double value;
    bool known; /* only of gauges: never set is not 0 */
} cells[METRIC_COUNT][CELLS_MAX];

static struct {
    const char *crmd, *libcurl;
    int libpq;
} versions;

static size_t
value_count(const struct Label *label)
{
    size_t count = 0;

    while (label->name != NULL && label->values[count] != NULL)
        count++;
    return count;
}

static size_t
value_index(const struct Label *label, const char *value)
{
    size_t index = 0;

    if (label->name == NULL)
        return 0;
    while (label->values[index + 1] != NULL && (value == NULL || strcmp(label->values[index], value) != 0))
        index++;
    return index;
}

static size_t
cell_of(enum Metric metric, const char *first, const char *second)
{
    const struct Family *family = &families[metric];
    size_t columns = family->labels[1].name == NULL ? 1 : value_count(&family->labels[1]);

    return value_index(&family->labels[0], first) * columns + value_index(&family->labels[1], second);
}

void
metrics_add(enum Metric metric, double amount, const char *first, const char *second)
{
    cells[metric][cell_of(metric, first, second)].value += amount;
}

void
metrics_set(enum Metric metric, double value, const char *first, const char *second)
{
    size_t cell = cell_of(metric, first, second);

    cells[metric][cell].value = value;
    cells[metric][cell].known = true;
}

void
metrics_unset(enum Metric metric)
{
    memset(cells[metric], 0, sizeof cells[metric]);
}

void
metrics_observe(enum Metric metric, double seconds)
{
    size_t bucket = 0;

    while (bucket < BOUND_COUNT && seconds > bounds[bucket].seconds)
        bucket++;
    cells[metric][bucket].value++;
    cells[metric][CELL_SUM].value += seconds;
}

void
metrics_versions(const char *crmd, const char *libcurl, int libpq)
{
    versions.crmd = crmd;
    versions.libcurl = libcurl;
    versions.libpq = libpq;
}

/* A whole number is written as one. */
static void
print_number(FILE *out, double number)
{
    fprintf(out,
            number >= 0 && number < 9e15 && number == (double) (long long) number ? " %.0f\n" : " %.15g\n",
            number);
}

static void
print_histogram(enum Metric metric, FILE *out)
{
    const char *name = families[metric].name;
    double count = 0;

    for (size_t i = 0; i <= BOUND_COUNT; i++) {
        count += cells[metric][i].value;
        fprintf(out, "%s_bucket{le=\"%s\"}", name, i < BOUND_COUNT ? bounds[i].label : "+Inf");
        print_number(out, count);
    }
    fprintf(out, "%s_count", name);
    print_number(out, count);
    fprintf(out, "%s_sum", name);
    print_number(out, cells[metric][CELL_SUM].value);
}

static void
print_samples(enum Metric metric, FILE *out)
{
    const struct Family *family = &families[metric];
    const struct Label *labels = family->labels;
    size_t rows = labels[0].name == NULL ? 1 : value_count(&labels[0]);
    size_t columns = labels[1].name == NULL ? 1 : value_count(&labels[1]);

    for (size_t cell = 0; cell < rows * columns; cell++) {
        if (family->type == TYPE_GAUGE && !cells[metric][cell].known)
            continue;
        fprintf(out, "%s%s", family->name, family->type == TYPE_COUNTER ? "_total" : "");
        if (labels[0].name != NULL)
            fprintf(out, "{%s=\"%s\"", labels[0].name, labels[0].values[cell / columns]);
        if (labels[1].name != NULL)
            fprintf(out, ",%s=\"%s\"", labels[1].name, labels[1].values[cell % columns]);
        if (labels[0].name != NULL)
            fputs("}", out);
        print_number(out, cells[metric][cell].value);
    }
}

static void
print_family(enum Metric metric, FILE *out)
{
    const struct Family *family = &families[metric];

    fprintf(out, "# TYPE %s %s\n", family->name, type_names[family->type]);
    if (family->unit != NULL)
        fprintf(out, "# UNIT %s %s\n", family->name, family->unit);
    fprintf(out, "# HELP %s %s\n", family->name, family->help);
    if (family->type == TYPE_INFO)
        fprintf(out, "%s_info{version=\"%s\",libcurl=\"%s\",libpq=\"%d.%d\"} 1\n", family->name,
                versions.crmd, versions.libcurl, versions.libpq / 10000, versions.libpq % 10000);
    else if (family->type == TYPE_HISTOGRAM)
        print_histogram(metric, out);
    else
        print_samples(metric, out);
}

void
metrics_print(FILE *out)
{
    for (int metric = 0; metric < METRIC_COUNT; metric++)
        print_family((enum Metric) metric, out);
    fputs("# EOF\n", out);
}

void
metrics_reset(void)
{
    memset(cells, 0, sizeof cells);
}
