-- Forecasts as they were said, so that how right they were is measured by that and not by what one would say today.

CREATE TABLE @extschema@.forecast_snapshot (
    snapshot bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kpi text NOT NULL,
    unit text NOT NULL REFERENCES @extschema@.unit ON UPDATE CASCADE ON DELETE CASCADE,
    since date NOT NULL,
    until date NOT NULL,
    as_of date NOT NULL,
    currency text,
    rates text NOT NULL,
    value numeric NOT NULL,
    low numeric,
    high numeric,
    kpi_version integer NOT NULL,
    taken_at timestamptz NOT NULL DEFAULT pg_catalog.now(),
    taken_by text NOT NULL,
    UNIQUE NULLS NOT DISTINCT (kpi, unit, since, until, as_of, currency, rates),
    CHECK (as_of < until AND since <= until)
);
CREATE INDEX forecast_snapshot_until ON @extschema@.forecast_snapshot (until);
COMMENT ON TABLE @extschema@.forecast_snapshot IS
'What was expected of a KPI over since to until, of the days until as_of, by the definition kpi_version; never changed afterwards. Kept for '
'two years after until (prune_forecast_snapshots).';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.forecast_snapshot', '');
SELECT pg_catalog.pg_extension_config_dump('@extschema@.forecast_snapshot_snapshot_seq', '');

-- What is worth keeping: each goal that runs, and the organisation's month of every KPI that has a value.
CREATE FUNCTION @extschema@.forecast_due(as_of date)
    RETURNS TABLE (kpi text, unit text, since date, until date, currency text, rates text)
    LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 50 COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT g.kpi, coalesce(g.unit, root_unit()), g.since, g.until, g.currency, g.rates FROM goal g
    WHERE g.since <= as_of + 1 AND g.until > as_of AND g.until - as_of <= 400
    UNION
    SELECT s.kpi, root_unit(), date_trunc('month', (as_of + 1)::timestamp)::date,
           (date_trunc('month', (as_of + 1)::timestamp) + interval '1 month')::date - 1, NULL, 'default'
    FROM kpi_state() s WHERE s.state = 'ready' AND is_forecastable(s.kpi)
    ORDER BY 1, 2, 3, 4
$$;
COMMENT ON FUNCTION @extschema@.forecast_due(date) IS 'The forecasts that take_forecast_snapshots takes for a day.';
SELECT @extschema@.set_audience('forecast_due(date)', 'internal');

CREATE FUNCTION @extschema@.take_forecast_snapshots(as_of date DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    made_of CONSTANT date := coalesce(as_of, kpi_today() - 1);
    due record;
    taken bigint := 0;
    added bigint;
BEGIN
    IF NOT isfinite(made_of) OR made_of > kpi_today() THEN
        RAISE EXCEPTION 'forecasts are made of days that have been, not of those until %', made_of
            USING ERRCODE = 'RM005', HINT = 'Leave the day out for yesterday.';
    END IF;
    FOR due IN
        SELECT d.*, k.version FROM forecast_due(made_of) d JOIN kpi k USING (kpi)
        WHERE NOT EXISTS (SELECT FROM forecast_snapshot f
                          WHERE (f.kpi, f.unit, f.since, f.until, f.as_of) = (d.kpi, d.unit, d.since, d.until, made_of)
                            AND f.rates = d.rates AND f.currency IS NOT DISTINCT FROM d.currency)
    LOOP
        INSERT INTO forecast_snapshot (kpi, unit, since, until, as_of, currency, rates, value, low, high, kpi_version, taken_by)
        SELECT due.kpi, due.unit, due.since, due.until, made_of, due.currency, due.rates, f.value, f.low, f.high, due.version, coalesce(current_principal(), caller()::text)
        FROM forecast_rows(due.kpi, due.unit, due.since, due.until, made_of, due.currency, due.rates, 0.8, false) f
        WHERE f.day = due.until AND f.value IS NOT NULL
        ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS added = ROW_COUNT;
        taken := taken + added;
    END LOOP;
    RETURN taken;
END
$$;
COMMENT ON FUNCTION @extschema@.take_forecast_snapshots(date) IS
'Keeps what is expected now of every goal that runs and of the organisation''s month for each KPI that has a value, made of the days until as_of '
'(default: yesterday); returns how many are new. Once for each day: a second call adds nothing. crmd calls it each day. Error: RM005.';
SELECT @extschema@.set_audience('take_forecast_snapshots(date)', 'daemon');

CREATE FUNCTION @extschema@.prune_forecast_snapshots(before date DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    removed bigint;
BEGIN
    DELETE FROM forecast_snapshot f WHERE f.until < coalesce(before, (kpi_today() - interval '2 years')::date);
    GET DIAGNOSTICS removed = ROW_COUNT;
    RETURN removed;
END
$$;
COMMENT ON FUNCTION @extschema@.prune_forecast_snapshots(date) IS
'Takes away forecasts of periods that ended before a day (default: two years ago); returns how many. crmd calls it each day.';
SELECT @extschema@.set_audience('prune_forecast_snapshots(date)', 'daemon');

CREATE FUNCTION @extschema@.keep_forecasts() RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM forecast_snapshot f WHERE f.as_of = kpi_today() - 1) THEN
        RETURN 0; -- what became ready since then has tomorrow
    END IF;
    PERFORM prune_forecast_snapshots();
    RETURN take_forecast_snapshots();
END
$$;
COMMENT ON FUNCTION @extschema@.keep_forecasts() IS
'What crmd calls: once a day takes the forecasts of the day and takes away what is too old. Returns how many forecasts are new.';
SELECT @extschema@.set_audience('keep_forecasts()', 'daemon');

CREATE FUNCTION @extschema@.forecast_accuracy_rows()
    RETURNS TABLE (kpi_key text, unit_key text, since date, until date, as_of date, days_ahead integer, currency text, forecast numeric, low numeric,
                   high numeric, version integer, taken_at timestamptz, actual numeric, accuracy numeric, bias numeric, within boolean, state text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1000 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM visible(root_unit(), 'kpi', 'total'); -- without identity an error, also where there are none
    RETURN QUERY
    WITH said AS MATERIALIZED (
        SELECT f.*, f.until < kpi_today() AS over FROM forecast_snapshot f
        WHERE f.unit IN (SELECT u.unit FROM (SELECT DISTINCT s.unit FROM forecast_snapshot s) u WHERE may_see_total(u.unit))
    ), came AS MATERIALIZED ( -- once for each period, however often it was forecast
        SELECT p.*, t.value, CASE WHEN NOT EXISTS (SELECT FROM kpi k WHERE k.kpi = p.kpi) THEN 'no_kpi' ELSE t.state END AS state
        FROM (SELECT DISTINCT s.kpi, s.unit, s.since, s.until, s.currency, s.rates FROM said s WHERE s.over) p
        LEFT JOIN LATERAL (SELECT x.value, x.state FROM kpi k CROSS JOIN LATERAL kpi_total(k.kpi, p.unit, p.since, p.until, p.currency, p.rates) x
                           WHERE k.kpi = p.kpi) t ON true
    )
    SELECT s.kpi, s.unit, s.since, s.until, s.as_of, s.until - s.as_of, s.currency, s.value, s.low, s.high, s.kpi_version, s.taken_at, c.value,
           1 - abs(c.value - s.value) / nullif(abs(c.value), 0), (s.value - c.value) / nullif(abs(c.value), 0), c.value BETWEEN s.low AND s.high,
           CASE WHEN NOT s.over THEN 'running' ELSE c.state END
    FROM said s
    LEFT JOIN came c ON (c.kpi, c.unit, c.since, c.until, c.rates) = (s.kpi, s.unit, s.since, s.until, s.rates) AND c.currency IS NOT DISTINCT FROM s.currency;
END
$$;
COMMENT ON FUNCTION @extschema@.forecast_accuracy_rows() IS 'The rows of crm_bi.forecast_accuracy.';

CREATE VIEW crm_bi.forecast_accuracy WITH (security_invoker) AS
SELECT f.kpi_key, f.unit_key, f.since, f.until, f.as_of, f.days_ahead::bigint AS days_ahead, f.currency,
       @extschema@.reported(f.forecast)::numeric(24,6) AS forecast, @extschema@.reported(f.low)::numeric(24,6) AS low,
       @extschema@.reported(f.high)::numeric(24,6) AS high, f.version::bigint AS version, f.taken_at, @extschema@.reported(f.actual)::numeric(24,6) AS actual,
       @extschema@.reported(f.accuracy)::numeric(24,6) AS accuracy, @extschema@.reported(f.bias)::numeric(24,6) AS bias, f.within, f.state
FROM @extschema@.forecast_accuracy_rows() f;
COMMENT ON VIEW crm_bi.forecast_accuracy IS
'What was expected of periods, and what came: accuracy is 1 - abs(actual - forecast) / actual (below zero where it was off by more than '
'that), bias (forecast - actual) / actual, both NULL where actual is zero. state is running until the period is over. Of units whose totals the caller may see.';
COMMENT ON COLUMN crm_bi.forecast_accuracy.as_of IS 'The last day that the forecast was made of.';
COMMENT ON COLUMN crm_bi.forecast_accuracy.days_ahead IS 'Days from as_of to the end of the period.';
COMMENT ON COLUMN crm_bi.forecast_accuracy.forecast IS 'What was expected of the whole period.';
COMMENT ON COLUMN crm_bi.forecast_accuracy.low IS 'Lower end of the interval; NULL where there was too little history.';
COMMENT ON COLUMN crm_bi.forecast_accuracy.high IS 'Upper end of the interval.';
COMMENT ON COLUMN crm_bi.forecast_accuracy.version IS 'Version of the KPI''s definition then.';
COMMENT ON COLUMN crm_bi.forecast_accuracy.taken_at IS 'When it was said.';
COMMENT ON COLUMN crm_bi.forecast_accuracy.actual IS 'What came, once the period is over.';
COMMENT ON COLUMN crm_bi.forecast_accuracy.accuracy IS '1 - abs(actual - forecast) / actual.';
COMMENT ON COLUMN crm_bi.forecast_accuracy.bias IS '(forecast - actual) / actual: above zero where too much was expected.';
COMMENT ON COLUMN crm_bi.forecast_accuracy.within IS 'Whether actual lay in the interval; four in five should.';
GRANT SELECT ON crm_bi.forecast_accuracy TO PUBLIC;

CREATE FUNCTION @extschema@.forecast_status() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'kpi', 'forecast snapshots', CASE WHEN max(f.as_of) < kpi_today() - 3 THEN 'warning' ELSE 'ok' END, count(*), min(f.taken_at),
           format('%s, the newest of %s', pg_size_pretty(pg_total_relation_size('@extschema@.forecast_snapshot')), coalesce(max(f.as_of)::text, 'no day')),
           CASE WHEN max(f.as_of) < kpi_today() - 3 THEN 'SELECT @extschema@.take_forecast_snapshots(); or start crmd' END
    FROM forecast_snapshot f HAVING count(*) > 0
$$;
COMMENT ON FUNCTION @extschema@.forecast_status() IS 'The row of status about forecasts that are kept.';
SELECT @extschema@.set_audience('forecast_status()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room, kind) VALUES ('forecast_status', 'kpi', 'status');
