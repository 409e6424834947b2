-- One row for each thing worth watching, and what to do about it.

CREATE TYPE @extschema@.status_row AS (room text, item text, state text, amount bigint, oldest timestamptz, detail text,
                                       hint text);
COMMENT ON TYPE @extschema@.status_row IS
'room, item (what is watched), state (ok, filling, warning, failed, ...), amount (rows, unless detail says otherwise), oldest, '
'detail, hint (what to type).';

CREATE TABLE @extschema@.status_source (
    function_name text PRIMARY KEY,
    room text NOT NULL,
    kind text NOT NULL DEFAULT 'status' CHECK (kind OPERATOR(pg_catalog.=) ANY (ARRAY['status', 'doctor']))
);
COMMENT ON TABLE @extschema@.status_source IS
'Functions of the rooms that return SETOF status_row: kind status for the view status, doctor for doctor(). Shipped.';

CREATE FUNCTION @extschema@.report(kind text) RETURNS SETOF @extschema@.status_row
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    source text;
BEGIN
    FOR source IN SELECT s.function_name FROM status_source s WHERE s.kind = report.kind ORDER BY 1 LOOP
        RETURN QUERY EXECUTE format('SELECT * FROM @extschema@.%I()', source);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.report(text) IS 'The rows of all sources of a kind (status or doctor).';
SELECT @extschema@.set_audience('report(text)', 'admin');

CREATE VIEW @extschema@.status AS SELECT * FROM @extschema@.report('status');
COMMENT ON VIEW @extschema@.status IS
'One row for each thing worth watching: what is being read, waits, lags or grows, and what to do. For those who may call '
'report(text).';

CREATE FUNCTION @extschema@.doctor() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 20 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT * FROM report('doctor') r WHERE r.state <> 'ok'
    UNION ALL
    SELECT * FROM report('status') r WHERE r.state <> 'ok'
$$;
COMMENT ON FUNCTION @extschema@.doctor() IS
'Everything that is not in order, with what to type; no row where all is well.';
SELECT @extschema@.set_audience('doctor()', 'admin');
