-- What a message says. It is fixed when it is written: a retry sends the same bytes, which is what a signature and an
-- idempotent receiver need. Numbers are those of one audience: what is broken down shows only units that it may see.
CREATE FUNCTION @extschema@.iso_time(at timestamptz)
RETURNS text LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
END
$$;
COMMENT ON FUNCTION @extschema@.iso_time IS 'A time as messages write it: ISO 8601 in UTC, whatever the session''s settings.';

-- Which units below moved the number the wrong way, against as many days before. A unit's effect on a ratio is
-- (n1 - R0 d1) / D1 - (n0 - R0 d0) / D0 with the whole's ratio before, R0, and denominators D1 and D0: what the units
-- have of it adds up to the whole's change, mix of the units included. On a sum it is the difference.
CREATE FUNCTION @extschema@.alert_causes(l @extschema@.alert_log, audiences text[])
RETURNS TABLE (unit text, value numeric, value_before numeric, effect numeric)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 COST 1000000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    days CONSTANT integer := l.period_until - l.period_since + 1;
    whole record;
BEGIN
    IF l.kpi IS NULL OR l.value IS NULL OR l.period_until > kpi_today() OR l.hour IS NOT NULL THEN
        RETURN; -- no number, a forecast, or one of an hour
    END IF;
    SELECT * INTO whole FROM kpi_total(l.kpi, l.unit, l.period_since - days, l.period_until - days);
    IF whole.value IS NULL THEN
        RETURN; -- nothing to compare with
    END IF;
    RETURN QUERY
    SELECT e.unit, e.value, e.value_before, e.effect
    FROM (SELECT p.unit, after.value, before.value AS value_before,
                 CASE WHEN l.denominator IS NULL
                      THEN coalesce(after.numerator, 0) - coalesce(before.numerator, 0)
                      ELSE (coalesce(after.numerator, 0) - whole.value * coalesce(after.denominator, 0)) / nullif(l.denominator, 0)
                           - (coalesce(before.numerator, 0) - whole.value * coalesce(before.denominator, 0)) / nullif(whole.denominator, 0)
                 END AS effect
          FROM unit p,
               LATERAL kpi_total(l.kpi, p.unit, l.period_since, l.period_until) after,
               LATERAL kpi_total(l.kpi, p.unit, l.period_since - days, l.period_until - days) before
          WHERE p.parent = l.unit AND EXISTS (SELECT FROM unnest(audiences) a WHERE audience_may(a, ARRAY[p.unit]))) e
    WHERE CASE l.direction WHEN 'below' THEN e.effect < 0 ELSE e.effect > 0 END;
END
$$;
COMMENT ON FUNCTION @extschema@.alert_causes IS
'The units right below that moved an alert''s number in its direction, against as many days before: value now and before, and the effect '
'on the whole. Only units that one of the audiences may see.';

-- What an alert is about, for its messages and for the page where they are answered. Without a KPI the rule or the record stands for it.
CREATE FUNCTION @extschema@.alert_about(l @extschema@.alert_log, OUT kpi json, OUT unit json, OUT record json)
LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    k record;
BEGIN
    SELECT x.label, x.measured_in INTO k FROM kpi x WHERE x.kpi = l.kpi;
    kpi := json_build_object('key', l.kpi, 'label', coalesce(k.label, CASE WHEN l.relation IS NULL THEN l.rule ELSE format('%s: %s %s', l.clock, l.relation, l.record_key) END),
                             'measured_in', k.measured_in);
    unit := json_build_object('key', l.unit, 'name', (SELECT u.name FROM unit u WHERE u.unit = l.unit));
    record := CASE WHEN l.relation IS NOT NULL THEN json_build_object('relation', l.relation::text, 'key', l.record_key, 'clock', l.clock,
                                                                      'due_at', iso_time(l.due_at)) END;
END
$$;
COMMENT ON FUNCTION @extschema@.alert_about(@extschema@.alert_log) IS 'The KPI, unit and record of an alert as messages write them.';

-- KPIs are asked once for all audiences; of the causes each has the three greatest that it may see.
CREATE FUNCTION @extschema@.alert_message(l @extschema@.alert_log, type text, audiences text[])
RETURNS TABLE (audience text, body text, units text[])
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 COST 1000000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    r rule;
    about record;
    goal CONSTANT json := alert_goal(l.kpi, l.unit, l.period_until);
BEGIN
    SELECT * INTO r FROM rule x WHERE x.rule = l.rule;
    SELECT * INTO about FROM alert_about(l);
    RETURN QUERY
    WITH cause AS MATERIALIZED (
        SELECT c.unit, abs(c.effect) AS weight,
               json_build_object('unit', c.unit, 'name', u.name, 'value', short_number(c.value),
                                 'before', short_number(c.value_before), 'effect', short_number(c.effect)) AS said
        FROM alert_causes(l, audiences) c JOIN unit u ON u.unit = c.unit)
    SELECT a.audience, json_build_object(
        'type', type,
        'timestamp', iso_time(now()),
        'data', json_build_object(
            'alert', l.id, 'rule', l.rule, 'description', r.description, 'urgency', r.urgency, 'state', l.state,
            'kpi', about.kpi, 'unit', about.unit,
            'period', CASE WHEN l.hour IS NULL THEN json_build_object('since', l.period_since, 'until', l.period_until, 'words', r.period)
                           ELSE json_build_object('since', l.period_since, 'until', l.period_until, 'hour', iso_time(l.hour)) END,
            'kind', r.kind, 'value', short_number(l.value), 'measured', short_number(l.measured),
            'compared', short_number(l.compared), 'reason', l.reason, 'direction', l.direction, 'level', l.level, 'clear_level', r.clear_level,
            'numerator', short_number(l.numerator), 'denominator', short_number(l.denominator),
            'goal', goal,
            'since', iso_time(l.since), 'fired_at', iso_time(l.fired_at), 'resolved_at', iso_time(l.resolved_at),
            'record', about.record,
            'departments', to_json(alert_departments(l.kpi)), 'caused_by', coalesce(w.causes, '[]')))::text,
        array_prepend(l.unit, w.units)
    FROM unnest(audiences) a (audience)
    CROSS JOIN LATERAL (SELECT json_agg(s.said ORDER BY s.weight DESC, s.unit) AS causes, array_agg(s.unit ORDER BY s.unit) AS units
                        FROM (SELECT * FROM cause c WHERE audience_may(a.audience, ARRAY[c.unit])
                              ORDER BY c.weight DESC, c.unit LIMIT 3) s) w;
END
$$;
COMMENT ON FUNCTION @extschema@.alert_message IS
'The body of a message about an alert for each audience, JSON as docs/alert.md describes it, and the units whose numbers are in it.';

-- The goal of that very unit, so that it needs no right beyond the alert's; of several the one with the shortest period.
CREATE FUNCTION @extschema@.alert_goal(kpi text, unit text, today date)
RETURNS json LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 100000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    g goal;
BEGIN
    SELECT x.* INTO g FROM goal x
    WHERE x.kpi = alert_goal.kpi AND coalesce(x.unit, root_unit()) = alert_goal.unit AND today BETWEEN x.since AND x.until
    ORDER BY x.until - x.since, x.goal LIMIT 1;
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    RETURN json_build_object(
        'key', g.goal, 'target', short_number(g.target),
        'actual', (SELECT short_number(t.value) FROM kpi_total(g.kpi, g.unit, g.since, today) t),
        'since', g.since, 'until', g.until,
        'departments', to_json(ARRAY(SELECT d.unit FROM goal_department d WHERE d.goal = g.goal ORDER BY 1)),
        'accountable', g.accountable);
END
$$;
COMMENT ON FUNCTION @extschema@.alert_goal IS
'The goal that a unit has for a KPI on a day, as messages write it, with what was attained so far; NULL where there is none.';

CREATE FUNCTION @extschema@.alert_departments(kpi text)
RETURNS text[] LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN ARRAY(SELECT DISTINCT a.department
                 FROM kpi_term t
                 JOIN kpi_instance i ON i.component = t.component
                 JOIN adoption a ON a.relation = i.relation
                 WHERE t.kpi = alert_departments.kpi AND a.department IS NOT NULL ORDER BY 1);
END
$$;
COMMENT ON FUNCTION @extschema@.alert_departments IS 'The departments whose tables a KPI is made of.';

CREATE FUNCTION @extschema@.short_number(value numeric)
RETURNS numeric LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN trim_scale(round(value, 6));
END
$$;
COMMENT ON FUNCTION @extschema@.short_number IS 'A number as messages write it: at most six decimals, no zeros at the end.';
