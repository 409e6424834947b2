-- Rules: what a team wants to hear about. What changes with every evaluation stands apart (rule_schedule, rule_state),
-- so that the rule itself stays one quiet row.
CREATE TABLE @extschema@.rule (
    rule            text PRIMARY KEY,
    kind            text NOT NULL CHECK (kind IN ('threshold', 'change', 'pace', 'forecast', 'anomaly', 'no_data', 'condition', 'warning', 'breach')),
    kpi             text,
    sla             text,
    handover        text,
    warn_before     interval,
    condition       text,
    unit            text NOT NULL,
    scope           text NOT NULL DEFAULT 'unit' CHECK (scope IN ('unit', 'below')),
    period          text,
    grain           text CHECK (grain IN ('day', 'hour')),
    measure         text CHECK (measure IN ('share', 'amount')),
    goal            text,
    direction       text NOT NULL CHECK (direction IN ('below', 'above', 'either')),
    fire_level      numeric NOT NULL,
    clear_level     numeric NOT NULL,
    hold_for        interval NOT NULL,
    clear_for       interval NOT NULL DEFAULT '0',
    flap_limit      integer NOT NULL DEFAULT 6,
    flap_within     interval NOT NULL DEFAULT '1 day',
    inhibited_by    text[] NOT NULL DEFAULT '{}',
    urgency         text NOT NULL DEFAULT 'normal' CHECK (urgency IN ('low', 'normal', 'urgent')),
    every           interval NOT NULL,
    min_denominator numeric,
    min_base        numeric,
    description     text,
    enabled         boolean NOT NULL DEFAULT true,
    created_at      timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by      text NOT NULL
);
COMMENT ON TABLE @extschema@.rule IS
'what to watch: a KPI of a unit, or of each unit below it, with the levels at which an alert fires and clears';
COMMENT ON COLUMN @extschema@.rule.kind IS 'what is held against the levels: the value itself, its change, the pace to a goal, a forecast, how unusual a day is, the days without a fact';
COMMENT ON COLUMN @extschema@.rule.sla IS 'the service level whose clocks are watched, * for all';
COMMENT ON COLUMN @extschema@.rule.handover IS 'the funnel whose hand-overs are watched, * for all';
COMMENT ON COLUMN @extschema@.rule.condition IS 'a team''s own function (unit, since, until), by its name and arguments: what it returns is held against the levels';
COMMENT ON COLUMN @extschema@.rule.scope IS 'unit: that unit with all below it; below: each unit below it, with an alert of its own';
COMMENT ON COLUMN @extschema@.rule.grain IS 'of an anomaly: whether days are judged, or hours';
COMMENT ON COLUMN @extschema@.rule.min_base IS 'with less to compare with (the period before, what was expected, what is usual) it counts as no data';

COMMENT ON COLUMN @extschema@.rule.clear_for IS 'how long it must have been clear before an alert resolves';
COMMENT ON COLUMN @extschema@.rule.flap_limit IS 'what fires as often within flap_within must be clear for flap_within / flap_limit before it resolves';
COMMENT ON COLUMN @extschema@.rule.inhibited_by IS 'rules whose alert of the same unit or one above keeps this rule''s alerts from being sent; the rule itself: of a unit above';

COMMENT ON COLUMN @extschema@.rule.urgency IS 'urgent: told at once, whatever somebody set; low: with the next digest';

CREATE TABLE @extschema@.rule_schedule (
    rule         text PRIMARY KEY REFERENCES @extschema@.rule ON DELETE CASCADE,
    next_at      timestamptz NOT NULL,
    leased_by    text,
    leased_until timestamptz,
    epoch        bigint NOT NULL DEFAULT 0,
    failures     integer NOT NULL DEFAULT 0,
    took_ms      integer NOT NULL DEFAULT 1000,
    error        text,
    failed_at    timestamptz
);
COMMENT ON TABLE @extschema@.rule_schedule IS 'when each rule is due, and who evaluates it now';
COMMENT ON COLUMN @extschema@.rule_schedule.took_ms IS 'how long the last evaluation took: those of a second or more, and new ones, are evaluated apart, so that quick ones do not wait for them';
CREATE INDEX rule_schedule_next_at ON @extschema@.rule_schedule (next_at);

-- One row for each thing that a rule watches: a unit, a goal; a record while it has an alert.
CREATE TABLE @extschema@.rule_state (
    rule         text NOT NULL REFERENCES @extschema@.rule ON DELETE CASCADE,
    subject      text NOT NULL,
    unit         text NOT NULL,
    phase        text NOT NULL CHECK (phase IN ('ok', 'pending', 'firing', 'held')),
    since        timestamptz NOT NULL,
    reading      text NOT NULL CHECK (reading IN ('none', 'clear', 'between', 'breach')),
    detail       text,
    alert        bigint,
    transition   bigint NOT NULL DEFAULT 0,
    evaluated_at timestamptz NOT NULL,
    PRIMARY KEY (rule, subject)
);
COMMENT ON TABLE @extschema@.rule_state IS 'where each rule stands; transition counts the changes so far';
COMMENT ON COLUMN @extschema@.rule_state.reading IS 'what the last evaluation saw: no usable number, cleared, between the levels, or a breach';

CREATE FUNCTION @extschema@.rule_period(
    period text, today date, OUT since date, OUT until date)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    words text[] := regexp_match(lower(trim(period)), '^last ([0-9]{1,4}) days?$');
BEGIN
    until := today;
    IF words IS NOT NULL AND words[1]::int BETWEEN 1 AND 3660 THEN
        since := today - (words[1]::int - 1);
        RETURN;
    END IF;
    words := regexp_match(lower(trim(period)), '^(week|month|quarter|year) to date$');
    IF words IS NULL THEN
        RAISE EXCEPTION 'invalid period: %', coalesce(quote_literal(period), 'NULL')
            USING ERRCODE = 'RM005', HINT = 'Write ''last 7 days'' (1 to 3660), or ''month to date'', also with week, quarter or year.';
    END IF;
    since := date_trunc(words[1], today::timestamp)::date;
END
$$;
COMMENT ON FUNCTION @extschema@.rule_period IS
$c$First and last day of a rule's period as of a day: 'last N days' (that day included) or '{week|month|quarter|year} to date'.$c$;

-- Months have different lengths: of a longer one the last days have nothing to be compared with, and are compared with the whole.
CREATE FUNCTION @extschema@.rule_period_before(period text, INOUT since date, INOUT until date)
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    words CONSTANT text[] := regexp_match(period, '^(week|month|quarter|year) to date$');
    days CONSTANT integer := until - since;
    first CONSTANT date := since;
BEGIN
    IF words IS NULL THEN
        since := since - (days + 1);
    ELSE
        since := (since - (CASE words[1] WHEN 'quarter' THEN '3 months' ELSE '1 ' || words[1] END)::interval)::date;
    END IF;
    until := least(since + days, first - 1);
END
$$;
COMMENT ON FUNCTION @extschema@.rule_period_before IS
'The period of the same length before a rule''s period: as many days before the last N days, the days of the month (week, quarter, year) '
'before up to the same one.';

