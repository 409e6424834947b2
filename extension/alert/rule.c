/*
 * rule.c: the state machine of a rule for SQL.
 */
#include "base/compat.h"

#include "alert/machine.h"
#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

PG_FUNCTION_INFO_V1(crm_rule_step_sql);

static const char *const phase_name[] = {"ok", "pending", "firing"};
static const char *const reading_name[] = {"none", "clear", "between", "breach"};

static int
find_name(const char *const *names, int count, const text *value, const char *what)
{
    char *name = text_to_cstring(value);

    for (int i = 0; i < count; i++)
        if (strcmp(names[i], name) == 0)
            return i;
    ereport(ERROR,
            (errcode(ERRCODE_INVALID_PARAMETER_VALUE), errmsg("unknown %s of a rule: \"%s\"", what, name)));
    return 0;
}

/* A month counts as 30 days, as interval comparison has it. Far beyond any rule it saturates. */
static int64_t
interval_ms(const Interval *span)
{
    double ms =
        (double) span->time / 1000.0 + ((double) span->month * DAYS_PER_MONTH + span->day) * 86400000.0;

    return ms > 9e18 ? INT64_MAX : ms < 0 ? 0 : (int64_t) ms;
}

/* rule_step(phase text, reading text, held interval, hold_for interval) returns text */
Datum
crm_rule_step_sql(PG_FUNCTION_ARGS)
{
    int phase = find_name(phase_name, lengthof(phase_name), PG_GETARG_TEXT_PP(0), "phase");
    int reading = find_name(reading_name, lengthof(reading_name), PG_GETARG_TEXT_PP(1), "reading");
    int64_t held_ms = interval_ms(PG_GETARG_INTERVAL_P(2));
    int64_t hold_ms = interval_ms(PG_GETARG_INTERVAL_P(3));
    CrmRulePhase next = crm_rule_step((CrmRulePhase) phase, (CrmRuleReading) reading, held_ms, hold_ms);

    PG_RETURN_TEXT_P(cstring_to_text(phase_name[next]));
}
