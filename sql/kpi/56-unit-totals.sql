-- A KPI of many units and many periods at once: what rules ask each time. A KPI that adds up is read once, by unit and day, and added up for
-- each unit with all below it; any other is asked one by one.

CREATE FUNCTION @extschema@.unit_facts(asked @extschema@.kpi, watched text[], since date, until date, days date[], zone text DEFAULT NULL)
    RETURNS TABLE (unit text, at timestamp, currency text, numerator numeric, denominator numeric)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10000 COST 100000
    SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
    root CONSTANT text := root_unit();
    above CONSTANT boolean := (SELECT m.numerator FROM kpi_money m WHERE m.kpi = asked.kpi);
    below CONSTANT boolean := (SELECT m.denominator FROM kpi_money m WHERE m.kpi = asked.kpi);
    home CONSTANT text := home_currency();
BEGIN
    RETURN QUERY
    WITH member AS MATERIALIZED (
        SELECT w.unit AS watched, b.unit FROM unnest(watched) w (unit) CROSS JOIN LATERAL units_below(w.unit) b WHERE w.unit <> root
    ), fact AS MATERIALIZED (
        SELECT f.unit_key, f.day::timestamp AS at, f.currency, f.numerator, f.denominator
        FROM kpi_facts(ARRAY[asked.kpi], unit_facts.since, unit_facts.until, unit_facts.days, CASE WHEN above OR below THEN '{unit_key,currency}' ELSE '{unit_key}' END::text[],
                       CASE WHEN root <> ALL (watched) THEN ARRAY(SELECT DISTINCT m.unit FROM member m) END) f WHERE zone IS NULL
        UNION ALL
        SELECT h.unit_key, h.hour, h.currency, h.numerator, h.denominator
        FROM kpi_hours(asked.kpi, timezone(zone, unit_facts.since::timestamp), timezone(zone, (unit_facts.until + 1)::timestamp), zone) h WHERE zone IS NOT NULL
    ), paid AS (
        SELECT f.unit_key, f.at, money_of(above, f.numerator, below, f.denominator, f.currency, home) AS currency,
               f.numerator, f.denominator
        FROM fact f)
    SELECT m.watched, f.at, f.currency, sum(f.numerator), sum(f.denominator)
    FROM paid f JOIN member m ON m.unit = f.unit_key GROUP BY m.watched, f.at, f.currency
    UNION ALL
    SELECT root, f.at, f.currency, sum(f.numerator), sum(f.denominator) FROM paid f WHERE root = ANY (watched) GROUP BY f.at, f.currency;
END
$$;
COMMENT ON FUNCTION @extschema@.unit_facts(@extschema@.kpi, text[], date, date, date[], text) IS
'The facts of a KPI for each of these units with all below it, by day or, with the zone of a clock, by its hour and, of money, currency (money_of); days as kpi_facts takes them. No rights applied.';
SELECT @extschema@.set_audience('unit_facts(kpi, text[], date, date, date[], text)', 'internal');

CREATE FUNCTION @extschema@.kpi_totals(kpi text, watched text[], firsts date[], lasts date[])
    RETURNS TABLE (unit text, since date, until date, numerator numeric, denominator numeric, value numeric, state text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 COST 100000
    SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
    asked CONSTANT kpi := require_kpi(kpi_totals.kpi);
    stock CONSTANT boolean := asked.date_kind = 'stock';
BEGIN
    IF cardinality(watched) * cardinality(firsts) = 1 OR is_by_period(asked.kind) OR asked.within_days IS NOT NULL
       OR coalesce(asked.valid_from, asked.valid_until) IS NOT NULL OR closed_until(asked.kpi) IS NOT NULL
       OR EXISTS (SELECT FROM unnest(asked.apart) a WHERE NOT (a = 'day' AND stock))
       OR coalesce((SELECT s.state FROM kpi_state(asked.kpi) s), '') <> 'ready' THEN
        RETURN QUERY
        SELECT w.unit, s.first, s.last, t.numerator, t.denominator, t.value, t.state
        FROM unnest(watched) w (unit) CROSS JOIN (SELECT DISTINCT x.first, x.last FROM unnest(firsts, lasts) x (first, last)) s
        CROSS JOIN LATERAL kpi_total(asked.kpi, w.unit, s.first, s.last) t;
        RETURN;
    END IF;
    RETURN QUERY
    WITH span AS MATERIALIZED (
        SELECT DISTINCT s.first, s.last FROM unnest(firsts, lasts) s (first, last)
    ), counted AS MATERIALIZED (
        SELECT f.*
        FROM (SELECT min(s.first) AS since, max(s.last) AS until, array_agg(DISTINCT s.last ORDER BY s.last) AS lasts FROM span s) p
        CROSS JOIN LATERAL unit_facts(asked, watched, p.since, p.until, CASE WHEN stock THEN p.lasts END) f
    ), covered AS (
        SELECT s.first, s.last, (s.first + n)::timestamp AS at FROM span s CROSS JOIN LATERAL generate_series(CASE WHEN stock THEN s.last - s.first ELSE 0 END, s.last - s.first) n
    ), summed AS MATERIALIZED (
        SELECT c.unit, v.first, v.last, sum(c.numerator) AS numerator, sum(c.denominator) AS denominator, min(c.currency) <> max(c.currency) AS mixed
        FROM covered v JOIN counted c ON c.at = v.at GROUP BY c.unit, v.first, v.last)
    SELECT w.unit, s.first, s.last, t.numerator, t.denominator, t.value, t.state
    FROM unnest(watched) w (unit) CROSS JOIN span s LEFT JOIN summed x ON (x.unit, x.first, x.last) = (w.unit, s.first, s.last)
    CROSS JOIN LATERAL (SELECT coalesce(x.numerator, 0), CASE WHEN asked.denominator IS NOT NULL THEN coalesce(x.denominator, 0) END) n (numerator, denominator)
    CROSS JOIN LATERAL (SELECT n.numerator, n.denominator, sum_value(asked, n.numerator, n.denominator, NULL) AS value, 'ready' AS state WHERE x.mixed IS NOT TRUE
                        UNION ALL -- of several currencies kpi_total knows which count
                        SELECT k.numerator, k.denominator, k.value, k.state FROM kpi_total(asked.kpi, w.unit, s.first, s.last) k WHERE x.mixed) t;
END
$$;
COMMENT ON FUNCTION @extschema@.kpi_totals(text, text[], date[], date[]) IS
'kpi_total of each of these units over each of these periods (firsts and lasts, in pairs). No rights are applied: for rules.';
SELECT @extschema@.set_audience('kpi_totals(text, text[], date[], date[])', 'internal');

-- Whether there is something older is asked only where it does not show within what is read.
CREATE FUNCTION @extschema@.unit_series(kpi text, watched text[], since timestamp, until timestamp, old_by timestamp, zone text)
    RETURNS TABLE (unit text, begins timestamp, mixed_from timestamp, numerator double precision[], denominator double precision[])
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 COST 100000
    SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
    asked CONSTANT kpi := require_kpi(unit_series.kpi);
    stock CONSTANT boolean := asked.date_kind = 'stock';
    step CONSTANT interval := CASE WHEN zone IS NULL THEN '1 day' ELSE '1 hour' END;
BEGIN
    RETURN QUERY
    WITH counted AS MATERIALIZED (
        SELECT * FROM unit_facts(asked, watched, since::date, until::date, CASE WHEN stock THEN ARRAY(SELECT d::date FROM generate_series(since, until, step) d ORDER BY d) END, zone)
    ), summed AS MATERIALIZED (
        SELECT c.unit, c.at, sum(c.numerator)::double precision AS numerator, sum(c.denominator)::double precision AS denominator FROM counted c GROUP BY c.unit, c.at
    ), kept AS MATERIALIZED ( -- the second currency makes a sum that is none
        SELECT c.unit, c.currency, min(c.at) AS at FROM counted c WHERE c.currency IS NOT NULL GROUP BY c.unit, c.currency
    ), begun AS MATERIALIZED (
        SELECT w.unit, min(s.at) AS at FROM unnest(watched) w (unit) LEFT JOIN summed s ON s.unit = w.unit AND isfinite(s.at) GROUP BY w.unit
    ), older AS MATERIALIZED (
        SELECT f.unit, min(f.at) AS at
        FROM (SELECT array_agg(b.unit) AS units FROM begun b WHERE NOT stock AND coalesce(b.at > old_by, true)) young
        CROSS JOIN LATERAL unit_facts(asked, young.units, NULL, since::date - 1, NULL) f WHERE young.units IS NOT NULL AND isfinite(f.at) GROUP BY f.unit)
    SELECT b.unit, coalesce(o.at, b.at), (SELECT y.at FROM kept y WHERE y.unit = b.unit ORDER BY y.at OFFSET 1 LIMIT 1), n.numerator, n.denominator
    FROM begun b LEFT JOIN older o ON o.unit = b.unit
    JOIN (SELECT g.unit, array_agg(coalesce(s.numerator, 0) ORDER BY g.at) AS numerator,
                 CASE WHEN asked.kind = 'ratio' THEN array_agg(coalesce(s.denominator, 0) ORDER BY g.at) END AS denominator
          FROM (SELECT u.unit, at FROM unnest(watched) u (unit) CROSS JOIN generate_series(since, until, step) at) g
          LEFT JOIN summed s ON s.unit = g.unit AND s.at = g.at GROUP BY g.unit) n ON n.unit = b.unit;
END
$$;
COMMENT ON FUNCTION @extschema@.unit_series(text, text[], timestamp, timestamp, timestamp, text) IS
'The days since to until of a KPI that is_forecastable or, with the zone of a clock, its hours of one that has_hours, for each of these units with all below it: '
'numerator and denominator (of ratios), of a stock its level, 0 where there is nothing. begins: the first with facts, as a day looked for before since where '
'there are none by old_by. mixed_from: from when on there are two currencies. No rights applied.';
SELECT @extschema@.set_audience('unit_series(text, text[], timestamp, timestamp, timestamp, text)', 'internal');
