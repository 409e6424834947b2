-- Values of unit columns that mean no unit: their rows belong to the fallback unit, and somebody should know.

CREATE TYPE @extschema@.unit_count AS (hierarchy text, value text, rows bigint);
COMMENT ON TYPE @extschema@.unit_count IS 'How many rows have a value in the unit column of a hierarchy.';

CREATE TABLE @extschema@.unmapped_value (
    relation pg_catalog.regclass NOT NULL REFERENCES @extschema@.protection ON DELETE CASCADE,
    hierarchy text NOT NULL,
    "column" name NOT NULL,
    value text,
    rows bigint NOT NULL,
    counted_at timestamptz NOT NULL,
    UNIQUE NULLS NOT DISTINCT (relation, hierarchy, value)
);
COMMENT ON TABLE @extschema@.unmapped_value IS
'Values of unit columns of protected tables that meant no unit when count_unmapped looked (NULL: rows without a value), the most '
'frequent ones. Derived: not dumped.';

CREATE TABLE @extschema@.unmapped_count (
    relation pg_catalog.regclass PRIMARY KEY REFERENCES @extschema@.protection ON DELETE CASCADE,
    rows bigint NOT NULL,
    counted_at timestamptz NOT NULL,
    error text
);
COMMENT ON TABLE @extschema@.unmapped_count IS
'When the rows of a protected table were last counted by unit, and how many there were; error where that failed. Derived: not dumped.';

-- Rows of units that are known drop out first; the nearest name is sought for the few that are shown.
CREATE FUNCTION @extschema@.unmapped_of(counts @extschema@.unit_count[], max_values bigint)
    RETURNS TABLE (hierarchy text, value text, rows bigint, others bigint)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT r.hierarchy, r.value, r.rows, r.others
    FROM (SELECT u.hierarchy, u.value, u.rows, count(*) OVER h - max_values AS others,
                 row_number() OVER (h ORDER BY u.rows DESC, u.value COLLATE "C") AS n
          FROM (SELECT c.hierarchy, c.value, sum(c.rows)::bigint AS rows FROM unnest(counts) c GROUP BY c.hierarchy, c.value) u
          WHERE resolve_unit(u.value, u.hierarchy) IS NULL
          WINDOW h AS (PARTITION BY u.hierarchy)) r
    WHERE r.n <= max_values
$$;
COMMENT ON FUNCTION @extschema@.unmapped_of(@extschema@.unit_count[], bigint) IS
'The most frequent values that mean no unit in their hierarchy; others is how many more there are (negative: none).';

CREATE FUNCTION @extschema@.nearest_unit(value text, hierarchy text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE COST 10000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT resolve_unit(nearest(value, ARRAY(
               SELECT u.unit FROM unit u WHERE u.hierarchy = nearest_unit.hierarchy OR u.parent IS NULL
               UNION ALL SELECT u.name FROM unit u WHERE u.hierarchy = nearest_unit.hierarchy OR u.parent IS NULL
               UNION ALL SELECT a.alias FROM unit_alias a WHERE a.hierarchy = nearest_unit.hierarchy)), nearest_unit.hierarchy)
$$;
COMMENT ON FUNCTION @extschema@.nearest_unit(text, text) IS
'The unit of a hierarchy whose key, name or alias is nearest to a value; NULL where none is near.';

CREATE FUNCTION @extschema@.alias_call(value text, hierarchy text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE COST 10000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT CASE WHEN value <> '' AND octet_length(value) <= 200
                THEN format('SELECT @extschema@.add_unit_alias(%L, %L);', coalesce(nearest_unit(value, hierarchy), '...'), value) END
$$;
COMMENT ON FUNCTION @extschema@.alias_call(text, text) IS
'The call of add_unit_alias that makes a value mean the nearest unit, or one still to be named; NULL for what can be no alias.';

CREATE FUNCTION @extschema@.describe_unmapped(fallback text, counts @extschema@.unit_count[], max_values bigint)
    RETURNS TABLE (name text, detail text, hint text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT format('%s: %s', u.hierarchy, coalesce(quote_literal(u.value), 'null')),
           format('%s rows would belong to unit %s', u.rows, fallback), alias_call(u.value, u.hierarchy)
    FROM unmapped_of(counts, max_values) u
    UNION ALL
    SELECT format('%s: others', u.hierarchy), format('%s more values mean no unit', max(u.others)), NULL
    FROM unmapped_of(counts, max_values) u WHERE u.others > 0 GROUP BY u.hierarchy
$$;
COMMENT ON FUNCTION @extschema@.describe_unmapped(text, @extschema@.unit_count[], bigint) IS
'The most frequent values that mean no unit, as findings of preview_protect.';
SELECT @extschema@.set_audience('describe_unmapped(text, unit_count[], bigint)', 'admin');

CREATE FUNCTION @extschema@.count_unmapped(relation pg_catalog.regclass) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
    plan protection;
    counts unit_count[];
    unmapped bigint;
BEGIN
    IF NOT is_audience('daemon') THEN
        PERFORM require_owner(count_unmapped.relation);
    END IF;
    plan := require_protected(count_unmapped.relation);
    plan.owner_column := NULL; -- counted by unit alone
    counts := ARRAY(SELECT ROW(h.key, g.units[h.n], sum(g.rows))::unit_count
                    FROM rows_as_owner(plan.relation, count_query(plan)) AS g (units text[], owner text, rows bigint),
                         (SELECT k, row_number() OVER (ORDER BY k) FROM jsonb_object_keys(plan.units) k) h (key, n)
                    GROUP BY h.key, g.units[h.n]);
    DELETE FROM unmapped_value v WHERE v.relation = plan.relation;
    INSERT INTO unmapped_value (relation, hierarchy, "column", value, rows, counted_at)
    SELECT plan.relation, u.hierarchy, plan.units ->> u.hierarchy, u.value, u.rows, now() FROM unmapped_of(counts, 100) u;
    SELECT coalesce(sum(v.rows), 0) INTO unmapped FROM unmapped_value v WHERE v.relation = plan.relation;
    INSERT INTO unmapped_count AS o (relation, rows, counted_at)
    SELECT plan.relation, coalesce(sum(c.rows), 0) / (SELECT count(*) FROM jsonb_object_keys(plan.units)), now() FROM unnest(counts) c
    ON CONFLICT (relation) DO UPDATE SET rows = excluded.rows, counted_at = excluded.counted_at, error = NULL;
    RETURN unmapped;
END
$$;
COMMENT ON FUNCTION @extschema@.count_unmapped(pg_catalog.regclass) IS
'Counts, in one pass over a protected table, the rows whose unit columns are NULL or mean no unit, by value; the view status shows '
'them. Returns how many (a row counts once for each hierarchy). For the table''s owner, administrators and the daemon. RM104 where the '
'table is not protected.';

CREATE FUNCTION @extschema@.count_unmapped_due(older_than interval DEFAULT '1 day') RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    due regclass := (SELECT p.relation FROM protection p LEFT JOIN unmapped_count c ON c.relation = p.relation
                     WHERE c.counted_at IS NULL OR c.counted_at < now() - older_than
                     ORDER BY c.counted_at NULLS FIRST, p.relation LIMIT 1);
BEGIN
    -- One table a call, and one caller at a time.
    IF due IS NULL OR NOT take_turn('unmapped_count', wait => false) THEN
        RETURN 0;
    END IF;
    BEGIN
        PERFORM count_unmapped(due);
    EXCEPTION WHEN serialization_failure OR deadlock_detected THEN
        RAISE;
    WHEN OTHERS THEN -- one table does not hold up the others
        INSERT INTO unmapped_count AS o (relation, rows, counted_at, error)
        VALUES (due, 0, now(), format('%s (%s)', sqlerrm, sqlstate))
        ON CONFLICT (relation) DO UPDATE SET counted_at = excluded.counted_at, error = excluded.error;
    END;
    RETURN 1;
END
$$;
COMMENT ON FUNCTION @extschema@.count_unmapped_due(interval) IS
'For the daemon: counts the protected table whose count is the oldest, if it is older than that; returns how many it counted, 0 or 1.';
SELECT @extschema@.set_audience('count_unmapped_due(interval)', 'daemon');

CREATE FUNCTION @extschema@.status_unmapped() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 20
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'org', format('unit of %s', p.relation), 'pending', NULL::bigint, p.protected_at,
           'Nobody has counted the rows that mean no unit yet.', format('SELECT @extschema@.count_unmapped(%L);', p.relation)
    FROM protection p WHERE NOT EXISTS (SELECT FROM unmapped_count c WHERE c.relation = p.relation)
    UNION ALL
    SELECT 'org', format('unit of %s', c.relation), 'failed', NULL, c.counted_at, c.error,
           format('SELECT @extschema@.count_unmapped(%L);', c.relation)
    FROM unmapped_count c WHERE c.error IS NOT NULL
    UNION ALL
    SELECT 'org', format('unit %s in %s.%I', coalesce(quote_literal(v.value), 'null'), v.relation, v."column"),
           CASE WHEN v.value IS NULL THEN 'info' ELSE 'warning' END, v.rows, v.counted_at,
           CASE WHEN v.value IS NULL THEN format('Rows without a unit: they belong to %s.', p.fallback_unit)
                ELSE format('It means no unit%s: its rows belong to %s.', coalesce(' (the nearest is ' || n.unit || ')', ''), p.fallback_unit) END,
           CASE WHEN v.value <> '' AND octet_length(v.value) <= 200
                THEN format('SELECT @extschema@.add_unit_alias(%L, %L);', coalesce(n.unit, '...'), v.value) END
    FROM unmapped_value v JOIN protection p ON p.relation = v.relation
    CROSS JOIN LATERAL (SELECT nearest_unit(v.value, v.hierarchy) AS unit) n
    WHERE resolve_unit(v.value, v.hierarchy) IS NULL
$$;
COMMENT ON FUNCTION @extschema@.status_unmapped() IS
'Rows of status: values of unit columns that mean no unit, as counted last (oldest says when), with the nearest unit and the call that '
'makes them mean it. Those that mean one by now are left out.';
SELECT @extschema@.set_audience('status_unmapped()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room) VALUES ('status_unmapped', 'org');
