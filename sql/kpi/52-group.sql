-- A KPI of one period, by dimensions, whatever its kind. What sums cannot tell is computed here from the rows.

CREATE TYPE @extschema@.kpi_group AS (
    unit_key text, stage text, campaign text, channel text, product text, owner text, segment text, currency text,
    numerator numeric, denominator numeric, value numeric, state text);
COMMENT ON TYPE @extschema@.kpi_group IS 'A KPI of one period and set of dimensions; those that were not asked for are NULL.';

CREATE FUNCTION @extschema@.kpi_dimensions(by text[], alias text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN (SELECT pg_catalog.string_agg(pg_catalog.format(CASE WHEN d = ANY (by) THEN '%2$s.%1$I' ELSE 'NULL::text AS %1$I' END, d, alias), ', ' ORDER BY n)
            FROM pg_catalog.unnest(@extschema@.kpi_dimension_names()) WITH ORDINALITY AS u (d, n));
COMMENT ON FUNCTION @extschema@.kpi_dimensions(text[], text) IS 'SQL for the eight dimensions of a kpi_group by their names, NULL for those that are not in by.';

CREATE FUNCTION @extschema@.sum_groups(asked @extschema@.kpi, since date, until date, units text[], by text[], into_currency text, rates text, credited boolean)
    RETURNS SETOF @extschema@.kpi_group
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 COST 100000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF asked.kind = 'cumulative' AND asked.span IS NULL THEN
        since := NULL;
    END IF;
    RETURN QUERY
    SELECT r.unit_key, r.stage, r.campaign, r.channel, r.product, r.owner, r.segment, r.currency, v.numerator, v.denominator,
           sum_value(asked, v.numerator, v.denominator, NULL), s.state
    FROM read_sums(asked, 'total', coalesce(since, '-infinity'), until, by, units, into_currency, rates, credited) r
    CROSS JOIN LATERAL (SELECT coalesce(r.problem, CASE WHEN r.mature THEN 'ready' ELSE 'not_mature' END) AS state) s
    CROSS JOIN LATERAL (SELECT CASE WHEN s.state = 'ready' THEN r.numerator END AS numerator, CASE WHEN s.state = 'ready' THEN r.denominator END AS denominator) v;
    IF NOT FOUND AND by = '{}' AND credited AND has_hidden_credit(NULL, units, since, until) THEN
        RETURN QUERY SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL::numeric, NULL::numeric, NULL::numeric, 'hidden_credit';
    ELSIF NOT FOUND AND by = '{}' THEN
        RETURN QUERY SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 0::numeric, CASE WHEN asked.denominator IS NOT NULL THEN 0::numeric END,
                            CASE WHEN asked.denominator IS NULL THEN 0::numeric END, 'ready';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.sum_groups(@extschema@.kpi, date, date, text[], text[], text, text, boolean) IS
'kpi_groups of KPIs that are sums, or sums divided by sums.';
SELECT @extschema@.set_audience('sum_groups(kpi, date, date, text[], text[], text, text, boolean)', 'internal');

CREATE FUNCTION @extschema@.row_groups(asked @extschema@.kpi, since date, until date, units text[], by text[], into_currency text, rates text)
    RETURNS SETOF @extschema@.kpi_group
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 COST 1000000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM counted_terms((asked).kpi)) THEN
        RETURN QUERY
        SELECT g.unit_key, g.stage, g.campaign, g.channel, g.product, g.owner, g.segment, g.currency, NULL::numeric, NULL::numeric, g.value, g.state
        FROM counted_groups(asked, ARRAY[until], ARRAY[coalesce(since, '-infinity')], ARRAY[until], units, by, into_currency, rates) g;
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format(
        'SELECT %1$s, NULL::numeric, NULL::numeric, CASE WHEN g.state = ''ready'' THEN g.value END, g.state FROM (SELECT %2$s, %3$s AS value, '
        'CASE WHEN NOT $5 THEN ''ready'' WHEN $6 IS NULL AND count(DISTINCT money_in(f.currency, $8)) > 1 THEN ''mixed_currencies'' '
        'ELSE coalesce(min(missing_rate(f.currency, $6, f.day)) FILTER (WHERE f.rate IS NULL), ''ready'') END AS state '
        'FROM (SELECT r.*, r.amount * p.rate AS worth, p.rate FROM kpi_rows($1) r '
        'CROSS JOIN LATERAL (SELECT CASE WHEN $5 AND $6 IS NOT NULL THEN rate_on(r.currency, $6, r.day, $7) ELSE 1 END AS rate) p) f '
        'WHERE f.day <= $3 AND f.day >= $2 AND ($4 IS NULL OR f.unit_key = ANY ($4)) AND %4$s%5$s) g',
        kpi_dimensions(kpi_dimension_names(), 'g'), kpi_dimensions(by, 'f'),
        CASE (asked).kind WHEN 'distinct' THEN 'count(DISTINCT f.subject)::numeric'
                          WHEN 'percentile' THEN format('percentile_cont(%s) WITHIN GROUP (ORDER BY f.worth::double precision)::numeric', (asked).quantile)
                          ELSE format('survival_quantile(f.amount::double precision, f.observed, %s)::numeric', (asked).quantile) END,
        CASE (asked).kind WHEN 'distinct' THEN 'f.subject IS NOT NULL' ELSE 'abs(f.amount) < 1e100' END,
        (SELECT ' GROUP BY ' || string_agg(format('f.%I', d), ', ') FROM unnest(by) d))
    USING (asked).kpi, coalesce(since, '-infinity'), until, units, (asked).measured_in = 'money', into_currency, rates, home_currency();
END
$$;
COMMENT ON FUNCTION @extschema@.row_groups(@extschema@.kpi, date, date, text[], text[], text, text) IS
'kpi_groups of KPIs that are no sums: different values, percentiles, medians of durations that have not all ended. Reads the rows where '
'values are not counted (count_values).';
SELECT @extschema@.set_audience('row_groups(kpi, date, date, text[], text[], text, text)', 'internal');

-- Who was a customer at the end of the day before the period, and what became of him by its end. The measures that begin with month_ add up
-- the same of each month of the period.
CREATE TYPE @extschema@.subscription_sum AS (
    unit_key text, product text, owner text, currency text, mixed boolean, missing text, opening numeric, lost numeric, opening_amount numeric,
    closing_amount numeric, retained_amount numeric, month_opening numeric, month_lost numeric, month_amount numeric);
COMMENT ON TYPE @extschema@.subscription_sum IS 'Measures of the component subscription in one period; mixed: several currencies; missing: a rate that is.';

CREATE FUNCTION @extschema@.subscription_sums(since date, until date, units text[], by text[], into_currency text, rates text, months boolean)
    RETURNS SETOF @extschema@.subscription_sum
    LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 10 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off AS $$
    WITH source AS MATERIALIZED (SELECT s.* FROM subscription_rows() s),
    place AS MATERIALIZED (SELECT d.unit, coalesce(resolve_unit(d.unit), root_unit()) AS unit_key FROM (SELECT DISTINCT s.unit FROM source s) d),
    paid AS MATERIALIZED (
        SELECT r.subject COLLATE "C" AS subject, CASE WHEN into_currency IS NULL THEN r.amount ELSE r.amount * rate_on(r.currency, into_currency, least(until, kpi_today()), rates) END AS amount,
               CASE WHEN into_currency IS NULL AND r.amount <> 0 THEN money_in(r.currency, (SELECT home_currency())) END AS money, r.amount AS asked,
               CASE WHEN into_currency IS NOT NULL THEN missing_rate(r.currency, into_currency, least(until, kpi_today())) END AS lacking, coalesce(r.started_on, '-infinity') AS started_on, coalesce(r.ended_on, 'infinity') AS ended_on,
               CASE WHEN 'unit_key' = ANY (by) THEN r.unit_key END AS unit_key, CASE WHEN 'product' = ANY (by) THEN r.product END AS product,
               CASE WHEN 'owner' = ANY (by) THEN r.owner END AS owner, CASE WHEN 'currency' = ANY (by) THEN r.currency END AS currency
        FROM (SELECT s.*, u.unit_key FROM source s JOIN place u ON u.unit IS NOT DISTINCT FROM s.unit) r
        WHERE (units IS NULL OR r.unit_key = ANY (units))
          AND coalesce(r.started_on, '-infinity') <= until AND coalesce(r.ended_on, 'infinity') >= since),
    span AS ( -- counted from the first day, so that the 31st does not become the 28th for good
        SELECT NULL::integer AS n, since AS since, until AS until
        UNION ALL
        SELECT n, (since + n * interval '1 month')::date, least((since + (n + 1) * interval '1 month')::date - 1, until)
        FROM generate_series(0, (extract(year FROM age(until + 1, since)) * 12 + extract(month FROM age(until + 1, since)))::integer) n
        WHERE months AND (since + n * interval '1 month')::date <= until),
    held AS ( -- by customer: one who pays more for one thing and less for another kept what is less of both together
        SELECT p.unit_key, p.product, p.owner, p.currency, s.n, p.subject, bool_or(p.ended_on > s.until AND p.started_on <= s.until) AS closes,
               coalesce(sum(p.amount) FILTER (WHERE p.started_on < s.since AND p.ended_on >= s.since), 0) AS opened,
               coalesce(sum(p.amount) FILTER (WHERE p.started_on <= s.until AND p.ended_on > s.until), 0) AS closed,
               min(p.money) AS first_money, max(p.money) AS last_money, min(p.lacking) FILTER (WHERE p.amount IS NULL AND p.asked <> 0) AS lacking
        FROM paid p JOIN span s ON p.started_on <= s.until AND p.ended_on >= s.since
        GROUP BY p.unit_key, p.product, p.owner, p.currency, s.n, p.subject
        HAVING bool_or(p.started_on < s.since AND p.ended_on >= s.since))
    SELECT h.unit_key, h.product, h.owner, h.currency, min(h.first_money) <> max(h.last_money), min(h.lacking),
           count(*) FILTER (WHERE h.n IS NULL), count(*) FILTER (WHERE h.n IS NULL AND NOT h.closes),
           sum(h.opened) FILTER (WHERE h.n IS NULL), sum(h.closed) FILTER (WHERE h.n IS NULL),
           sum(least(h.opened, h.closed)) FILTER (WHERE h.n IS NULL), count(h.n), count(h.n) FILTER (WHERE NOT h.closes),
           sum(h.opened) FILTER (WHERE h.n IS NOT NULL)
    FROM held h GROUP BY h.unit_key, h.product, h.owner, h.currency
$$;
COMMENT ON FUNCTION @extschema@.subscription_sums(date, date, text[], text[], text, text, boolean) IS
'Of customers with a subscription at the end of the day before since: how many, how many of them have none at the end of until, what they paid '
'by the month then and pay at the end (in into_currency by the rate of until; retained_amount: no more than before, of each customer), and with month_ the same for each month that '
'begins with since, added up (where months is true). Dimensions: unit_key, product, owner, currency. No rights applied; not for users.';
SELECT @extschema@.set_audience('subscription_sums(date, date, text[], text[], text, text, boolean)', 'internal');

-- What a model of attribution owes to marketing, beside what marketing cost.
CREATE FUNCTION @extschema@.attribution_sums(model text, since date, until date, by text[])
    RETURNS TABLE (channel text, campaign text, currency text, mixed boolean, mixed_spend boolean, margin numeric, amount numeric, spend numeric, paid_spend numeric, paid_wins numeric)
    LANGUAGE sql STABLE PARALLEL UNSAFE ROWS 10 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH part AS MATERIALIZED (
        SELECT r.channel, r.campaign, r.currency, r.margin, r.amount, r.spend, r.wins, row_number() OVER (PARTITION BY r.channel, r.campaign ORDER BY r.currency) AS n,
               coalesce(bool_or(r.spend > 0) OVER (PARTITION BY r.channel, r.campaign), false) AS paid
        FROM campaign_return(model, NULL, since::timestamp AT TIME ZONE default_zone(), (until + 1)::timestamp AT TIME ZONE default_zone(),
                             by => '{channel,campaign}', kinds => '{marketing}') r)
    SELECT g.channel, g.campaign, g.currency, least(min(g.money), min(g.spent)) <> greatest(max(g.money), max(g.spent)), min(g.spent) <> max(g.spent),
           CASE WHEN bool_or(g.owed AND g.amount IS NOT NULL AND g.margin IS NULL) THEN NULL ELSE coalesce(sum(g.margin) FILTER (WHERE g.owed), 0) END,
           coalesce(sum(g.amount) FILTER (WHERE g.owed), 0), coalesce(sum(g.spend), 0), coalesce(sum(g.spend) FILTER (WHERE g.paid), 0),
           coalesce(sum(g.wins) FILTER (WHERE g.paid AND (g.n = 1 OR 'currency' = ANY (by))), 0)
    FROM (SELECT CASE WHEN 'channel' = ANY (by) THEN p.channel END AS channel, CASE WHEN 'campaign' = ANY (by) THEN p.campaign END AS campaign,
                 CASE WHEN 'currency' = ANY (by) THEN p.currency END AS currency,
                 CASE WHEN p.amount <> 0 OR p.margin <> 0 THEN money_in(p.currency, (SELECT home_currency())) END AS money,
                 CASE WHEN p.spend <> 0 THEN money_in(p.currency, (SELECT home_currency())) END AS spent, p.margin, p.amount, p.spend, p.wins, p.n, p.paid, p.channel <> '(none)' AS owed
          FROM part p) g
    GROUP BY g.channel, g.campaign, g.currency
$$;
COMMENT ON FUNCTION @extschema@.attribution_sums(text, date, date, text[]) IS
'Margin and amount of the deals won in a period that a model of attribution owes to channels and campaigns, marketing''s spend, and of channels and '
'campaigns that cost something (paid) the spend and the wins. Dimensions: channel, campaign, currency. Numbers of the units for which the '
'caller has the privilege total, RM101 without identity; not for users.';
SELECT @extschema@.set_audience('attribution_sums(text, date, date, text[])', 'internal');

CREATE FUNCTION @extschema@.period_groups(asked @extschema@.kpi, since date, until date, units text[], by text[], into_currency text, rates text)
    RETURNS SETOF @extschema@.kpi_group
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 COST 1000000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    from_day CONSTANT date := coalesce(since, (until + 1 - interval '1 year')::date);
BEGIN
    RETURN QUERY
    WITH part AS (
        SELECT u.unit_key, NULL::text AS stage, NULL::text AS campaign, NULL::text AS channel, u.product, u.owner, NULL::text AS segment, u.currency,
               u.mixed, u.missing, to_jsonb(u) AS measures
        FROM subscription_sums(from_day, until, units, by, into_currency, rates,
                               EXISTS (SELECT FROM kpi_term t WHERE t.kpi = (asked).kpi AND t.measure LIKE 'month\_%')) u
        WHERE EXISTS (SELECT FROM kpi_term t WHERE t.kpi = (asked).kpi AND t.component = 'subscription')
        UNION ALL
        SELECT NULL, NULL, b.campaign, b.channel, NULL, NULL, NULL, b.currency,
               CASE WHEN EXISTS (SELECT FROM kpi_term t WHERE t.kpi = (asked).kpi AND t.measure IN ('margin', 'amount')) THEN b.mixed ELSE b.mixed_spend END
               OR b.currency IS DISTINCT FROM into_currency AND into_currency IS NOT NULL, NULL, to_jsonb(b)
        FROM (SELECT m.model FROM component c CROSS JOIN LATERAL (SELECT substr(c.component, 13)) AS m (model)
              WHERE c.component = (SELECT min(t.component) FROM kpi_term t WHERE t.kpi = (asked).kpi) AND c.component LIKE 'attribution\_%') m
        CROSS JOIN LATERAL attribution_sums(m.model, from_day, until, by) b),
    summed AS (
        SELECT p.*, (SELECT sum(t.sign * (p.measures ->> t.measure)::numeric) FROM kpi_term t WHERE t.kpi = (asked).kpi AND t.side = 'numerator'
                     HAVING count(*) = count(p.measures ->> t.measure)) AS above,
               (SELECT sum(t.sign * (p.measures ->> t.measure)::numeric) FROM kpi_term t WHERE t.kpi = (asked).kpi AND t.side = 'denominator'
                HAVING count(*) = count(p.measures ->> t.measure)) AS below,
               EXISTS (SELECT FROM kpi_term t WHERE t.kpi = (asked).kpi AND (t.measure LIKE '%amount' OR t.component LIKE 'attribution%')) AS money
        FROM part p),
    judged AS (
        SELECT s.*, CASE WHEN until > kpi_today() THEN 'not_mature' WHEN s.money AND s.missing IS NOT NULL THEN s.missing
                         WHEN s.money AND s.mixed THEN 'mixed_currencies' ELSE 'ready' END AS state
        FROM summed s)
    SELECT j.unit_key, j.stage, j.campaign, j.channel, j.product, j.owner, j.segment, j.currency,
           CASE WHEN j.state = 'ready' THEN j.above END, CASE WHEN j.state = 'ready' THEN j.below END,
           CASE WHEN j.state = 'ready' THEN CASE WHEN (asked).denominator IS NULL THEN j.above ELSE j.above / nullif(j.below, 0) END END, j.state
    FROM judged j;
END
$$;
COMMENT ON FUNCTION @extschema@.period_groups(@extschema@.kpi, date, date, text[], text[], text, text) IS
'kpi_groups of KPIs about what was there when the period began; without since, of the year that ends with until.';
SELECT @extschema@.set_audience('period_groups(kpi, date, date, text[], text[], text, text)', 'internal');

-- A sum of no facts is 0, and so is a count; a share or a median of none is nothing.
CREATE FUNCTION @extschema@.empty_value(kpi text) RETURNS numeric
    LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    asked CONSTANT kpi := require_kpi(empty_value.kpi);
BEGIN
    RETURN CASE WHEN asked.kind = 'derived' THEN derived_value(asked, (SELECT jsonb_object_agg(i, empty_value(i)) FROM unnest(asked.inputs) i WHERE i <> ALL (kpi_parameters())))
                WHEN asked.kind = 'distinct' THEN 0
                WHEN asked.kind = ANY ('{percentile,survival,period}') OR asked.denominator IS NOT NULL THEN NULL
                ELSE 0 END;
END
$$;
COMMENT ON FUNCTION @extschema@.empty_value(text) IS
'The value of a KPI where there is no fact: 0 of a sum or a count, NULL of a ratio, a percentile and what is not known then; of a derived KPI what that makes.';
SELECT @extschema@.set_audience('empty_value(text)', 'internal');

-- An expression over other KPIs. Every one of them is asked for the same days, units and dimensions. One that has no fact in a group has its value of no facts there,
-- if it tells these dimensions at all.
CREATE FUNCTION @extschema@.derived_groups(asked @extschema@.kpi, since date, until date, units text[], by text[], into_currency text, rates text, credited boolean)
    RETURNS SETOF @extschema@.kpi_group
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 COST 1000000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    parts jsonb;
    absent jsonb;
    each record;
    row kpi_group;
BEGIN
    SELECT jsonb_agg(jsonb_build_object('input', i.input, 'row', to_jsonb(g))) INTO parts
    FROM (SELECT i FROM unnest((asked).inputs) i WHERE i <> ALL (kpi_parameters())) AS i (input)
    CROSS JOIN LATERAL kpi_groups(i.input, since, until, units, by, into_currency, rates, credited) g;
    SELECT coalesce(jsonb_object_agg(i, empty_value(i)), '{}') INTO absent
    FROM unnest((asked).inputs) i
    WHERE i <> ALL (kpi_parameters())
      AND NOT EXISTS (SELECT FROM unnest(by) d CROSS JOIN jsonb_to_recordset(parts) AS p (input text, row jsonb)
                      WHERE p.input = i GROUP BY d HAVING count(p.row ->> d) = 0);
    FOR each IN
        SELECT (p.row ->> 'unit_key') AS unit_key, (p.row ->> 'stage') AS stage, (p.row ->> 'campaign') AS campaign, (p.row ->> 'channel') AS channel,
               (p.row ->> 'product') AS product, (p.row ->> 'owner') AS owner, (p.row ->> 'segment') AS segment, (p.row ->> 'currency') AS currency,
               jsonb_object_agg(p.input, p.row -> 'value') AS inputs, min(p.row ->> 'state') FILTER (WHERE p.row ->> 'state' <> 'ready') AS state
        FROM jsonb_to_recordset(parts) AS p (input text, row jsonb) GROUP BY 1, 2, 3, 4, 5, 6, 7, 8 ORDER BY 1, 2, 3, 4, 5, 6, 7, 8
    LOOP
        row := (each.unit_key, each.stage, each.campaign, each.channel, each.product, each.owner, each.segment, each.currency, NULL, NULL, NULL,
                coalesce(each.state, 'ready'));
        IF row.state = 'ready' THEN
            row.value := derived_value(asked, absent || each.inputs);
        END IF;
        RETURN NEXT row;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.derived_groups(@extschema@.kpi, date, date, text[], text[], text, text, boolean) IS
'kpi_groups of KPIs that are made of other KPIs; the state is that of an input that has no value.';
SELECT @extschema@.set_audience('derived_groups(kpi, date, date, text[], text[], text, text, boolean)', 'internal');

-- define_kpi has checked the expression: immutable, over the inputs, with functions of pg_catalog.
CREATE FUNCTION @extschema@.derived_value(asked @extschema@.kpi, inputs pg_catalog.jsonb) RETURNS numeric
    LANGUAGE plpgsql STABLE PARALLEL SAFE COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    value numeric;
BEGIN
    EXECUTE format('SELECT %s FROM (SELECT %s) i', (asked).numerator,
                   (SELECT string_agg(format('%L::numeric AS %I', coalesce(inputs ->> i, p.value::text), i), ', ')
                    FROM unnest((asked).inputs) i LEFT JOIN kpi_parameter p ON p.parameter = i))
    INTO value;
    RETURN CASE WHEN abs(value) < 1e100 THEN value END;
EXCEPTION WHEN data_exception THEN -- a division by zero, the root of a negative number: no value
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION @extschema@.derived_value(@extschema@.kpi, pg_catalog.jsonb) IS
'A derived KPI from the values of its inputs (a JSON object) and the parameters; NULL where one is NULL or it cannot be computed.';
SELECT @extschema@.set_audience('derived_value(kpi, jsonb)', 'internal');

CREATE FUNCTION @extschema@.kpi_groups(kpi text, since date, until date, units text[], by text[], into_currency text, rates text,
                                       credited boolean DEFAULT false)
    RETURNS SETOF @extschema@.kpi_group
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
DECLARE
    asked CONSTANT kpi := require_kpi(kpi_groups.kpi);
    state text := coalesce((SELECT s.state FROM kpi_state(asked.kpi) s), 'not_available');
BEGIN
    since := greatest(since, asked.valid_from);
    until := least(until, asked.valid_until);
    IF state = 'ready' AND is_never_valid(asked, since, until) THEN
        state := 'not_valid';
    END IF;
    IF asked.span IS NOT NULL THEN
        since := (until + 1 - asked.span)::date;
    END IF;
    IF state = 'ready' AND credited
       AND EXISTS (SELECT FROM kpi k WHERE k.kind = ANY ('{distinct,percentile,survival,period}')
                     AND (k.kpi = asked.kpi OR k.kpi IN (SELECT l.input FROM kpi_leaf l WHERE l.kpi = asked.kpi))) THEN
        state := 'not_by_credit';
    END IF;
    IF state <> 'ready' THEN
        RETURN QUERY SELECT NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL::numeric, NULL::numeric, NULL::numeric, state;
        RETURN;
    END IF;
    CASE WHEN asked.kind = ANY ('{distinct,percentile,survival}') THEN RETURN QUERY SELECT * FROM row_groups(asked, since, until, units, by, into_currency, rates);
         WHEN asked.kind = 'period' AND is_of_items(asked.kpi) THEN
             RETURN QUERY SELECT * FROM item_groups(asked, since, until, units, by, into_currency, rates);
         WHEN asked.kind = 'period' AND is_about(asked.kpi, 'open_deal') THEN
             RETURN QUERY SELECT * FROM pipeline_groups(asked, until, units, by, into_currency, rates);
         WHEN asked.kind = 'period' THEN RETURN QUERY SELECT * FROM period_groups(asked, since, until, units, by, into_currency, rates);
         WHEN asked.kind = 'derived' THEN RETURN QUERY SELECT * FROM derived_groups(asked, since, until, units, by, into_currency, rates, credited);
         ELSE RETURN QUERY SELECT * FROM sum_groups(asked, since, until, units, by, into_currency, rates, credited); END CASE;
END
$$;
COMMENT ON FUNCTION @extschema@.kpi_groups(text, date, date, text[], text[], text, text, boolean) IS
'A KPI over the days since to until, for each combination of the dimensions by, of these units (NULL: all). credited: by the credits of '
'units (not_by_credit where no shares can be told). No rights applied; not for users.';
SELECT @extschema@.set_audience('kpi_groups(text, date, date, text[], text[], text, text, boolean)', 'internal');

-- Which kinds are read here: whatever is no sum of days.
CREATE FUNCTION @extschema@.is_by_period(kind text) RETURNS boolean
    LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN kind = ANY (ARRAY['cumulative', 'derived', 'distinct', 'percentile', 'survival', 'period']);
COMMENT ON FUNCTION @extschema@.is_by_period(text) IS
'Whether a kind of KPI has a value for a period and no parts of days that could be added up.';
