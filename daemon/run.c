/*
 * run.c: `run` has all five workers going; `once` has them one after the other, each until it is drained. After every
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
#include "fold.h"
#include "http.h"
#include "link.h"
#include "log.h"
#include "loop.h"
#include "outbox.h"
#include "pack.h"
#include "rule.h"
#include "secrets.h"

enum Phase { PHASE_FOLD, PHASE_LINK, PHASE_PACK, PHASE_RULE, PHASE_OUTBOX, PHASE_ALL };

struct Run {
    const struct Config *config;
    bool once;
    enum Phase phase; /* PHASE_ALL in `run` */
    struct Loop loop;
    struct Http http;
    struct Secrets secrets;
    struct Fold fold;
    struct Link link;
    struct Pack pack;
    struct Rule rule;
    struct Outbox outbox;
    struct Act act;
    bool fold_open, link_open, pack_open, rule_open, outbox_open, act_open;
    int signal_fd;
    struct LoopTimer stop_timer;
    bool stopping;
    enum ExitCode code;
};

static void
on_numbers_changed(void *arg)
{
    struct Run *run = arg;

    if (run->phase == PHASE_ALL)
        rule_wake(&run->rule);
}

static void
on_rule_evaluated(void *arg)
{
    struct Run *run = arg;

    if (run->phase == PHASE_ALL)
        outbox_wake(&run->outbox);
}

static void
open_worker(struct Run *run, enum Phase which)
{
    struct WorkerSettings settings = {.config = run->config, .loop = &run->loop, .once = run->once};

    if (which == PHASE_FOLD) {
        fold_open(&run->fold, &settings, on_numbers_changed, run);
        run->fold_open = true;
    } else if (which == PHASE_LINK) {
        link_open(&run->link, &settings);
        run->link_open = true;
    } else if (which == PHASE_PACK) {
        pack_open(&run->pack, &settings);
        run->pack_open = true;
    } else if (which == PHASE_RULE) {
        rule_open(&run->rule, &settings, on_rule_evaluated, run);
        run->rule_open = true;
    } else {
        outbox_open(&run->outbox, &settings, &run->http, &run->secrets);
        run->outbox_open = true;
    }
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
    loop_timer_in(&run->stop_timer, (int64_t) run->config->stop_s * 1000);
    if (run->fold_open)
        fold_stop(&run->fold);
    if (run->link_open)
        link_stop(&run->link);
    if (run->pack_open)
        pack_stop(&run->pack);
    if (run->rule_open)
        rule_stop(&run->rule);
    if (run->outbox_open)
        outbox_stop(&run->outbox);
    if (run->act_open)
        act_stop(&run->act);
}

static void
reload(struct Run *run)
{
    struct Problem problem;

    if (secrets_read(&run->secrets, run->config->secrets, &problem) == STATUS_OK)
        log_info("secrets-read", LOG_TEXT("file", run->config->secrets));
    else
        log_error("secrets-kept", LOG_TEXT("error", problem.text));
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
    return (!run->fold_open || fold_idle(&run->fold)) && (!run->link_open || link_idle(&run->link)) &&
           (!run->pack_open || pack_idle(&run->pack)) && (!run->rule_open || rule_idle(&run->rule)) &&
           (!run->outbox_open || outbox_idle(&run->outbox)) && (!run->act_open || act_idle(&run->act));
}

static bool
any_gone(const struct Run *run)
{
    return (run->fold_open && run->fold.conn.gone) || (run->link_open && run->link.conn.gone) ||
           (run->pack_open && run->pack.conn.gone) || (run->rule_open && run->rule.conn.gone) ||
           (run->outbox_open && run->outbox.conn.gone);
}

static void
go_on(void *arg)
{
    struct Run *run = arg;

    if (run->once && any_gone(run)) {
        run->code = CRMD_EXIT_FAILED;
        loop_stop(&run->loop);
    } else if (run->stopping || run->phase == PHASE_OUTBOX) {
        if (all_idle(run))
            loop_stop(&run->loop);
    } else if (run->phase != PHASE_ALL && all_idle(run)) {
        run->phase++;
        open_worker(run, run->phase);
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
    struct HttpSettings http = {.policy = {.allow_http = config->allow_http,
                                           .allow_private = config->allow_private,
                                           .networks = config->allow_networks},
                                .timeout_ms = config->timeout_s * 1000,
                                .connect_timeout_ms = config->connect_timeout_s * 1000,
                                .max_kept = config->max_parallel};
    enum Status status = loop_open(&run->loop);

    run->stop_timer.due = on_too_late;
    run->stop_timer.arg = run;
    if (status == STATUS_OK)
        status = open_signals(run);
    if (status == STATUS_OK)
        status = http_open(&run->http, &run->loop, &http);
    if (status != STATUS_OK) {
        log_error("cannot-start", LOG_TEXT("error", strerror(errno)));
        return status;
    }
    loop_timer_add(&run->loop, &run->stop_timer);
    return open_secrets(run);
}

/* The page is switched on by naming a place; one that cannot be had is found out now and not by somebody's button. */
static bool
open_act(struct Run *run)
{
    struct WorkerSettings settings = {.config = run->config, .loop = &run->loop};
    struct Problem problem;

    if (run->config->act_listen[0] == '\0')
        return true;
    run->act_open = true;
    if (act_open(&run->act, &settings, &problem) == STATUS_OK)
        return true;
    log_error("cannot-start", LOG_TEXT("error", problem.text));
    run->code = CRMD_EXIT_FAILED;
    return false;
}

static void
close_all(struct Run *run)
{
    if (run->fold_open)
        fold_close(&run->fold);
    if (run->link_open)
        link_close(&run->link);
    if (run->pack_open)
        pack_close(&run->pack);
    if (run->rule_open)
        rule_close(&run->rule);
    if (run->outbox_open)
        outbox_close(&run->outbox);
    if (run->act_open)
        act_close(&run->act);
    http_close(&run->http);
    secrets_free(&run->secrets);
    if (run->signal_fd >= 0)
        close(run->signal_fd);
    loop_close(&run->loop);
}

enum ExitCode
run_daemon(const struct Config *config, bool once)
{
    static struct Run run; /* large, and there is one */
    int failures;

    run =
        (struct Run){.config = config, .once = once, .signal_fd = -1, .phase = once ? PHASE_FOLD : PHASE_ALL};
    if (open_all(&run) != STATUS_OK) {
        run.code = CRMD_EXIT_FAILED;
        goto done;
    }
    log_info("started", LOG_TEXT("version", CRM_VERSION), LOG_TEXT("worker", config->worker),
             LOG_TEXT("mode", once ? "once" : "run"));
    open_worker(&run, PHASE_FOLD);
    if (!once) {
        open_worker(&run, PHASE_LINK);
        open_worker(&run, PHASE_PACK);
        open_worker(&run, PHASE_RULE);
        open_worker(&run, PHASE_OUTBOX);
        if (!open_act(&run))
            goto done;
    }
    if (loop_run(&run.loop, go_on, &run) != STATUS_OK) {
        log_error("loop-failed", LOG_TEXT("error", strerror(errno)));
        run.code = CRMD_EXIT_FAILED;
    }
    failures =
        run.fold.failures + run.link.failures + run.pack.failures + run.rule.failures + run.outbox.failures;
    if (once && run.code == CRMD_EXIT_OK && run.stopping)
        run.code = CRMD_EXIT_FAILED;
    else if (once && run.code == CRMD_EXIT_OK && failures > 0)
        run.code = CRMD_EXIT_INCOMPLETE;
    log_info("stopped", LOG_NUMBER("code", run.code));
done:
    close_all(&run);
    return run.code;
}
