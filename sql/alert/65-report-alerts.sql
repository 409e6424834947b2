-- Alerts in a report: what fires now, and what began or ended within its days.

CREATE FUNCTION @extschema@.report_alerts(a @extschema@.report_asked)
RETURNS jsonb LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    line jsonb;
    open bigint;
    there bigint;
BEGIN
    WITH seen AS MATERIALIZED (
        SELECT v.id, v.state IN ('firing', 'acknowledged') AS open, row_number() OVER (ORDER BY v.state <> 'firing', v.state <> 'acknowledged', v.fired_at DESC, v.id DESC) AS n
        FROM alert v
        WHERE v.fired_at IS NOT NULL AND (a.units IS NULL OR v.unit = ANY (a.units))
          AND (v.state IN ('firing', 'acknowledged') OR v.fired_at >= report_instant(a.since) AND v.fired_at < report_instant(a.until + 1)
               OR v.resolved_at >= report_instant(a.since) AND v.resolved_at < report_instant(a.until + 1)))
    SELECT jsonb_agg(jsonb_build_array(
               jsonb_build_object('text', report_word(a, 'alert_' || CASE WHEN l.state IN ('firing', 'acknowledged') THEN l.state ELSE 'resolved' END),
                                  'tone', CASE l.state WHEN 'firing' THEN 'bad' WHEN 'acknowledged' THEN 'warn' ELSE 'good' END),
               jsonb_build_object('text', alert_sentence(l, l.state NOT IN ('firing', 'acknowledged', 'held', 'pending'), a.locale, a.zone,
                                                          CASE WHEN l.kpi IS NOT NULL THEN report_kpi_label(a, l.kpi) END),
                                  'sub', nullif(concat_ws('; ', r.description, l.comment), '')),
               said_time(l.fired_at, a.zone, a.locale),
               coalesce(said_time(l.resolved_at, a.zone, a.locale), '-')) ORDER BY s.n) FILTER (WHERE s.n <= 15),
           count(*) FILTER (WHERE s.open), count(*)
    INTO line, open, there
    FROM seen s JOIN alert_log l USING (id) LEFT JOIN rule r ON r.rule = l.rule;
    IF there = 0 THEN
        RETURN NULL;
    END IF;
    RETURN report_section(a, 'table', 'alerts', jsonb_build_object('rows', line, 'more', report_more(a, 15, there),
        'columns', report_columns(a, 'state', 'alert', 'since', 'resolved_at'),
        'headline', CASE WHEN open > 0 THEN report_headline(a, 'alerts', open, 'bad') END));
END
$$;
COMMENT ON FUNCTION @extschema@.report_alerts(@extschema@.report_asked) IS 'The section of a report with the alerts that its reader may see; NULL where there are none.';
