-- Numbers stay after an erasure: they name nobody. An error that quoted a row may.
INSERT INTO @extschema@.free_text (relation, "column", room, purpose) VALUES ('kpi_broken', 'error', 'kpi', 'why a component is paused, quoting the row');

-- Counted values are taken away with the rows that had them; a fold then drops them.
CREATE FUNCTION @extschema@.inventory_kpi() RETURNS SETOF @extschema@.inventory_row
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 2 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'kpi', '@extschema@.' || c.relation, c.name,
           'values of rows where count_values asked for them, as keyed hashes or numbers, until no row has them: '
           || coalesce((SELECT string_agg(DISTINCT format('%s of %s', i.component, table_name(i.relation)), ', ') FROM kpi_captured i WHERE i.component LIKE '%.%'), 'none'),
           NULL::interval, '{}'::text[]
    FROM (VALUES ('kpi_counted', 'piece'), ('kpi_pending', 'counted')) AS c (relation, name)
$$;
COMMENT ON FUNCTION @extschema@.inventory_kpi() IS 'For data_inventory(): tables of this room.';
SELECT @extschema@.set_audience('inventory_kpi()', 'admin');
INSERT INTO @extschema@.inventory_source (function_name, room) VALUES ('inventory_kpi', 'kpi');

CREATE FUNCTION @extschema@.counted_forgotten() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') = 'read committed' -- else the next fold does it
       AND EXISTS (SELECT FROM kpi_captured i WHERE i.component LIKE '%.%') THEN
        PERFORM fold_lock(wait => true);
        PERFORM fold_pass(9223372036854775807);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.counted_forgotten() IS
'Follows an erasure: folds what is pending, so that no hash of a value of his is kept that no row has any more.';
SELECT @extschema@.set_audience('counted_forgotten()', 'internal');
INSERT INTO @extschema@.follow_hook (room, "position", forgotten) VALUES ('kpi', 400, 'counted_forgotten');
