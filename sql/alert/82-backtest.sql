-- What a rule would have done, had it been there.
CREATE FUNCTION @extschema@.past_breaches(r @extschema@.rule, since date, until date)
RETURNS TABLE (day date, relation pg_catalog.regclass, record_key text, clock text, unit text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 COST 1000000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    zone CONSTANT text := default_zone();
    below CONSTANT text[] := ARRAY(SELECT b.unit FROM units_below(r.unit) b);
BEGIN
    RETURN QUERY
    SELECT (e.at AT TIME ZONE zone)::date, e.relation, e.record_key, e.clock, e.unit
    FROM (SELECT c.relation, c.record_key, c.clock, w.at, coalesce(resolve_unit(c.unit), a.fallback_unit, root_unit()) AS unit
          FROM clock_table t JOIN adoption a USING (relation)
          CROSS JOIN unnest('{true,false}'::boolean[]) AS o (open) CROSS JOIN LATERAL clock_current(t.relation, o.open) c
          CROSS JOIN LATERAL (SELECT CASE r.kind WHEN 'breach' THEN c.due_at ELSE c.warning_at END AS at) w
          WHERE r.sla IS NOT NULL AND c.sla IS NOT NULL AND r.sla IN ('*', c.sla) AND c.target IS NOT NULL
            AND w.at < coalesce(c.stopped_at, now()) AND (c.paused_since IS NULL OR r.kind = 'breach')
          UNION ALL
          SELECT h.relation, h.record_key, 'handover:' || h.handover, w.at, coalesce(resolve_unit(h.unit), root_unit())
          FROM timed_handovers(nullif(r.handover, '*')) h
          CROSS JOIN LATERAL (SELECT h.due_at - coalesce(r.warn_before, '0') AS at) w
          WHERE r.handover IS NOT NULL AND w.at < least(coalesce(h.answered_at, 'infinity'), coalesce(h.left_at, 'infinity'), now())) e
    WHERE e.unit = ANY (below) AND (e.at AT TIME ZONE zone)::date BETWEEN past_breaches.since AND past_breaches.until;
END
$$;
COMMENT ON FUNCTION @extschema@.past_breaches IS
'The days on which clocks or hand-overs that a rule watches warned or ran out before they ended, as they are known today. No rights are applied.';

CREATE FUNCTION @extschema@.past_sights(r @extschema@.rule, since date, until date)
RETURNS TABLE (at timestamp, seen @extschema@.rule_sight)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 365 COST 1000000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF r.grain = 'hour' THEN
        RETURN QUERY SELECT * FROM see_hours(r, since::timestamp, least(until + interval '23 hours', last_hour(kpi_zone(r.kpi))));
    ELSE
        RETURN QUERY SELECT d.day::timestamp, d.seen FROM see_days(r, ARRAY(SELECT since + i FROM generate_series(0, until - since) i ORDER BY i)) d;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.past_sights(@extschema@.rule, date, date) IS
'What a rule would have seen at the end of each day, or in each hour, of each thing that it watches. No rights are applied.';

-- One thing after the other, each through all days or hours: n is the place in what was seen.
CREATE FUNCTION @extschema@.past_readings(r @extschema@.rule, since date, until date)
RETURNS TABLE (at timestamp, n bigint, seen @extschema@.rule_sight, reading text, phase text, fires boolean)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 365 COST 1000000
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    step CONSTANT interval := CASE r.grain WHEN 'hour' THEN '1 hour' ELSE '1 day' END;
    of_subject text;
    before text;
    stood_since timestamp;
    seen_at timestamp;
    fired_at timestamp[];
    brake interval;
    each record;
BEGIN
    FOR each IN SELECT s.at, s.n, s.seen FROM past_sights(r, since, until) WITH ORDINALITY s (at, seen, n) ORDER BY (s.seen).subject, s.at LOOP
        at := each.at;
        n := each.n;
        seen := each.seen;
        IF seen.subject IS DISTINCT FROM of_subject THEN
            of_subject := seen.subject;
            before := 'ok';
            stood_since := since;
            fired_at := '{}';
        ELSIF seen_at < at - step THEN -- what was not seen is over
            before := 'ok';
        END IF;
        brake := flap_brake(r.flap_limit, r.flap_within, CASE WHEN fired_at = '{}' THEN 0 ELSE (SELECT count(*) FROM unnest(fired_at) f WHERE f > at - r.flap_within) END);
        reading := (rule_reading(r, seen)).reading;
        phase := rule_step(before, reading, at - stood_since, r.hold_for, greatest(r.clear_for, brake));
        fires := phase = 'firing' AND before NOT IN ('firing', 'held');
        IF fires THEN
            fired_at := fired_at || at;
        END IF;
        IF phase <> before THEN
            stood_since := at;
        END IF;
        before := phase;
        seen_at := at;
        RETURN NEXT;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.past_readings IS
'What a rule would have read and done at the end of each day, or after each hour, of each thing that it watches. No rights are applied.';

CREATE FUNCTION @extschema@.backtest_rule(rule text, since date DEFAULT NULL, until date DEFAULT NULL)
RETURNS TABLE (day date, subject text, unit text, value numeric, numerator numeric, denominator numeric, compared numeric, measured numeric,
               reading text, phase text, fires boolean, hour timestamptz)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 365 COST 1000000
SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    r rule;
    last CONSTANT date := coalesce(backtest_rule.until, kpi_today());
    first CONSTANT date := coalesce(backtest_rule.since, CASE WHEN last <= '9999-12-31' THEN (last - interval '1 year')::date + 1 END);
BEGIN
    SELECT * INTO r FROM rule x WHERE x.rule = backtest_rule.rule;
    IF r.rule IS NULL THEN
        PERFORM raise_unknown('rule', backtest_rule.rule, ARRAY(SELECT x.rule FROM rule x));
    ELSIF NOT may_see_total(r.unit) THEN
        RAISE EXCEPTION 'you may not see the numbers of unit "%"', r.unit USING ERRCODE = 'insufficient_privilege';
    ELSIF (first >= '0001-01-01' AND last <= '9999-12-31' AND first <= last AND last - first <= 3660) IS NOT TRUE THEN
        RAISE EXCEPTION 'since and until are not a period of up to ten years' USING ERRCODE = 'RM005',
            HINT = 'Without them it is the year until today.';
    END IF;
    IF r.kind IN ('warning', 'breach') THEN
        RETURN QUERY
        SELECT e.day, CASE WHEN may_see_alert(e.relation, e.record_key, e.unit) THEN format('%s %s %s', e.relation, e.clock, e.record_key) END, e.unit,
               NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric, 'breach', 'firing', true, NULL::timestamptz
        FROM past_breaches(r, first, last) e ORDER BY e.day, e.relation::text, e.clock, e.record_key;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT p.at::date, (p.seen).subject, (p.seen).unit, (p.seen).value, (p.seen).numerator, (p.seen).denominator, (p.seen).compared, (p.seen).measured,
           p.reading, p.phase, p.fires, (p.seen).hour
    FROM past_readings(r, first, last) p ORDER BY p.n;
END
$$;
COMMENT ON FUNCTION @extschema@.backtest_rule IS
$c$What a rule would have read and done at the end of each day (default: of the past year), with the numbers and units as they are known
today; of a rule with several subjects a row for each; of a rule by the hour a row for each hour, with its beginning. fires: whether an alert would have fired then. Nothing is written.
Example: SELECT day, subject, value FROM crm.backtest_rule('win-rate-low') WHERE fires;$c$;
