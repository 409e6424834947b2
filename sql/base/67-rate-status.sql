-- Exchange rates as status shows them.

CREATE FUNCTION @extschema@.rate_status() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'base', format('exchange rates %s', r.rate_set), 'ok', count(*), min(r.on_date)::timestamp AT TIME ZONE default_zone(),
           format('%s pairs, the newest of %s', count(DISTINCT (r.currency, r.into_currency)), max(r.on_date)), NULL::text
    FROM exchange_rate r GROUP BY r.rate_set ORDER BY r.rate_set
$$;
COMMENT ON FUNCTION @extschema@.rate_status() IS 'Rows of status: each set of exchange rates, how many and how new.';
SELECT @extschema@.set_audience('rate_status()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room, kind) VALUES ('rate_status', 'base', 'status');
