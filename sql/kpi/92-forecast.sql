-- Where a KPI goes: its own days and, for deals to win, the open pipeline; each judged by how far it was off before.

CREATE FUNCTION @extschema@.forecast_path(numerator double precision[], denominator double precision[], stock boolean, first_day date, elapsed integer,
                                          ahead integer, share double precision, back boolean, by_amount boolean, stages integer[], entered integer[],
                                          left_on integer[], decided integer[], won boolean[], starts boolean[], counted boolean[],
                                          amounts double precision[], by_day integer[])
    RETURNS TABLE (origin integer, ahead_day integer, value double precision, low double precision, high double precision, actual double precision,
                   run_rate double precision, other double precision, last_days double precision, last_week double precision,
                   last_year double precision, weight double precision, errors integer)
    AS 'MODULE_PATHNAME', 'crm_forecast_path' LANGUAGE C IMMUTABLE PARALLEL SAFE COST 100000 ROWS 31;
COMMENT ON FUNCTION @extschema@.forecast_path(double precision[], double precision[], boolean, date, integer, integer, double precision, boolean,
    boolean, integer[], integer[], integer[], integer[], boolean[], boolean[], boolean[], double precision[], integer[]) IS
'The rows of forecast and backtest_forecast. numerator and denominator: the days of a KPI from first_day on (of a stock its levels); elapsed: '
'how many of them belong to the period; ahead: how many to look; share: of the values that the interval is to hold. Stays of deals in '
'stages, days counted from first_day (2147483647: never), ordered by stage and day, by_day their order by day alone. back: a row for each origin that is past.';

-- Sums of captured components can be taken day by day; what is counted of rows or of whole periods cannot.
CREATE FUNCTION @extschema@.is_forecastable(kpi text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT EXISTS (SELECT FROM kpi k WHERE k.kpi = is_forecastable.kpi AND k.kind IN ('simple', 'ratio') AND (k.date_kind = 'event' OR k.denominator IS NULL))
       AND NOT EXISTS (SELECT FROM kpi_term t JOIN component c USING (component) WHERE t.kpi = is_forecastable.kpi AND c.kept)
$$;
COMMENT ON FUNCTION @extschema@.is_forecastable(text) IS
'Whether forecast can say anything of a KPI: a sum or a ratio of sums over days, or a stock, of captured components.';
SELECT @extschema@.set_audience('is_forecastable(text)', 'internal');

-- The days of a KPI until as_of: what was counted on each, or of a stock what there was at the end of each.
CREATE FUNCTION @extschema@.kpi_days(kpi text, unit text, as_of date, into_currency text, rates text,
                                     OUT first_day date, OUT numerator double precision[], OUT denominator double precision[], OUT state text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 100000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    asked kpi := require_kpi(kpi_days.kpi);
    units text[] := CASE WHEN unit IS NOT NULL AND unit <> root_unit() THEN ARRAY(SELECT b.unit FROM units_below(unit) b) END;
    stock CONSTANT boolean := asked.date_kind = 'stock';
    money kpi_money;
    currencies bigint;
    missing text;
    above numeric[];
    below numeric[];
    before numeric;
BEGIN
    state := coalesce((SELECT s.state FROM kpi_state(asked.kpi) s), 'not_available');
    IF state = 'ready' AND NOT is_forecastable(asked.kpi) THEN
        state := 'no_forecast';
    END IF;
    IF state <> 'ready' THEN
        RETURN;
    END IF;
    SELECT m.* INTO money FROM kpi_money m WHERE m.kpi = asked.kpi;
    WITH fact AS MATERIALIZED (
        SELECT f.day, f.currency, sum(f.numerator) AS numerator, sum(f.denominator) AS denominator
        FROM kpi_facts(ARRAY[asked.kpi], NULL, as_of, NULL, CASE WHEN money.numerator OR money.denominator THEN '{currency}' ELSE '{}' END::text[], units) f
        GROUP BY 1, 2
    ), rate AS MATERIALIZED ( -- of a stock that of as_of: what it would be worth now
        SELECT f.currency, f.day,
               CASE WHEN into_currency IS NULL OR NOT (money.numerator OR money.denominator) THEN 1
                    ELSE rate_on(f.currency, into_currency, CASE WHEN stock THEN as_of ELSE f.day END, rates) END AS rate
        FROM fact f
    ), priced AS (
        SELECT f.day, sum(f.numerator * CASE WHEN money.numerator THEN r.rate ELSE 1 END) AS numerator,
               sum(f.denominator * CASE WHEN money.denominator THEN r.rate ELSE 1 END) AS denominator
        FROM fact f JOIN rate r ON r.day = f.day AND r.currency IS NOT DISTINCT FROM f.currency GROUP BY f.day
    ), start AS (
        SELECT greatest(min(p.day), as_of - 3650) AS day FROM priced p WHERE isfinite(p.day) HAVING count(*) > 0
    ), series AS (
        SELECT d::date AS day, coalesce(p.numerator, 0) AS numerator, coalesce(p.denominator, 0) AS denominator
        FROM start s CROSS JOIN LATERAL generate_series(s.day::timestamp, as_of::timestamp, '1 day') d LEFT JOIN priced p ON p.day = d::date
    )
    SELECT min(s.day), array_agg(s.numerator ORDER BY s.day), array_agg(s.denominator ORDER BY s.day),
           coalesce((SELECT sum(p.numerator) FROM priced p WHERE p.day < (SELECT x.day FROM start x)), 0),
           (SELECT count(DISTINCT money_of(money.numerator, f.numerator, money.denominator, f.denominator, f.currency, home_currency())) FROM fact f),
           (SELECT min(missing_rate(r.currency, into_currency, r.day)) FROM rate r WHERE r.rate IS NULL)
    INTO first_day, above, below, before, currencies, missing FROM series s;
    IF into_currency IS NULL AND currencies > 1 OR missing IS NOT NULL THEN
        state := coalesce(missing, 'mixed_currencies');
        RETURN;
    END IF;
    IF first_day IS NULL THEN
        state := 'no_history';
        RETURN;
    END IF;
    numerator := CASE WHEN stock THEN (SELECT array_agg((before + x.level)::double precision ORDER BY x.n)
                                       FROM (SELECT u.n, sum(u.v) OVER (ORDER BY u.n) AS level FROM unnest(above) WITH ORDINALITY u (v, n)) x)
                      ELSE above::double precision[] END;
    denominator := CASE WHEN asked.kind = 'ratio' THEN below::double precision[] END;
END
$$;
COMMENT ON FUNCTION @extschema@.kpi_days(text, text, date, text, text) IS
'A KPI''s days until as_of, at most ten years, for forecasts: numerator and denominator, of a stock its level; days without facts are zero. No rights applied.';
SELECT @extschema@.set_audience('kpi_days(text, text, date, text, text)', 'internal');

-- Deals and what is mapped of them, of one table.
CREATE FUNCTION @extschema@.deal_facts(relation pg_catalog.regclass)
    RETURNS TABLE (record_key text, unit text, amount numeric, currency text, created_at timestamptz, expected_close_on date)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10000 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF NOT hold_adopted(relation) THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT t.record_key, coalesce(resolve_unit(t.unit), %2$L, root_unit()), CASE WHEN abs(t.amount) < 1e18 THEN t.amount END, t.currency, '
        'CASE WHEN isfinite(t.created_at) THEN t.created_at END, CASE WHEN isfinite(t.expected_close_on) THEN t.expected_close_on END '
        'FROM rows_as_owner(%1$s::regclass, %3$L) AS t (record_key text, unit text, amount numeric, currency text, created_at timestamptz, expected_close_on date)',
        relation::oid, (SELECT a.fallback_unit FROM adoption a WHERE a.relation = deal_facts.relation),
        format('SELECT @extschema@.map_id(r)::text, %s, %s, %s, %s, %s FROM %s r', fact_attribute(relation, 'unit', 'text'), fact_attribute(relation, 'amount', 'numeric'),
               fact_attribute(relation, 'currency', 'text'), fact_attribute(relation, 'created_at', 'timestamptz'),
               fact_attribute(relation, 'expected_close_on', 'date'), relation));
END
$$;
COMMENT ON FUNCTION @extschema@.deal_facts(pg_catalog.regclass) IS
'Unit, amount, currency, first day and expected day of close of each record of a table of opportunities. No rights applied: for sums.';
SELECT @extschema@.set_audience('deal_facts(regclass)', 'internal');

-- A deal's stays in stages before an outcome, from the history of its table. One that was decided at once has a stay of no length.
CREATE FUNCTION @extschema@.deal_stays(as_of date)
    RETURNS TABLE (relation pg_catalog.regclass, record_key text, funnel text, stage text, unit text, amount numeric, currency text, expected_close_on date,
                   entered date, left_on date, decided date, won boolean, starts boolean)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10000 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH deal AS MATERIALIZED (
        SELECT a.relation, d.* FROM adoption a CROSS JOIN LATERAL deal_facts(a.relation) d
        WHERE a.entity = 'opportunity' AND EXISTS (SELECT FROM tracking t WHERE t.target = a.relation OR t.relation = a.relation)
    ), move AS (
        SELECT t.relation, t.record_key, t.funnel, t.to_stage AS stage, t."sequence", s.kind, d.unit, d.amount, d.currency, d.expected_close_on,
               (coalesce(t.at, d.created_at) AT TIME ZONE default_zone())::date AS day
        FROM deal d
        JOIN transition_log t ON t.relation = d.relation AND t.record_key = d.record_key
        JOIN funnel_stage s ON s.funnel = t.funnel AND s.stage = t.to_stage
    ), known AS (
        SELECT m.* FROM move m WHERE m.day <= as_of -- what nobody dated cannot be learned from
    ), judged AS (
        SELECT k.*, lead(k.day) OVER r AS next_day, row_number() OVER r AS n, last_value(k.kind) OVER w AS present,
               max(k.day) FILTER (WHERE k.kind IN ('won', 'lost')) OVER w AS outcome_day
        FROM known k
        WINDOW r AS (PARTITION BY k.relation, k.record_key ORDER BY k."sequence"),
               w AS (PARTITION BY k.relation, k.record_key ORDER BY k."sequence" ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING)
    ), stay AS (
        SELECT j.*, j.kind IN ('entry', 'active', 'waiting') AS before_outcome,
               CASE WHEN j.present NOT IN ('entry', 'active', 'waiting') THEN coalesce(j.outcome_day, j.day) END AS decided_day,
               bool_or(j.kind IN ('entry', 'active', 'waiting')) OVER (PARTITION BY j.relation, j.record_key) AS staged
        FROM judged j
    )
    SELECT s.relation, s.record_key, s.funnel, CASE WHEN s.before_outcome THEN s.stage END, s.unit, s.amount, s.currency, s.expected_close_on, s.day,
           CASE WHEN s.before_outcome THEN s.next_day ELSE s.decided_day END, s.decided_day, s.present IN ('won', 'after_win', 'churned'),
           s."sequence" = min(s."sequence") OVER (PARTITION BY s.relation, s.record_key)
    FROM stay s
    WHERE s.before_outcome OR (NOT s.staged AND s.n = 1);
END
$$;
COMMENT ON FUNCTION @extschema@.deal_stays(date) IS
'Every stay of a deal in a stage before its outcome until as_of, as it was known then: when entered and left, when decided and how; stage NULL where it '
'was decided at once. Deals whose history has no day are left out. No rights applied: for sums.';
SELECT @extschema@.set_audience('deal_stays(date)', 'internal');

-- Whether the open pipeline says something of a KPI: it adds up deals won, or their amounts, and nothing else.
CREATE FUNCTION @extschema@.has_pipeline(kpi text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT count(*) = 1 AND bool_and(t.component = 'opportunity_closed' AND t.sign = 1 AND t.outcomes = '{won}' AND t.milestones IS NULL
                                     AND t.measure IN ('count', 'amount') AND c.shipped)
           AND EXISTS (SELECT FROM kpi k WHERE k.kpi = has_pipeline.kpi AND k.kind = 'simple' AND k.date_kind = 'event')
    FROM kpi_term t JOIN component c USING (component) WHERE t.kpi = has_pipeline.kpi
$$;
COMMENT ON FUNCTION @extschema@.has_pipeline(text) IS 'Whether a KPI is the number or the value of deals won, so that open deals say where it goes.';
SELECT @extschema@.set_audience('has_pipeline(text)', 'internal');

CREATE FUNCTION @extschema@.forecast_rows(kpi text, unit text, since date, until date, as_of date, into_currency text, rates text, share numeric, back boolean)
    RETURNS TABLE (origin date, day date, value numeric, low numeric, high numeric, actual numeric, run_rate numeric, other numeric,
                   last_days numeric, last_week numeric, last_year numeric, weight numeric, errors integer, state text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 31 COST 1000000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    asked kpi := require_kpi(forecast_rows.kpi);
    days record;
    stays record;
    units text[] := CASE WHEN unit IS NOT NULL AND unit <> root_unit() THEN ARRAY(SELECT b.unit FROM units_below(unit) b) END;
    never CONSTANT integer := 2147483647;
    digits CONSTANT integer := CASE WHEN asked.measured_in = 'money' THEN coalesce(minor_digits(into_currency), 2) WHEN asked.kind = 'ratio' THEN 6 ELSE 2 END;
BEGIN
    SELECT d.* INTO days FROM kpi_days(asked.kpi, unit, as_of, into_currency, rates) d;
    IF days.state <> 'ready' THEN
        RETURN QUERY SELECT as_of, until, NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric, NULL::numeric,
                            NULL::numeric, NULL::numeric, NULL::numeric, 0, days.state;
        RETURN;
    END IF;
    SELECT array_agg(x.stage ORDER BY x.n) AS stage, array_agg(x.entered ORDER BY x.n) AS entered, array_agg(x.left_on ORDER BY x.n) AS left_on,
           array_agg(x.decided ORDER BY x.n) AS decided, array_agg(x.won ORDER BY x.n) AS won, array_agg(x.starts ORDER BY x.n) AS starts,
           array_agg(x.counted ORDER BY x.n) AS counted, array_agg(x.amount ORDER BY x.n) AS amount, array_agg(x.n ORDER BY x.entered, x.n) AS by_day
    INTO stays
    FROM (SELECT dense_rank() OVER (ORDER BY s.funnel, s.stage)::integer AS stage, s.entered - days.first_day AS entered,
                 coalesce(s.left_on - days.first_day, never) AS left_on, coalesce(s.decided - days.first_day, never) AS decided, s.won, s.starts,
                 units IS NULL OR s.unit = ANY (units) AS counted,
                 -- nothing is not an amount that anybody expects
                 coalesce(nullif(s.amount, 0) * CASE WHEN into_currency IS NULL THEN 1 ELSE rate_on(s.currency, into_currency, as_of, rates) END,
                          'NaN')::double precision AS amount,
                 row_number() OVER (ORDER BY s.funnel, s.stage, s.entered, s.relation::text, s.record_key, s.left_on)::integer AS n
          FROM deal_stays(as_of) s WHERE has_pipeline(asked.kpi)) x;
    RETURN QUERY
    SELECT as_of - 7 * p.origin, as_of - 7 * p.origin + p.ahead_day, round(p.value::numeric, digits), round(p.low::numeric, digits), round(p.high::numeric, digits),
           round(p.actual::numeric, digits), round(p.run_rate::numeric, digits), round(p.other::numeric, digits), round(p.last_days::numeric, digits),
           round(p.last_week::numeric, digits), round(p.last_year::numeric, digits), round(p.weight::numeric, 4), p.errors,
           CASE WHEN p.value IS NULL THEN 'no_history' WHEN p.low IS NULL THEN 'short_history' ELSE 'ready' END
    FROM forecast_path(days.numerator, days.denominator, asked.date_kind = 'stock', days.first_day,
                       least(as_of - since + 1, cardinality(days.numerator)), until - as_of, share::double precision, back,
                       (SELECT t.measure = 'amount' FROM kpi_term t WHERE t.kpi = asked.kpi LIMIT 1),
                       stays.stage, stays.entered, stays.left_on, stays.decided, stays.won, stays.starts, stays.counted, stays.amount, stays.by_day) p;
END
$$;
COMMENT ON FUNCTION @extschema@.forecast_rows(text, text, date, date, date, text, text, numeric, boolean) IS
'The rows of forecast and of backtest_forecast. No rights applied.';
SELECT @extschema@.set_audience('forecast_rows(text, text, date, date, date, text, text, numeric, boolean)', 'internal');

-- Who may ask, and for which days.
CREATE FUNCTION @extschema@.require_forecast(kpi text, unit text, INOUT since date, INOUT until date, INOUT as_of date, share numeric, into_currency text, rates text)
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM require_kpi(kpi), visible(root_unit(), 'kpi', 'total'); -- without identity an error, whatever is asked
    IF NOT may_see_total(unit_asked(unit)) THEN
        RAISE EXCEPTION 'you may not see the totals of unit "%" and of all below it', coalesce(unit, root_unit())
            USING ERRCODE = 'insufficient_privilege', HINT = 'It takes the privilege total on kpi there, with depth below.';
    END IF;
    IF into_currency IS NOT NULL THEN
        PERFORM require_currency(into_currency), require_rate_set(rates);
    END IF;
    as_of := coalesce(as_of, kpi_today() - 1);
    until := coalesce(until, (date_trunc('month', (as_of + 1)::timestamp) + interval '1 month')::date - 1);
    since := coalesce(since, date_trunc('month', (as_of + 1)::timestamp)::date);
    IF NOT coalesce(until > as_of AND until - as_of <= 400 AND since <= as_of + 1 AND isfinite(since), false) THEN
        RAISE EXCEPTION 'a forecast made of the days until % looks 1 to 400 days ahead, not from % to %', as_of, since, until
            USING ERRCODE = 'RM005', DETAIL = 'The period has begun, or begins on the day after.',
                  HINT = format('For example until => %L.', as_of + 30);
    ELSIF NOT coalesce(share > 0 AND share < 1, false) THEN
        RAISE EXCEPTION 'share is above 0 and below 1, not %', share USING ERRCODE = 'RM005', HINT = '0.8 holds four of five.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.require_forecast(text, text, date, date, date, numeric, text, text) IS
'Whether the caller may ask for a forecast, and its days with their defaults. Errors: RM001, RM005, RM101, 42501.';
SELECT @extschema@.set_audience('require_forecast(text, text, date, date, date, numeric, text, text)', 'internal');

CREATE FUNCTION @extschema@.forecast(kpi text, unit text DEFAULT NULL, until date DEFAULT NULL, since date DEFAULT NULL, as_of date DEFAULT NULL,
                                     into_currency text DEFAULT NULL, rates text DEFAULT 'default', share numeric DEFAULT 0.8)
    RETURNS TABLE (day date, value numeric, low numeric, high numeric, state text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 31 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    asked record;
BEGIN
    SELECT r.* INTO asked FROM require_forecast(kpi, unit, since, until, as_of, share, into_currency, rates) r;
    RETURN QUERY
    SELECT f.day, f.value, f.low, f.high, f.state
    FROM forecast_rows(kpi, unit, asked.since, asked.until, asked.as_of, upper(btrim(into_currency)), rates, share, false) f ORDER BY f.day;
END
$$;
COMMENT ON FUNCTION @extschema@.forecast(text, text, date, date, date, text, text, numeric) IS
'Where a KPI goes: what it is expected to be over since (default: the first of the month) until each day up to until (default: the end of the '
'month), for a unit with all below it; the last row is the period''s end. low and high hold share of what really came, by how far such '
'forecasts were off before. Made of the days until as_of (default: yesterday), by the rate of late with weekday and month, and for '
'won_count and won_value also by the open deals, and by what one says without a model: the last days, the last week and the same days of '
'last year again; of a stock by its changes and by its staying as it is; each weighs by the inverse square of its mean squared error so far. state: ready; short_history, a value without an interval (four in five takes a history of nine times the days ahead, one in two of three times); no_history; no_forecast, a KPI of a kind that '
'is no sum over days (cohorts, medians, derived ones); or as in kpi(). '
'For those who may see the unit''s totals. Errors: RM001, RM005 days or share that make no sense, RM101, 42501. '
'Example: SELECT * FROM crm.forecast(''won_value'', ''north'', ''2026-12-31'', since => ''2026-10-01'');';

CREATE FUNCTION @extschema@.backtest_forecast(kpi text, unit text DEFAULT NULL, days integer DEFAULT 30, as_of date DEFAULT NULL,
                                              into_currency text DEFAULT NULL, rates text DEFAULT 'default', share numeric DEFAULT 0.8)
    RETURNS TABLE (source text, origins bigint, mean_error numeric, mean_absolute_error numeric, scaled_error numeric, covered numeric, intervals bigint)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 6 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
#variable_conflict use_column
DECLARE
    asked record;
BEGIN
    SELECT r.* INTO asked FROM require_forecast(kpi, unit, NULL, coalesce(as_of, kpi_today() - 1) + days, as_of, share, into_currency, rates) r;
    RETURN QUERY
    WITH tried AS MATERIALIZED (
        SELECT f.* FROM forecast_rows(kpi, unit, asked.as_of + 1, asked.until, asked.as_of, upper(btrim(into_currency)), rates, share, true) f
        WHERE f.actual IS NOT NULL AND f.last_days IS NOT NULL AND f.value IS NOT NULL
    ), error AS (
        SELECT s.n, s.source, s.value - t.actual AS error, t.last_days - t.actual AS naive,
               CASE WHEN s.n = 1 AND t.low IS NOT NULL THEN t.actual BETWEEN t.low AND t.high END AS inside
        FROM tried t CROSS JOIN LATERAL (VALUES (1, 'forecast', t.value), (2, 'run_rate', t.run_rate),
                                                (3, CASE WHEN has_pipeline(kpi) THEN 'pipeline' ELSE 'unchanged' END, t.other),
                                                (4, 'last_days', t.last_days), (5, 'last_week', t.last_week), (6, 'last_year', t.last_year)) s (n, source, value)
        WHERE s.value IS NOT NULL
    )
    SELECT e.source, count(*), round(avg(e.error), 4), round(avg(abs(e.error)), 4), round(avg(abs(e.error)) / nullif(avg(abs(e.naive)), 0), 4),
           round(avg(e.inside::integer), 4), count(e.inside)
    FROM error e GROUP BY e.n, e.source ORDER BY e.n;
END
$$;
COMMENT ON FUNCTION @extschema@.backtest_forecast(text, text, integer, date, text, text, numeric) IS
'How good forecasts of so many days would have been, each week of the last five years, made of what was known then: for the forecast, its '
'sources and what one would say without a model (the last days again, the last week again, the same days of last year) the mean error, the '
'mean absolute error, and that as a share of the error of last_days at the same origins; covered is the share of intervals that held the '
'actual value. The KPI''s numbers of past days are those of today. Errors as of forecast. '
'Example: SELECT * FROM crm.backtest_forecast(''won_value'', days => 30);';
