-- Clocks as they are read: what runs out next, what ended, and what is to be warned of.

CREATE FUNCTION @extschema@.sla_clock_rows(at timestamptz)
    RETURNS TABLE (relation text, record_key text, clock text, sla_key text, version integer, state text, due_at timestamptz,
                   remaining interval, remaining_hours numeric(18,4), paused boolean, breached boolean, warning_at timestamptz,
                   started_at timestamptz, target interval, calendar text, unit_key text, stage text, owner text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 1000 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
#variable_conflict use_column
DECLARE
    each record;
    keys text[];
BEGIN
    FOR each IN SELECT t.relation, x.* FROM clock_table t CROSS JOIN LATERAL access_terms(t.relation, 'read') x
                WHERE x.condition <> 'false' ORDER BY t.relation::oid LOOP
        IF each.condition <> 'true' THEN
            keys := ARRAY(SELECT DISTINCT c.record_key FROM clock_current(each.relation, true) c WHERE c.target IS NOT NULL OR c.error IS NOT NULL AND c.sla IS NOT NULL);
        END IF;
        RETURN QUERY EXECUTE format(
            'WITH c AS MATERIALIZED (SELECT c.* FROM clock_current($1, true) c WHERE c.target IS NOT NULL OR c.error IS NOT NULL AND c.sla IS NOT NULL), '
            'k AS MATERIALIZED (SELECT x.calendar, working_calendar(x.calendar) AS works FROM (SELECT DISTINCT c.calendar FROM c) x), ' -- once for each
            'u AS MATERIALIZED (SELECT x.unit, resolve_unit(x.unit) AS unit_key FROM (SELECT DISTINCT c.unit FROM c) x), '
            's AS MATERIALIZED (SELECT x.funnel, x.stage, w.stage AS key FROM (SELECT DISTINCT c.funnel, c.stage FROM c) x '
                'JOIN stage_word w ON w.funnel = x.funnel AND w.word = stage_spelling(x.funnel, x.stage)) '
            'SELECT $1::text, c.record_key, c.clock, c.sla, c.version, '
            'CASE WHEN c.error IS NOT NULL THEN ''broken'' WHEN d.breached THEN ''breached'' WHEN c.paused_since IS NOT NULL THEN ''paused'' WHEN c.warning_at <= $2 THEN ''warning'' ELSE ''running'' END, '
            'd.due_at, d.remaining, (extract(epoch FROM d.remaining) / 3600)::numeric(18,4), c.paused_since IS NOT NULL, d.breached, c.warning_at, '
            'c.started_at, c.target, c.calendar, u.unit_key, coalesce(s.key, c.stage), c.owner '
            'FROM c %s LEFT JOIN k ON k.calendar = c.calendar LEFT JOIN u ON u.unit = c.unit '
            'LEFT JOIN s ON s.funnel = c.funnel AND s.stage = c.stage '
            'CROSS JOIN LATERAL (SELECT coalesce(c.due_at, clock_deadline(k.works, greatest($2, c.started_at), c.target - c.used)) AS due_at, '
                'coalesce(c.due_at < $2, false) AS breached, '
                'CASE WHEN c.paused_since IS NOT NULL THEN c.target - c.used '
                     'ELSE clock_between(k.works, greatest($2, c.started_at), c.due_at) END AS remaining) d',
            CASE WHEN each.condition = 'true' THEN ''
                 ELSE format('JOIN (SELECT t.record_key FROM rows_as_owner($1, %L) AS t (record_key text, decides text[]) CROSS JOIN LATERAL (%s) s WHERE %s) r USING (record_key)',
                             format('SELECT @extschema@.map_id(r)::text, %s FROM %s r WHERE %s', each.decides, each.relation,
                                    key_condition(each.relation, 'id', format('%L::text[]', keys))), each.source, each.condition) END)
        USING each.relation, at;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.sla_clock_rows(timestamptz) IS
'The clocks of service levels that are open, of records that the caller may read, as they stand at an instant if nothing changes until then: '
'the rows of crm_bi.sla_clock. Error: RM101 no identity.';

CREATE VIEW crm_bi.sla_clock WITH (security_invoker) AS
SELECT c.relation, c.record_key, c.clock, c.sla_key, c.version::bigint AS version, c.state, c.due_at, c.remaining_hours::numeric(18,4) AS remaining,
       c.paused, c.breached, c.warning_at, c.started_at, (extract(epoch FROM c.target) / 3600)::numeric(18,4) AS target_hours, c.calendar,
       c.unit_key, c.stage, c.owner
FROM @extschema@.sla_clock_rows(pg_catalog.now()) c
ORDER BY c.due_at NULLS LAST, c.relation, c.record_key, c.clock;
COMMENT ON VIEW crm_bi.sla_clock IS
'Clocks of service levels that are open, of records that you may read, exact as you read: what breaches next first, which after what is '
'breached already. Of a clock that stands still due_at is when it would run out if it went on now. Clocks that ended are in fct_clock.';
COMMENT ON COLUMN crm_bi.sla_clock.state IS
'running, warning, paused, breached, or broken: the condition of the service level fails on the record, so when it is due is not known (the view status says why).';
COMMENT ON COLUMN crm_bi.sla_clock.remaining IS 'Working hours left; below zero, how far beyond.';
COMMENT ON COLUMN crm_bi.sla_clock.version IS 'The version of the service level that the clock keeps.';
COMMENT ON COLUMN crm_bi.sla_clock.sla_key IS 'Key of the service level.';
COMMENT ON COLUMN crm_bi.sla_clock.warning_at IS 'When the share of the target is used up at which it warns; NULL where it stands still before.';
COMMENT ON COLUMN crm_bi.sla_clock.started_at IS 'When the clock started.';
COMMENT ON COLUMN crm_bi.sla_clock.target_hours IS 'Working hours that were promised.';
COMMENT ON COLUMN crm_bi.sla_clock.calendar IS 'Whose working hours count.';
COMMENT ON COLUMN crm_bi.sla_clock.clock IS 'What is timed: first_response, resolution, promise, stage:KEY or milestone:KEY.';
GRANT SELECT ON crm_bi.sla_clock TO PUBLIC;

CREATE FUNCTION @extschema@.ended_clock_rows()
    RETURNS TABLE (relation text, record_key text, clock text, sla_key text, version integer, met boolean, started_at timestamptz,
                   due_at timestamptz, stopped_at timestamptz, used_hours numeric(18,4), target_hours numeric(18,4), unit_key text, stage text, owner text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 10000 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET enable_nestloop = off SET jit = off AS $$
#variable_conflict use_column
DECLARE
    each record;
BEGIN
    FOR each IN SELECT t.relation, x.* FROM clock_table t CROSS JOIN LATERAL access_terms(t.relation, 'read') x
                WHERE x.condition <> 'false' ORDER BY t.relation::oid LOOP
        RETURN QUERY EXECUTE format(
            'SELECT $1::text, c.record_key, c.clock, c.sla, c.version, CASE WHEN c.used IS NOT NULL THEN c.stopped_at <= c.due_at END, c.started_at, c.due_at, c.stopped_at, '
            '(extract(epoch FROM c.used) / 3600)::numeric(18,4), (extract(epoch FROM c.target) / 3600)::numeric(18,4), '
            'resolve_unit(c.unit), coalesce(w.stage, c.stage), c.owner '
            'FROM clock_current($1, false) c %s '
            'LEFT JOIN stage_word w ON w.funnel = c.funnel AND w.word = stage_spelling(c.funnel, c.stage)',
            CASE WHEN each.condition <> 'true' THEN
                format('JOIN (SELECT t.record_key FROM many_rows_as_owner($1, %L) AS t (record_key text, decides text[]) CROSS JOIN LATERAL (%s) s WHERE %s) r USING (record_key)',
                       format('SELECT @extschema@.map_id(r)::text, %s FROM %s r', each.decides, each.relation), each.source, each.condition)
            ELSE '' END)
        USING each.relation;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.ended_clock_rows() IS 'The rows of crm_bi.fct_clock.';

CREATE VIEW crm_bi.fct_clock WITH (security_invoker) AS
SELECT c.relation, c.record_key, c.clock, c.sla_key, c.version::bigint AS version, c.met, c.started_at, c.due_at, c.stopped_at,
       c.used_hours::numeric(18,4) AS used_hours, c.target_hours::numeric(18,4) AS target_hours, c.unit_key, c.stage, c.owner
FROM @extschema@.ended_clock_rows() c;
COMMENT ON VIEW crm_bi.fct_clock IS
'Clocks that ended, of records that you may read: of service levels, and first response and resolution of tickets without one, whose sla_key is NULL.';
COMMENT ON COLUMN crm_bi.fct_clock.clock IS 'What was timed: first_response, resolution, promise, stage:KEY or milestone:KEY.';
COMMENT ON COLUMN crm_bi.fct_clock.sla_key IS 'Key of the service level; NULL where nothing was promised.';
COMMENT ON COLUMN crm_bi.fct_clock.version IS 'The version of the service level that the clock keeps.';
COMMENT ON COLUMN crm_bi.fct_clock.met IS
'Whether it stopped by the time it was due; NULL where nothing was promised, it stopped before it began, or the condition of the service level fails on the record.';
COMMENT ON COLUMN crm_bi.fct_clock.started_at IS 'When the clock started.';
COMMENT ON COLUMN crm_bi.fct_clock.due_at IS 'When it was due, or would have been had it run on.';
COMMENT ON COLUMN crm_bi.fct_clock.stopped_at IS 'When it stopped.';
COMMENT ON COLUMN crm_bi.fct_clock.used_hours IS 'Working hours that it ran; NULL where it stopped before it started.';
COMMENT ON COLUMN crm_bi.fct_clock.target_hours IS 'Working hours that were promised.';
GRANT SELECT ON crm_bi.fct_clock TO PUBLIC;

CREATE FUNCTION @extschema@.sla_due(until timestamptz DEFAULT now() + interval '1 hour', since timestamptz DEFAULT '-infinity')
    RETURNS TABLE (relation pg_catalog.regclass, record_key text, clock text, sla_key text, version integer, event text, at timestamptz,
                   unit_key text, owner text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE ROWS 100 COST 100000
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp SET jit = off AS $$
#variable_conflict use_column
BEGIN
    RETURN QUERY
    SELECT c.relation, c.record_key, c.clock, c.sla, c.version, e.event, e.at,
           coalesce(resolve_unit(c.unit), a.fallback_unit, root_unit()), c.owner
    FROM clock_table t
    JOIN adoption a USING (relation)
    CROSS JOIN LATERAL clock_current(t.relation, true) c
    CROSS JOIN LATERAL (VALUES ('warning', c.warning_at), ('breach', c.due_at)) AS e (event, at)
    WHERE c.target IS NOT NULL AND e.at <= sla_due.until AND e.at >= sla_due.since
      AND (e.event = 'breach' OR c.paused_since IS NULL)
    ORDER BY e.at, c.relation::text, c.record_key, c.clock, e.event;
END
$$;
COMMENT ON FUNCTION @extschema@.sla_due(timestamptz, timestamptz) IS
'Which open clocks warn or breach from since until an instant, past or to come, if nothing changes before: a row for each event, warning or breach, '
'in the order of time. No rights are applied: for rules. Example: SELECT * FROM crm.sla_due(now() + interval ''30 minutes'', now());';
SELECT @extschema@.set_audience('sla_due(timestamptz, timestamptz)', 'daemon');
