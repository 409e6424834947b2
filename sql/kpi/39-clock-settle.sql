-- Keeping clocks: what was noted is made anew and kept.

CREATE FUNCTION @extschema@.clock_lock() RETURNS boolean
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT take_turn('clock_touched', wait => false)
$$;
COMMENT ON FUNCTION @extschema@.clock_lock() IS 'Takes the lock of who keeps clocks until the transaction ends; false where it is held.';
SELECT @extschema@.set_audience('clock_lock()', 'internal');

CREATE FUNCTION @extschema@.keep_clocks(relation pg_catalog.regclass, keys text[]) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    WITH made AS MATERIALIZED (SELECT * FROM clock_rows(keep_clocks.relation, keys)),
    gone AS (
        DELETE FROM record_clock c
        WHERE c.relation = keep_clocks.relation AND (keys IS NULL OR c.record_key = ANY (keys))
          AND NOT EXISTS (SELECT FROM made m WHERE m.record_key = c.record_key AND m.clock = c.clock))
    INSERT INTO record_clock AS c SELECT * FROM made
    ON CONFLICT ON CONSTRAINT record_clock_pkey DO UPDATE
    SET sla = excluded.sla, version = excluded.version, calendar = excluded.calendar, target = excluded.target,
        started_at = excluded.started_at, first_stop_at = excluded.first_stop_at, stopped_at = excluded.stopped_at,
        paused_since = excluded.paused_since, due_at = excluded.due_at, warning_at = excluded.warning_at, first_used = excluded.first_used,
        used = excluded.used, funnel = excluded.funnel, unit = excluded.unit, stage = excluded.stage, channel = excluded.channel,
        product = excluded.product, owner = excluded.owner, segment = excluded.segment, error = excluded.error
    WHERE c.* IS DISTINCT FROM excluded.*;
END
$$;
COMMENT ON FUNCTION @extschema@.keep_clocks(pg_catalog.regclass, text[]) IS 'Makes the clocks of records of a table anew, of these keys or all, and keeps them.';
SELECT @extschema@.set_audience('keep_clocks(regclass, text[])', 'internal');

-- What fails of one table does not stop the others; its notes stay, and so nothing reads the old clocks.
CREATE FUNCTION @extschema@.settle_clocks(max_rows bigint DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    each record;
    taken text[];
    whole boolean;
    count bigint := 0;
    failed text;
BEGIN
    IF max_rows < 0 THEN
        RAISE EXCEPTION 'max_rows is negative: %', max_rows USING ERRCODE = 'RM005', HINT = 'Leave it out to settle all there is.';
    ELSIF NOT EXISTS (SELECT FROM clock_touched) OR NOT clock_lock() THEN
        RETURN 0;
    END IF;
    PERFORM FROM clock_rules FOR SHARE SKIP LOCKED;
    IF NOT FOUND THEN -- somebody changes them
        RETURN 0;
    END IF;
    FOR each IN SELECT t.relation FROM clock_table t WHERE EXISTS (SELECT FROM clock_touched n WHERE n.relation = t.relation)
                ORDER BY t.relation::oid LOOP
        BEGIN
            whole := EXISTS (SELECT FROM clock_touched n WHERE n.relation = each.relation AND n.record_key IS NULL);
            WITH gone AS (
                DELETE FROM clock_touched n
                WHERE n.relation = each.relation
                  AND (whole OR max_rows IS NULL OR n.ctid = ANY (ARRAY(SELECT q.ctid FROM clock_touched q WHERE q.relation = each.relation LIMIT max_rows)))
                RETURNING n.record_key)
            SELECT array_agg(DISTINCT g.record_key), bool_or(g.record_key IS NULL) INTO taken, whole FROM gone g;
            PERFORM keep_clocks(each.relation, CASE WHEN NOT whole THEN taken END);
            count := count + coalesce(cardinality(taken), 0);
            DELETE FROM clock_broken b WHERE b.relation = each.relation;
        EXCEPTION WHEN serialization_failure OR deadlock_detected OR query_canceled OR lock_not_available OR insufficient_resources THEN
            RAISE;
        WHEN OTHERS THEN
            failed := format('%s (%s)', sqlerrm, sqlstate);
            INSERT INTO clock_broken VALUES (each.relation, now(), failed)
            ON CONFLICT ON CONSTRAINT clock_broken_pkey DO UPDATE SET error = excluded.error;
        END;
    END LOOP;
    RETURN count;
END
$$;
COMMENT ON FUNCTION @extschema@.settle_clocks(bigint) IS
'Makes clocks anew whose records, history or rules changed, and keeps them; returns of how many records, up to max_rows of each table, or all. '
'0 where somebody else does it at the moment, or changes a rule. No number changes by it. fold calls it. Errors: RM005 for a negative max_rows, '
'40001 where rules changed after the transaction''s snapshot.';
SELECT @extschema@.set_audience('settle_clocks(bigint)', 'daemon');

CREATE TABLE @extschema@.clock_broken (
    relation pg_catalog.regclass PRIMARY KEY,
    at timestamptz NOT NULL,
    error text NOT NULL
);
COMMENT ON TABLE @extschema@.clock_broken IS
'Tables whose clocks could not be made, as where the mapping fails on a row; their KPIs read NULL with state broken.';
SELECT pg_catalog.pg_extension_config_dump('@extschema@.clock_broken', '');
INSERT INTO @extschema@.free_text (relation, "column", room, purpose) VALUES
    ('clock_broken', 'error', 'kpi', 'why clocks could not be made, quoting a row'),
    ('record_clock', 'error', 'kpi', 'why a clock could not be made, quoting the row');

-- Where a table cannot be read, as where its mapping fails on a row, its clocks are there and nobody knows when they are due.
CREATE FUNCTION @extschema@.clock_unknown(relation pg_catalog.regclass, keys text[], reason text) RETURNS SETOF @extschema@.record_clock
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 1000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT c.relation, c.record_key, c.clock, c.sla, c.version, NULL, NULL::interval, c.started_at, NULL::timestamptz, c.stopped_at,
           NULL::timestamptz, NULL::timestamptz, NULL::timestamptz, NULL::interval, NULL::interval,
           c.funnel, c.unit, c.stage, c.channel, c.product, c.owner, c.segment, reason
    FROM record_clock c WHERE c.relation = clock_unknown.relation AND (keys IS NULL OR c.record_key = ANY (keys))
$$;
COMMENT ON FUNCTION @extschema@.clock_unknown(pg_catalog.regclass, text[], text) IS
'The clocks of records of a table whose clocks cannot be made, as they were kept but with an error instead of when they are due.';
SELECT @extschema@.set_audience('clock_unknown(regclass, text[], text)', 'internal');

-- The clocks of a table as they are now. open: those that have not stopped, else those that have.
CREATE FUNCTION @extschema@.clock_current(relation pg_catalog.regclass, open boolean) RETURNS SETOF @extschema@.record_clock
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 100000 ROWS 10000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    touched text[] := ARRAY(SELECT DISTINCT n.record_key FROM clock_note n WHERE n.relation = clock_current.relation);
BEGIN
    IF array_position(touched, NULL) IS NOT NULL THEN
        touched := NULL; -- all
    ELSIF open THEN -- the index is of these
        RETURN QUERY SELECT c.* FROM record_clock c
                     WHERE c.relation = clock_current.relation AND c.stopped_at IS NULL AND c.record_key <> ALL (touched);
    ELSE
        RETURN QUERY SELECT c.* FROM record_clock c
                     WHERE c.relation = clock_current.relation AND c.stopped_at IS NOT NULL AND c.record_key <> ALL (touched);
    END IF;
    IF touched = '{}' THEN
        RETURN;
    END IF;
    BEGIN
        RETURN QUERY SELECT c.* FROM clock_rows(clock_current.relation, touched) c WHERE c.stopped_at IS NULL = open;
    EXCEPTION WHEN serialization_failure OR deadlock_detected OR query_canceled OR lock_not_available OR insufficient_resources THEN
        RAISE;
    WHEN OTHERS THEN -- before any was returned
        RETURN QUERY SELECT c.* FROM clock_unknown(clock_current.relation, touched, sqlerrm) c WHERE c.stopped_at IS NULL = open;
    END;
END
$$;
COMMENT ON FUNCTION @extschema@.clock_current(pg_catalog.regclass, boolean) IS
'The clocks of a table in the statement''s snapshot, open ones or stopped ones: kept where nothing was noted of the record, else made anew; '
'where that fails with an error. No rights are applied.';
SELECT @extschema@.set_audience('clock_current(regclass, boolean)', 'internal');

-- What was counted of record_clock is right but for clocks that were noted since, and for open ones, which are counted on the day they are
-- due and break no promise before.
CREATE FUNCTION @extschema@.clock_cell(instance integer)
    RETURNS TABLE (day date, rows bigint, invalid bigint, s1 numeric, s2 numeric, s3 numeric, s4 numeric,
                   funnel text, unit text, stage text, campaign text, channel text, product text, owner text, segment text, currency text)
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 100000 ROWS 100
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    i kpi_instance;
    all_units CONSTANT boolean := is_audience('daemon') OR is_audience('admin');
BEGIN
    SELECT * INTO i FROM kpi_instance x WHERE x.instance = clock_cell.instance AND x.relation = 'record_clock'::regclass;
    IF NOT FOUND OR i.component <> 'clock_running' AND NOT EXISTS (SELECT FROM clock_note) THEN
        RETURN;
    END IF;
    RETURN QUERY EXECUTE format(
        'WITH touched AS MATERIALIZED (SELECT DISTINCT n.relation, n.record_key FROM clock_note n), '
        'changed AS MATERIALIZED ('
            'SELECT -1 AS sign, c.* FROM record_clock c JOIN touched n ON n.relation = c.relation AND n.record_key = c.record_key '
            'UNION ALL SELECT -1, c.* FROM record_clock c WHERE c.stopped_at IS NULL AND c.due_at >= now() AND $2 '
                'AND NOT EXISTS (SELECT FROM touched n WHERE n.relation = c.relation AND n.record_key = c.record_key) '
            'UNION ALL SELECT 1, c.* FROM (SELECT n.relation, array_agg(n.record_key) AS keys FROM touched n GROUP BY 1 '
                'HAVING bool_and(n.record_key IS NOT NULL)) k CROSS JOIN LATERAL clock_rows(k.relation, k.keys) c '
                'WHERE NOT (c.stopped_at IS NULL AND c.due_at >= now() AND $2)) '
        'SELECT (%s AT TIME ZONE $1)::date, sum(c.sign), 0::bigint, %s, c.funnel, c.unit, c.stage, NULL::text, c.channel, c.product, c.owner, c.segment, NULL::text '
        'FROM changed c WHERE (%s) GROUP BY 1, c.funnel, c.unit, c.stage, c.channel, c.product, c.owner, c.segment '
        'HAVING $3 OR visible(coalesce(resolve_unit(c.unit), root_unit()), ''kpi'', ''total'')',
        i.day, (SELECT string_agg(coalesce('sum(c.sign * (' || i.sums[n] || ')::numeric)', 'NULL::numeric'), ', ' ORDER BY n) FROM generate_series(1, 4) n),
        coalesce(i.filter, 'true'))
    USING i.zone, i.component = 'clock_running', all_units;
END
$$;
COMMENT ON FUNCTION @extschema@.clock_cell(integer) IS
'What is to be added to what was counted of a component of clocks: those that changed since, and open ones that are not due yet taken away. '
'Of units whose totals the caller may see.';

CREATE FUNCTION @extschema@.clock_failing(relation pg_catalog.regclass, keys text[]) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE COST 100000 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM clock_rows(clock_failing.relation, keys) c WHERE c.error IS NOT NULL);
EXCEPTION WHEN serialization_failure OR deadlock_detected OR query_canceled OR lock_not_available OR insufficient_resources THEN
    RAISE;
WHEN OTHERS THEN
    RETURN true;
END
$$;
COMMENT ON FUNCTION @extschema@.clock_failing(pg_catalog.regclass, text[]) IS 'Whether a clock of records of a table cannot be made.';
SELECT @extschema@.set_audience('clock_failing(regclass, text[])', 'internal');

CREATE FUNCTION @extschema@.clock_state() RETURNS text
    LANGUAGE plpgsql STABLE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM clock_broken) THEN
        RETURN 'broken';
    ELSIF NOT EXISTS (SELECT FROM clock_note) THEN
        RETURN CASE WHEN EXISTS (SELECT FROM record_clock c WHERE c.error IS NOT NULL) THEN 'broken' ELSE 'ready' END;
    ELSIF EXISTS (SELECT FROM clock_note n WHERE n.record_key IS NULL) THEN
        RETURN 'filling';
    ELSIF EXISTS (SELECT FROM record_clock c WHERE c.error IS NOT NULL AND NOT EXISTS (
                      SELECT FROM clock_note n WHERE n.relation = c.relation AND n.record_key = c.record_key))
       OR EXISTS (SELECT FROM (SELECT n.relation, array_agg(DISTINCT n.record_key) AS keys FROM clock_note n
                               WHERE n.relation IN (SELECT a.relation FROM adoption a JOIN sla s USING (entity) WHERE s.fallible) GROUP BY 1) k
                  WHERE clock_failing(k.relation, k.keys)) THEN
        RETURN 'broken';
    END IF;
    RETURN 'ready';
END
$$;
COMMENT ON FUNCTION @extschema@.clock_state() IS
'Whether what was counted of clocks can be read: ready; filling, where all clocks of a table are to be made; broken, where some cannot be: the '
'condition of a service level fails on a record, or a table cannot be read.';
SELECT @extschema@.set_audience('clock_state()', 'internal');

CREATE FUNCTION @extschema@.has_clocks(component text) RETURNS boolean
    LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    RETURN EXISTS (SELECT FROM clock_table t JOIN component c ON c.component = has_clocks.component
                   WHERE c.needs <@ ARRAY(SELECT m.attribute FROM adoption_attribute m WHERE m.relation = t.relation))
       AND (has_clocks.component NOT IN ('clock_ended', 'clock_running') OR EXISTS (SELECT FROM sla s WHERE s.target IS NOT NULL));
END
$$;
COMMENT ON FUNCTION @extschema@.has_clocks(text) IS
'Whether a table with clocks feeds a component of clocks: one that maps what it needs; for kept promises there must be a service level.';
SELECT @extschema@.set_audience('has_clocks(text)', 'internal');
