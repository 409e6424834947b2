-- Several KPIs of one dashboard: whatever is a plain sum is read in one pass.

CREATE FUNCTION crm_bi.kpis(kpis text[], grain text DEFAULT 'total', since date DEFAULT NULL, until date DEFAULT NULL,
                            by text[] DEFAULT '{}', into_currency text DEFAULT NULL, rates text DEFAULT 'default')
    RETURNS TABLE (kpi_key text, period date, unit_key text, stage text, campaign text, channel text, product text, owner text,
                   segment text, currency text, numerator numeric, denominator numeric, value numeric, state text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off SET plan_cache_mode = force_generic_plan AS $$
#variable_conflict use_column
DECLARE
    last CONSTANT date := coalesce(until, kpi_today());
    together text[] := '{}';
BEGIN
    PERFORM require_kpi(k) FROM unnest(kpis) k;
    PERFORM check_question(grain, by);
    PERFORM visible(root_unit(), 'kpi', 'total'); -- without identity an error, also where there are no facts
    IF since IS NOT NULL THEN -- or each begins on a day of its own
        together := ARRAY(SELECT k.kpi
                          FROM kpi k
                          JOIN kpi_state(kpis) s ON s.kpi = k.kpi AND s.state = 'ready'
                          WHERE k.kpi = ANY (kpis) AND NOT is_by_period(k.kind) AND k.within_days IS NULL AND k.apart = '{}'
                            AND coalesce(k.valid_from <= since, true) AND coalesce(k.valid_until >= last, true)
                            AND (into_currency IS NULL
                                 OR k.measured_in <> 'money' AND NOT EXISTS (SELECT FROM kpi_money m WHERE m.kpi = k.kpi AND (m.numerator OR m.denominator))));
    END IF;
    RETURN QUERY
    WITH p AS MATERIALIZED (
        SELECT s.first, s.ends FROM kpi_spans(grain, since, last) s
    ), summed AS MATERIALIZED (
        SELECT f.kpi, p.first, f.unit_key, f.stage, f.campaign, f.channel, f.product, f.owner, f.segment,
               CASE WHEN 'currency' = ANY (by) THEN f.currency END AS currency,
               sum(f.numerator) AS numerator, sum(f.denominator) AS denominator, count(DISTINCT f.currency) > 1 AS mixed
        FROM kpi_facts(together, since, last, ARRAY(SELECT p.ends FROM p ORDER BY p.ends), by || '{currency}'::text[], units_with_total()) f
        JOIN p ON p.ends = f.day
        WHERE together <> '{}'
        GROUP BY f.kpi, p.first, f.unit_key, f.stage, f.campaign, f.channel, f.product, f.owner, f.segment, 10)
    SELECT k.kpi, s.first, s.unit_key, s.stage, s.campaign, s.channel, s.product, s.owner, s.segment, s.currency, v.numerator, v.denominator,
           CASE WHEN k.denominator IS NOT NULL THEN v.numerator / nullif(v.denominator, 0) ELSE v.numerator END,
           CASE WHEN s.mixed AND (k.above OR k.below) THEN 'mixed_currencies' ELSE 'ready' END
    FROM (SELECT k.kpi, k.denominator, coalesce(m.numerator, false) AS above, coalesce(m.denominator, false) AS below
          FROM kpi k LEFT JOIN kpi_money m ON m.kpi = k.kpi WHERE k.kpi = ANY (together) OFFSET 0) k
    JOIN summed s ON s.kpi = k.kpi
    CROSS JOIN LATERAL (SELECT CASE WHEN NOT (s.mixed AND k.above) THEN coalesce(s.numerator, 0) END AS numerator,
                               CASE WHEN k.denominator IS NOT NULL AND NOT (s.mixed AND k.below) THEN coalesce(s.denominator, 0) END AS denominator) v
    ORDER BY array_position(kpis, k.kpi), 2, 3, 4, 5, 6, 7, 8, 9, 10;
    RETURN QUERY
    SELECT q.*
    FROM unnest(kpis) WITH ORDINALITY u (kpi, n)
    CROSS JOIN LATERAL crm_bi.kpi(u.kpi, grain, since, until, by, into_currency, rates) q
    WHERE u.kpi <> ALL (together) AND u.n = array_position(kpis, u.kpi);
END
$$;
COMMENT ON FUNCTION crm_bi.kpis(text[], text, date, date, text[], text, text) IS
'kpi() of several KPIs at once, for a page that shows many: those that are plain sums are read in one pass where since is given, the others one by one. Arguments, '
'columns, rights and errors as kpi(); a KPI that is named twice is there once. '
'Example: SELECT kpi_key, period, unit_key, value FROM crm_bi.kpis(''{won_count,won_value,win_rate}'', ''month'', ''2026-01-01'', ''2026-12-31'', ''{unit_key}'');';
