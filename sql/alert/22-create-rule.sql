-- How rules are made, switched on and off.
CREATE FUNCTION @extschema@.check_levels(
    kind text, direction text, fire_level numeric, clear_level numeric)
RETURNS void LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF direction IS NULL OR direction NOT IN ('below', 'above') AND (kind <> 'anomaly' OR direction <> 'either') THEN
        RAISE EXCEPTION 'invalid direction: %', coalesce(quote_literal(direction), 'NULL')
            USING ERRCODE = 'RM005',
                  HINT = CASE kind WHEN 'anomaly' THEN 'Write ''below'', ''above'' or ''either''.' ELSE 'Write ''below'' or ''above''.' END;
    END IF;
    IF fire_level IS NULL OR fire_level IN ('NaN', 'Infinity', '-Infinity')
       OR clear_level IN ('NaN', 'Infinity', '-Infinity') THEN
        RAISE EXCEPTION 'a % rule needs a finite fire_level', kind
            USING ERRCODE = 'RM005', HINT = CASE kind WHEN 'change' THEN 'Add fire_level => -0.2 for a loss of a fifth, and clear_level where it should differ.'
                                            ELSE 'Add fire_level => 0.25, and clear_level where it should differ.' END;
    END IF;
    IF kind = 'anomaly' AND fire_level <= 0 OR kind = 'no_data' AND fire_level < 0 THEN
        RAISE EXCEPTION 'the fire_level of a rule of kind % is not %', kind, fire_level
            USING ERRCODE = 'RM005', HINT = CASE kind WHEN 'anomaly' THEN 'It is how many times the usual spread a day is off: 4 is a good start.'
                                            ELSE 'It is how many days without a fact are well.' END;
    ELSIF clear_level < fire_level AND kind <> 'anomaly' AND direction = 'below'
       OR clear_level > fire_level AND (kind = 'anomaly' OR direction = 'above') THEN
        RAISE EXCEPTION 'clear_level % is on the wrong side of fire_level %', clear_level, fire_level
            USING ERRCODE = 'RM005',
                  DETAIL = format('A rule that fires %s %s would clear while it still fires.',
                                  CASE kind WHEN 'anomaly' THEN 'beyond' ELSE direction END, fire_level),
                  HINT = format('Give a clear_level %s or equal to the fire_level.',
                                CASE WHEN direction = 'below' AND kind <> 'anomaly' THEN 'above' ELSE 'below' END);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_levels IS 'Raises RM005 unless the levels of a rule make sense together.';

CREATE FUNCTION @extschema@.check_rule_times(r @extschema@.rule)
RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF r.hold_for IS NULL OR r.hold_for < interval '0' OR r.every IS NULL OR r.every < interval '1 second'
       OR r.min_denominator < 0 OR r.min_base < 0 THEN
        RAISE EXCEPTION 'the times of rule "%" make no sense', r.rule
            USING ERRCODE = 'RM005', DETAIL = 'hold_for, min_denominator and min_base must not be negative, and every is at least a second.';
    ELSIF r.clear_for IS NULL OR r.clear_for < interval '0' OR r.flap_limit IS NULL OR r.flap_limit < 1
          OR r.flap_within IS NULL OR r.flap_within < interval '0' THEN
        RAISE EXCEPTION 'how rule "%" is to end makes no sense', r.rule
            USING ERRCODE = 'RM005', DETAIL = 'clear_for and flap_within must not be negative, and flap_limit is at least 1.',
                  HINT = 'flap_within => ''0'' switches the brake off.';
    ELSIF r.inhibited_by IS NULL OR array_position(r.inhibited_by, NULL) IS NOT NULL THEN
        RAISE EXCEPTION 'inhibited_by is a list of rules' USING ERRCODE = 'RM005', HINT = 'Write inhibited_by => ''{win-rate-low}''.';
    END IF;
    IF r.urgency IS NULL OR r.urgency NOT IN ('low', 'normal', 'urgent') THEN
        PERFORM raise_unknown('urgency', coalesce(r.urgency, ''), '{low,normal,urgent}');
    END IF;
    PERFORM raise_unknown('rule', i, ARRAY(SELECT x.rule FROM rule x)) FROM unnest(r.inhibited_by) i
    WHERE i <> r.rule AND NOT EXISTS (SELECT FROM rule x WHERE x.rule = i);
END
$$;
COMMENT ON FUNCTION @extschema@.check_rule_times IS 'Raises RM005, or RM001 for an unknown rule, unless times, limits and inhibited_by of a rule make sense.';

-- A rule on clocks of service levels or on hand-overs: each record is a subject of its own.
CREATE FUNCTION @extschema@.complete_record_rule(INOUT r @extschema@.rule)
LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    r.kind := CASE r.kind WHEN 'threshold' THEN 'breach' ELSE r.kind END;
    IF r.kind IS NULL OR r.kind NOT IN ('warning', 'breach') THEN
        PERFORM raise_unknown('kind of a rule on records', r.kind, '{warning,breach}');
    ELSIF r.sla IS NOT NULL AND r.handover IS NOT NULL OR coalesce(r.kpi, r.goal, r.measure, r.direction) IS NOT NULL
          OR coalesce(r.fire_level, r.clear_level, r.min_denominator, r.min_base) IS NOT NULL OR r.grain IS NOT NULL OR r.scope IS DISTINCT FROM 'unit' THEN
        RAISE EXCEPTION 'a rule on a service level or on hand-overs has no KPI, goal, direction or level'
            USING ERRCODE = 'RM005', HINT = 'Give sla or handover, kind => ''warning'' or ''breach'', and a unit.';
    ELSIF r.sla <> '*' AND NOT EXISTS (SELECT FROM sla s WHERE s.sla = r.sla) THEN
        PERFORM raise_unknown('service level', r.sla, ARRAY(SELECT DISTINCT s.sla FROM sla s));
    ELSIF r.handover <> '*' AND NOT EXISTS (SELECT FROM funnel f WHERE f.funnel = r.handover) THEN
        PERFORM raise_unknown('funnel', r.handover, ARRAY(SELECT f.funnel FROM funnel f));
    ELSIF r.warn_before IS NOT NULL AND (r.handover IS NULL OR r.kind <> 'warning' OR r.warn_before <= interval '0') THEN
        RAISE EXCEPTION 'warn_before is a time before the answer to a hand-over is due'
            USING ERRCODE = 'RM005', HINT = 'When a clock warns its service level says: set_sla(..., warn_at => 0.8).';
    END IF;
    r.warn_before := CASE WHEN r.handover IS NOT NULL AND r.kind = 'warning' THEN coalesce(r.warn_before, interval '1 hour') END;
    r.period := NULL;
    r.direction := 'above';
    r.fire_level := 0;
    r.clear_level := 0;
    r.unit := unit_asked(r.unit);
END
$$;
COMMENT ON FUNCTION @extschema@.complete_record_rule IS 'complete_rule of rules on service levels and hand-overs.';

CREATE FUNCTION @extschema@.check_grain(grain text, kpi text)
RETURNS void LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    grains CONSTANT text[] := ARRAY['day', 'hour'];
BEGIN
    IF grain <> ALL (grains) THEN
        PERFORM raise_unknown('grain', grain, grains);
    ELSIF grain = 'hour' AND kpi_without_hours(kpi) IS NOT NULL THEN
        RAISE EXCEPTION 'KPI "%" has no number of an hour: %', kpi, kpi_without_hours(kpi)
            USING ERRCODE = 'RM005', HINT = 'Leave grain out; or take a KPI of what comes or goes, of components whose day is a time, such as created_at.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_grain(text, text) IS 'Raises RM001 or RM005 unless a KPI has numbers of that grain, day or hour.';

-- What a kind needs, and what it takes for itself where it is not told.
CREATE FUNCTION @extschema@.complete_rule(INOUT r @extschema@.rule)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    known CONSTANT text[] := ARRAY['threshold', 'change', 'pace', 'forecast', 'anomaly', 'no_data', 'condition'];
    scopes CONSTANT text[] := ARRAY['unit', 'below', 'whole'];
    measures CONSTANT text[] := ARRAY['share', 'amount'];
    held goal;
    better text;
BEGIN
    PERFORM check_rule_times(r);
    IF r.sla IS NOT NULL OR r.handover IS NOT NULL THEN
        r := complete_record_rule(r);
        RETURN;
    ELSIF r.kind IN ('warning', 'breach') OR r.warn_before IS NOT NULL THEN
        RAISE EXCEPTION 'rule "%" watches no records', r.rule USING ERRCODE = 'RM005', HINT = 'Add sla => ''*'', or handover => ''*''.';
    ELSIF r.condition IS NOT NULL AND (r.kpi IS NOT NULL OR r.goal IS NOT NULL OR r.kind NOT IN ('threshold', 'condition')) THEN
        RAISE EXCEPTION 'a rule with a condition has no KPI and no goal' USING ERRCODE = 'RM005', HINT = 'Leave kind, kpi and goal out.';
    ELSIF r.kind = 'condition' AND r.condition IS NULL THEN
        RAISE EXCEPTION 'rule "%" has no condition', r.rule USING ERRCODE = 'RM005', HINT = 'Add condition => ''public.stuck(text,date,date)''.';
    ELSIF r.kind IS NULL OR r.kind <> ALL (known) THEN
        PERFORM raise_unknown('rule kind', r.kind, known);
    ELSIF r.scope IS NULL OR r.scope <> ALL (scopes) THEN
        PERFORM raise_unknown('scope', r.scope, scopes);
    ELSIF r.goal IS NOT NULL AND r.kind NOT IN ('pace', 'forecast') THEN
        RAISE EXCEPTION 'a rule of kind % has no goal', r.kind USING ERRCODE = 'RM005', HINT = 'Kinds with a goal are pace and forecast.';
    ELSIF r.measure IS NOT NULL AND r.kind <> 'change' THEN
        RAISE EXCEPTION 'a rule of kind % has no measure', r.kind USING ERRCODE = 'RM005', HINT = 'measure says how a change is measured.';
    ELSIF r.grain IS NOT NULL AND r.kind <> 'anomaly' THEN
        RAISE EXCEPTION 'a rule of kind % has no grain', r.kind USING ERRCODE = 'RM005', HINT = 'grain says whether an anomaly is one of a day or of an hour.';
    END IF;
    IF r.goal IS NOT NULL THEN
        SELECT * INTO held FROM goal g WHERE g.goal = require_goal(r.goal);
        IF r.kpi <> held.kpi OR r.unit IS NOT NULL OR r.scope <> 'unit' THEN
            RAISE EXCEPTION 'goal "%" says by itself whose KPI is meant', r.goal
                USING ERRCODE = 'RM005', HINT = 'Leave out kpi, unit and scope; or leave out the goal to watch all goals of a KPI.';
        END IF;
        r.kpi := held.kpi;
        r.unit := held.unit;
    END IF;
    r.kind := CASE WHEN r.condition IS NOT NULL THEN 'condition' ELSE r.kind END;
    IF r.kpi IS NULL AND r.condition IS NULL THEN
        RAISE EXCEPTION 'rule "%" watches nothing', r.rule USING ERRCODE = 'RM005', HINT = 'Add kpi => ''win_rate''.';
    END IF;
    SELECT k.direction INTO better FROM kpi k WHERE k.kpi = r.kpi;
    IF NOT FOUND AND r.kpi IS NOT NULL THEN
        PERFORM raise_unknown('KPI', r.kpi, ARRAY(SELECT k.kpi FROM kpi k));
    ELSIF r.kind = 'anomaly' AND NOT is_forecastable(r.kpi) THEN
        RAISE EXCEPTION 'KPI "%" has no number of a single day to compare with others', r.kpi
            USING ERRCODE = 'RM005', HINT = 'Sums, ratios of sums and stocks have; for others take a rule of kind change.';
    END IF;
    IF r.kind = 'anomaly' THEN
        r.grain := coalesce(r.grain, 'day');
        PERFORM check_grain(r.grain, r.kpi);
        IF r.grain = 'hour' AND r.every > interval '1 hour' THEN
            RAISE EXCEPTION 'a rule of hours that is evaluated every % would pass over hours', r.every
                USING ERRCODE = 'RM005', HINT = 'Write every => ''1 hour'' or less, or grain => ''day''.';
        END IF;
    END IF;
    r.unit := unit_asked(CASE WHEN r.scope <> 'whole' THEN r.unit END);
    r.scope := CASE r.scope WHEN 'whole' THEN 'unit' ELSE r.scope END;
    r.direction := CASE WHEN r.kind = 'no_data' THEN 'above'
                        WHEN r.kind = 'pace' OR r.kind = 'forecast' AND (r.goal IS NOT NULL OR r.fire_level IS NULL) THEN 'below'
                        ELSE coalesce(r.direction, CASE r.kind WHEN 'anomaly' THEN 'either' END, CASE better WHEN 'down' THEN 'above' ELSE 'below' END) END;
    IF r.kind = 'forecast' AND r.goal IS NULL AND r.fire_level IS NOT NULL THEN -- against a level
        IF r.period !~* '^\s*(week|month|quarter|year) to date\s*$' THEN
            RAISE EXCEPTION 'period "%" has no end that a forecast could look at', r.period
                USING ERRCODE = 'RM005', HINT = 'Write period => ''month to date'', also with week, quarter or year; or give a goal.';
        END IF;
    ELSIF r.kind NOT IN ('threshold', 'change', 'condition') THEN
        r.period := NULL;
    END IF;
    r.period := lower(trim(r.period));
    IF r.period IS NOT NULL OR r.kind IN ('threshold', 'change', 'condition') THEN
        PERFORM rule_period(r.period, current_date);
    END IF;
    IF r.condition IS NOT NULL AND NOT has_function_privilege(caller()::oid, r.condition::regprocedure, 'EXECUTE') THEN
        RAISE EXCEPTION 'permission denied for function %', r.condition
            USING ERRCODE = 'insufficient_privilege', DETAIL = 'It is called with the rights of its owner, and its values are shown.',
                  HINT = format('Its owner types GRANT EXECUTE ON FUNCTION %s TO %s;', r.condition, caller());
    ELSIF r.condition IS NOT NULL THEN -- says what is wrong with it, if anything is
        PERFORM condition_value(r.condition::regprocedure, r.unit, current_date, current_date);
    END IF;
    IF r.kind = 'change' THEN
        r.measure := coalesce(r.measure, 'share');
        IF r.measure <> ALL (measures) THEN
            PERFORM raise_unknown('measure', r.measure, measures);
        END IF;
    END IF;
    r.fire_level := coalesce(r.fire_level, CASE r.kind WHEN 'pace' THEN 1 WHEN 'forecast' THEN 1 WHEN 'anomaly' THEN 4 WHEN 'no_data' THEN 2 END);
    PERFORM check_levels(r.kind, r.direction, r.fire_level, r.clear_level);
    r.clear_level := coalesce(r.clear_level, r.fire_level);
END
$$;
COMMENT ON FUNCTION @extschema@.complete_rule IS
'A rule with what its kind takes where it was not told; raises RM001 or RM005 where it makes no sense. goal NULL in a rule of kind pace: all '
'goals of the KPI; of kind forecast: those where there is no level.';

-- What is possible, and hardly meant.
CREATE FUNCTION @extschema@.note_odd_rule(r @extschema@.rule)
RETURNS void LANGUAGE plpgsql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF r.kind = 'threshold' AND abs(r.fire_level) > 1 AND (SELECT k.measured_in FROM kpi k WHERE k.kpi = r.kpi) = 'share' THEN
        RAISE NOTICE 'KPI "%" is a share, from 0 to 1: the level % is % per cent', r.kpi, r.fire_level, trim_scale(r.fire_level * 100)
            USING HINT = format('For %s per cent write fire_level => %s.', r.fire_level, trim_scale(r.fire_level / 100));
    ELSIF r.kind = 'change' AND (r.direction = 'below') = (r.fire_level > 0) AND r.fire_level <> 0 THEN
        RAISE NOTICE 'rule "%" fires also where the number changed for the better, as long as it is % %', r.rule, r.direction, r.fire_level
            USING HINT = format('For a change for the worse by that much write fire_level => %s.', -r.fire_level);
    ELSIF r.kind IN ('pace', 'forecast') AND r.goal IS NULL AND r.period IS NULL AND NOT EXISTS (SELECT FROM goal g WHERE g.kpi = r.kpi) THEN
        RAISE NOTICE 'KPI "%" has no goal: there is nothing to watch yet', r.kpi USING HINT = 'set_goal(goal, kpi, target, since, until) sets one.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.note_odd_rule(@extschema@.rule) IS 'Notes what a rule says that is possible and hardly meant.';

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
    handover text DEFAULT NULL,
    scope text DEFAULT 'unit',
    measure text DEFAULT NULL,
    goal text DEFAULT NULL,
    min_base numeric DEFAULT NULL,
    clear_for interval DEFAULT '0',
    flap_limit integer DEFAULT 6,
    flap_within interval DEFAULT '1 day',
    inhibited_by text[] DEFAULT '{}',
    warn_before interval DEFAULT NULL,
    condition regprocedure DEFAULT NULL,
    urgency text DEFAULT 'normal',
    grain text DEFAULT NULL)
RETURNS text LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    r rule;
BEGIN
    PERFORM require_key('rule', key);
    r.rule := key;
    r.kind := kind;
    r.kpi := kpi;
    r.sla := sla;
    r.handover := handover;
    r.warn_before := warn_before;
    r.condition := condition::text;
    r.unit := unit;
    r.scope := scope;
    r.period := period;
    r.grain := grain;
    r.measure := measure;
    r.goal := goal;
    r.direction := direction;
    r.fire_level := fire_level;
    r.clear_level := clear_level;
    r.hold_for := hold_for;
    r.clear_for := clear_for;
    r.flap_limit := flap_limit;
    r.flap_within := flap_within;
    r.inhibited_by := inhibited_by;
    r.urgency := urgency;
    r.every := every;
    r.min_denominator := min_denominator;
    r.min_base := min_base;
    r.description := description;
    r.enabled := true;
    r.created_at := now();
    r.created_by := caller()::text;
    r := complete_rule(r);
    IF EXISTS (SELECT FROM rule x WHERE x.rule = key) THEN
        RAISE EXCEPTION 'rule "%" exists already', key USING ERRCODE = 'duplicate_object', HINT = 'Choose another key.';
    END IF;
    INSERT INTO rule SELECT r.*;
    INSERT INTO rule_schedule (rule, next_at) VALUES (key, now());
    PERFORM note_odd_rule(r);
    IF endpoint IS NOT NULL THEN
        PERFORM subscribe(endpoint => endpoint, rule => key);
    END IF;
    RETURN key;
END
$$;
COMMENT ON FUNCTION @extschema@.create_rule IS
$c$Watches a KPI. kind: threshold (its value), change (against the period before), pace (to its goals), forecast (of the end of
a goal or of a period), anomaly (of yesterday, by the days before; with grain => 'hour' of the last hour, by the hours before), no_data (no facts, or no number at all). unit: whose
number, with everything below it (default: the root, as with scope 'whole'); scope 'below': of each unit below it, each
with an alert of its own. period: 'last 7 days', 'month to date' ... direction, fire_level: an alert fires when what the
kind measures is below (above) the level; by default the direction that is worse for this KPI. clear_level: it resolves when
that is back at that level or better (default: fire_level). hold_for: how long the breach must last before it
fires. every: how often it is evaluated, with grain 'hour' at least once an hour. min_denominator: with less behind it, the value counts as no data; min_base: with
less to compare with. clear_for: how long it must have been clear before the alert resolves; one that fired flap_limit times
within flap_within waits for flap_within / flap_limit at least. inhibited_by: rules whose open alert of the same unit or one
above keeps this one's alerts from being sent (the rule itself: its alert of a unit above). condition: a function of your own (unit text, since date, until date) that returns numeric, called with the rights of its owner,
instead of a KPI. sla, handover: watches records instead, each with an alert of its own: clocks of a service level, or the hand-overs of a funnel
('*': all), of the unit and all below it; kind breach or warning (of hand-overs warn_before, an hour). measure: of a change, 'share' of what was before, or 'amount'. goal: one goal (default: all of the KPI).
urgency: normal, urgent (told at once, whatever set_attention says) or low (told with the next digest). endpoint: also subscribes it to
this rule. Returns the key.
Example: SELECT crm.create_rule('win-rate-low', 'win_rate', 'threshold', period => 'last 30 days',
fire_level => 0.25, clear_level => 0.30, min_denominator => 20, endpoint => 'sales-desk');$c$;

CREATE FUNCTION @extschema@.enable_rule(key text, enabled boolean DEFAULT true)
RETURNS void LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
BEGIN
    PERFORM lock_rule(key);
    UPDATE rule r SET enabled = coalesce(enable_rule.enabled, true) WHERE r.rule = key;
    PERFORM rule_due(key);
END
$$;
COMMENT ON FUNCTION @extschema@.enable_rule IS
'Switches a rule on or off. Off, it is not evaluated, and an alert that fires stays as it is; on, it is due at once.';
