-- What BI tools read. Filtered by crm.visible(unit, 'kpi', 'total'); without identity its error comes through.

-- A KPI at a time, so that who asks for one does not wait for all; and a function, so that who asks for all reads each once, whatever
-- the planner thinks.
CREATE FUNCTION @extschema@.shown_days(kpi text, stock boolean)
    RETURNS TABLE (day date, unit_key text, stage text, campaign text, channel text, product text, owner text, segment text, currency text,
                   numerator numeric, denominator numeric)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
    units CONSTANT text[] := units_with_total();
    today CONSTANT date := kpi_today();
    first CONSTANT date := '1970-01-01'; -- of dim_date: one row with a year that nobody meant would make millions of days
BEGIN
    IF NOT stock THEN
        RETURN QUERY
        SELECT f.day, f.unit_key, f.stage, f.campaign, f.channel, f.product, f.owner, f.segment, f.currency, coalesce(f.numerator, 0), f.denominator
        FROM kpi_facts(ARRAY[shown_days.kpi], NULL, NULL, NULL, kpi_dimension_names(), units) f;
        RETURN;
    END IF;
    RETURN QUERY
    WITH change AS MATERIALIZED (
        SELECT greatest(CASE WHEN isfinite(f.day) THEN f.day ELSE least(min(f.day) FILTER (WHERE isfinite(f.day)) OVER (), today) END, first) AS on_day,
               f.unit_key, f.stage, f.campaign, f.channel, f.product, f.owner, f.segment, f.currency,
               coalesce(f.numerator, 0) AS change, f.denominator AS change_below
        FROM kpi_facts(ARRAY[shown_days.kpi], NULL, NULL, NULL, kpi_dimension_names(), units) f
    ), moved AS (
        SELECT c.on_day, c.unit_key, c.stage, c.campaign, c.channel, c.product, c.owner, c.segment, c.currency, c.change, c.change_below
        FROM change c WHERE c.on_day <= today -- of days to come only those are known that change something: no sum over them would be right
        UNION ALL
        SELECT g::date, s.unit_key, s.stage, s.campaign, s.channel, s.product, s.owner, s.segment, s.currency, 0, NULL
        FROM (SELECT min(c.on_day) AS start, c.unit_key, c.stage, c.campaign, c.channel, c.product, c.owner, c.segment, c.currency
              FROM change c GROUP BY c.unit_key, c.stage, c.campaign, c.channel, c.product, c.owner, c.segment, c.currency) s
        CROSS JOIN LATERAL generate_series(s.start::timestamp, today::timestamp, '1 day') g
    ), held AS (
        SELECT m.on_day, m.unit_key, m.stage, m.campaign, m.channel, m.product, m.owner, m.segment, m.currency,
               sum(sum(m.change)) OVER (PARTITION BY m.unit_key, m.stage, m.campaign, m.channel, m.product, m.owner, m.segment, m.currency
                                        ORDER BY m.on_day) AS above,
               sum(sum(m.change_below)) OVER (PARTITION BY m.unit_key, m.stage, m.campaign, m.channel, m.product, m.owner, m.segment, m.currency
                                              ORDER BY m.on_day) AS below
        FROM moved m
        GROUP BY m.on_day, m.unit_key, m.stage, m.campaign, m.channel, m.product, m.owner, m.segment, m.currency)
    SELECT h.* FROM held h WHERE h.above <> 0 OR h.below <> 0;
END
$$;
COMMENT ON FUNCTION @extschema@.shown_days(text, boolean) IS
'Numerators and denominators of a KPI that is sums, by day and dimensions, of the units whose totals the caller may see; stock: what there is at the '
'end of each day from the first change (at the earliest 1970, as dim_date) until today, where what counts from the beginning stands on the first day that the KPI knows.';

-- A barrier, or a cheap function of the reader's would be called before visible is. UNION ALL at the top would be none: the
-- planner takes it apart.
CREATE VIEW @extschema@.kpi_shown WITH (security_barrier) AS
SELECT r.* FROM (
SELECT k.kpi AS kpi_key, v.day, v.unit_key, v.stage, v.campaign, v.channel, v.product, v.owner, v.segment, v.currency,
       CASE WHEN m.mature AND m.valid THEN v.numerator END AS numerator, CASE WHEN m.mature AND m.valid THEN v.denominator END AS denominator,
       CASE WHEN m.mature AND m.valid THEN CASE WHEN k.denominator IS NOT NULL THEN v.numerator / nullif(v.denominator, 0) ELSE v.numerator END END AS value,
       k.kind = 'simple' AND k.date_kind = 'event' AND 'day' <> ALL (k.apart) AS additive, m.mature,
       CASE WHEN NOT m.valid THEN 'not_valid' WHEN m.mature THEN 'ready' ELSE 'not_mature' END AS state,
       CASE WHEN v.day <= s.closed THEN (SELECT x.kpi_version FROM @extschema@.kpi_closing x
                                         WHERE x.kpi = k.kpi AND x.policy = 'freeze' AND x.reopened_at IS NULL AND x.until >= v.day ORDER BY x.until LIMIT 1)
            ELSE k.version END AS version
FROM (SELECT coalesce(n.kpi, c.kpi) AS kpi, n.state, c.closed -- frozen days have numbers whatever became of the tables
      FROM @extschema@.kpi_state() n
      FULL JOIN (SELECT x.kpi, pg_catalog.max(x.until) AS closed FROM @extschema@.kpi_closing x
                 WHERE x.policy = 'freeze' AND x.reopened_at IS NULL GROUP BY x.kpi) c ON c.kpi = n.kpi) s
JOIN @extschema@.kpi k ON k.kpi = s.kpi AND NOT @extschema@.is_by_period(k.kind)
CROSS JOIN LATERAL @extschema@.shown_days(k.kpi, k.date_kind = 'stock') v
CROSS JOIN LATERAL (SELECT coalesce(v.day < (SELECT @extschema@.kpi_today()) - k.within_days, true) AS mature,
                           coalesce(v.day >= k.valid_from, true) AND coalesce(v.day <= k.valid_until, true) AS valid) m
WHERE (s.state = 'ready' OR s.closed IS NOT NULL) AND (s.state = 'ready' OR v.day <= s.closed)
  AND (SELECT @extschema@.visible(@extschema@.root_unit(), 'kpi', 'total') IS NOT NULL)
  AND @extschema@.visible(v.unit_key, 'kpi', 'total')
UNION ALL
SELECT k.kpi, NULL::date AS day, @extschema@.root_unit(), NULL::text AS stage, NULL::text AS campaign, NULL::text AS channel, NULL::text AS product, NULL::text AS owner, NULL::text AS segment, NULL::text AS currency,
       NULL::numeric AS numerator, NULL::numeric AS denominator, NULL::numeric AS value,
       k.kind = 'simple' AND k.date_kind = 'event' AND 'day' <> ALL (k.apart), true, CASE s.state WHEN 'ready' THEN 'by_period' ELSE s.state END, k.version
FROM @extschema@.kpi_state() s JOIN @extschema@.kpi k ON k.kpi = s.kpi
WHERE (s.state <> 'ready' OR @extschema@.is_by_period(k.kind)) AND (SELECT @extschema@.visible(@extschema@.root_unit(), 'kpi', 'total') IS NOT NULL)) r;
COMMENT ON VIEW @extschema@.kpi_shown IS 'crm_bi.kpi_value with numbers of any size: the rows of units whose totals the caller may see.';
GRANT SELECT ON @extschema@.kpi_shown TO PUBLIC;

CREATE VIEW crm_bi.kpi_value WITH (security_invoker) AS
SELECT s.kpi_key, s.day, s.unit_key, s.stage, s.campaign, s.channel, s.product, s.owner, s.segment, s.currency,
       @extschema@.reported(s.numerator)::numeric(24,6) AS numerator, @extschema@.reported(s.denominator)::numeric(24,6) AS denominator,
       @extschema@.reported(s.value)::numeric(24,6) AS value, s.additive, s.mature,
       CASE WHEN abs(s.numerator) < 1e18 IS FALSE OR abs(s.denominator) < 1e18 IS FALSE THEN 'too_large' ELSE s.state END AS state,
       s.version::bigint AS version, timezone((SELECT @extschema@.default_zone()), s.day::timestamp) AS "time"
FROM @extschema@.kpi_shown s;
COMMENT ON VIEW crm_bi.kpi_value IS
'KPIs by day and dimensions. Sum numerator and denominator first and divide then; never average value. additive: whether value '
'may be summed over days. Stocks have a row for each day until today. A KPI that has no value now has one row without day, '
'whose state says why. For other grains use crm_bi.kpi().';
COMMENT ON COLUMN crm_bi.kpi_value.unit_key IS 'The unit of the fact itself; join dim_unit_path for those above it.';
COMMENT ON COLUMN crm_bi.kpi_value.stage IS 'The stage''s key, or the team''s own value where no funnel knows it.';
COMMENT ON COLUMN crm_bi.kpi_value.state IS 'ready, or why value is NULL: not_mature (a young cohort), not_valid (see dim_kpi), by_period (read it by crm_bi.kpi), filling, broken, no_milestone, not_mapped, not_set; too_large: 1e18 and more.';
COMMENT ON COLUMN crm_bi.kpi_value."time" IS 'When the day began, in the organisation''s time zone: for tools that want a time (Grafana). Filter by day.';
GRANT SELECT ON crm_bi.kpi_value TO PUBLIC;

-- The total of a unit is that of all below it, so it takes the right to each of them.
CREATE FUNCTION @extschema@.may_see_total(unit text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE COST 20 SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN @extschema@.visible_below(unit, 'kpi', 'total');
COMMENT ON FUNCTION @extschema@.may_see_total(text) IS
'Whether the caller may see the totals of a unit (NULL: the organisation) and of all below it, which is what kpi_total adds up.';

CREATE FUNCTION @extschema@.check_question(grain text, by text[]) RETURNS void
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    grains CONSTANT text[] := ARRAY['day', 'week', 'month', 'quarter', 'year', 'fiscal_quarter', 'fiscal_year', 'total'];
    wrong CONSTANT text := (SELECT d FROM unnest(by) d WHERE d <> ALL (kpi_dimension_names()) LIMIT 1);
BEGIN
    IF NOT coalesce(grain = ANY (grains), false) THEN
        PERFORM raise_unknown('grain', coalesce(grain, ''), grains);
    END IF;
    IF wrong IS NOT NULL THEN
        PERFORM raise_unknown('dimension', wrong, kpi_dimension_names());
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.check_question(text, text[]) IS
'Raises RM001 with the nearest match where a KPI is asked by a grain or a dimension that there is not.';
SELECT @extschema@.set_audience('check_question(text, text[])', 'internal');

CREATE FUNCTION crm_bi.kpi(kpi text, grain text DEFAULT 'total', since date DEFAULT NULL, until date DEFAULT NULL,
                           by text[] DEFAULT '{}', into_currency text DEFAULT NULL, rates text DEFAULT 'default', credit text DEFAULT NULL)
    RETURNS TABLE (kpi_key text, period date, unit_key text, stage text, campaign text, channel text, product text, owner text,
                   segment text, currency text, numerator numeric, denominator numeric, value numeric, state text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
    asked kpi := require_kpi(kpi.kpi);
    last date := coalesce(until, kpi_today() - coalesce(asked.within_days + 1, 0)); -- of cohorts those that are mature
    units text[];
    target text;
BEGIN
    PERFORM check_question(grain, by);
    IF credit <> 'matrix' THEN
        PERFORM raise_unknown('kind of credit', credit, '{matrix}');
    END IF;
    IF into_currency IS NOT NULL THEN
        target := require_currency(into_currency);
        PERFORM require_rate_set(rates);
    END IF;
    PERFORM visible(root_unit(), 'kpi', 'total'); -- without identity an error, also where there are no facts
    kpi_key := asked.kpi;
    state := coalesce((SELECT s.state FROM kpi_state(asked.kpi) s), 'not_available');
    IF state <> 'ready' AND NOT is_frozen(asked, last) THEN
        RETURN NEXT;
        RETURN;
    ELSIF is_by_period(asked.kind) THEN
        IF until IS NULL AND grain <> 'total' AND is_of_items(asked.kpi) THEN -- a goal of this quarter ends with the quarter
            last := (SELECT min(p.first) - 1 FROM kpi_spans(grain, last, last + 400) p WHERE p.first > last);
        END IF;
        RETURN QUERY SELECT p.* FROM kpi_periods(asked.kpi, grain, since, last, by, target, rates, credit IS NOT NULL) p;
        RETURN;
    END IF;
    units := units_with_total();
    since := coalesce(since, (SELECT min(f.day) FROM kpi_facts(ARRAY[asked.kpi], NULL, NULL, NULL, '{}', units) f WHERE isfinite(f.day)), last);
    RETURN QUERY
    SELECT asked.kpi, p.first, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL::numeric, NULL::numeric, NULL::numeric, 'not_valid'
    FROM kpi_spans(grain, since, last) p WHERE p.ends < asked.valid_from;
    IF NOT is_never_valid(asked, greatest(since, asked.valid_from), least(last, asked.valid_until)) THEN
        RETURN QUERY
        SELECT asked.kpi, r.period, r.unit_key, r.stage, r.campaign, r.channel, r.product, r.owner, r.segment, r.currency, v.numerator, v.denominator,
               sum_value(asked, v.numerator, v.denominator, target), CASE WHEN r.mature THEN coalesce(r.problem, 'ready') ELSE 'not_mature' END
        FROM read_sums(asked, grain, greatest(since, asked.valid_from), least(last, asked.valid_until), by, units, target, rates, credit IS NOT NULL) r
        CROSS JOIN LATERAL (SELECT CASE WHEN r.mature THEN r.numerator END AS numerator, CASE WHEN r.mature THEN r.denominator END AS denominator) v;
    END IF;
    RETURN QUERY
    SELECT asked.kpi, p.first, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL::numeric, NULL::numeric, NULL::numeric, 'not_valid'
    FROM kpi_spans(grain, since, last) p WHERE p.begins > asked.valid_until;
END
$$;
COMMENT ON FUNCTION crm_bi.kpi(text, text, date, date, text[], text, text, text) IS
'A KPI at any grain: sums first, divides after. grain is day, week (of ISO, from Monday), month, quarter, year, fiscal_quarter, fiscal_year '
'(set_fiscal_year) or total; since and until are both '
'included (default: everything until today); by lists dimensions: unit_key, stage, campaign, channel, product, owner, segment, '
'currency. period is the first day of the grain. Stocks are those of the end of each period. into_currency has money in one currency, '
'each amount by the rate of its day in the set rates, a stock by that of the end of the period; value is rounded to the minor unit, '
'numerator is not, and the dimension currency stays that of the amounts. Only units whose totals the '
'caller may see; one row with a state where the KPI has no value. Of a KPI that is valid for some time (set_kpi) only those days count, and a period '
'without such a day has state not_valid; what does not add up over a dimension has state not_additive. credit => ''matrix'': a unit has its share of what others bring '
'in (set_credit); counts have fractions, ratios divide after; NULL with state hidden_credit where it has one of a unit whose totals the caller may not see, with '
'not_by_credit where there are no shares. Errors: RM001 unknown KPI, grain, dimension, set of rates or credit, RM005 '
'no currency, RM101 no identity. Examples: SELECT period, value FROM crm_bi.kpi(''win_rate'', ''month'', ''2026-01-01'', by => ''{unit_key}''); '
'SELECT period, value, state FROM crm_bi.kpi(''won_value'', ''quarter'', into_currency => ''EUR'');';
