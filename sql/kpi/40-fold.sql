-- Folding: pending changes become part of the rollup.

CREATE FUNCTION @extschema@.take_pending(max_rows bigint)
    RETURNS TABLE (instance integer, day date, rows bigint, invalid bigint, s1 numeric, s2 numeric, s3 numeric, s4 numeric, dims uuid, first boolean,
                   funnel text, unit text, stage text, campaign text, channel text, product text, owner text, segment text,
                   currency text, taken bigint, rest boolean, pieces bigint, counted bytea)
    AS 'MODULE_PATHNAME', 'crm_take_pending' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100000 ROWS 10000;
COMMENT ON FUNCTION @extschema@.take_pending(bigint) IS
'Deletes up to max_rows rows of kpi_pending and returns what they add up to: each component, day and set of dimensions once, or once in each of '
'several pieces where they do not fit into maintenance_work_mem together. The values of the dimensions, which dims is a hash of, stand in the first '
'row of a set. A row with counted has values and no sums. The last row has no instance: how many rows were taken, whether some are left, and the number of pieces. fold calls it.';
SELECT @extschema@.set_audience('take_pending(bigint)', 'admin');

CREATE FUNCTION @extschema@.last_taken() RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'crm_last_taken' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.last_taken() IS 'When this session last folded something, or NULL.';
SELECT @extschema@.set_audience('last_taken()', 'admin');

-- One statement deletes what it sees and adds it, so that every snapshot has a change in exactly one of the two tables. It touches
-- each row of the rollup once: a row that one transaction updates again and again drags all its versions along.
CREATE FUNCTION @extschema@.fold_pass(max_rows bigint, OUT taken bigint, OUT rest boolean)
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH summed AS MATERIALIZED (
        SELECT * FROM take_pending(max_rows)
    ), interned AS (
        INSERT INTO kpi_dims (dims, funnel, unit, stage, campaign, channel, product, owner, segment, currency)
        SELECT DISTINCT ON (s.dims) s.dims, s.funnel, s.unit, s.stage, s.campaign, s.channel, s.product, s.owner, s.segment, s.currency
        FROM summed s WHERE s.first
        ON CONFLICT DO NOTHING
    ), whole AS (
        SELECT s.instance, s.day, s.dims, s.rows, s.invalid, s.s1, s.s2, s.s3, s.s4
        FROM summed s WHERE s.counted IS NULL AND (SELECT p.pieces = 1 FROM summed p WHERE p.instance IS NULL)
        UNION ALL
        SELECT s.instance, s.day, s.dims, sum(s.rows)::bigint, sum(s.invalid)::bigint, sum(s.s1), sum(s.s2), sum(s.s3), sum(s.s4)
        FROM summed s WHERE s.counted IS NULL AND (SELECT p.pieces > 1 FROM summed p WHERE p.instance IS NULL)
        GROUP BY s.instance, s.day, s.dims
    ), folded AS (
        INSERT INTO kpi_rollup AS r (instance, day, dims, rows, invalid, s1, s2, s3, s4)
        SELECT w.instance, w.day, w.dims, w.rows, w.invalid, w.s1, w.s2, w.s3, w.s4
        FROM whole w WHERE w.instance IN (SELECT i.instance FROM kpi_captured i)
        ORDER BY w.instance, w.day, w.dims
        ON CONFLICT ON CONSTRAINT kpi_rollup_pkey DO UPDATE
        SET rows = r.rows + excluded.rows, invalid = r.invalid + excluded.invalid,
            s1 = coalesce(r.s1 + excluded.s1, r.s1, excluded.s1), s2 = coalesce(r.s2 + excluded.s2, r.s2, excluded.s2),
            s3 = coalesce(r.s3 + excluded.s3, r.s3, excluded.s3), s4 = coalesce(r.s4 + excluded.s4, r.s4, excluded.s4)
    ), came AS MATERIALIZED (
        SELECT s.instance, s.day, s.dims, s.counted AS piece, counted_falls(s.counted) AS falls
        FROM summed s WHERE s.counted IS NOT NULL AND s.instance IN (SELECT i.instance FROM kpi_captured i)
    ), taken_out AS (
        -- what is taken away must not stay in another piece; else a large piece is left alone until enough has come. By the index,
        -- whatever the planner thinks of how much came
        DELETE FROM kpi_counted k
        WHERE k.ctid = ANY (ARRAY(SELECT p.at FROM came c CROSS JOIN LATERAL (
            SELECT k.ctid AS at FROM kpi_counted k
            WHERE k.instance = c.instance AND k.day = c.day AND k.dims = c.dims AND (c.falls OR octet_length(k.piece) < 4 * octet_length(c.piece))
            OFFSET 0) p))
        RETURNING k.instance, k.day, k.dims, k.piece
    ), counted AS (
        INSERT INTO kpi_counted (instance, day, dims, piece)
        SELECT m.* FROM (SELECT a.instance, a.day, a.dims, counted_merge(a.piece) AS piece
                         FROM (SELECT c.instance, c.day, c.dims, c.piece FROM came c UNION ALL TABLE taken_out) a
                         GROUP BY a.instance, a.day, a.dims) m
        WHERE m.piece IS NOT NULL
        ORDER BY m.instance, m.day, m.dims
    )
    SELECT s.taken, s.rest FROM summed s WHERE s.instance IS NULL
$$;
COMMENT ON FUNCTION @extschema@.fold_pass(bigint) IS 'Folds what one call of take_pending took; rest: whether it left some.';
SELECT @extschema@.set_audience('fold_pass(bigint)', 'admin');

CREATE FUNCTION @extschema@.pending_limit() RETURNS bigint
    AS 'MODULE_PATHNAME', 'crm_pending_limit' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pending_limit() IS 'The setting crm.pending_limit.';

-- Capture that was paused for want of room goes on, and what it missed is counted by a backfill.
CREATE FUNCTION @extschema@.resume_paused() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    each regclass;
BEGIN
    FOR each IN SELECT DISTINCT i.relation FROM kpi_broken b JOIN kpi_captured i USING (instance) WHERE b.paused ORDER BY 1 LOOP
        BEGIN
            PERFORM lock_members(each, 'SHARE ROW EXCLUSIVE', '1 second'); -- writers that captured nothing finish first
            DELETE FROM kpi_broken b USING kpi_captured i WHERE b.paused AND b.instance = i.instance AND i.relation = each;
            IF each IN ('transition_log'::regclass, 'record_clock'::regclass) THEN
                PERFORM forget_instances(ARRAY(SELECT i.instance FROM kpi_instance i WHERE i.relation = each));
                PERFORM capture_entries();
            ELSE
                PERFORM recount(each);
                PERFORM capture_changed(each);
            END IF;
        EXCEPTION WHEN lock_not_available THEN
            NULL; -- the next fold tries again
        END;
    END LOOP;
    FOR each IN SELECT DISTINCT p.relation FROM clock_paused p ORDER BY 1 LOOP
        BEGIN
            PERFORM lock_members(each, 'SHARE ROW EXCLUSIVE', '1 second');
            PERFORM lock_members('transition_log'::regclass, 'SHARE ROW EXCLUSIVE', '1 second');
            DELETE FROM clock_paused p WHERE p.relation = each;
            INSERT INTO clock_touched SELECT t.relation, NULL FROM clock_table t WHERE t.relation = each;
        EXCEPTION WHEN lock_not_available THEN
            NULL;
        END;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.resume_paused() IS 'Ends the pause of capture past crm.pending_hard_limit, where fold() has drained.';
SELECT @extschema@.set_audience('resume_paused()', 'admin');

-- Nothing that is pending was committed before the last fold that left nothing: so its age costs those who write nothing.
CREATE TABLE @extschema@.fold_drained (
    one boolean PRIMARY KEY CHECK (one),
    at timestamptz
);
COMMENT ON TABLE @extschema@.fold_drained IS 'One row: what was committed by then is in the rollup. NULL before the first fold, also after a restore.';
INSERT INTO @extschema@.fold_drained VALUES (true, NULL);

CREATE FUNCTION @extschema@.fold(max_rows bigint DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    wanted bigint := max_rows;
    pass record;
BEGIN
    IF max_rows < 0 THEN
        RAISE EXCEPTION 'max_rows is negative: %', max_rows USING ERRCODE = 'RM005', HINT = 'Leave it out to fold all there is.';
    END IF;
    IF NOT fold_lock(wait => false) THEN
        RETURN 0;
    END IF;
    IF EXISTS (SELECT FROM adoption) THEN -- after a restore stage entries and clocks are counted anew
        BEGIN
            PERFORM capture_entries();
        EXCEPTION WHEN lock_not_available THEN
            NULL; -- the next fold tries again
        END;
        PERFORM settle_clocks(max_rows);
    END IF;
    IF wanted IS NULL OR (SELECT count(*) > pending_limit() FROM (SELECT FROM kpi_pending LIMIT pending_limit() + 1) p) THEN
        wanted := 9223372036854775807;
    END IF;
    IF EXISTS (SELECT FROM kpi_pending) THEN
        SELECT * INTO pass FROM fold_pass(wanted);
    ELSE -- nothing costs little: crmd asks five times a second
        SELECT 0::bigint AS taken, false AS rest INTO pass;
    END IF;
    IF NOT pass.rest AND (EXISTS (SELECT FROM kpi_broken b WHERE b.paused) OR EXISTS (SELECT FROM clock_paused)) THEN
        PERFORM resume_paused();
    END IF;
    IF NOT pass.rest THEN -- now is not later than any snapshot of this transaction
        UPDATE fold_drained d SET at = now() WHERE d.at IS NULL OR pass.taken > 0 AND d.at < now() OR d.at < now() - interval '10 seconds';
    END IF;
    PERFORM switch_components();
    PERFORM drop_retired();
    DELETE FROM kpi_rollup r
    WHERE r.rows = 0 AND r.invalid = 0 AND coalesce(r.s1, 0) = 0 AND coalesce(r.s2, 0) = 0 AND coalesce(r.s3, 0) = 0
      AND coalesce(r.s4, 0) = 0;
    RETURN pass.taken;
END
$$;
COMMENT ON FUNCTION @extschema@.fold(bigint) IS
'Moves pending changes into the rollup and returns how many rows of kpi_pending it moved: up to max_rows, all where it is '
'NULL or crm.pending_limit is passed. 0 where somebody else folds at the moment. Numbers do not change by it. crmd calls it; '
'call it in READ COMMITTED. Error: RM005 for a negative max_rows.';
SELECT @extschema@.set_audience('fold(bigint)', 'daemon');

-- A snapshot that is held keeps every version of a rollup row that folds make, and a hot row is then read through all of
-- them. So the pause between folds grows with the snapshot's age: a few dozen folds for each time that it gets ten times as old.
CREATE FUNCTION @extschema@.snapshot_age() RETURNS interval
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT greatest(interval '0',
        (SELECT max(clock_timestamp() - a.xact_start) FROM pg_stat_activity a
         WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND (a.backend_xmin IS NOT NULL OR a.backend_xid IS NOT NULL)),
        (SELECT max(clock_timestamp() - p.prepared) FROM pg_prepared_xacts p WHERE p.database = current_database()))
$$;
COMMENT ON FUNCTION @extschema@.snapshot_age() IS
'How long the oldest other transaction of this database, open or prepared, has kept rows from being vacuumed.';
SELECT @extschema@.set_audience('snapshot_age()', 'admin');

CREATE FUNCTION @extschema@.fold_pause() RETURNS interval
    LANGUAGE sql STABLE PARALLEL RESTRICTED SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN @extschema@.snapshot_age() / 20;
COMMENT ON FUNCTION @extschema@.fold_pause() IS 'How long crmd waits between two folds: a twentieth of the age of the oldest snapshot.';
SELECT @extschema@.set_audience('fold_pause()', 'admin');

CREATE FUNCTION @extschema@.fold_due() RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    -- asked five times a second, mostly of nothing: what makes no versions needs no pause
    IF (EXISTS (SELECT FROM kpi_pending) OR EXISTS (SELECT FROM clock_touched)) AND clock_timestamp() < last_taken() + fold_pause()
       AND (SELECT count(*) <= pending_limit() / 4 FROM (SELECT FROM kpi_pending LIMIT pending_limit() / 4 + 1) p) THEN
        RETURN 0;
    END IF;
    RETURN fold();
END
$$;
COMMENT ON FUNCTION @extschema@.fold_due() IS
'For crmd: fold, but where an old snapshot is held less often, and never with more than a quarter of crm.pending_limit pending. '
'Returns as fold.';
SELECT @extschema@.set_audience('fold_due()', 'daemon');
