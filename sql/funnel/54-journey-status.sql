-- What is worth watching of kept journeys, and what of them is personal.

CREATE FUNCTION @extschema@.status_journeys() RETURNS SETOF @extschema@.status_row
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    -- counted with an end: where it is passed the number says enough
    most CONSTANT bigint := (SELECT greatest(1000, c.reltuples / 500) FROM pg_class c WHERE c.oid = '@extschema@.transition_log'::regclass);
    noted bigint := (SELECT count(*) FROM (SELECT FROM journey_touched LIMIT 10 * most) n);
BEGIN
    IF NOT EXISTS (SELECT FROM tracking) THEN
        RETURN;
    END IF;
    RETURN NEXT ('funnel', 'journeys not packed', CASE WHEN noted > most THEN 'warning' ELSE 'ok' END, noted,
                 CASE WHEN noted > 0 THEN (SELECT min(n.touched_at) FROM (SELECT t.touched_at FROM journey_touched t LIMIT 10 * most) n) END,
                 format('%s, limit %s changes (0.2 %% of the history); %s journeys are packed in %s',
                        pg_size_pretty(pg_total_relation_size('@extschema@.journey_touched')), most,
                        (SELECT greatest(c.reltuples, 0)::bigint FROM pg_class c WHERE c.oid = '@extschema@.journey_kept'::regclass),
                        pg_size_pretty(pg_total_relation_size('@extschema@.journey_kept'))),
                 CASE WHEN noted > most THEN 'SELECT @extschema@.pack_journeys(); until it returns 0, or start crmd' END)::status_row;
    RETURN QUERY
        SELECT 'funnel', format('journeys of funnel "%s"', f.funnel), 'waiting', NULL::bigint, NULL::timestamptz,
               'They are not packed yet: numbers are right and read the whole history.',
               'SELECT @extschema@.pack_journeys(); until it returns 0, or start crmd'
        FROM (SELECT DISTINCT t.funnel FROM tracking t) f
        WHERE NOT EXISTS (SELECT FROM journey_state s WHERE s.funnel = f.funnel AND s.ready) ORDER BY f.funnel;
END
$$;
COMMENT ON FUNCTION @extschema@.status_journeys() IS
'Rows of status: changes of journeys that are not packed, against 0.2 % of the history, and funnels that are not packed at all.';
SELECT @extschema@.set_audience('status_journeys()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room) VALUES ('status_journeys', 'funnel');

CREATE FUNCTION @extschema@.inventory_journeys() RETURNS SETOF @extschema@.inventory_row
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 5 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'funnel', '@extschema@.journey_kept', 'subject', 'whose journey it is, by customer, key of a record or visitor', NULL::interval, '{}'::text[]
    UNION ALL
    SELECT 'funnel', '@extschema@.journey_touched', c, 'whose journeys are to be packed again; gone within seconds', NULL, '{}'
    FROM unnest(ARRAY['subject', 'record_key', 'anonymous_id']) c
$$;
COMMENT ON FUNCTION @extschema@.inventory_journeys() IS 'For data_inventory(): kept journeys.';
SELECT @extschema@.set_audience('inventory_journeys()', 'admin');
INSERT INTO @extschema@.inventory_source (function_name, room) VALUES ('inventory_journeys', 'funnel');
