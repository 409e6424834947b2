#include "monitor.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "clock.h"
#include "metrics.h"

#define PAGE_AGE_MS 1000
#define CONNECTIONS_MAX 16
#define TIMEOUT_S 10
/* the outbox speaks to the database every ten seconds at least */
#define LATELY_MS 30000

static void
set_process(void)
{
    struct rusage usage;
    FILE *file = fopen("/proc/self/statm", "re");
    DIR *descriptors = opendir("/proc/self/fd");
    long total, resident;
    int count = -3; /* . and .. and the folder itself */

    if (file != NULL && fscanf(file, "%ld %ld", &total, &resident) == 2)
        metrics_set(METRIC_MEMORY, (double) resident * (double) sysconf(_SC_PAGESIZE), NULL, NULL);
    if (file != NULL)
        fclose(file);
    if (descriptors != NULL) {
        /* cppcheck-suppress readdirCalled ; the stream is nobody else's */
        while (readdir(descriptors) != NULL)
            count++;
        closedir(descriptors);
        metrics_set(METRIC_DESCRIPTORS, count, NULL, NULL);
    }
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        metrics_set(METRIC_CPU,
                    (double) (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                        (double) (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6,
                    NULL, NULL);
}

static void
set_gauges(const struct Monitor *monitor)
{
    int64_t answered_ms = 0;

    for (int i = 0; i < monitor->worker_count; i++) {
        const struct Worker *worker = monitor->workers[i];

        if (worker->kind == NULL)
            continue;
        metrics_set(METRIC_CONNECTION_UP, worker->conn.state >= CONN_READY, worker->kind->name, NULL);
        if (worker->conn.answered_ms > answered_ms)
            answered_ms = worker->conn.answered_ms;
    }
    if (answered_ms != 0)
        metrics_set(METRIC_DATABASE_ANSWERED,
                    (double) (clock_wall_ms() - (clock_now_ms() - answered_ms)) / 1000, NULL, NULL);
    metrics_set(METRIC_IN_FLIGHT, monitor->outbox->flying.count, NULL, NULL);
    metrics_set(METRIC_UNREPORTED, monitor->outbox->settled.count + monitor->outbox->reported.count, NULL,
                NULL);
    set_process();
}

bool
monitor_healthy(const struct Monitor *monitor, struct Problem *problem)
{
    int64_t now = clock_now_ms();

    for (int i = 0; i < monitor->worker_count; i++) {
        const struct Worker *worker = monitor->workers[i];
        const struct Conn *conn = &worker->conn;

        if (worker->kind == NULL)
            continue;
        if (worker->stopping) {
            problem_set(problem, "stopping");
            return false;
        }
        if (conn->answered_ms == 0) {
            problem_set(problem, "connection %s: not connected yet; crmd check says what is wrong",
                        worker->kind->name);
            return false;
        }
        if (conn->state < CONN_READY && now - conn->down_ms > LATELY_MS) {
            problem_set(problem, "connection %s: not connected for %lld s; crmd check says what is wrong",
                        worker->kind->name, (long long) (now - conn->down_ms) / 1000);
            return false;
        }
        if (worker == &monitor->outbox->worker && now - conn->answered_ms > LATELY_MS) {
            problem_set(problem, "the database has not answered for %lld s",
                        (long long) (now - conn->answered_ms) / 1000);
            return false;
        }
    }
    return true;
}

/* Written anew where it is older than a second. */
static bool
make_page(struct Monitor *monitor)
{
    char *page = NULL;
    size_t length = 0;
    FILE *out;

    if (monitor->page != NULL && clock_now_ms() - monitor->made_ms < PAGE_AGE_MS)
        return true;
    out = open_memstream(&page, &length);
    if (out == NULL)
        return false;
    set_gauges(monitor);
    metrics_print(out);
    if (fclose(out) != 0) {
        free(page);
        return false;
    }
    free(monitor->page);
    monitor->page = page;
    monitor->length = length;
    monitor->made_ms = clock_now_ms();
    return true;
}

static enum MHD_Result
say(struct MHD_Connection *connection, unsigned status, const char *words)
{
    static const struct ServeHeader headers[] = {{"Content-Type", "text/plain; charset=utf-8"},
                                                 {"Cache-Control", "no-store"},
                                                 {"X-Content-Type-Options", "nosniff"},
                                                 {NULL, NULL}};
    char line[sizeof(struct Problem) + 2];

    snprintf(line, sizeof line, "%s\n", words);
    return serve_answer(connection, status, line, strlen(line), headers, "GET, HEAD");
}

static enum MHD_Result
handle(void *arg, struct MHD_Connection *connection, const char *url, const char *method, const char *version,
       const char *data, size_t *size, void **state)
{
    static const struct ServeHeader headers[] = {
        {"Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8"},
        {"Cache-Control", "no-store"},
        {"X-Content-Type-Options", "nosniff"},
        {NULL, NULL}};
    static int seen;
    struct Monitor *monitor = arg;
    struct Problem problem;

    (void) version;
    (void) data;
    if (*state == NULL) { /* the headers; what a request brings with it is read and thrown away */
        *state = &seen;
        return MHD_YES;
    }
    if (*size > 0) {
        *size = 0;
        return MHD_YES;
    }
    if (strcmp(url, "/metrics") != 0 && strcmp(url, "/healthz") != 0)
        return say(connection, 404, "There are /metrics and /healthz.");
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return say(connection, 405, "GET or HEAD.");
    if (strcmp(url, "/healthz") == 0)
        return monitor_healthy(monitor, &problem) ? say(connection, 200, "ok")
                                                  : say(connection, 503, problem.text);
    if (!make_page(monitor))
        return say(connection, 503, "out of memory");
    return serve_answer(connection, 200, monitor->page, monitor->length, headers, "");
}

enum Status
monitor_open(struct Monitor *monitor, struct Loop *loop, const char *address, struct Problem *problem)
{
    struct ServeSettings settings = {.option = "metrics_listen",
                                     .address = address,
                                     .connections_max = CONNECTIONS_MAX,
                                     .timeout_s = TIMEOUT_S,
                                     .handle = handle,
                                     .arg = monitor};

    return serve_open(&monitor->serve, loop, &settings, problem);
}

void
monitor_close(struct Monitor *monitor)
{
    serve_close(&monitor->serve);
    free(monitor->page);
    monitor->page = NULL;
}
