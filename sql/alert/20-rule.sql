-- Rules: what a team wants to hear about. What changes with every evaluation stands apart (rule_schedule, rule_state),
-- so that the rule itself stays one quiet row.
CREATE TABLE @extschema@.rule (
    rule            text PRIMARY KEY,
    kind            text NOT NULL CHECK (kind IN ('threshold')),
    kpi             text NOT NULL,
    unit            text NOT NULL,
    period          text NOT NULL,
    direction       text NOT NULL CHECK (direction IN ('below', 'above')),
    fire_level      numeric NOT NULL,
    clear_level     numeric NOT NULL,
    hold_for        interval NOT NULL,
    every           interval NOT NULL,
    min_denominator numeric,
    description     text,
    enabled         boolean NOT NULL DEFAULT true,
    created_at      timestamptz NOT NULL DEFAULT pg_catalog.now(),
    created_by      text NOT NULL
);
COMMENT ON TABLE @extschema@.rule IS 'what to watch: a KPI of a unit over a period, with the levels at which an alert fires and clears';

CREATE TABLE @extschema@.rule_schedule (
    rule         text PRIMARY KEY REFERENCES @extschema@.rule ON DELETE CASCADE,
    next_at      timestamptz NOT NULL,
    leased_by    text,
    leased_until timestamptz,
    epoch        bigint NOT NULL DEFAULT 0,
    failures     integer NOT NULL DEFAULT 0,
    error        text,
    failed_at    timestamptz
);
COMMENT ON TABLE @extschema@.rule_schedule IS 'when each rule is due, and who evaluates it now';
CREATE INDEX rule_schedule_next_at ON @extschema@.rule_schedule (next_at);

-- One row for each thing that a rule watches; today that is the rule's unit.
CREATE TABLE @extschema@.rule_state (
    rule         text NOT NULL REFERENCES @extschema@.rule ON DELETE CASCADE,
    subject      text NOT NULL,
    phase        text NOT NULL CHECK (phase IN ('ok', 'pending', 'firing')),
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

CREATE FUNCTION @extschema@.check_levels(
    direction text, fire_level numeric, clear_level numeric)
RETURNS void LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF direction IS NULL OR direction NOT IN ('below', 'above') THEN
        RAISE EXCEPTION 'invalid direction: %', coalesce(quote_literal(direction), 'NULL')
            USING ERRCODE = 'RM005', HINT = 'Write ''below'' or ''above''.';
    END IF;
    IF fire_level IS NULL OR fire_level IN ('NaN', 'Infinity', '-Infinity')
       OR clear_level IN ('NaN', 'Infinity', '-Infinity') THEN
        RAISE EXCEPTION 'a threshold rule needs a finite fire_level'
            USING ERRCODE = 'RM005', HINT = 'Add fire_level => 0.25, and clear_level where it should differ.';
    END IF;
    IF (direction = 'below' AND clear_level < fire_level) OR (direction = 'above' AND clear_level > fire_level) THEN
        RAISE EXCEPTION 'clear_level % is on the wrong side of fire_level %', clear_level, fire_level
            USING ERRCODE = 'RM005',
                  DETAIL = format('A rule that fires %s %s would clear while it still fires.', direction, fire_level),
                  HINT = format('Give a clear_level %s or equal to the fire_level.', CASE direction WHEN 'below' THEN 'above' ELSE 'below' END);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_levels IS 'Raises RM005 unless the levels of a rule make sense together.';

CREATE FUNCTION @extschema@.create_rule(
    key text,
    kpi text DEFAULT NULL,
    kind text DEFAULT 'threshold',
    unit text DEFAULT NULL,
    period text DEFAULT 'last 7 days',
    direction text DEFAULT NULL,
    fire_level numeric DEFAULT NULL,
    clear_level numeric DEFAULT NULL,
    hold_for interval DEFAULT '0',
    every interval DEFAULT '1 minute',
    min_denominator numeric DEFAULT NULL,
    endpoint text DEFAULT NULL,
    description text DEFAULT NULL,
    sla text DEFAULT NULL,
    handover text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    known CONSTANT text[] := ARRAY['threshold', 'anomaly', 'change', 'target', 'forecast', 'absence'];
    the_unit text := CASE WHEN unit IS NULL THEN root_unit() ELSE resolve_unit(unit) END;
    better text;
BEGIN
    PERFORM require_key('rule', key);
    IF sla IS NOT NULL OR handover IS NOT NULL THEN
        PERFORM not_yet('a rule on a service level or a hand-over');
    END IF;
    IF kind = ANY (known) AND kind <> 'threshold' THEN
        PERFORM not_yet(format('rule kind %s', kind));
    ELSIF kind IS NULL OR kind <> 'threshold' THEN
        PERFORM raise_unknown('rule kind', kind, known);
    END IF;
    IF kpi IS NULL THEN
        RAISE EXCEPTION 'rule "%" watches nothing', key USING ERRCODE = 'RM005', HINT = 'Add kpi => ''win_rate''.';
    END IF;
    SELECT k.direction INTO better FROM kpi k WHERE k.kpi = create_rule.kpi;
    IF NOT FOUND THEN
        PERFORM raise_unknown('KPI', kpi, ARRAY(SELECT k.kpi FROM kpi k));
    END IF;
    direction := coalesce(direction, CASE better WHEN 'down' THEN 'above' ELSE 'below' END);
    IF the_unit IS NULL THEN
        PERFORM raise_unknown('unit', unit, ARRAY(SELECT u.unit FROM unit u));
    END IF;
    PERFORM check_levels(direction, fire_level, clear_level);
    PERFORM rule_period(period, current_date);
    IF hold_for IS NULL OR hold_for < interval '0' OR every IS NULL OR every < interval '1 second' OR min_denominator < 0 THEN
        RAISE EXCEPTION 'the times of rule "%" make no sense', key
            USING ERRCODE = 'RM005', DETAIL = 'hold_for and min_denominator must not be negative, and every is at least a second.';
    END IF;
    IF EXISTS (SELECT FROM rule r WHERE r.rule = key) THEN
        RAISE EXCEPTION 'rule "%" exists already', key USING ERRCODE = 'duplicate_object', HINT = 'Choose another key.';
    END IF;
    INSERT INTO rule (rule, kind, kpi, unit, period, direction, fire_level, clear_level, hold_for, every,
                      min_denominator, description, created_by)
    VALUES (key, kind, kpi, the_unit, lower(trim(period)), direction, fire_level, coalesce(clear_level, fire_level),
            hold_for, every, min_denominator, description, caller()::text);
    INSERT INTO rule_schedule (rule, next_at) VALUES (key, now());
    IF endpoint IS NOT NULL THEN
        PERFORM subscribe(endpoint => endpoint, rule => key);
    END IF;
    RETURN key;
END
$$;
COMMENT ON FUNCTION @extschema@.create_rule IS
$c$Watches a KPI. unit: whose number, with everything below it (default: the root). period: 'last 7 days', 'month to
date' ... direction, fire_level: an alert fires when the value is below (above) the level; by default the direction that
is worse for this KPI. clear_level: it resolves when
the value is back at that level or better (default: fire_level). hold_for: how long the breach must last before it
fires. every: how often it is evaluated. min_denominator: with less behind it, the value counts as no data.
endpoint: also subscribes it to this rule. Returns the key.
Example: SELECT crm.create_rule('win-rate-low', 'win_rate', 'threshold', period => 'last 30 days',
fire_level => 0.25, clear_level => 0.30, min_denominator => 20, endpoint => 'sales-desk');$c$;

CREATE FUNCTION @extschema@.enable_rule(key text, enabled boolean DEFAULT true)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    UPDATE rule r SET enabled = coalesce(enable_rule.enabled, true) WHERE r.rule = key;
    IF NOT FOUND THEN
        PERFORM raise_unknown('rule', key, ARRAY(SELECT r.rule FROM rule r));
    END IF;
    -- an evaluation that is under way becomes stale
    UPDATE rule_schedule s SET epoch = s.epoch + 1, leased_by = NULL, leased_until = NULL, next_at = now(), failures = 0
    WHERE s.rule = key;
END
$$;
COMMENT ON FUNCTION @extschema@.enable_rule IS
'Switches a rule on or off. Off, it is not evaluated, and an alert that fires stays as it is; on, it is due at once.';
