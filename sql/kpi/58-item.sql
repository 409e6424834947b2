-- KPIs about goals, budgets, forecasts and the weighted pipeline: of a period, read when asked from what crm keeps of them. An item is
-- one goal, one month of a budget or one forecast, with the two numbers that are divided.

CREATE TYPE @extschema@.kpi_item AS (
    label text, goal text, kpi text, unit text, covers text[], since date, until date, currency text, direction text, adds_up boolean, above numeric, below numeric,
    state text);
COMMENT ON TYPE @extschema@.kpi_item IS
'A goal (its key), a month of a budget or a forecast: the KPI it is about, its unit with all below (covers), its days, what is divided by what, and why that is not known. '
'adds_up: whether several of the same KPI may be added up.';

-- A goal about the attainment of goals would be about itself.
CREATE FUNCTION @extschema@.is_about(kpi text, component text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT EXISTS (SELECT FROM kpi_term t WHERE t.component = is_about.component
                     AND (t.kpi = is_about.kpi OR t.kpi IN (SELECT l.input FROM kpi_leaf l WHERE l.kpi = is_about.kpi)))
$$;
COMMENT ON FUNCTION @extschema@.is_about(text, text) IS 'Whether a KPI, or one that it is made of, reads a component.';
SELECT @extschema@.set_audience('is_about(text, text)', 'internal');

CREATE FUNCTION @extschema@.lies_in(ends date, until date) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN ends <= until OR until = kpi_today();
COMMENT ON FUNCTION @extschema@.lies_in(date, date) IS
'Whether what ends on a day lies in a period until a day; a period until today, such as quarter to date, has what began in it.';
SELECT @extschema@.set_audience('lies_in(date, date)', 'internal');

-- Asked before an item is computed, which costs a kpi_total.
CREATE FUNCTION @extschema@.is_among(unit text, units text[]) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN units IS NULL OR ARRAY(SELECT b.unit FROM units_below(coalesce(is_among.unit, root_unit())) b) <@ units;
END
$$;
COMMENT ON FUNCTION @extschema@.is_among(text, text[]) IS 'Whether a unit (NULL: the organisation) is with all below it among these (NULL: all).';
SELECT @extschema@.set_audience('is_among(text, text[])', 'internal');

CREATE FUNCTION @extschema@.goal_items(first date, until date, units text[]) RETURNS SETOF @extschema@.kpi_item
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    day CONSTANT date := least(goal_items.until, kpi_today());
    g record;
    item kpi_item;
    stands record;
BEGIN
    FOR g IN SELECT x.*, x AS asked, k.kind = 'simple' AND k.date_kind = 'event' AS adds_up FROM goal x JOIN kpi k USING (kpi)
             WHERE x.since BETWEEN coalesce(first, '-infinity') AND day AND lies_in(x.until, goal_items.until) AND NOT is_about(x.kpi, 'goal')
               AND is_among(x.unit, units) ORDER BY x.goal LOOP
        SELECT s.* INTO stands FROM goal_standing(g.asked, day) s;
        item := ('goal ' || g.goal, g.goal, g.kpi, coalesce(g.unit, root_unit()), NULL, g.since, g.until, g.currency, g.direction, g.adds_up,
                 CASE g.direction WHEN 'up' THEN stands.actual ELSE stands.expected END, CASE g.direction WHEN 'up' THEN stands.expected ELSE stands.actual END,
                 stands.state);
        RETURN NEXT item;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.goal_items(date, date, text[]) IS
'Goals of these units (is_among) and of the days from first to until (lies_in): what was attained until then, or until today, and what the target asks for by then. No rights applied; not for users.';
SELECT @extschema@.set_audience('goal_items(date, date, text[])', 'internal');

CREATE FUNCTION @extschema@.coverage_items(first date, until date, units text[], into_currency text, rates text) RETURNS SETOF @extschema@.kpi_item
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    day CONSTANT date := least(coverage_items.until, kpi_today());
    g record;
    item kpi_item;
    open record;
    won record;
BEGIN
    FOR g IN SELECT x.goal, x.unit, x.since, x.until, x.target, coalesce(into_currency, x.currency) AS money,
                    CASE WHEN into_currency IS NULL THEN x.rates ELSE coverage_items.rates END AS rates,
                    CASE WHEN into_currency IS NULL THEN 1 ELSE rate_on(x.currency, into_currency, day, coverage_items.rates) END AS rate,
                    missing_rate(x.currency, into_currency, day) AS lacking
             FROM goal x
             WHERE x.kpi = 'won_value' AND x.since BETWEEN coalesce(first, '-infinity') AND day AND x.until >= day
               AND lies_in(x.until, coverage_items.until) AND is_among(x.unit, units) ORDER BY x.goal LOOP
        SELECT t.* INTO won FROM kpi_total('won_value', g.unit, g.since, day, g.money, g.rates) t;
        SELECT sum(o.amount * o.rate) AS amount, count(DISTINCT money_in(o.currency, home_currency())) AS currencies, min(missing_rate(o.currency, g.money, day)) FILTER (WHERE o.rate IS NULL) AS lacking
        INTO open
        FROM (SELECT s.amount, s.currency, CASE WHEN g.money IS NULL THEN 1 ELSE rate_on(s.currency, g.money, day, g.rates) END AS rate
              FROM deal_stays(day) s
              WHERE s.decided IS NULL AND s.left_on IS NULL AND s.amount <> 0 AND s.expected_close_on BETWEEN g.since AND g.until
                AND s.unit IN (SELECT b.unit FROM units_below(coalesce(g.unit, root_unit())) b)) o;
        item := ('goal ' || g.goal, g.goal, 'won_value', coalesce(g.unit, root_unit()), NULL, g.since, g.until, g.money, 'up', true,
                 coalesce(open.amount, 0), g.target * g.rate - won.value,
                 CASE WHEN won.state <> 'ready' THEN won.state WHEN g.rate IS NULL THEN g.lacking WHEN open.lacking IS NOT NULL THEN open.lacking
                      WHEN g.money IS NULL AND open.currencies > 1 THEN 'mixed_currencies' ELSE 'ready' END);
        RETURN NEXT item;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.coverage_items(date, date, text[], text, text) IS
'Goals of won_value of these units and of the days from first to until (lies_in) that run at their end, or today: what is open and expected to close in the goal''s days, and what is still to be won. '
'No rights applied; not for users.';
SELECT @extschema@.set_audience('coverage_items(date, date, text[], text, text)', 'internal');

CREATE FUNCTION @extschema@.budget_items(first date, until date, units text[], into_currency text, rates text) RETURNS SETOF @extschema@.kpi_item
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    home CONSTANT text := home_currency();
    day CONSTANT date := least(budget_items.until, kpi_today());
    p record;
    item kpi_item;
    spent record;
BEGIN
    FOR p IN SELECT x.month, x.unit, x.amount * CASE WHEN into_currency IS NULL THEN 1 ELSE rate_on(home, into_currency, x.month, budget_items.rates) END AS amount,
                    (x.month + interval '1 month')::date - 1 AS ends
             FROM plan x
             WHERE x.plan = 'budget' AND x.version = 'current' AND x.month BETWEEN coalesce(first, '-infinity') AND day
               AND lies_in((x.month + interval '1 month')::date - 1, budget_items.until) AND is_among(x.unit, units) ORDER BY x.month, x.unit LOOP
        SELECT t.* INTO spent FROM kpi_total('marketing_spend', p.unit, p.month, least(p.ends, day), coalesce(into_currency, home), budget_items.rates) t;
        item := (format('budget of %s, %s', p.unit, to_char(p.month, 'YYYY-MM')), NULL, 'marketing_spend', p.unit, NULL, p.month, p.ends, coalesce(into_currency, home), 'up',
                 true, spent.value, p.amount,
                 CASE WHEN spent.state = 'ready' AND p.amount IS NULL THEN missing_rate(home, into_currency, p.month) ELSE spent.state END);
        RETURN NEXT item;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.budget_items(date, date, text[], text, text) IS
'Months of the plan budget, version current, of these units and the days from first to until (lies_in): what was spent in them, and what might be. No rights applied; not for users.';
SELECT @extschema@.set_audience('budget_items(date, date, text[], text, text)', 'internal');

-- Of each period the first forecast: the later ones had less to guess.
CREATE FUNCTION @extschema@.forecast_items(first date, until date, units text[]) RETURNS SETOF @extschema@.kpi_item
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT format('forecast of %s, made of the days until %s', f.kpi, to_char(f.as_of, 'YYYY-MM-DD')), NULL::text, f.kpi, f.unit, NULL::text[], f.since, f.until, f.currency,
           'up', k.kind = 'simple' AND k.date_kind = 'event', abs(t.value) - abs(t.value - f.value), abs(t.value), t.state
    FROM (SELECT DISTINCT ON (s.kpi, s.unit, s.since, s.until, s.currency, s.rates) s.*
          FROM forecast_snapshot s WHERE s.until BETWEEN coalesce(first, '-infinity') AND forecast_items.until AND s.until < kpi_today() AND is_among(s.unit, units)
          ORDER BY s.kpi, s.unit, s.since, s.until, s.currency, s.rates, s.as_of) f
    JOIN kpi k ON k.kpi = f.kpi AND NOT is_about(k.kpi, 'forecast')
    CROSS JOIN LATERAL kpi_total(f.kpi, f.unit, f.since, f.until, f.currency, f.rates) t
    ORDER BY f.kpi, f.unit, f.since, f.until;
END
$$;
COMMENT ON FUNCTION @extschema@.forecast_items(date, date, text[]) IS
'Periods of these units that were forecast and ended from first to until: the actual less how far the first forecast was off, and the actual. No rights applied; not for users.';
SELECT @extschema@.set_audience('forecast_items(date, date, text[])', 'internal');

CREATE FUNCTION @extschema@.kpi_items(component text, first date, until date, units text[], into_currency text, rates text) RETURNS SETOF @extschema@.kpi_item
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 20 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    item kpi_item;
BEGIN
    FOR item IN SELECT * FROM goal_items(first, until, units) WHERE component = 'goal'
                UNION ALL SELECT * FROM coverage_items(first, until, units, into_currency, rates) WHERE component = 'goal_pipeline'
                UNION ALL SELECT * FROM budget_items(first, until, units, into_currency, rates) WHERE component = 'budget_month'
                UNION ALL SELECT * FROM forecast_items(first, until, units) WHERE component = 'forecast' LOOP
        item.covers := ARRAY(SELECT b.unit FROM units_below(item.unit) b);
        RETURN NEXT item;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.kpi_items(text, date, date, text[], text, text) IS
'The items of a component (goal, goal_pipeline, budget_month, forecast) of the days from first to until, of units that are with all below them '
'among these (NULL: all). No rights applied; not for users.';
SELECT @extschema@.set_audience('kpi_items(text, date, date, text[], text, text)', 'internal');

CREATE FUNCTION @extschema@.is_of_items(kpi text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT EXISTS (SELECT FROM kpi_term t WHERE t.kpi = is_of_items.kpi AND t.component = ANY ('{goal,goal_pipeline,budget_month,forecast}'))
$$;
COMMENT ON FUNCTION @extschema@.is_of_items(text) IS 'Whether a KPI is about goals, budgets or forecasts.';
SELECT @extschema@.set_audience('is_of_items(text)', 'internal');

-- An item that another one of the same KPI contains, in unit and days, is not counted twice: a quarter's goal beside that of the year.
CREATE FUNCTION @extschema@.item_groups(asked @extschema@.kpi, since date, until date, units text[], by text[], into_currency text, rates text)
    RETURNS SETOF @extschema@.kpi_group
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 COST 1000000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    source CONSTANT text := (SELECT min(t.component) FROM kpi_term t WHERE t.kpi = (asked).kpi);
    any_mean CONSTANT boolean := source = ANY ('{goal,forecast}');
BEGIN
    RETURN QUERY
    WITH item AS MATERIALIZED (
        SELECT row_number() OVER () AS n, i.*, CASE WHEN 'unit_key' = ANY (by) THEN i.unit END AS unit_key, CASE WHEN 'currency' = ANY (by) THEN i.currency END AS money
        FROM kpi_items(source, since, until, units, into_currency, rates) i
    ), pair AS ( -- of one group, about the same facts in part
        SELECT i.n, j.n AS other, i.unit = ANY (j.covers) AND j.since <= i.since AND j.until >= i.until
                                  AND (i.unit <> j.unit OR j.since < i.since OR j.until > i.until) AS contained
        FROM item i JOIN item j ON j.n <> i.n AND j.kpi = i.kpi AND j.since <= i.until AND j.until >= i.since AND (i.unit = ANY (j.covers) OR j.unit = ANY (i.covers))
                               AND j.unit_key IS NOT DISTINCT FROM i.unit_key AND j.money IS NOT DISTINCT FROM i.money
    ), counted AS (
        SELECT i.*, i.above / CASE WHEN i.below > 0 THEN i.below END AS share FROM item i WHERE NOT EXISTS (SELECT FROM pair p WHERE p.n = i.n AND p.contained)
    ), grouped AS (
        SELECT c.unit_key, c.money, count(*) AS items, count(c.share) AS shares, sum(c.share) AS all_shares, sum(c.above) AS above, sum(c.below) AS below,
               min(c.state) FILTER (WHERE c.state <> 'ready') AS problem, count(DISTINCT coalesce(c.currency, '')) > 1 AS mixed,
               count(*) = 1 OR bool_and(c.adds_up) AND count(DISTINCT (c.kpi, c.direction, c.currency)) = 1
                               AND NOT bool_or(EXISTS (SELECT FROM pair p WHERE p.n = c.n AND p.other IN (SELECT o.n FROM counted o))) AS summed
        FROM counted c GROUP BY c.unit_key, c.money
    ), judged AS (
        SELECT g.*, CASE WHEN g.problem IS NOT NULL THEN g.problem WHEN g.summed OR any_mean THEN CASE WHEN source = 'goal_pipeline' AND g.below <= 0 THEN 'reached' ELSE 'ready' END
                         WHEN g.mixed THEN 'mixed_currencies' ELSE 'overlapping' END AS state
        FROM grouped g
    )
    SELECT j.unit_key, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, j.money,
           CASE WHEN j.state IN ('ready', 'reached') THEN CASE WHEN j.summed THEN j.above WHEN j.shares = j.items THEN j.all_shares END END,
           CASE WHEN j.state IN ('ready', 'reached') THEN CASE WHEN j.summed THEN j.below ELSE j.items END END,
           CASE WHEN j.state = 'ready' THEN CASE WHEN j.summed THEN j.above / CASE WHEN j.below > 0 THEN j.below END WHEN j.shares = j.items THEN j.all_shares / j.items END END, j.state
    FROM judged j ORDER BY 1, 8;
    IF NOT FOUND AND by = '{}' THEN
        RETURN QUERY SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL::numeric, NULL::numeric, NULL::numeric,
                            CASE source WHEN 'budget_month' THEN 'no_budget' WHEN 'forecast' THEN 'no_forecast' ELSE 'no_goal' END;
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.item_groups(@extschema@.kpi, date, date, text[], text[], text, text) IS
'kpi_groups of KPIs about goals, budgets and forecasts: added up and divided where all are of one KPI that adds up and none shares days and units with another; '
'else of goals and forecasts the mean of their shares, of the others no value (mixed_currencies, overlapping). Dimensions: unit_key, currency.';
SELECT @extschema@.set_audience('item_groups(kpi, date, date, text[], text[], text, text)', 'internal');

CREATE FUNCTION @extschema@.pipeline_groups(asked @extschema@.kpi, until date, units text[], by text[], into_currency text, rates text)
    RETURNS SETOF @extschema@.kpi_group
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 COST 1000000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    day CONSTANT date := least(until, kpi_today());
BEGIN
    RETURN QUERY
    WITH stood AS MATERIALIZED (
        SELECT s.unit, s.funnel, s.stage, s.currency, sum(s.amount) AS amount FROM deal_stays(day) s
        WHERE s.decided IS NULL AND s.left_on IS NULL AND s.amount <> 0 AND (units IS NULL OR s.unit = ANY (units)) GROUP BY 1, 2, 3, 4
    ), priced AS (
        SELECT CASE WHEN 'unit_key' = ANY (by) THEN s.unit END AS unit_key, CASE WHEN 'stage' = ANY (by) THEN s.stage END AS stage,
               CASE WHEN 'currency' = ANY (by) THEN s.currency END AS currency, s.currency AS money,
               s.amount * w.probability * r.rate AS weighted,
               CASE WHEN r.rate IS NULL THEN missing_rate(s.currency, into_currency, day) WHEN w.probability IS NULL THEN 'no_probability' END AS problem
        FROM stood s LEFT JOIN stage_probability w ON w.funnel = s.funnel AND w.stage = s.stage
        CROSS JOIN LATERAL (SELECT CASE WHEN into_currency IS NULL THEN 1 ELSE rate_on(s.currency, into_currency, day, rates) END AS rate) r
    ), grouped AS (
        SELECT p.unit_key, p.stage, p.currency, sum(p.weighted) AS weighted,
               coalesce(min(p.problem), CASE WHEN into_currency IS NULL AND count(DISTINCT money_in(p.money, home_currency())) > 1 THEN 'mixed_currencies' ELSE 'ready' END) AS state
        FROM priced p GROUP BY p.unit_key, p.stage, p.currency
    )
    SELECT g.unit_key, g.stage, NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, g.currency, CASE WHEN g.state = 'ready' THEN g.weighted END, NULL::numeric,
           CASE WHEN g.state = 'ready' THEN sum_value(asked, g.weighted, NULL, into_currency) END, g.state
    FROM grouped g ORDER BY 1, 2, 8;
    IF NOT FOUND AND by = '{}' THEN
        RETURN QUERY SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0::numeric, NULL::numeric, 0::numeric, 'ready';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.pipeline_groups(@extschema@.kpi, date, text[], text[], text, text) IS
'kpi_groups of weighted_pipeline: open deals at the end of until, by the stages of that day and today''s amounts and chances. Dimensions: unit_key, stage, currency.';
SELECT @extschema@.set_audience('pipeline_groups(kpi, date, text[], text[], text, text)', 'internal');
