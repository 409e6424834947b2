-- Goals of a report, with pace and what is expected of their end.

CREATE FUNCTION @extschema@.report_departments(departments jsonb, a @extschema@.report_asked)
RETURNS text LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT string_agg(report_unit_name(d.key) || ' ' || report_value(a, d.value::numeric, 'share'), ', ' ORDER BY d.value::numeric DESC, d.key)
    FROM jsonb_each_text(departments) d
$$;
COMMENT ON FUNCTION @extschema@.report_departments(jsonb, @extschema@.report_asked) IS 'Who holds a goal together, with their shares.';

-- The forecast that was kept last of a goal that runs; whose totals may be seen is asked before.
CREATE FUNCTION @extschema@.report_forecast(a @extschema@.report_asked, kpi text, unit text, since date, until date, currency text)
RETURNS text LANGUAGE sql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT report_word(a, CASE WHEN f.low IS NULL THEN 'expected_end' ELSE 'expected_between' END, jsonb_build_object(
        'value', report_value(a, f.value, k.measured_in), 'low', report_value(a, f.low, k.measured_in), 'high', report_value(a, f.high, k.measured_in)))
    FROM forecast_snapshot f JOIN kpi k USING (kpi)
    WHERE (f.kpi, f.unit, f.since, f.until) = (report_forecast.kpi, report_forecast.unit, report_forecast.since, report_forecast.until)
      AND f.currency IS NOT DISTINCT FROM report_forecast.currency AND f.until >= a.today
    ORDER BY f.as_of DESC LIMIT 1
$$;
COMMENT ON FUNCTION @extschema@.report_forecast(@extschema@.report_asked, text, text, date, date, text) IS
'What is expected of the end of a goal that runs, by the forecast that was kept last; NULL where none was. No rights applied.';

CREATE FUNCTION @extschema@.report_goal_status(g crm_bi.kpi_goal, today date, OUT status text, OUT tone text)
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT s.status, CASE WHEN s.status IN ('reached', 'on_track') THEN 'good' WHEN s.status IN ('missed', 'behind') THEN 'bad' ELSE 'plain' END
    FROM (SELECT CASE WHEN g.actual IS NULL THEN 'none'
                      WHEN g.direction = 'up' AND g.actual >= g.target OR g.direction = 'down' AND g.until < today AND g.actual <= g.target THEN 'reached'
                      WHEN g.until < today THEN 'missed'
                      WHEN g.on_track THEN 'on_track' ELSE 'behind' END AS status) s
$$;
COMMENT ON FUNCTION @extschema@.report_goal_status(crm_bi.kpi_goal, date) IS 'Where a goal stands: reached, missed, on_track, behind or none.';

CREATE FUNCTION @extschema@.report_goal(a @extschema@.report_asked, g crm_bi.kpi_goal)
RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    k CONSTANT kpi := require_kpi(g.kpi_key);
    standing CONSTANT record := report_goal_status(g, a.today);
    -- room for whichever is longest
    whole CONSTANT numeric := nullif(greatest(abs(g.actual), abs(g.target), abs(g.expected)), 0);
BEGIN
    RETURN jsonb_strip_nulls(jsonb_build_object(
        'key', g.goal_key, 'label', report_kpi_label(a, g.kpi_key), 'unit', CASE WHEN g.unit_key <> root_unit() THEN report_unit_name(g.unit_key) END,
        'name', CASE WHEN lower(g.goal_key) NOT IN (lower(g.kpi_key), lower(k.label)) THEN g.goal_key END,
        'value', coalesce(report_value(a, g.actual, k.measured_in), '-'),
        'target', report_word(a, CASE g.direction WHEN 'up' THEN 'at_least' ELSE 'at_most' END, jsonb_build_object('value', report_value(a, g.target, k.measured_in))),
        'status', CASE WHEN g.actual IS NULL THEN report_why(a, g.state) ELSE report_word(a, 'status_' || standing.status) END, 'tone', standing.tone,
        'number', g.actual, 'pace', g.pace,
        'share', greatest(round(g.actual / whole, 4), 0), 'target_share', greatest(round(g.target / whole, 4), 0),
        'expected_share', CASE WHEN g.until >= a.today AND g.expected <> g.target THEN greatest(round(g.expected / whole, 4), 0) END,
        'lines', to_jsonb(array_remove(ARRAY[
            CASE WHEN g.until >= a.today AND g.expected IS NOT NULL AND g.expected <> g.target THEN
                report_word(a, 'expected_today', jsonb_build_object('value', report_value(a, g.expected, k.measured_in), 'pace', report_value(a, g.pace, 'share'))) END,
            report_forecast(a, g.kpi_key, g.unit_key, g.since, g.until, g.currency),
            said_days(g.since, g.until, a.locale),
            CASE WHEN g.departments <> '{}' THEN report_word(a, 'held_by', jsonb_build_object('list', report_departments(g.departments::jsonb, a))) END,
            CASE WHEN g.accountable IS NOT NULL THEN report_word(a, 'accountable', jsonb_build_object('name',
                coalesce((SELECT p.name FROM principal p WHERE p.principal = g.accountable), g.accountable))) END], NULL))));
END
$$;
COMMENT ON FUNCTION @extschema@.report_goal(@extschema@.report_asked, crm_bi.kpi_goal) IS 'A goal in a report.';

CREATE FUNCTION @extschema@.report_goals(a @extschema@.report_asked)
RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    goals jsonb;
    there bigint;
    tracked bigint;
    judged bigint;
BEGIN
    WITH goal_row AS MATERIALIZED (
        SELECT g, report_goal_status(g, a.today) AS s, row_number() OVER (ORDER BY g.until < a.today, g.until, g.goal_key) AS n
        FROM crm_bi.kpi_goal g
        WHERE g.since <= a.until AND g.until >= a.since AND (a.units IS NULL OR g.unit_key = ANY (a.units)))
    SELECT jsonb_agg(report_goal(a, r.g) ORDER BY r.n) FILTER (WHERE r.n <= 24), count(*),
           count(*) FILTER (WHERE (r.s).tone = 'good'), count(*) FILTER (WHERE (r.s).tone <> 'plain')
    INTO goals, there, tracked, judged FROM goal_row r;
    IF there = 0 THEN
        RETURN NULL;
    END IF;
    RETURN report_section(a, 'goals', 'goals', jsonb_build_object(
        'goals', goals, 'more', report_more(a, 24, there),
        'mark_target', report_word(a, 'mark_target'), 'mark_expected', report_word(a, 'mark_expected'),
        'headline', CASE WHEN judged > 0 THEN report_headline(a, 'goals', tracked, CASE WHEN tracked = judged THEN 'good' WHEN tracked * 2 >= judged THEN 'plain' ELSE 'bad' END, judged) END),
        report_word(a, 'as_of', jsonb_build_object('day', said_day(a.today, a.locale))));
END
$$;
COMMENT ON FUNCTION @extschema@.report_goals(@extschema@.report_asked) IS 'The section of a report with the goals that run within its days, as they stand today; NULL where there are none.';
