-- What of clocks is worth watching.

CREATE FUNCTION @extschema@.clock_status() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'kpi', 'clocks', CASE WHEN EXISTS (SELECT FROM clock_paused) THEN 'paused' WHEN n.whole > 0 THEN 'filling' WHEN n.count > 50000 THEN 'warning' ELSE 'ok' END,
           (SELECT count(*) FROM record_clock), NULL::timestamptz,
           format('%s; %s to be made anew', pg_size_pretty(pg_total_relation_size('record_clock')),
                  CASE WHEN n.whole > 0 THEN format('all of %s tables', n.whole) ELSE n.count || ' records' END),
           CASE WHEN n.whole > 0 OR n.count > 50000 THEN 'SELECT @extschema@.fold(); or start crmd' END
    FROM (SELECT count(DISTINCT t.relation) FILTER (WHERE t.record_key IS NULL) AS whole, count(DISTINCT (t.relation, t.record_key)) AS count FROM clock_note t) n
    WHERE EXISTS (SELECT FROM clock_table)
    UNION ALL
    SELECT 'kpi', format('clocks of %s', b.relation), 'broken', NULL, b.at, b.error, 'Mend the row, or the condition with set_sla; then SELECT @extschema@.fold();'
    FROM clock_broken b
    UNION ALL
    SELECT 'kpi', format('service level %s of %s', c.sla, c.relation), 'broken', count(*), NULL,
           'its condition fails, as on ' || (array_agg(format('record %s (version %s): %s', c.record_key, c.version, c.error) ORDER BY c.record_key))[1],
           'Mend the rows, or the condition with set_sla; then SELECT @extschema@.fold();'
    FROM record_clock c WHERE c.error IS NOT NULL GROUP BY c.sla, c.relation
$$;
COMMENT ON FUNCTION @extschema@.clock_status() IS 'Rows of status: clocks that are kept, what of them waits to be made anew, tables whose clocks cannot be made, service levels whose condition fails and on how many records.';
SELECT @extschema@.set_audience('clock_status()', 'admin');

CREATE FUNCTION @extschema@.clock_doctor() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'kpi', format('service level %s of %s', s.sla, a.relation), 'warning', NULL::bigint, NULL::timestamptz,
           CASE WHEN split_part(s.clock, ':', 1) IN ('stage', 'milestone') THEN 'its clock goes by stages, whose history nothing follows: it has no clocks'
                ELSE 'it pauses in stages, whose history nothing follows: its clocks do not stand still' END,
           format('SELECT @extschema@.track(%L, ...);', a.relation::text)
    FROM sla s JOIN adoption a USING (entity)
    WHERE s.until = 'infinity' AND (s.pause_stages <> '{}' OR split_part(s.clock, ':', 1) IN ('stage', 'milestone'))
      AND NOT EXISTS (SELECT FROM tracking t WHERE t.relation = a.relation OR t.target = a.relation)
    UNION ALL
    SELECT 'kpi', format('service level %s', s.sla), 'warning', NULL, NULL,
           format('its calendar "%s" %s, so all time counts', s.calendar,
                  CASE WHEN EXISTS (SELECT FROM calendar c WHERE c.calendar = s.calendar) THEN 'has no working hours' ELSE 'does not exist' END),
           format('SELECT @extschema@.set_calendar(%L, %L);', s.calendar,
                  coalesce((SELECT c.zone FROM calendar c WHERE c.calendar = s.calendar), default_zone()))
    FROM sla s WHERE s.until = 'infinity' AND s.calendar IS NOT NULL AND working_calendar(s.calendar) IS NULL
$$;
COMMENT ON FUNCTION @extschema@.clock_doctor() IS
'Rows of doctor: service levels that need the history of stages of a table that is not tracked, or a calendar that is not there.';
SELECT @extschema@.set_audience('clock_doctor()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room, kind) VALUES ('clock_status', 'kpi', 'status'), ('clock_doctor', 'kpi', 'doctor');
