/*
 * run.c: `run` has all workers going; `once` has them one after the other, each until it is drained. After every
 * wake-up of the loop it is decided here whether it is over.
 */
#include "run.h"

#include <curl/curl.h>
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "act.h"
#include "clock.h"
#include "dns.h"
#include "fold.h"
#include "http.h"
#include "link.h"
#include "log.h"
#include "loop.h"
#include "metrics.h"
#include "monitor.h"
#include "notify.h"
#include "outbox.h"
#include "pack.h"
#include "rule.h"
#include "secrets.h"

/* In the order in which `once` has them work; what follows the outbox is for `run` only. */
enum {
    WORKER_FOLD,
    WORKER_LINK,
    WORKER_PACK,
    WORKER_RULE,
    WORKER_OUTBOX,
    WORKER_SLOW_RULE,
    WORKER_ACT,
    WORKER_COUNT
};
#define ONCE_LAST WORKER_OUTBOX
#define LOOK_FIRST_MS 50
#define LOOK_MS 2000
#define KEPT_MIN 256 /* connections to receivers that are kept open: a hundred receivers shake hands once */

struct Run {
    struct Config *config;
    const char *path; /* of the configuration */
    bool once;
    int phase; /* once: the worker that was opened last */
    struct Loop loop;
    struct Dns dns;
    struct Http http;
    struct Secrets secrets;
    struct Fold fold;
    struct Link link;
    struct Pack pack;
    struct Rule rule, slow_rule;
    struct Outbox outbox;
    struct Act act;
    struct Worker *workers[WORKER_COUNT];
    struct Monitor monitor;
    struct Notify notify;
    struct LoopTimer look_timer; /* how it goes, for systemd */
    bool ready;
    int signal_fd;
    struct LoopTimer stop_timer;
    bool stopping;
    enum ExitCode code;
};

static const struct WorkerKind *const kinds[WORKER_COUNT] = {
    [WORKER_FOLD] = &fold_kind, [WORKER_LINK] = &link_kind,     [WORKER_PACK] = &pack_kind,
    [WORKER_RULE] = &rule_kind, [WORKER_OUTBOX] = &outbox_kind, [WORKER_SLOW_RULE] = &slow_rule_kind,
    [WORKER_ACT] = &act_kind};

static bool
is_open(const struct Worker *worker)
{
    return worker->kind != NULL;
}

/* The page behind messages' buttons is for who names a place for it. */
static bool
is_wanted(const struct Config *config, int which)
{
    return which != WORKER_ACT || config->act_listen[0] != '\0';
}

int
run_connections(const struct Config *config)
{
    int count = 0;

    for (int which = 0; which < WORKER_COUNT; which++)
        count += is_wanted(config, which);
    return count;
}

static void
on_numbers_changed(void *arg)
{
    struct Run *run = arg;

    if (!run->once) {
        rule_wake(&run->rule);
        rule_wake(&run->slow_rule);
    }
}

static void
on_rule_evaluated(void *arg)
{
    struct Run *run = arg;

    if (!run->once)
        outbox_wake(&run->outbox);
}

/* What cannot be had, a place to listen at, is found out now and not by somebody's button. */
static bool
open_worker(struct Run *run, int which)
{
    struct WorkerSettings settings = {
        .config = run->config, .loop = &run->loop, .dns = &run->dns, .once = run->once};
    struct Problem problem;

    if (worker_open(run->workers[which], kinds[which], &settings, &problem) == STATUS_OK)
        return true;
    log_error("cannot-start", LOG_TEXT("error", problem.text));
    run->code = CRMD_EXIT_FAILED;
    loop_stop(&run->loop);
    return false;
}

/* Ready is who has reached the database once on every connection. */
static void
look(void *arg)
{
    struct Run *run = arg;
    struct Problem problem;
    bool healthy = monitor_healthy(&run->monitor, &problem);

    if (healthy && !run->ready) {
        run->ready = true;
        log_info("ready", LOG_TEXT("worker", run->config->worker));
        notify_tell(&run->notify, "READY=1");
    }
    if (healthy)
        problem_set(&problem, "working as %s", run->config->worker);
    if (!run->stopping)
        notify_status(&run->notify, problem.text);
    loop_timer_in(&run->look_timer, run->ready ? LOOK_MS : LOOK_FIRST_MS);
}

static bool
open_monitor(struct Run *run)
{
    const char *address = run->config->metrics_listen;
    struct Problem problem;

    if (address[0] == '\0' || monitor_open(&run->monitor, &run->loop, address, &problem) == STATUS_OK)
        return true;
    log_error("cannot-start", LOG_TEXT("error", problem.text));
    run->code = CRMD_EXIT_FAILED;
    return false;
}

/* `once` begins with the first, and go_on opens the others. */
static bool
open_workers(struct Run *run)
{
    int last = run->once ? run->phase : WORKER_COUNT - 1;

    for (int which = 0; which <= last; which++)
        if (is_wanted(run->config, which) && !open_worker(run, which))
            return false;
    if (run->once)
        return true;
    look(run);
    return open_monitor(run);
}

/* What is broken off is rolled back or claimed again; only a message that may have arrived unreported is a failure. */
static void
on_too_late(void *arg)
{
    struct Run *run = arg;
    int sending = run->outbox.flying.count;
    int unreported = run->outbox.settled.count + run->outbox.reported.count;

    log_warning("stopped-unfinished", LOG_NUMBER("sending", sending), LOG_NUMBER("unreported", unreported));
    if (sending > 0 || unreported > 0)
        run->code = CRMD_EXIT_FAILED;
    loop_stop(&run->loop);
}

static void
stop(struct Run *run)
{
    run->stopping = true;
    notify_tell(&run->notify, "STOPPING=1");
    notify_status(&run->notify, "stopping");
    loop_timer_in(&run->stop_timer, (int64_t) run->config->stop_s * 1000);
    for (int i = 0; i < WORKER_COUNT; i++)
        if (is_open(run->workers[i]))
            worker_stop(run->workers[i]);
}

static struct HttpSettings
http_settings(struct Run *run)
{
    const struct Config *config = run->config;

    return (struct HttpSettings){.dns = &run->dns,
                                 .ca_file = config->ca_file,
                                 .policy = {.allow_http = config->allow_http,
                                            .allow_private = config->allow_private,
                                            .networks = config->allow_networks},
                                 .timeout_ms = config->timeout_s * 1000,
                                 .connect_timeout_ms = config->connect_timeout_s * 1000,
                                 .max_kept =
                                     config->max_parallel < KEPT_MIN ? KEPT_MIN : config->max_parallel};
}

/* All that may fail, before anything is changed. A secrets file that there never was is not missed. */
static enum Status
read_anew(struct Run *run, struct Config *config, struct Secrets *secrets, struct Problem *problem)
{
    enum Status status = config_read(config, run->path, problem);

    if (status == STATUS_OK) {
        status = secrets_read(secrets, config->secrets, problem);
        if (status == STATUS_MISSING && run->secrets.first == NULL)
            status = STATUS_OK;
    }
    if (status == STATUS_OK && strcmp(config->dns_servers, run->config->dns_servers) != 0) {
        problem_set(problem, "dns_servers cannot be changed now: no memory");
        status = dns_change_servers(&run->dns, config->dns_servers);
    }
    return status;
}

static void
reload(struct Run *run)
{
    struct Config config;
    struct Secrets secrets = {0};
    struct ConfigChange change;
    struct HttpSettings http;
    struct Problem problem;
    bool good;

    if (run->ready)
        notify_reloading(&run->notify);
    good = read_anew(run, &config, &secrets, &problem) == STATUS_OK;
    metrics_add(METRIC_RELOADS, 1, good ? "ok" : "failed", NULL);
    if (!good) {
        log_error("reload-refused", LOG_TEXT("error", problem.text));
        goto done;
    }
    /* whatever was sent with the old secrets is answered within the lease */
    secrets_replace(&run->secrets, &secrets, clock_now_ms(), (int64_t) run->config->lease_s * 1000);
    config_replace(run->config, &config, &change);
    log_set_level((enum LogLevel) run->config->log_level);
    log_set_format((enum LogFormat) run->config->log_format);
    http = http_settings(run);
    if (http_configure(&run->http, &http) != STATUS_OK)
        log_warning("connections-not-limited", LOG_NUMBER("max_kept", http.max_kept));
    for (int i = 0; i < WORKER_COUNT; i++)
        if (is_open(run->workers[i]))
            worker_reload(run->workers[i], change.dsn);
    log_info("reloaded", LOG_TEXT("changed", change.changed), LOG_TEXT("secrets", run->config->secrets));
    if (change.restart[0] != '\0')
        log_warning("restart-needed", LOG_TEXT("options", change.restart));
done:
    config_free(&config);
    secrets_free(&secrets);
    if (run->ready)
        notify_tell(&run->notify, "READY=1");
}

static void
on_signal(void *arg, int fd, uint32_t events)
{
    struct Run *run = arg;
    struct signalfd_siginfo info;

    (void) events;
    while (read(fd, &info, sizeof info) == sizeof info) {
        if (info.ssi_signo == SIGHUP) {
            reload(run);
            continue;
        }
        log_info("stopping", LOG_TEXT("signal", info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT"));
        if (run->stopping)
            on_too_late(run);
        else
            stop(run);
    }
}

static bool
all_idle(const struct Run *run)
{
    for (int i = 0; i < WORKER_COUNT; i++)
        if (is_open(run->workers[i]) && !worker_idle(run->workers[i]))
            return false;
    return true;
}

static bool
any_gone(const struct Run *run)
{
    for (int i = 0; i < WORKER_COUNT; i++)
        if (is_open(run->workers[i]) && run->workers[i]->conn.gone)
            return true;
    return false;
}

static void
go_on(void *arg)
{
    struct Run *run = arg;

    if (run->once && any_gone(run)) {
        run->code = CRMD_EXIT_FAILED;
        loop_stop(&run->loop);
    } else if ((run->stopping || run->once) && all_idle(run)) {
        if (run->stopping || run->phase == ONCE_LAST)
            loop_stop(&run->loop);
        else
            (void) open_worker(run, ++run->phase);
    }
}

static enum Status
open_signals(struct Run *run)
{
    sigset_t set;

    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return STATUS_SYSTEM;
    run->signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (run->signal_fd < 0)
        return STATUS_SYSTEM;
    return loop_watch(&run->loop, run->signal_fd, LOOP_READ, on_signal, run);
}

/* Without a secrets file there is nowhere to send to, but folding and rules need none: it is said, and it goes on. */
static enum Status
open_secrets(struct Run *run)
{
    struct Problem problem;
    enum Status status = secrets_read(&run->secrets, run->config->secrets, &problem);

    if (status == STATUS_OK)
        return STATUS_OK;
    if (status == STATUS_MISSING) {
        log_warning("no-secrets", LOG_TEXT("error", problem.text));
        return STATUS_OK;
    }
    log_error("secrets-refused", LOG_TEXT("error", problem.text));
    return status;
}

static enum Status
open_all(struct Run *run)
{
    const struct Config *config = run->config;
    struct HttpSettings http = http_settings(run);
    enum Status status = loop_open(&run->loop);

    run->stop_timer.due = on_too_late;
    run->stop_timer.arg = run;
    run->look_timer.due = look;
    run->look_timer.arg = run;
    if (status == STATUS_OK)
        status = open_signals(run);
    if (status == STATUS_OK)
        status = dns_open(
            &run->dns, &run->loop, config->dns_servers,
            (config->connect_timeout_s < config->timeout_s ? config->connect_timeout_s : config->timeout_s) *
                1000);
    if (status == STATUS_OK)
        status = http_open(&run->http, &run->loop, &http);
    if (status != STATUS_OK) {
        log_error("cannot-start", LOG_TEXT("error", strerror(errno)));
        return status;
    }
    loop_timer_add(&run->loop, &run->stop_timer);
    loop_timer_add(&run->loop, &run->look_timer);
    notify_open(&run->notify, &run->loop);
    return open_secrets(run);
}

static void
close_all(struct Run *run)
{
    for (int i = 0; i < WORKER_COUNT; i++)
        if (is_open(run->workers[i]))
            worker_close(run->workers[i]);
    monitor_close(&run->monitor);
    notify_close(&run->notify);
    http_close(&run->http);
    dns_close(&run->dns);
    secrets_free(&run->secrets);
    if (run->signal_fd >= 0)
        close(run->signal_fd);
    loop_close(&run->loop);
}

static int
all_failures(const struct Run *run)
{
    int failures = 0;

    for (int i = 0; i < WORKER_COUNT; i++)
        failures += run->workers[i]->failures;
    return failures;
}

static void
set_up(struct Run *run, struct Config *config, const char *path, bool once)
{
    struct Worker *const workers[WORKER_COUNT] = {
        [WORKER_FOLD] = &run->fold.worker,     [WORKER_LINK] = &run->link.worker,
        [WORKER_PACK] = &run->pack.worker,     [WORKER_RULE] = &run->rule.worker,
        [WORKER_OUTBOX] = &run->outbox.worker, [WORKER_SLOW_RULE] = &run->slow_rule.worker,
        [WORKER_ACT] = &run->act.worker};

    *run = (struct Run){.config = config, .path = path, .once = once, .signal_fd = -1, .notify = {.fd = -1}};
    memcpy(run->workers, workers, sizeof workers);
    run->fold.worked = on_numbers_changed;
    run->rule.worked = run->slow_rule.worked = on_rule_evaluated;
    run->fold.arg = run->rule.arg = run->slow_rule.arg = run;
    run->monitor.workers = run->workers;
    run->monitor.worker_count = WORKER_COUNT;
    run->monitor.outbox = &run->outbox;
    metrics_versions(CRM_VERSION, curl_version_info(CURLVERSION_NOW)->version, PQlibVersion());
    metrics_set(METRIC_START, (double) clock_wall_ms() / 1000, NULL, NULL);
    run->outbox.deliver = (struct Deliver){.http = &run->http, .secrets = &run->secrets};
}

enum ExitCode
run_daemon(struct Config *config, const char *path, bool once)
{
    static struct Run run; /* large, and there is one */

    set_up(&run, config, path, once);
    if (open_all(&run) != STATUS_OK) {
        run.code = CRMD_EXIT_FAILED;
        goto done;
    }
    log_info("started", LOG_TEXT("version", CRM_VERSION), LOG_TEXT("worker", config->worker),
             LOG_TEXT("mode", once ? "once" : "run"));
    if (!open_workers(&run))
        goto done;
    if (loop_run(&run.loop, go_on, &run) != STATUS_OK) {
        log_error("loop-failed", LOG_TEXT("error", strerror(errno)));
        run.code = CRMD_EXIT_FAILED;
    }
    if (once && run.code == CRMD_EXIT_OK && run.stopping)
        run.code = CRMD_EXIT_FAILED;
    else if (once && run.code == CRMD_EXIT_OK && all_failures(&run) > 0)
        run.code = CRMD_EXIT_INCOMPLETE;
    log_info("stopped", LOG_NUMBER("code", run.code));
done:
    close_all(&run);
    return run.code;
}
