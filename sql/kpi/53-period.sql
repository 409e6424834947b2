-- Periods: what kpi() and kpi_total() ask for where days cannot be added up.

CREATE FUNCTION @extschema@.kpi_spans(grain text, since date, until date) RETURNS TABLE (first date, begins date, ends date)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 12 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    step CONSTANT interval := CASE WHEN grain LIKE '%quarter' THEN interval '3 months' WHEN grain <> 'total' THEN ('1 ' || replace(grain, 'fiscal_', ''))::interval END;
BEGIN
    IF grain = 'total' THEN
        RETURN QUERY VALUES (since, since, until);
        RETURN;
    END IF;
    IF NOT (isfinite(since) AND isfinite(until)) OR until - since > 366000 THEN
        RAISE EXCEPTION 'a % from % to % are more periods than can be listed', grain, since, until USING ERRCODE = 'RM005',
            HINT = 'Name two days that are at most 1,000 years apart, or ask by the grain total.';
    END IF;
    RETURN QUERY
    SELECT g::date, greatest(g::date, since), least((g + step)::date - 1, until)
    FROM generate_series(CASE WHEN grain LIKE 'fiscal%' THEN fiscal_trunc(substr(grain, 8), since, fiscal_month())::timestamp
                              ELSE date_trunc(grain, since::timestamp) END, until::timestamp, step) g;
END
$$;
COMMENT ON FUNCTION @extschema@.kpi_spans(text, date, date) IS
'The periods of a grain (day, week, month, quarter, year, fiscal_quarter, fiscal_year, total) that the days since to until touch: the first day of each, and the first '
'and last that are asked for.';

CREATE FUNCTION @extschema@.kpi_first_day(kpi text) RETURNS date
    LANGUAGE sql STABLE PARALLEL UNSAFE COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH leaf AS (SELECT kpi_first_day.kpi UNION SELECT l.input FROM kpi_leaf l WHERE l.kpi = kpi_first_day.kpi)
    SELECT least((SELECT min(f.day) FROM kpi_facts(ARRAY(SELECT l.kpi FROM leaf l), NULL, NULL, NULL, '{}', NULL) f WHERE isfinite(f.day)),
                 CASE WHEN EXISTS (SELECT FROM kpi_term t JOIN leaf l USING (kpi) WHERE t.component LIKE 'subscription%')
                      THEN (SELECT min(s.started_on) FROM subscription_rows() s WHERE isfinite(s.started_on)) END,
                 (SELECT min(CASE t.component WHEN 'goal' THEN (SELECT min(g.since) FROM goal g)
                                              WHEN 'goal_pipeline' THEN (SELECT min(g.since) FROM goal g WHERE g.kpi = 'won_value')
                                              WHEN 'budget_month' THEN (SELECT min(p.month) FROM plan p WHERE p.plan = 'budget' AND p.version = 'current')
                                              WHEN 'forecast' THEN (SELECT min(f.until) FROM forecast_snapshot f)
                                              WHEN 'open_deal' THEN (SELECT (min(h.at) AT TIME ZONE default_zone())::date FROM transition_log h
                                                                     JOIN adoption a ON a.relation = h.relation AND a.entity = 'opportunity' WHERE isfinite(h.at)) END)
                  FROM kpi_term t JOIN leaf l USING (kpi)))
$$;
COMMENT ON FUNCTION @extschema@.kpi_first_day(text) IS 'The first day that a KPI knows of; NULL where there is none. No rights applied; not for users.';
SELECT @extschema@.set_audience('kpi_first_day(text)', 'internal');

CREATE FUNCTION @extschema@.needs_attribution(kpi text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT EXISTS (SELECT FROM kpi_term t WHERE t.component LIKE 'attribution\_%'
                     AND (t.kpi = needs_attribution.kpi OR t.kpi IN (SELECT l.input FROM kpi_leaf l WHERE l.kpi = needs_attribution.kpi)))
$$;
COMMENT ON FUNCTION @extschema@.needs_attribution(text) IS
'Whether a KPI comes from attribution, whose credits are of whole journeys and not of a unit''s part of them.';
SELECT @extschema@.set_audience('needs_attribution(text)', 'internal');

CREATE FUNCTION @extschema@.period_total(kpi text, since date, until date, units text[], into_currency text, rates text) RETURNS @extschema@.kpi_group
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 1000000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    result kpi_group;
BEGIN
    IF units IS NOT NULL AND needs_attribution(kpi) THEN
        result.state := 'not_by_unit';
        RETURN result;
    END IF;
    SELECT g.* INTO result FROM kpi_groups(kpi, since, until, units, '{}', into_currency, rates) g;
    result.state := coalesce(result.state, 'ready');
    RETURN result;
EXCEPTION WHEN SQLSTATE 'RM101' THEN -- attribution asks who reads; a rule is nobody
    result.state := 'no_identity';
    RETURN result;
END
$$;
COMMENT ON FUNCTION @extschema@.period_total(text, date, date, text[], text, text) IS
'kpi_total of a KPI that has no parts of days: over the days since to until, of these units (NULL: all).';
SELECT @extschema@.set_audience('period_total(text, date, date, text[], text, text)', 'internal');

CREATE FUNCTION @extschema@.kpi_periods(kpi text, grain text, since date, until date, by text[], into_currency text, rates text, credited boolean)
    RETURNS TABLE (kpi_key text, period date, unit_key text, stage text, campaign text, channel text, product text, owner text,
                   segment text, currency text, numerator numeric, denominator numeric, value numeric, state text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 12 COST 1000000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    asked CONSTANT kpi := require_kpi(kpi_periods.kpi);
    -- one who sees all units is not asked about each fact
    units CONSTANT text[] := (SELECT CASE WHEN bool_and(v.yes) THEN NULL ELSE coalesce(array_agg(v.unit) FILTER (WHERE v.yes), '{}') END
                              FROM (SELECT u.unit, visible(u.unit, 'kpi', 'total') AS yes FROM unit u) v);
    first CONSTANT date := coalesce(since, kpi_first_day(asked.kpi), (until + 1 - interval '1 year')::date);
BEGIN
    IF NOT credited AND coalesce(asked.valid_from, asked.valid_until) IS NULL AND EXISTS (SELECT FROM counted_terms(asked.kpi)) THEN -- all periods at once
        RETURN QUERY
        SELECT asked.kpi, g.period, g.unit_key, g.stage, g.campaign, g.channel, g.product, g.owner, g.segment, g.currency, NULL::numeric, NULL::numeric,
               g.value, g.state
        FROM (SELECT array_agg(p.first) AS firsts, array_agg(CASE WHEN grain = 'total' THEN coalesce(since, '-infinity') ELSE p.begins END) AS begins,
                     array_agg(p.ends) AS ends FROM kpi_spans(grain, first, until) p) p
        CROSS JOIN LATERAL counted_groups(asked, p.firsts, p.begins, p.ends, units, by, into_currency, rates) g
        ORDER BY 2, 3, 4, 5, 6, 7, 8, 9, 10;
        RETURN;
    END IF;
    RETURN QUERY
    SELECT asked.kpi, p.first, g.unit_key, g.stage, g.campaign, g.channel, g.product, g.owner, g.segment, g.currency, g.numerator, g.denominator, g.value,
           g.state
    FROM kpi_spans(grain, first, until) p
    CROSS JOIN LATERAL kpi_groups(asked.kpi, CASE WHEN grain = 'total' THEN since ELSE p.begins END, p.ends, units, by, into_currency, rates, credited) g
    ORDER BY 2, 3, 4, 5, 6, 7, 8, 9, 10;
END
$$;
COMMENT ON FUNCTION @extschema@.kpi_periods(text, text, date, date, text[], text, text, boolean) IS
'kpi() of a KPI that has no parts of days: one value for each period and combination of the dimensions by, of the units whose totals the caller '
'may see.';
SELECT @extschema@.set_audience('kpi_periods(text, text, date, date, text[], text, text, boolean)', 'internal');
