-- The rows behind a KPI by the hour. Nothing is kept of hours: the tables are read, added up where they are.

-- As it is defined, and as tables have it until a change is counted.
CREATE FUNCTION @extschema@.component_has_hours(component text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    asked record;
    type regtype;
BEGIN
    IF NOT EXISTS (SELECT FROM component c WHERE c.component = component_has_hours.component AND NOT c.kept AND c.entity NOT IN ('clock', 'stage_entry')) THEN
        RETURN false; -- not of rows that a team has
    END IF;
    FOR asked IN SELECT c.day, c.entity FROM component c WHERE c.component = component_has_hours.component
                 UNION
                 SELECT i.day, a.entity FROM kpi_instance i JOIN adoption a USING (relation) WHERE i.component = component_has_hours.component LOOP
        EXECUTE format(E'SELECT pg_typeof(\n%s\n) FROM %s', asked.day, component_source(NULL, asked.entity)) INTO type;
        IF type <> 'timestamptz'::regtype THEN
            RETURN false;
        END IF;
    END LOOP;
    RETURN true;
END
$$;
COMMENT ON FUNCTION @extschema@.component_has_hours(text) IS
'Whether the rows of a captured component have a time, and not only a day.';
SELECT @extschema@.set_audience('component_has_hours(text)', 'internal');

CREATE FUNCTION @extschema@.kpi_without_hours(kpi text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT CASE WHEN k.date_kind = 'stock' THEN 'it is a stock'
                ELSE (SELECT format('its component "%s" has days only', min(t.component)) FROM kpi_term t
                      WHERE t.kpi = k.kpi AND NOT component_has_hours(t.component) HAVING count(*) > 0) END
    FROM kpi k WHERE k.kpi = kpi_without_hours.kpi
$$;
COMMENT ON FUNCTION @extschema@.kpi_without_hours(text) IS 'Why a KPI that is_forecastable has no number of an hour; NULL where it has.';
SELECT @extschema@.set_audience('kpi_without_hours(text)', 'internal');

CREATE FUNCTION @extschema@.kpi_zone(kpi text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT CASE WHEN count(DISTINCT i.zone) = 1 THEN min(i.zone) ELSE default_zone() END
    FROM kpi_term t JOIN kpi_instance i USING (component) WHERE t.kpi = kpi_zone.kpi
$$;
COMMENT ON FUNCTION @extschema@.kpi_zone(text) IS 'The time zone that cuts the days of a KPI; the organisation''s where its components have several.';
SELECT @extschema@.set_audience('kpi_zone(text)', 'internal');

-- Of the days that are not of 24 hours, each quarter of an hour: that of a whole hour is there once.
CREATE FUNCTION @extschema@.changed_hours(zone text, since date, until date) RETURNS SETOF timestamp
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 2 COST 1000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT d.midnight + make_interval(hours => n)
    FROM (SELECT x.midnight, timezone(zone, x.midnight) AS first, timezone(zone, x.midnight + interval '1 day') AS next
          FROM (SELECT (since + i)::timestamp AS midnight FROM generate_series(0, until - since) i) x) d
    CROSS JOIN generate_series(0, 23) n
    WHERE d.next - d.first <> interval '24 hours'
      AND (SELECT count(*) <> 4 OR count(DISTINCT t.at) <> 4
           FROM (SELECT timezone(zone, s) AS at FROM generate_series(d.first, d.next - interval '1 minute', interval '15 minutes') s) t
           WHERE date_trunc('hour', t.at) = d.midnight + make_interval(hours => n))
    ORDER BY 1;
END
$$;
COMMENT ON FUNCTION @extschema@.changed_hours(text, date, date) IS
'The hours of a zone''s clock, by their beginning, that do not exist, come twice or are not whole on some days, since the clock was changed.';
SELECT @extschema@.set_audience('changed_hours(text, date, date)', 'internal');

CREATE FUNCTION @extschema@.hour_query(instance @extschema@.kpi_instance, measure text, since timestamptz, until timestamptz, zone text) RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    adopted CONSTANT text := (SELECT a.entity FROM adoption a WHERE a.relation = (instance).relation);
    sum CONSTANT text := (instance).sums[array_position((instance).sum_names, measure)];
BEGIN
    RETURN format(E'SELECT pg_catalog.date_trunc(''hour'', pg_catalog.timezone(%L, h.at)), %s, count(*), sum(h.amount) FILTER (WHERE abs(h.amount) < 1e100) '
                  'FROM (SELECT (\n%s\n) AS at, (\n%s\n)::numeric AS amount, %s FROM %s WHERE (\n%s\n)) h '
                  'WHERE h.at >= pg_catalog.to_timestamp(%s) AND h.at < pg_catalog.to_timestamp(%s) GROUP BY 1, 2, 3, 4',
                  zone, 'h.unit, h.stage, h.currency', (instance).day, coalesce(sum, '1'),
                  component_columns(adopted, '{unit,stage,currency}'),
                  component_source((instance).relation, adopted), coalesce((instance).filter, 'true'), extract(epoch FROM since), extract(epoch FROM until));
END
$$;
COMMENT ON FUNCTION @extschema@.hour_query(@extschema@.kpi_instance, text, timestamptz, timestamptz, text) IS
'A query, to be read with the rights of the table''s owner, for what a component of a table counts: hour by the clock of a zone, unit, stage and '
'currency as the table has them, rows, and the sum of a measure.';
SELECT @extschema@.set_audience('hour_query(kpi_instance, text, timestamptz, timestamptz, text)', 'internal');

CREATE FUNCTION @extschema@.kpi_hours(kpi text, since timestamptz, until timestamptz, zone text)
    RETURNS TABLE (hour timestamp, unit_key text, currency text, numerator numeric, denominator numeric)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10000 COST 1000000
    SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off AS $$
#variable_conflict use_column
DECLARE
    money CONSTANT boolean := (SELECT m.numerator OR m.denominator FROM kpi_money m WHERE m.kpi = kpi_hours.kpi);
    term kpi_term;
    source record;
BEGIN
    FOR term IN SELECT t.* FROM kpi_term t WHERE t.kpi = kpi_hours.kpi LOOP
        FOR source IN
            SELECT i AS instance, a.relation, a.fallback_unit, coalesce(x.funnel, a.funnel) AS funnel
            FROM kpi_instance i JOIN adoption a USING (relation) LEFT JOIN tracking x USING (relation)
            WHERE CASE WHEN i.component = term.component THEN hold_adopted(a.relation) END
        LOOP
            RETURN QUERY
            SELECT r.hour, coalesce(resolve_unit(r.unit), source.fallback_unit, root_unit()), CASE WHEN money THEN r.currency END,
                   CASE term.side WHEN 'numerator' THEN sum(term.sign * m.amount) END, CASE term.side WHEN 'denominator' THEN sum(term.sign * m.amount) END
            FROM rows_as_owner(source.relation, hour_query(source.instance, term.measure, since, until, kpi_hours.zone))
                 AS r (hour timestamp, unit text, stage text, currency text, rows bigint, amount numeric)
            LEFT JOIN stage_word w ON w.funnel = source.funnel AND w.word = stage_spelling(source.funnel, r.stage)
            CROSS JOIN LATERAL (SELECT CASE term.measure WHEN 'count' THEN r.rows ELSE r.amount END AS amount) m
            WHERE (term.outcomes IS NULL OR coalesce(w.outcome, 'unknown') = ANY (term.outcomes))
              AND (term.milestones IS NULL OR w.milestone = ANY (term.milestones))
            GROUP BY 1, 2, 3;
        END LOOP;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.kpi_hours(text, timestamptz, timestamptz, text) IS
'What the rows of tables add to numerator and denominator of a KPI by hour (of a zone''s clock), unit and, of money, currency: rows as they are '
'now, from since to before until. Reads whole tables. No rights applied: for rules.';
SELECT @extschema@.set_audience('kpi_hours(text, timestamptz, timestamptz, text)', 'internal');
