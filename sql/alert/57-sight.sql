-- What a rule sees: of each thing that it watches the number, what it is compared with, and what is held against the levels. No rights are
-- applied, so what is usual or expected is the same for everybody. Everything is as of a day, so that a rule can be tried on the past.
CREATE TYPE @extschema@.rule_sight AS (
    subject     text,
    unit        text,
    value       numeric,
    numerator   numeric,
    denominator numeric,
    compared    numeric,
    measured    numeric,
    reading     text,
    reason      text,
    since       date,
    until       date,
    goal        text,
    relation    pg_catalog.regclass,
    record_key  text,
    clock       text,
    due_at      timestamptz,
    hour        timestamptz
);
COMMENT ON TYPE @extschema@.rule_sight IS
'What a rule sees of one thing that it watches: measured is held against the levels, compared is what the value was compared with; '
'reading where that is known without levels, with the reason; hour: of one by the hour, when that began.';

CREATE FUNCTION @extschema@.sight_of(
    subject text, unit text, since date, until date,
    value numeric DEFAULT NULL, numerator numeric DEFAULT NULL, denominator numeric DEFAULT NULL, compared numeric DEFAULT NULL,
    measured numeric DEFAULT NULL, reading text DEFAULT NULL, reason text DEFAULT NULL, goal text DEFAULT NULL,
    relation pg_catalog.regclass DEFAULT NULL, record_key text DEFAULT NULL, clock text DEFAULT NULL, due_at timestamptz DEFAULT NULL, hour timestamptz DEFAULT NULL)
RETURNS @extschema@.rule_sight LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ROW(subject, unit, value, numerator, denominator, compared, measured, reading, reason, since, until, goal,
           relation, record_key, clock, due_at, hour)::@extschema@.rule_sight;
COMMENT ON FUNCTION @extschema@.sight_of IS 'A rule_sight by the names of what a kind of rule has; the rest is NULL.';

-- Each day has those units that were not over by its end.
CREATE FUNCTION @extschema@.rule_watch(r @extschema@.rule, days date[])
RETURNS TABLE (day date, unit text, distance integer)
LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    zone CONSTANT text := default_zone();
BEGIN
    RETURN QUERY
    SELECT d.day, b.unit, b.distance
    FROM units_below(r.unit) b JOIN unit u ON u.unit = b.unit CROSS JOIN unnest(days) d (day)
    WHERE CASE r.scope WHEN 'below' THEN b.distance > 0 AND (u.until IS NULL OR u.until > least(now(), (d.day + 1)::timestamp AT TIME ZONE zone))
                       ELSE b.distance = 0 END;
END
$$;
COMMENT ON FUNCTION @extschema@.rule_watch IS 'The units that a rule watches on each of these days, and how far below its own they are.';

CREATE FUNCTION @extschema@.rule_units(r @extschema@.rule, today date)
RETURNS TABLE (unit text)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT w.unit FROM rule_watch(r, ARRAY[today]) w ORDER BY w.distance, w.unit
$$;
COMMENT ON FUNCTION @extschema@.rule_units IS 'The units that a rule watches, each with everything below it; upper ones first.';

CREATE FUNCTION @extschema@.see_threshold(r @extschema@.rule, days date[])
RETURNS TABLE (day date, seen @extschema@.rule_sight) LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 COST 100000
SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT d.day, p.since, p.until FROM unnest(days) d (day) CROSS JOIN LATERAL rule_period(r.period, d.day) p
    ), watched AS MATERIALIZED (
        SELECT * FROM rule_watch(r, days)
    ), total AS MATERIALIZED (
        SELECT t.*
        FROM (SELECT array_agg(a.since ORDER BY a.day) AS firsts, array_agg(a.until ORDER BY a.day) AS lasts FROM asked a) p
        CROSS JOIN LATERAL kpi_totals(r.kpi, ARRAY(SELECT DISTINCT w.unit FROM watched w), p.firsts, p.lasts) t)
    SELECT w.day, sight_of(w.unit, w.unit, a.since, a.until, value => t.value, numerator => t.numerator, denominator => t.denominator, measured => t.value,
                           reason => CASE WHEN t.value IS NULL THEN format('no value: %s', t.state) END)
    FROM watched w JOIN asked a ON a.day = w.day JOIN total t ON (t.unit, t.since, t.until) = (w.unit, a.since, a.until)
    ORDER BY w.day, w.distance, w.unit;
END
$$;
COMMENT ON FUNCTION @extschema@.see_threshold IS 'The value itself.';

CREATE FUNCTION @extschema@.see_change(r @extschema@.rule, days date[])
RETURNS TABLE (day date, seen @extschema@.rule_sight) LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 COST 100000
SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    WITH asked AS MATERIALIZED (
        SELECT d.day, p.since, p.until, q.since AS before_since, q.until AS before_until
        FROM unnest(days) d (day) CROSS JOIN LATERAL rule_period(r.period, d.day) p CROSS JOIN LATERAL rule_period_before(r.period, p.since, p.until) q
    ), watched AS MATERIALIZED (
        SELECT * FROM rule_watch(r, days)
    ), total AS MATERIALIZED (
        SELECT t.*
        FROM (SELECT array_agg(x.since) AS firsts, array_agg(x.until) AS lasts
              FROM (SELECT a.since, a.until FROM asked a UNION SELECT a.before_since, a.before_until FROM asked a) x) p
        CROSS JOIN LATERAL kpi_totals(r.kpi, ARRAY(SELECT DISTINCT w.unit FROM watched w), p.firsts, p.lasts) t)
    SELECT w.day, sight_of(w.unit, w.unit, a.since, a.until, value => t.value, numerator => t.numerator, denominator => t.denominator, compared => b.value,
                           measured => CASE r.measure WHEN 'amount' THEN t.value - b.value ELSE (t.value - b.value) / nullif(abs(b.value), 0) END,
                           reading => CASE WHEN l.reason IS NOT NULL THEN 'none' END, reason => l.reason)
    FROM watched w JOIN asked a ON a.day = w.day
    JOIN total t ON (t.unit, t.since, t.until) = (w.unit, a.since, a.until)
    JOIN total b ON (b.unit, b.since, b.until) = (w.unit, a.before_since, a.before_until)
    CROSS JOIN LATERAL (SELECT CASE WHEN t.value IS NULL THEN format('no value: %s', t.state)
                                    WHEN b.value IS NULL THEN format('no value of the period before: %s', b.state)
                                    WHEN abs(b.value) < r.min_base THEN format('the value of the period before, %s, is less than %s', trim_scale(round(b.value, 6)), r.min_base)
                                    WHEN b.denominator < r.min_denominator THEN format('denominator %s of the period before is less than %s', b.denominator, r.min_denominator)
                                    WHEN b.value = 0 AND r.measure = 'share' THEN 'the value of the period before is 0' END AS reason) l
    ORDER BY w.day, w.distance, w.unit;
END
$$;
COMMENT ON FUNCTION @extschema@.see_change IS 'The value against that of the same period before.';

-- The goals that a rule watches on a day: one, or all of the KPI at its units. One that is over is not watched any more.
CREATE FUNCTION @extschema@.rule_goals(r @extschema@.rule, today date)
RETURNS SETOF @extschema@.goal LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 5 COST 1000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT g.* FROM goal g
    WHERE today BETWEEN g.since AND g.until
      AND CASE WHEN r.goal IS NOT NULL THEN g.goal = r.goal
               ELSE g.kpi = r.kpi AND coalesce(g.unit, root_unit()) IN (SELECT u.unit FROM rule_units(r, today) u) END
    ORDER BY g.goal;
END
$$;
COMMENT ON FUNCTION @extschema@.rule_goals IS 'The goals of a rule''s KPI, or its one, whose period a day is in.';

CREATE FUNCTION @extschema@.see_pace(r @extschema@.rule, today date)
RETURNS SETOF @extschema@.rule_sight LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 5 COST 100000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT s.*
    FROM rule_goals(r, today) g, goal_standing(g, today) t,
         sight_of('goal:' || g.goal, coalesce(g.unit, root_unit()), g.since, today, goal => g.goal,
                  value => t.actual, numerator => t.numerator, denominator => t.denominator, compared => t.expected, measured => t.pace,
                  reading => CASE WHEN t.actual IS NULL OR abs(t.expected) < r.min_base THEN 'none'
                                  WHEN t.pace IS NULL THEN CASE WHEN t.on_track THEN 'clear' ELSE 'breach' END END,
                  reason => CASE WHEN t.actual IS NULL THEN format('no value: %s', t.state)
                                 WHEN abs(t.expected) < r.min_base
                                 THEN format('only %s expected so far, less than %s', trim_scale(round(t.expected, 6)), r.min_base) END) s;
END
$$;
COMMENT ON FUNCTION @extschema@.see_pace IS 'What was attained of each goal against what was expected by that day, as crm_bi.kpi_goal says it.';

-- One step of a forecast: what a period will have brought at its end, by what is known until the day before.
CREATE FUNCTION @extschema@.expected_end(kpi text, unit text, since date, until date, today date, into_currency text, rates text,
                                         OUT value numeric, OUT state text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 1000000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF until - today >= 400 THEN
        state := 'too_far';
        RETURN;
    END IF;
    SELECT f.value, f.state INTO value, state
    FROM forecast_rows(kpi, unit, since, until, today - 1, into_currency, rates, 0.8, false) f ORDER BY f.day DESC LIMIT 1;
END
$$;
COMMENT ON FUNCTION @extschema@.expected_end IS 'The forecast of a period''s end, made of the days before today; state says why there is none.';

CREATE FUNCTION @extschema@.see_forecast(r @extschema@.rule, today date)
RETURNS SETOF @extschema@.rule_sight LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 5 COST 100000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF r.period IS NULL THEN
        RETURN QUERY
        SELECT s.*
        FROM rule_goals(r, today) g, expected_end(g.kpi, g.unit, g.since, g.until, today, g.currency, g.rates) e,
             sight_of('goal:' || g.goal, coalesce(g.unit, root_unit()), g.since, g.until, goal => g.goal, value => e.value, compared => g.target,
                      measured => CASE g.direction WHEN 'up' THEN e.value / CASE WHEN g.target > 0 THEN g.target END ELSE g.target / CASE WHEN e.value > 0 THEN e.value END END,
                      reading => CASE WHEN e.value IS NULL THEN 'none'
                                      WHEN g.direction = 'up' AND g.target <= 0 THEN CASE WHEN e.value >= g.target THEN 'clear' ELSE 'breach' END
                                      WHEN g.direction = 'down' AND e.value <= 0 THEN CASE WHEN e.value <= g.target THEN 'clear' ELSE 'breach' END END,
                      reason => CASE WHEN e.value IS NULL THEN format('no forecast: %s', e.state) END) s;
    ELSE
        RETURN QUERY
        SELECT s.*
        FROM rule_period(r.period, today) p,
             LATERAL (SELECT (p.since + CASE split_part(r.period, ' ', 1) WHEN 'quarter' THEN interval '3 months'
                                             ELSE ('1 ' || split_part(r.period, ' ', 1))::interval END)::date - 1 AS until) l,
             rule_units(r, today) u, expected_end(r.kpi, u.unit, p.since, l.until, today, NULL, 'default') e,
             sight_of(u.unit, u.unit, p.since, l.until, value => e.value, measured => e.value, reading => CASE WHEN e.value IS NULL THEN 'none' END,
                      reason => CASE WHEN e.value IS NULL THEN format('no forecast: %s', e.state) END) s;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.see_forecast IS 'The forecast of the end of a goal as a share of its target, or of a period.';

-- The day before, since today is not over; half a year of days before that. A year is read, so that it shows whether there was anything earlier.
CREATE FUNCTION @extschema@.see_anomaly(r @extschema@.rule, days date[])
RETURNS TABLE (day date, seen @extschema@.rule_sight) LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 COST 100000
SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
    state text := coalesce((SELECT s.state FROM kpi_state(r.kpi) s), 'not_available');
    first CONSTANT date := (SELECT min(d) FROM unnest(days) d) - 366;
    last CONSTANT date := (SELECT max(d) FROM unnest(days) d) - 1;
BEGIN
    IF state = 'ready' AND NOT is_forecastable(r.kpi) THEN
        state := 'no_forecast';
    END IF;
    IF state <> 'ready' THEN
        RETURN QUERY
        SELECT w.day, sight_of(w.unit, w.unit, w.day - 1, w.day - 1, reading => 'none', reason => format('no value: %s', state))
        FROM rule_watch(r, days) w ORDER BY w.day, w.distance, w.unit;
        RETURN;
    END IF;
    RETURN QUERY
    WITH watched AS MATERIALIZED (
        SELECT * FROM rule_watch(r, days)
    ), off AS MATERIALIZED (
        SELECT h.day FROM holiday h WHERE h.calendar = 'default'
    ), known AS MATERIALIZED (
        SELECT k.*, ARRAY(SELECT CASE WHEN o.day IS NOT NULL THEN NULL
                                      WHEN k.denominator IS NULL THEN k.numerator[n]
                                      WHEN k.denominator[n] < r.min_denominator THEN NULL
                                      ELSE k.numerator[n] / nullif(k.denominator[n], 0) END
                          FROM generate_series(1, last - first + 1) n LEFT JOIN off o ON o.day = first + (n - 1) ORDER BY n) AS days
        FROM unit_series(r.kpi, ARRAY(SELECT DISTINCT w.unit FROM watched w), first, last, first + 183, NULL) k)
    SELECT w.day, sight_of(w.unit, w.unit, j.day, j.day, value => v.value, numerator => v.numerator, denominator => v.denominator,
                           compared => v.compared, measured => v.measured, reading => CASE WHEN v.reason IS NOT NULL THEN 'none' END, reason => v.reason)
    FROM watched w JOIN known k ON k.unit = w.unit
    CROSS JOIN LATERAL (SELECT w.day - 1 AS day, w.day - first AS n) j -- the n-th of the days that were read
    CROSS JOIN LATERAL (
        SELECT NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric,
               CASE WHEN k.mixed_from <= j.day THEN 'no value: mixed_currencies'
                    WHEN k.begins IS NULL OR k.begins > j.day THEN 'no value: no_history' ELSE 'a holiday is not judged' END
        WHERE k.mixed_from <= j.day OR k.begins IS NULL OR k.begins > j.day OR EXISTS (SELECT FROM off o WHERE o.day = j.day)
        UNION ALL
        SELECT k.days[j.n]::numeric, k.numerator[j.n]::numeric, k.denominator[j.n]::numeric, u.middle::numeric, u.score::numeric,
               CASE WHEN k.denominator[j.n] < r.min_denominator THEN NULL -- rule_reading says so
                    WHEN k.days[j.n] IS NULL THEN 'no value of the day'
                    WHEN u.used IS NULL THEN 'too few days to compare with'
                    WHEN abs(u.middle::numeric) < r.min_base THEN format('usual is %s, less than %s', trim_scale(round(u.middle::numeric, 6)), r.min_base) END
        FROM usual_day(k.days[greatest(j.n - 182, k.begins::date - first + 1):j.n]) u
        WHERE coalesce(k.mixed_from > j.day, true) AND k.begins <= j.day AND NOT EXISTS (SELECT FROM off o WHERE o.day = j.day))
        v (value, numerator, denominator, compared, measured, reason)
    ORDER BY w.day, w.distance, w.unit;
END
$$;
COMMENT ON FUNCTION @extschema@.see_anomaly IS
'How unusual the day before was: its distance from the median in median distances, of the same weekday with six weeks of history or more, else of all '
'days. Holidays of the calendar "default" are left out on both sides. Currencies are those of the year that is read.';

-- The hour before the present one, by the clock: where it was set back, the one of that name that was first is judged with the second, that is not.
CREATE FUNCTION @extschema@.last_hour(zone text) RETURNS timestamp
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT date_trunc('hour', timezone(last_hour.zone, now() - interval '1 hour'))
$$;
COMMENT ON FUNCTION @extschema@.last_hour(text) IS 'The last hour that is over, by the clock of a zone.';

-- A minute is left to those who write a row just before the hour is over.
CREATE FUNCTION @extschema@.hour_over(zone text) RETURNS timestamptz
LANGUAGE sql STABLE PARALLEL SAFE
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT now() + (date_trunc('hour', t.at) + interval '61 minutes' - t.at) FROM timezone(hour_over.zone, now()) t (at)
$$;
COMMENT ON FUNCTION @extschema@.hour_over(text) IS 'When the present hour of the clock of a zone can be judged.';

-- Half a year is read before the first hour that is judged.
CREATE FUNCTION @extschema@.see_hours(r @extschema@.rule, since timestamp, until timestamp)
RETURNS TABLE (hour timestamp, seen @extschema@.rule_sight) LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 24 COST 1000000
SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
    state text := coalesce((SELECT s.state FROM kpi_state(r.kpi) s), 'not_available');
    zone CONSTANT text := kpi_zone(r.kpi);
    depth CONSTANT integer := 182 * 24;
    first CONSTANT timestamp := date_trunc('day', since) - make_interval(hours => depth);
    counted CONSTANT boolean := NOT EXISTS (SELECT FROM kpi k LEFT JOIN kpi_term t USING (kpi)
                                            WHERE k.kpi = r.kpi AND (k.kind <> 'simple' OR t.measure <> 'count' OR t.sign < 0));
BEGIN
    IF state = 'ready' AND (NOT is_forecastable(r.kpi) OR kpi_without_hours(r.kpi) IS NOT NULL) THEN -- it was defined anew
        state := 'no_hours';
    END IF;
    RETURN QUERY
    WITH watched AS MATERIALIZED (
        SELECT * FROM rule_watch(r, ARRAY(SELECT since::date + n FROM generate_series(0, until::date - since::date) n))
    ), off AS MATERIALIZED (
        SELECT o.hour, min(o.reason) AS reason
        FROM (SELECT h.day + make_interval(hours => n), 'a holiday is not judged'
              FROM holiday h CROSS JOIN generate_series(0, 23) n WHERE h.calendar = 'default' AND h.day BETWEEN first::date AND until::date
              UNION ALL
              SELECT c, 'the clock was changed in that hour' FROM changed_hours(zone, first::date, until::date) c) o (hour, reason) GROUP BY o.hour
    ), known AS MATERIALIZED (
        SELECT k.*, ARRAY(SELECT CASE WHEN o.hour IS NOT NULL THEN NULL
                                      WHEN k.denominator IS NULL THEN k.numerator[n]
                                      WHEN k.denominator[n] < r.min_denominator THEN NULL
                                      ELSE k.numerator[n] / nullif(k.denominator[n], 0) END
                          FROM generate_series(1, cardinality(k.numerator)) n LEFT JOIN off o ON o.hour = first + make_interval(hours => n - 1) ORDER BY n) AS hours
        FROM (SELECT array_agg(DISTINCT w.unit) AS units FROM watched w HAVING state = 'ready') asked
        CROSS JOIN LATERAL unit_series(r.kpi, asked.units, first, until, first, zone) k WHERE asked.units IS NOT NULL
    ), judged AS MATERIALIZED ( -- the n-th of the hours that were read
        SELECT k.unit, first + make_interval(hours => u.n - 1) AS hour, k.begins, k.mixed_from, k.numerator[u.n] AS numerator, k.denominator[u.n] AS denominator,
               u.value, u.middle, u.score, u.used
        FROM known k
        CROSS JOIN LATERAL usual_hours(k.hours, counted, coalesce((extract(epoch FROM k.begins - first) / 3600)::integer + 1, 2147483647),
                                       (extract(epoch FROM since - first) / 3600)::integer + 1, cardinality(k.hours), depth) u)
    SELECT h.hour, sight_of(w.unit, w.unit, w.day, w.day, value => v.value, numerator => v.numerator, denominator => v.denominator,
                            compared => v.compared, measured => v.measured, reading => CASE WHEN v.reason IS NOT NULL THEN 'none' END, reason => v.reason,
                            hour => timezone(zone, h.hour))
    FROM watched w CROSS JOIN generate_series(0, 23) n CROSS JOIN LATERAL (SELECT w.day + make_interval(hours => n) AS hour) h
    LEFT JOIN judged j ON (j.unit, j.hour) = (w.unit, h.hour) LEFT JOIN off o ON o.hour = h.hour
    CROSS JOIN LATERAL (SELECT CASE WHEN state <> 'ready' THEN format('no value: %s', state)
                                    WHEN j.mixed_from <= h.hour THEN 'no value: mixed_currencies'
                                    WHEN j.begins IS NULL OR j.begins > h.hour THEN 'no value: no_history'
                                    ELSE o.reason END AS reason) i
    CROSS JOIN LATERAL (
        SELECT NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric, i.reason WHERE i.reason IS NOT NULL
        UNION ALL
        SELECT j.value::numeric, j.numerator::numeric, j.denominator::numeric, j.middle::numeric, j.score::numeric,
               CASE WHEN j.denominator < r.min_denominator THEN NULL -- rule_reading says so
                    WHEN j.value IS NULL THEN 'no value of the hour'
                    WHEN j.used IS NULL THEN 'too few hours to compare with'
                    WHEN abs(j.middle::numeric) < r.min_base THEN format('usual is %s, less than %s', trim_scale(round(j.middle::numeric, 6)), r.min_base) END
        WHERE i.reason IS NULL)
        v (value, numerator, denominator, compared, measured, reason)
    WHERE h.hour BETWEEN since AND until
    ORDER BY h.hour, w.distance, w.unit;
END
$$;
COMMENT ON FUNCTION @extschema@.see_hours(@extschema@.rule, timestamp, timestamp) IS
'How unusual each hour (by the clock of the KPI''s zone) from since to until was, of each unit that a rule watches: as see_anomaly, of the same hour of the week '
'with six weeks of history or more, else of the day. Hours in which the clock was changed are left out as holidays are. No rights are applied: for rules.';

-- The last day with facts behind these KPIs (of several the one that is longest silent), for each unit with all below it, as of each of these days
-- and so many days back; whole: every KPI has one.
CREATE FUNCTION @extschema@.last_facts(kpis text[], watched text[], days date[], depth integer)
RETURNS TABLE (unit text, day date, last date, source text, whole boolean) LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 COST 100000
SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
    root CONSTANT text := root_unit();
    first CONSTANT date := (SELECT min(d) FROM unnest(days) d) - depth;
    until CONSTANT date := (SELECT max(d) FROM unnest(days) d);
    -- a KPI that several tables feed is as silent as the one that is silent the longest, and not as their sum
    several CONSTANT text[] := ARRAY(SELECT t.kpi FROM kpi_term t JOIN kpi_instance i ON i.component = t.component
                                     WHERE t.kpi = ANY (kpis) GROUP BY t.kpi HAVING count(DISTINCT i.relation) > 1);
BEGIN
    RETURN QUERY
    WITH member AS MATERIALIZED (
        SELECT w.unit AS watched, b.unit FROM unnest(watched) w (unit) CROSS JOIN LATERAL units_below(w.unit) b WHERE w.unit <> root
    ), fact AS MATERIALIZED (
        SELECT f.kpi, NULL AS source, f.unit_key, f.day
        FROM kpi_facts(ARRAY(SELECT k FROM unnest(kpis) k WHERE k <> ALL (several)), first, until, NULL, '{unit_key}',
                       CASE WHEN root <> ALL (watched) THEN ARRAY(SELECT DISTINCT m.unit FROM member m) END) f
        UNION ALL
        SELECT c.kpi, c.relation::text, c.unit_key, c.day FROM kpi_term_cell c
        WHERE c.kpi = ANY (several) AND c.day BETWEEN first AND until GROUP BY 1, 2, 3, 4 HAVING sum(c.rows) <> 0
    ), counted AS MATERIALIZED (
        SELECT f.kpi, f.source, m.watched, f.day FROM fact f JOIN member m ON m.unit = f.unit_key GROUP BY 1, 2, 3, 4
        UNION ALL
        SELECT f.kpi, f.source, root, f.day FROM fact f WHERE root = ANY (watched) GROUP BY 1, 2, 4
    ), part AS ( -- of several tables those that the unit has anything in
        SELECT k.kpi, NULL AS source, w.unit FROM unnest(kpis) k (kpi) CROSS JOIN unnest(watched) w (unit)
        WHERE k.kpi <> ALL (several) OR NOT EXISTS (SELECT FROM counted c WHERE c.kpi = k.kpi AND c.watched = w.unit)
        UNION ALL
        SELECT DISTINCT c.kpi, c.source, c.watched FROM counted c WHERE c.source IS NOT NULL
    ), known AS MATERIALIZED (
        SELECT p.kpi, p.source, p.unit, first + n AS day, max(c.day) OVER (PARTITION BY p.kpi, p.source, p.unit ORDER BY n) AS last
        FROM part p CROSS JOIN generate_series(0, until - first) n
        LEFT JOIN counted c ON (c.kpi, c.watched, c.day) = (p.kpi, p.unit, first + n) AND c.source IS NOT DISTINCT FROM p.source)
    SELECT k.unit, k.day, min(k.last) FILTER (WHERE k.last >= k.day - depth),
           (array_agg(k.source ORDER BY k.last, k.source) FILTER (WHERE k.last >= k.day - depth))[1], bool_and(coalesce(k.last >= k.day - depth, false))
    FROM known k WHERE k.day = ANY (days) GROUP BY k.unit, k.day;
END
$$;
COMMENT ON FUNCTION @extschema@.last_facts(text[], text[], date[], integer) IS
'The last day, up to depth days back, with facts behind these KPIs (of several the one that is longest silent) for each unit with all below it, as of each day; whole: each KPI has one.';

-- Three years are read only where two months say nothing.
CREATE FUNCTION @extschema@.see_no_data(r @extschema@.rule, days date[])
RETURNS TABLE (day date, seen @extschema@.rule_sight) LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 COST 100000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    state CONSTANT text := coalesce((SELECT s.state FROM kpi_state(r.kpi) s), 'not_available');
    sources text[] := ARRAY(SELECT k.kpi FROM kpi_leaf l JOIN kpi k ON k.kpi = l.input WHERE l.kpi = r.kpi);
    watched CONSTANT text[] := ARRAY(SELECT DISTINCT w.unit FROM rule_watch(r, days) w);
    depth integer;
    units text[];
    as_of date[];
    lasts date[];
    silent text[];
    whole boolean;
BEGIN
    IF sources = '{}' THEN
        sources := ARRAY[r.kpi];
    END IF;
    FOREACH depth IN ARRAY CASE cardinality(days) WHEN 1 THEN '{62,1096}' ELSE '{1096}' END::integer[] LOOP
        SELECT array_agg(f.unit), array_agg(f.day), array_agg(f.last), array_agg(f.source), bool_and(f.whole)
        INTO units, as_of, lasts, silent, whole
        FROM last_facts(sources, watched, days, depth) f;
        EXIT WHEN whole;
    END LOOP;
    RETURN QUERY
    SELECT w.day, sight_of(w.unit, w.unit, coalesce(f.last, w.day), w.day, measured => (w.day - f.last)::numeric,
                           reading => CASE WHEN state <> 'ready' THEN 'breach' WHEN f.last IS NULL THEN 'none' END,
                           reason => CASE WHEN state <> 'ready' THEN format('the KPI has no number: %s', state)
                                          WHEN f.last IS NULL THEN 'no facts in the last three years'
                                          WHEN f.source IS NOT NULL AND w.day - f.last > r.fire_level THEN format('the last fact of table %s', f.source) END)
    FROM rule_watch(r, days) w JOIN unnest(units, as_of, lasts, silent) f (unit, day, last, source) ON (f.unit, f.day) = (w.unit, w.day)
    ORDER BY w.day, w.distance, w.unit;
END
$$;
COMMENT ON FUNCTION @extschema@.see_no_data IS
'Days since the last fact behind a KPI; a breach where the KPI has no number at all, since its source is gone, broken or not filled.';

CREATE FUNCTION @extschema@.condition_value(condition regprocedure, unit text, since date, until date) RETURNS numeric
    AS 'MODULE_PATHNAME', 'crm_condition_value' LANGUAGE C STABLE STRICT PARALLEL UNSAFE COST 10000;
COMMENT ON FUNCTION @extschema@.condition_value IS
'What a team''s own function (unit text, since date, until date), STABLE or IMMUTABLE, returns; called with the rights of its owner.';
SELECT @extschema@.set_audience('condition_value(regprocedure, text, date, date)', 'internal');

CREATE FUNCTION @extschema@.see_condition(r @extschema@.rule, today date)
RETURNS SETOF @extschema@.rule_sight LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 COST 100000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    condition CONSTANT regprocedure := to_regprocedure(r.condition);
BEGIN
    IF condition IS NULL THEN
        RAISE EXCEPTION 'function % does not exist', r.condition USING ERRCODE = 'undefined_function',
            HINT = 'Make it again, or switch the rule off: enable_rule(key, false).';
    END IF;
    RETURN QUERY
    SELECT s.*
    FROM rule_period(r.period, today) p, rule_units(r, today) u, condition_value(condition, u.unit, p.since, p.until) v (value),
         sight_of(u.unit, u.unit, p.since, p.until, value => v.value, measured => v.value, reading => CASE WHEN v.value IS NULL THEN 'none' END,
                  reason => CASE WHEN v.value IS NULL THEN 'the condition returned NULL' END) s;
END
$$;
COMMENT ON FUNCTION @extschema@.see_condition IS 'What a team''s own function says of a unit and a period.';

-- Records whose clock warned or ran out, or whose hand-over was not answered, while that lasts. What was so before the rule was made is
-- not told: a rule that is new would come with all that was ever late.
CREATE FUNCTION @extschema@.see_records(r @extschema@.rule)
RETURNS SETOF @extschema@.rule_sight LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 COST 1000000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    below CONSTANT text[] := ARRAY(SELECT b.unit FROM units_below(r.unit) b);
    zone CONSTANT text := default_zone();
BEGIN
    RETURN QUERY
    WITH due AS MATERIALIZED (SELECT * FROM sla_due('infinity') WHERE r.sla IS NOT NULL)
    SELECT s.*
    FROM (SELECT d.relation, d.record_key, d.clock, d.at, b.at AS due_at, d.unit_key AS unit
          FROM due d
          LEFT JOIN due b ON b.event = 'breach' AND (b.relation, b.record_key, b.clock) = (d.relation, d.record_key, d.clock)
          WHERE r.sla IN ('*', d.sla_key) AND d.event = r.kind AND d.at BETWEEN r.created_at AND now()
          UNION ALL
          SELECT h.relation, h.record_key, 'handover:' || h.handover, w.at, h.due_at, coalesce(resolve_unit(h.unit), root_unit())
          FROM timed_handovers(nullif(r.handover, '*')) h
          CROSS JOIN LATERAL (SELECT h.due_at - coalesce(r.warn_before, '0') AS at) w
          WHERE r.handover IS NOT NULL AND h.state = 'offered' AND w.at <= now() AND w.at >= r.created_at) e,
         LATERAL (SELECT (e.at AT TIME ZONE zone)::date AS day) w,
         sight_of(format('%s %s %s', e.relation, e.clock, e.record_key), e.unit, w.day, w.day, reading => 'breach',
                  relation => e.relation, record_key => e.record_key, clock => e.clock, due_at => e.due_at) s
    WHERE e.unit = ANY (below)
    ORDER BY e.at, s.subject;
END
$$;
COMMENT ON FUNCTION @extschema@.see_records IS
'The records of a rule on a service level or on hand-overs that are in warning or breach now. No rights are applied: for rules.';

-- Readings that are one pass over all days; the others are made day by day.
CREATE FUNCTION @extschema@.see_days(r @extschema@.rule, days date[])
RETURNS TABLE (day date, seen @extschema@.rule_sight) LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 COST 100000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    CASE r.kind
        WHEN 'threshold' THEN RETURN QUERY SELECT * FROM see_threshold(r, days);
        WHEN 'change' THEN RETURN QUERY SELECT * FROM see_change(r, days);
        WHEN 'anomaly' THEN RETURN QUERY SELECT * FROM see_anomaly(r, days);
        WHEN 'no_data' THEN RETURN QUERY SELECT * FROM see_no_data(r, days);
        WHEN 'pace' THEN RETURN QUERY SELECT d.day, s::rule_sight FROM unnest(days) d (day) CROSS JOIN LATERAL see_pace(r, d.day) s;
        WHEN 'forecast' THEN RETURN QUERY SELECT d.day, s::rule_sight FROM unnest(days) d (day) CROSS JOIN LATERAL see_forecast(r, d.day) s;
        WHEN 'condition' THEN RETURN QUERY SELECT d.day, s::rule_sight FROM unnest(days) d (day) CROSS JOIN LATERAL see_condition(r, d.day) s;
        ELSE RETURN QUERY SELECT d.day, s::rule_sight FROM unnest(days) d (day) CROSS JOIN see_records(r) s;
    END CASE;
END
$$;
COMMENT ON FUNCTION @extschema@.see_days IS
'What a rule sees as of the end of each of these days (of records: now), of each thing that it watches, day by day. No rights are applied: for rules.';

CREATE FUNCTION @extschema@.see_rule(r @extschema@.rule, today date)
RETURNS SETOF @extschema@.rule_sight LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 COST 100000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF r.grain = 'hour' THEN
        RETURN QUERY
        SELECT (h.seen).*
        FROM last_hour(kpi_zone(r.kpi)) l (hour) CROSS JOIN LATERAL see_hours(r, l.hour, l.hour) WITH ORDINALITY h (hour, seen, n) ORDER BY h.n;
    ELSE
        RETURN QUERY SELECT (d.seen).* FROM see_days(r, ARRAY[today]) WITH ORDINALITY d (day, seen, n) ORDER BY d.n;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.see_rule IS
'What a rule sees as of a day (of records: now; of hours: the last one), of each thing that it watches. No rights are applied: for rules.';
