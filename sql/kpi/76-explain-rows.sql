-- Down to the rows behind a number, those that the asker may read.

CREATE FUNCTION @extschema@.readable_keys(relation pg_catalog.regclass, keys text[]) RETURNS SETOF text
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 COST 100000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    terms CONSTANT record := access_terms(relation, 'read');
BEGIN
    IF terms.condition IS NULL OR terms.condition = 'false' THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format('SELECT t.record_key FROM rows_as_owner(%s::regclass, %L) AS t (record_key text, decides text[]) '
                                'CROSS JOIN LATERAL (%s) s WHERE %s', relation::oid,
                                format('SELECT @extschema@.map_id(r)::text, %s FROM %s r WHERE %s', terms.decides, relation,
                                       key_condition(relation, 'id', quote_literal(keys) || '::text[]')), terms.source, terms.condition);
END
$$;
COMMENT ON FUNCTION @extschema@.readable_keys(pg_catalog.regclass, text[]) IS 'Those of the keys whose rows the caller may read; of an adopted table.';
SELECT @extschema@.set_audience('readable_keys(regclass, text[])', 'internal');

CREATE FUNCTION @extschema@.rows_behind(kpi text, units text[], since date, until date) RETURNS SETOF @extschema@.kpi_row
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1000 COST 1000000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    asked kpi;
    from_day date;
BEGIN
    FOR asked IN SELECT k.* FROM kpi k WHERE k.kpi = rows_behind.kpi AND k.inputs IS NULL
                 UNION ALL SELECT k.* FROM kpi_leaf l JOIN kpi k ON k.kpi = l.input WHERE l.kpi = rows_behind.kpi LOOP
        from_day := CASE WHEN asked.date_kind = 'stock' THEN '-infinity' ELSE since END;
        RETURN QUERY
        SELECT r.* FROM kpi_rows(asked.kpi) r
        WHERE r.day <= rows_behind.until AND r.day >= coalesce(from_day, '-infinity') AND (units IS NULL OR r.unit_key = ANY (units));
        RETURN QUERY
        SELECT CASE WHEN coalesce(s.started_on, '-infinity') < d.first THEN 'denominator' ELSE 'numerator' END, 1, 1, s.relation, s.record_key, s.started_on,
               1::bigint, s.amount, s.subject, NULL::boolean, s.unit_key, NULL::text, NULL::text, NULL::text, s.product, s.owner, NULL::text, s.currency
        FROM (SELECT b.*, coalesce(resolve_unit(b.unit), root_unit()) AS unit_key FROM subscription_rows() b) s
        CROSS JOIN (SELECT coalesce(rows_behind.since, (rows_behind.until + 1 - interval '1 year')::date) AS first) d
        WHERE EXISTS (SELECT FROM kpi_term t WHERE t.kpi = asked.kpi AND t.component = 'subscription') AND (units IS NULL OR s.unit_key = ANY (units))
          AND coalesce(s.started_on, '-infinity') <= rows_behind.until AND coalesce(s.ended_on, 'infinity') >= d.first;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.rows_behind(text, text[], date, date) IS
'kpi_rows of a KPI, or of all that a derived one is made of, over some days and units (NULL: all). No rights applied; not for users.';
SELECT @extschema@.set_audience('rows_behind(text, text[], date, date)', 'internal');

CREATE FUNCTION @extschema@.explain_kpi_rows(kpi text, unit text DEFAULT NULL, since date DEFAULT NULL, until date DEFAULT NULL, max_rows integer DEFAULT 100)
    RETURNS TABLE (part text, relation text, record_key text, day date, unit_key text, stage text, currency text, amount numeric)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 COST 1000000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
    asked kpi := require_kpi(explain_kpi_rows.kpi);
    place text := unit_asked(explain_kpi_rows.unit);
    units text[] := CASE WHEN place IS NOT NULL THEN ARRAY(SELECT b.unit FROM units_below(place) b) END; -- NULL: no unit was ever made
    last date := coalesce(until, kpi_today());
BEGIN
    PERFORM visible(root_unit(), 'kpi', 'total'); -- no identity is an error, even where there is no row
    RETURN QUERY
    WITH behind AS MATERIALIZED (
        SELECT * FROM rows_behind(asked.kpi, units, CASE WHEN asked.span IS NOT NULL THEN (last + 1 - asked.span)::date ELSE since END, last)),
    readable AS MATERIALIZED (
        SELECT g.relation, k AS record_key
        FROM (SELECT b.relation, array_agg(DISTINCT b.record_key) AS keys FROM behind b
              WHERE b.relation IN (SELECT a.relation FROM adoption a) GROUP BY b.relation) g
        CROSS JOIN LATERAL readable_keys(g.relation, g.keys) k)
    SELECT b.side, b.relation::text, b.record_key, b.day, b.unit_key, b.stage, b.currency, b.sign * b.amount
    FROM behind b JOIN readable r ON r.relation = b.relation AND r.record_key = b.record_key
    ORDER BY 1 DESC, 4 DESC NULLS LAST, 2, 3 LIMIT max_rows;
END
$$;
COMMENT ON FUNCTION @extschema@.explain_kpi_rows(text, text, date, date, integer) IS
'The rows behind a KPI, the latest days first and no more than max_rows of each call: for numerator and denominator the record, its day, unit, stage, and what it adds. Of a '
'derived KPI those of all that it is made of; of those about subscriptions what was paid in the period (denominator: before it began). Only rows that the caller may read in '
'the tables themselves, so that they may add up to less than the number. Reads whole tables. Errors: RM001 unknown KPI or unit, RM101. '
'Example: SELECT * FROM crm.explain_kpi_rows(''win_rate'', ''north'', ''2026-01-01'', ''2026-01-31'');';
