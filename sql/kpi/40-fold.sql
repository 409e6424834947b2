-- Folding: pending changes become part of the rollup.

CREATE FUNCTION @extschema@.take_pending(max_rows bigint, from_block bigint)
    RETURNS TABLE (instance integer, day date, rows bigint, invalid bigint, s1 numeric, s2 numeric, s3 numeric, s4 numeric, dims uuid, first boolean,
                   funnel text, unit text, stage text, campaign text, channel text, product text, owner text, segment text,
                   currency text, taken bigint, next_block bigint)
    AS 'MODULE_PATHNAME', 'crm_take_pending' LANGUAGE C VOLATILE STRICT PARALLEL UNSAFE COST 100000 ROWS 10000;
COMMENT ON FUNCTION @extschema@.take_pending(bigint, bigint) IS
'Deletes up to max_rows rows of kpi_pending from a block on, and returns what they add up to, each component, day and set of '
'dimensions once; the values of the dimensions, which dims is a hash of, stand in the first row of a set. It stops where it has many groups. '
'The last row has no instance and says how many rows it took, and the block to go on from, NULL where none is left. fold calls it.';
SELECT @extschema@.set_audience('take_pending(bigint, bigint)', 'admin');

CREATE FUNCTION @extschema@.last_taken() RETURNS timestamptz
    AS 'MODULE_PATHNAME', 'crm_last_taken' LANGUAGE C STABLE PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.last_taken() IS 'When this session last folded something, or NULL.';
SELECT @extschema@.set_audience('last_taken()', 'admin');

-- One statement deletes what it sees and adds it, so that every snapshot has a change in exactly one of the two tables.
CREATE FUNCTION @extschema@.fold_pass(max_rows bigint, from_block bigint, OUT taken bigint, OUT next_block bigint)
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    WITH summed AS MATERIALIZED (
        SELECT * FROM take_pending(max_rows, from_block)
    ), interned AS (
        INSERT INTO kpi_dims (dims, funnel, unit, stage, campaign, channel, product, owner, segment, currency)
        SELECT DISTINCT ON (s.dims) s.dims, s.funnel, s.unit, s.stage, s.campaign, s.channel, s.product, s.owner, s.segment, s.currency
        FROM summed s WHERE s.first
        ON CONFLICT DO NOTHING
    ), folded AS (
        INSERT INTO kpi_rollup AS r (instance, day, dims, rows, invalid, s1, s2, s3, s4)
        SELECT s.instance, s.day, s.dims, s.rows, s.invalid, s.s1, s.s2, s.s3, s.s4
        FROM summed s WHERE s.instance IN (SELECT i.instance FROM kpi_instance i)
        ORDER BY s.instance, s.day, s.dims
        ON CONFLICT ON CONSTRAINT kpi_rollup_pkey DO UPDATE
        SET rows = r.rows + excluded.rows, invalid = r.invalid + excluded.invalid,
            s1 = coalesce(r.s1 + excluded.s1, r.s1, excluded.s1), s2 = coalesce(r.s2 + excluded.s2, r.s2, excluded.s2),
            s3 = coalesce(r.s3 + excluded.s3, r.s3, excluded.s3), s4 = coalesce(r.s4 + excluded.s4, r.s4, excluded.s4)
    )
    SELECT s.taken, s.next_block FROM summed s WHERE s.instance IS NULL
$$;
COMMENT ON FUNCTION @extschema@.fold_pass(bigint, bigint) IS 'Folds what one call of take_pending took.';
SELECT @extschema@.set_audience('fold_pass(bigint, bigint)', 'admin');

CREATE FUNCTION @extschema@.pending_limit() RETURNS bigint
    AS 'MODULE_PATHNAME', 'crm_pending_limit' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pending_limit() IS 'The setting crm.pending_limit.';

CREATE FUNCTION @extschema@.fold(max_rows bigint DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    count bigint := 0;
    wanted bigint := max_rows;
    pass record;
    next_block bigint := 0;
BEGIN
    IF max_rows < 0 THEN
        RAISE EXCEPTION 'max_rows is negative: %', max_rows USING ERRCODE = 'RM005', HINT = 'Leave it out to fold all there is.';
    END IF;
    IF NOT fold_lock(wait => false) THEN
        RETURN 0;
    END IF;
    IF EXISTS (SELECT FROM tracking) THEN -- after a restore stage entries are counted anew
        BEGIN
            PERFORM capture_entries();
        EXCEPTION WHEN lock_not_available THEN
            NULL; -- the next fold tries again
        END;
    END IF;
    IF wanted IS NULL OR (SELECT count(*) > pending_limit() FROM (SELECT FROM kpi_pending LIMIT pending_limit() + 1) p) THEN
        wanted := 9223372036854775807;
    END IF;
    WHILE next_block IS NOT NULL AND count < wanted LOOP
        SELECT * INTO pass FROM fold_pass(wanted - count, next_block);
        count := count + pass.taken;
        next_block := pass.next_block;
    END LOOP;
    DELETE FROM kpi_rollup r
    WHERE r.rows = 0 AND r.invalid = 0 AND coalesce(r.s1, 0) = 0 AND coalesce(r.s2, 0) = 0 AND coalesce(r.s3, 0) = 0
      AND coalesce(r.s4, 0) = 0;
    RETURN count;
END
$$;
COMMENT ON FUNCTION @extschema@.fold(bigint) IS
'Moves pending changes into the rollup and returns how many rows of kpi_pending it moved: up to max_rows, all where it is '
'NULL or crm.pending_limit is passed. 0 where somebody else folds at the moment. Numbers do not change by it. crmd calls it; '
'call it in READ COMMITTED. Error: RM005 for a negative max_rows.';
SELECT @extschema@.set_audience('fold(bigint)', 'daemon');
