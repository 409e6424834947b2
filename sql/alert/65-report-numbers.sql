-- The numbers of a report: tiles with a line each. All that are sums are read day by day in one pass, from the first day that is compared with.

CREATE FUNCTION @extschema@.report_kpis()
RETURNS TABLE (kpi text, n bigint, department text) LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 30
SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT c.kpi, c.n, c.department
    FROM (SELECT w.kpi, d.n + w.n AS n, d.department
          FROM (VALUES (0, 'sales', '{won_value,won_count,win_rate,average_deal,sales_cycle_days,open_pipeline}'::text[]),
                       (20, 'marketing', '{leads,mqls,marketing_spend,cost_per_lead}'),
                       (40, 'service', '{first_response_minutes,resolution_hours,ticket_backlog,sla_attainment,csat,nps,nrr}')) d (n, department, kpis)
          CROSS JOIN unnest(d.kpis) WITH ORDINALITY w (kpi, n)
          UNION ALL
          SELECT t.kpi, 100 + row_number() OVER (ORDER BY t.label, t.kpi), 'own' FROM kpi t WHERE NOT t.shipped) c
    JOIN kpi k USING (kpi)
    WHERE c.n <= 120
$$;
COMMENT ON FUNCTION @extschema@.report_kpis() IS 'The KPIs that a report shows, in order: those that most teams ask for, and up to twenty of the team''s own.';

-- Sides of each day, so that any period is a sum of them; without a home currency by currency, since two are no sum.
CREATE FUNCTION @extschema@.report_facts(a @extschema@.report_asked, kpis text[])
RETURNS TABLE (kpi text, day date, currency text, numerator numeric, denominator numeric, problem text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    together text[] := kpis;
BEGIN
    IF kpis = '{}' THEN
        RETURN;
    ELSIF a.unit IS NULL THEN
        RETURN QUERY SELECT q.kpi_key, q.period, q.currency, q.numerator, q.denominator, nullif(q.state, 'ready')
                     FROM crm_bi.kpis(kpis, 'day', a.before_since, a.until, CASE WHEN a.currency IS NULL THEN '{currency}'::text[] ELSE '{}' END, a.currency) q
                     WHERE q.period IS NOT NULL;
        RETURN;
    END IF;
    IF a.currency IS NOT NULL THEN
        together := ARRAY(SELECT k.kpi FROM unnest(kpis) k (kpi) WHERE NOT EXISTS (SELECT FROM kpi_money m WHERE m.kpi = k.kpi AND (m.numerator OR m.denominator)));
        RETURN QUERY SELECT k.kpi, r.period, r.currency, r.numerator, r.denominator, r.problem
                     FROM kpi k CROSS JOIN LATERAL read_sums(k, 'day', a.before_since, a.until, '{}', a.units, a.currency, 'default') r
                     WHERE k.kpi = ANY (kpis) AND k.kpi <> ALL (together);
    END IF;
    IF together <> '{}' THEN
        RETURN QUERY SELECT s.kpi, s.period, s.currency, s.numerator, s.denominator, s.problem
                     FROM plain_sums(together, 'day', a.before_since, a.until, CASE WHEN a.currency IS NULL THEN '{currency}'::text[] ELSE '{}' END, a.units) s;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.report_facts(@extschema@.report_asked, text[]) IS
'Sides of KPIs that are sums, day by day from the first day compared with: of the unit asked for, whose totals the caller may see, else of all that the caller may see.';

-- A KPI that is no sum over days, over the period and the one before.
CREATE FUNCTION @extschema@.report_whole(a @extschema@.report_asked, kpi text, OUT value numeric, OUT before numeric, OUT state text)
LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 100000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF a.unit IS NULL THEN
        SELECT q.value, q.state INTO value, state FROM crm_bi.kpi(report_whole.kpi, 'total', a.since, a.until, '{}', a.currency) q;
        SELECT q.value INTO before FROM crm_bi.kpi(report_whole.kpi, 'total', a.before_since, a.before_until, '{}', a.currency) q;
    ELSE
        SELECT q.value, q.state INTO value, state FROM kpi_total(report_whole.kpi, a.unit, a.since, a.until, a.currency) q;
        SELECT q.value INTO before FROM kpi_total(report_whole.kpi, a.unit, a.before_since, a.before_until, a.currency) q;
    END IF;
    state := coalesce(state, 'ready');
END
$$;
COMMENT ON FUNCTION @extschema@.report_whole(@extschema@.report_asked, text) IS 'The value of a KPI of any kind over the days of a report and over those before.';

CREATE TYPE @extschema@.report_number AS (
    kpi text, n bigint, department text, measured_in text, direction text, value numeric, before numeric, state text, days date[], points numeric[]
);
COMMENT ON TYPE @extschema@.report_number IS 'A KPI of a report: its value, that of the days before, why there is none, and the points of its line.';

CREATE FUNCTION @extschema@.report_rolls(a @extschema@.report_asked)
RETURNS boolean LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
RETURN (a).grain = 'day' AND (a).until - (a).since >= 13;
COMMENT ON FUNCTION @extschema@.report_rolls(@extschema@.report_asked) IS 'Whether the points of a line are of seven days each, one for each day.';

CREATE FUNCTION @extschema@.report_numbers(a @extschema@.report_asked)
RETURNS SETOF @extschema@.report_number LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    known CONSTANT jsonb := (SELECT coalesce(jsonb_object_agg(s.kpi, s.state), '{}') FROM kpi_state(ARRAY(SELECT r.kpi FROM report_kpis() r)) s);
    -- what is valid for a part of the days, or does not add up over them, is read as a whole
    sums CONSTANT text[] := ARRAY(SELECT k.kpi FROM report_kpis() r JOIN kpi k USING (kpi)
                                  WHERE known ->> k.kpi = 'ready' AND k.kind IN ('simple', 'ratio') AND k.within_days IS NULL AND k.apart = '{}'
                                    AND coalesce(k.valid_from <= a.before_since, true) AND coalesce(k.valid_until >= a.until, true));
BEGIN
    RETURN QUERY
    WITH fact AS MATERIALIZED (
        SELECT f.* FROM report_facts(a, sums) f
    ), span AS (
        SELECT 1 AS which, a.since AS first, a.since AS begins, a.until AS ends
        UNION ALL SELECT 0, a.before_since, a.before_since, a.before_until
        -- days go up and down with the week, so of long spans each point of a line is the week that ends with it; and a week or month that is cut would look like a fall
        UNION ALL SELECT 2, p.first, CASE WHEN report_rolls(a) THEN p.begins - 6 ELSE p.begins END, p.ends FROM kpi_spans(a.grain, a.since, a.until) p
        WHERE p.begins = p.first AND (a.grain = 'day' OR p.ends = (p.first + CASE a.grain WHEN 'week' THEN interval '7 days' ELSE interval '1 month' END)::date - 1)
    ), summed AS (
        SELECT k.kpi, s.which, s.first, sum(f.numerator) AS numerator, sum(f.denominator) AS denominator,
               coalesce(min(f.problem), CASE WHEN count(DISTINCT money_of(m.numerator, f.numerator, m.denominator, f.denominator, f.currency, NULL)) > 1
                                            THEN 'mixed_currencies' END) AS problem
        FROM kpi k
        JOIN kpi_money m ON m.kpi = k.kpi
        CROSS JOIN span s
        -- of a stock the end of the period
        LEFT JOIN fact f ON f.kpi = k.kpi AND f.day <= s.ends AND f.day >= CASE k.date_kind WHEN 'stock' THEN s.ends ELSE s.begins END
        WHERE k.kpi = ANY (sums)
        GROUP BY k.kpi, s.which, s.first, m.numerator, m.denominator
    ), valued AS (
        SELECT s.kpi, s.which, s.first, s.problem,
               -- where nothing happened a sum is zero, and what it is divided by is not there
               CASE WHEN s.problem IS NULL THEN sum_value(k, coalesce(s.numerator, 0), CASE WHEN k.denominator IS NOT NULL THEN coalesce(s.denominator, 0) END, a.currency) END AS value
        FROM summed s JOIN kpi k USING (kpi)
    ), counted AS (
        SELECT v.kpi, max(v.value) FILTER (WHERE v.which = 1) AS value, max(v.value) FILTER (WHERE v.which = 0) AS before,
               coalesce(max(v.problem) FILTER (WHERE v.which = 1), 'ready') AS state,
               array_agg(v.first ORDER BY v.first) FILTER (WHERE v.which = 2) AS days, array_agg(v.value ORDER BY v.first) FILTER (WHERE v.which = 2) AS points
        FROM valued v GROUP BY v.kpi
        UNION ALL
        SELECT r.kpi, w.value, w.before, w.state, NULL, NULL
        FROM report_kpis() r CROSS JOIN LATERAL report_whole(a, r.kpi) w
        WHERE known ->> r.kpi = 'ready' AND r.kpi <> ALL (sums)
        UNION ALL
        SELECT r.kpi, NULL, NULL, known ->> r.kpi, NULL, NULL FROM report_kpis() r WHERE known ->> r.kpi IN ('filling', 'broken', 'paused')
    )
    SELECT r.kpi, r.n, r.department, k.measured_in, k.direction, c.value, c.before, c.state, c.days, c.points
    FROM report_kpis() r JOIN kpi k USING (kpi) JOIN counted c USING (kpi)
    ORDER BY r.n;
END
$$;
COMMENT ON FUNCTION @extschema@.report_numbers(@extschema@.report_asked) IS
'The numbers of a report: of those KPIs that tables answer, or will when they are filled. What has no table behind it is not there.';

CREATE FUNCTION @extschema@.report_why(a @extschema@.report_asked, state text)
RETURNS text LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT coalesce(report_word(a, 'state_' || CASE WHEN state LIKE 'missing\_rate%' THEN 'missing_rate' ELSE state END), report_word(a, 'state_none'))
$$;
COMMENT ON FUNCTION @extschema@.report_why(@extschema@.report_asked, text) IS 'Why there is no number, in words.';

CREATE FUNCTION @extschema@.report_change(a @extschema@.report_asked, r @extschema@.report_number, OUT change text, OUT tone text, OUT arrow integer)
LANGUAGE plpgsql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    moved CONSTANT numeric := CASE WHEN r.measured_in = 'share' THEN round((r.value - r.before) * 100, 1) ELSE round((r.value - r.before) / nullif(abs(r.before), 0), 3) END;
BEGIN
    arrow := sign(moved);
    change := CASE WHEN moved > 0 THEN '+' ELSE '' END
        || CASE WHEN r.measured_in = 'share' THEN said_number(moved, 1, a.locale) || ' ' || report_word(a, 'points')
                WHEN abs(moved) >= 10 THEN NULL -- what grew tenfold was next to nothing before
                ELSE report_value(a, moved, 'share') END;
    tone := CASE WHEN moved IS NULL OR moved = 0 OR r.kpi IN ('marketing_spend', 'acquisition_spend') THEN 'plain' -- more spend is neither
                 WHEN (moved > 0) = (r.direction = 'up') THEN 'good' ELSE 'bad' END;
END
$$;
COMMENT ON FUNCTION @extschema@.report_change(@extschema@.report_asked, @extschema@.report_number) IS
'How a number moved against the days before, in per cent or points; tone: good, bad or plain; arrow: where to.';

CREATE FUNCTION @extschema@.report_tiles(a @extschema@.report_asked)
RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    tiles jsonb := '[]';
    quiet text[] := '{}';
    r report_number;
    moved record;
    label text;
    counts text;
    low integer;
    high integer;
    least_said text;
    most_said text;
BEGIN
    FOR r IN SELECT * FROM report_numbers(a) LOOP
        label := report_kpi_label(a, r.kpi);
        counts := message_word((a.locale).language, 'unit_' || r.measured_in);
        IF r.state = 'ready' AND coalesce(r.value, 0) = 0 AND coalesce(r.before, 0) = 0 THEN
            quiet := quiet || label;
            CONTINUE;
        END IF;
        moved := report_change(a, r);
        SELECT min(p.n) FILTER (WHERE p.value = s.least), min(p.n) FILTER (WHERE p.value = s.most) INTO low, high
        FROM unnest(r.points) WITH ORDINALITY p (value, n) CROSS JOIN (SELECT min(x) AS least, max(x) AS most FROM unnest(r.points) x) s;
        least_said := report_word(a, 'point', jsonb_build_object('value', report_value(a, r.points[low], r.measured_in), 'day', said_day(r.days[low], a.locale)));
        most_said := report_word(a, 'point', jsonb_build_object('value', report_value(a, r.points[high], r.measured_in), 'day', said_day(r.days[high], a.locale)));
        tiles := tiles || jsonb_strip_nulls(jsonb_build_object(
            'key', r.kpi, 'label', label, 'department', report_word(a, 'of_' || r.department),
            -- what it counts stands beside it, smaller
            'value', coalesce(report_value(a, r.value, CASE WHEN counts IS NULL THEN r.measured_in END), '-'),
            'counts', CASE WHEN r.value IS NOT NULL THEN counts END, 'said', coalesce(report_value(a, r.value, r.measured_in), '-'),
            'state', CASE WHEN r.value IS NULL THEN report_why(a, r.state) END,
            'change', moved.change, 'tone', moved.tone, 'arrow', moved.arrow,
            'change_label', CASE WHEN moved.arrow <> 0 AND moved.tone <> 'plain' THEN report_word(a, CASE moved.tone WHEN 'good' THEN 'better' ELSE 'worse' END) END,
            'before', CASE WHEN r.before IS NOT NULL THEN report_word(a, 'before', jsonb_build_object('value', report_value(a, r.before, r.measured_in))) END,
            'before_value', report_value(a, r.before, r.measured_in),
            'number', r.value, 'number_before', r.before,
            'points', CASE WHEN cardinality(array_remove(r.points, NULL)) > 1 THEN to_jsonb(r.points) END,
            'lowest', CASE WHEN low IS NOT NULL THEN least_said END, 'highest', CASE WHEN low IS NOT NULL THEN most_said END,
            'span', CASE WHEN low IS NOT NULL THEN report_word(a, 'span', jsonb_build_object('lowest', least_said, 'highest', most_said)) END));
    END LOOP;
    IF tiles = '[]' THEN
        RETURN NULL;
    END IF;
    RETURN report_section(a, 'tiles', 'numbers', jsonb_build_object(
        'tiles', tiles, 'table', report_word(a, 'as_table'),
        'columns', report_columns(a, 'kpi', '+value', '+before_column', '+change', '+lowest', '+highest'),
        'line', CASE WHEN report_rolls(a) THEN report_word(a, 'line_rolls') ELSE report_word(a, 'line', jsonb_build_object('grain', report_word(a, 'grain_' || a.grain))) END,
        'quiet', CASE WHEN quiet <> '{}' THEN report_word(a, 'quiet', jsonb_build_object('list', array_to_string(quiet, ', '))) END),
        report_word(a, 'compared', jsonb_build_object('days', said_days(a.before_since, a.before_until, a.locale))));
END
$$;
COMMENT ON FUNCTION @extschema@.report_tiles(@extschema@.report_asked) IS 'The section of a report with its numbers; NULL where there are none.';
