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
    IF together <> '{}' THEN
        RETURN QUERY
        SELECT s.kpi, s.period, s.unit_key, s.stage, s.campaign, s.channel, s.product, s.owner, s.segment, s.currency, s.numerator, s.denominator,
               s.value, coalesce(s.problem, 'ready')
        FROM plain_sums(together, grain, since, last, by, units_with_total()) s
        ORDER BY array_position(kpis, s.kpi), 2, 3, 4, 5, 6, 7, 8, 9, 10;
    END IF;
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
