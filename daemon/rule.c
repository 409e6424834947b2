#include "rule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "metrics.h"

static void evaluate_next(struct Rule *rule);

/* Evaluates the rules that take a second or more, and nothing else. */
static bool
is_slow(const struct Rule *rule)
{
    return rule->worker.kind == &slow_rule_kind;
}

static void
ask(struct Rule *rule, const char *begin, const char *sql, int value_count, ConnDone done)
{
    conn_call(&rule->worker.conn, &(struct ConnCall){.begin = begin,
                                                     .sql = sql,
                                                     .value_count = value_count,
                                                     .values = rule->values,
                                                     .done = done,
                                                     .arg = rule});
}

static void
end_cycle(struct Rule *rule)
{
    const struct Config *config = rule->worker.settings.config;

    rule->worker.busy = false;
    if (!rule->found_work && rule->worker.settings.once)
        rule->worker.drained = true;
    else if (!rule->worker.stopping)
        loop_timer_in(&rule->worker.timer, rule->found_work ? config->poll_ms : config->idle_ms);
}

static void
on_written(void *arg, const struct ConnAnswer *answer)
{
    struct Rule *rule = arg;
    int64_t written;

    if (answer->outcome != CONN_DONE) {
        if (worker_survives(&rule->worker, &rule->writing_trouble, "write_waiting", answer))
            end_cycle(rule);
        return;
    }
    schedule_worked(&rule->writing_trouble);
    written = conn_number(answer);
    if (written > 0) {
        log_debug("written", LOG_NUMBER("messages", written));
        rule->found_work = true;
        rule->worked(rule->arg);
    }
    end_cycle(rule);
}

/* What waited for somebody's quiet hours to end, or for others to come along, is written when its time has come. */
static void
write_waiting(struct Rule *rule)
{
    if (!is_slow(rule) && !rule->worker.stopping && schedule_allows(&rule->writing_trouble, clock_now_ms()))
        ask(rule, NULL, "SELECT {crm}.write_waiting()", 0, on_written);
    else
        end_cycle(rule);
}

static void
on_failure_kept(void *arg, const struct ConnAnswer *answer)
{
    struct Rule *rule = arg;

    if (worker_lost(&rule->worker, answer))
        return;
    if (answer->outcome == CONN_ERROR)
        conn_log_failed(answer, "fail_rule");
    rule->claim_at++;
    evaluate_next(rule);
}

static void
on_evaluated(void *arg, const struct ConnAnswer *answer)
{
    struct Rule *rule = arg;
    const struct RuleClaim *claim = &rule->claims[rule->claim_at];

    if (worker_lost(&rule->worker, answer)) /* the claims lapse with their lease */
        return;
    metrics_observe(METRIC_RULE_TIME, (double) (clock_now_ms() - rule->begun_ms) / 1000);
    metrics_add(METRIC_RULES, 1, answer->outcome == CONN_DONE ? "ok" : "failed", NULL);
    if (answer->outcome == CONN_DONE) {
        log_debug("evaluated", LOG_TEXT("rule", claim->rule),
                  LOG_TEXT("result", PQntuples(answer->result) == 1 ? PQgetvalue(answer->result, 0, 0) : ""));
        rule->claim_at++;
        rule->worked(rule->arg);
        evaluate_next(rule);
        return;
    }
    rule->worker.failures++;
    snprintf(rule->took, sizeof rule->took, "%lld", (long long) (clock_now_ms() - rule->begun_ms));
    snprintf(rule->error, sizeof rule->error, "%s", answer->error);
    log_error("rule-failed", LOG_TEXT("rule", claim->rule), LOG_TEXT("sqlstate", answer->sqlstate),
              LOG_TEXT("error", answer->error));
    rule->values[0] = claim->rule;
    rule->values[1] = claim->epoch;
    rule->values[2] = rule->error;
    rule->values[3] = rule->took;
    ask(rule, NULL, "SELECT {crm}.fail_rule($1::text, $2::bigint, $3::text, $4::integer)", 4,
        on_failure_kept);
}

/* The next claimed rule that there is still time for. */
static void
evaluate_next(struct Rule *rule)
{
    int64_t need_ms = (int64_t) rule->worker.settings.config->rule_timeout_s * 1000;
    const struct RuleClaim *claim;

    if (rule->claim_at < rule->claim_count && !rule->worker.stopping &&
        schedule_lease_covers(rule->asked_ms, rule->asked_lease_ms, clock_now_ms(), need_ms)) {
        claim = &rule->claims[rule->claim_at];
        rule->values[0] = claim->rule;
        rule->values[1] = claim->epoch;
        rule->begun_ms = clock_now_ms();
        ask(rule, rule->begin, "SELECT {crm}.finish_rule($1::text, $2::bigint)", 2, on_evaluated);
        return;
    }
    if (rule->claim_at < rule->claim_count)
        log_info("rules-left", LOG_NUMBER("rules", rule->claim_count - rule->claim_at));
    rule->found_work = true;
    write_waiting(rule);
}

static void
on_claimed(void *arg, const struct ConnAnswer *answer)
{
    struct Rule *rule = arg;
    int rows;

    if (answer->outcome != CONN_DONE) {
        if (worker_survives(&rule->worker, &rule->trouble, "claim_rules", answer))
            end_cycle(rule);
        return;
    }
    schedule_worked(&rule->trouble);
    rows = PQntuples(answer->result);
    rule->claim_count = rule->claim_at = 0;
    for (int i = 0; i < rows && i < RULE_CLAIM_MAX; i++) {
        struct RuleClaim *claim = &rule->claims[rule->claim_count++];

        snprintf(claim->rule, sizeof claim->rule, "%s", PQgetvalue(answer->result, i, 0));
        snprintf(claim->epoch, sizeof claim->epoch, "%s", PQgetvalue(answer->result, i, 1));
    }
    if (rows == 0)
        write_waiting(rule);
    else
        evaluate_next(rule);
}

static void
claim(struct Rule *rule)
{
    rule->asked_ms = clock_now_ms();
    rule->asked_lease_ms = rule->lease_ms;
    rule->values[0] = rule->worker.settings.config->worker;
    rule->values[1] = rule->max_rows;
    rule->values[2] = rule->lease;
    rule->values[3] = rule->worker.settings.once ? NULL : is_slow(rule) ? "yes" : "no"; /* NULL: of both */
    ask(rule, NULL,
        "SELECT rule, epoch FROM {crm}.claim_rules($1::text, $2::integer, $3::interval, $4::boolean)", 4,
        on_claimed);
}

/* An escalation that fails keeps no rule waiting. */
static void
on_escalated(void *arg, const struct ConnAnswer *answer)
{
    struct Rule *rule = arg;

    if (worker_lost(&rule->worker, answer))
        return;
    if (answer->outcome == CONN_ERROR)
        conn_log_failed(answer, "escalate_alerts");
    else if (conn_number(answer) != 0)
        rule->worked(rule->arg);
    if (rule->worker.stopping)
        end_cycle(rule);
    else
        claim(rule);
}

static void
begin_cycle(void *arg)
{
    struct Rule *rule = arg;

    if (!worker_may_begin(&rule->worker))
        return;
    rule->found_work = false;
    if (!schedule_allows(&rule->trouble, clock_now_ms())) {
        end_cycle(rule);
        return;
    }
    rule->worker.busy = true;
    if (!is_slow(rule) &&
        (rule->escalated_ms == 0 || clock_now_ms() - rule->escalated_ms >= RULE_ESCALATE_MS)) {
        rule->escalated_ms = clock_now_ms();
        ask(rule, rule->begin, "SELECT {crm}.escalate_alerts()", 0, on_escalated);
    } else
        claim(rule);
}

static void
configure(struct Worker *worker)
{
    struct Rule *rule = (struct Rule *) worker;

    worker->statement_timeout_ms = worker->settings.config->rule_timeout_s * 1000;
    /* long enough for two slow rules; where most are slow, other daemons get the rest of a claim */
    rule->lease_ms = (int64_t) worker->statement_timeout_ms * 2 + 1000;
    snprintf(rule->lease, sizeof rule->lease, "%lld milliseconds", (long long) rule->lease_ms);
    snprintf(rule->max_rows, sizeof rule->max_rows, "%d", is_slow(rule) ? 1 : RULE_CLAIM_MAX);
    snprintf(rule->begin, sizeof rule->begin, "BEGIN; SET LOCAL statement_timeout = %d",
             worker->statement_timeout_ms);
}

void
rule_wake(struct Rule *rule)
{
    if (!rule->worker.busy && !rule->worker.stopping)
        loop_timer_in(&rule->worker.timer, 0);
}

/* Slow rules have a connection of their own, so that they keep only each other waiting. */
const struct WorkerKind slow_rule_kind = {
    .name = "evaluate-slow", .configure = configure, .connected = begin_cycle, .due = begin_cycle};
const struct WorkerKind rule_kind = {
    .name = "evaluate", .configure = configure, .connected = begin_cycle, .due = begin_cycle};
