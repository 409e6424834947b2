-- Folding: pending changes become part of the rollup.

CREATE FUNCTION @extschema@.dims_id(VARIADIC dims text[]) RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN pg_catalog.md5(dims::text)::uuid;
COMMENT ON FUNCTION @extschema@.dims_id(text[]) IS
'The id of a set of dimension values. Only a short key: kpi_dims holds the values.';
SELECT @extschema@.set_audience('dims_id(text[])', 'admin');

CREATE FUNCTION @extschema@.pending_limit() RETURNS bigint
    AS 'MODULE_PATHNAME', 'crm_pending_limit' LANGUAGE C STABLE PARALLEL SAFE;
COMMENT ON FUNCTION @extschema@.pending_limit() IS 'The setting crm.pending_limit.';

-- One statement deletes what it sees and adds it, so that every snapshot has a change in exactly one of the two tables.
CREATE FUNCTION @extschema@.fold(max_rows bigint DEFAULT NULL) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp
    SET plan_cache_mode = force_custom_plan AS $$ -- max_rows decides between a scan by ctid and one of everything
DECLARE
    count bigint;
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
    IF max_rows IS NOT NULL AND (SELECT count(*) > pending_limit() FROM (SELECT FROM kpi_pending LIMIT pending_limit() + 1) p) THEN
        max_rows := NULL;
    END IF;
    WITH gone AS MATERIALIZED (
        DELETE FROM kpi_pending p
        WHERE max_rows IS NULL OR p.ctid = ANY (ARRAY(SELECT q.ctid FROM kpi_pending q LIMIT max_rows))
        RETURNING p.*, dims_id(p.funnel, p.unit, p.stage, p.campaign, p.channel, p.product, p.owner, p.segment, p.currency) AS dims
    ), interned AS (
        INSERT INTO kpi_dims (dims, funnel, unit, stage, campaign, channel, product, owner, segment, currency)
        SELECT DISTINCT ON (g.dims) g.dims, g.funnel, g.unit, g.stage, g.campaign, g.channel, g.product, g.owner, g.segment,
               g.currency
        FROM gone g ORDER BY g.dims
        ON CONFLICT DO NOTHING
    ), summed AS MATERIALIZED (
        SELECT part.instance, part.day, g.dims, sum(part.rows)::bigint AS rows, sum(part.invalid)::bigint AS invalid,
               sum(part.s1) AS s1, sum(part.s2) AS s2, sum(part.s3) AS s3, sum(part.s4) AS s4
        FROM gone g CROSS JOIN LATERAL unnest(g.parts) part
        WHERE EXISTS (SELECT FROM kpi_instance i WHERE i.instance = part.instance)
        GROUP BY part.instance, part.day, g.dims
    ), folded AS (
        INSERT INTO kpi_rollup AS r SELECT * FROM summed s ORDER BY s.instance, s.day, s.dims
        ON CONFLICT ON CONSTRAINT kpi_rollup_pkey DO UPDATE
        SET rows = r.rows + excluded.rows, invalid = r.invalid + excluded.invalid,
            s1 = coalesce(r.s1 + excluded.s1, r.s1, excluded.s1), s2 = coalesce(r.s2 + excluded.s2, r.s2, excluded.s2),
            s3 = coalesce(r.s3 + excluded.s3, r.s3, excluded.s3), s4 = coalesce(r.s4 + excluded.s4, r.s4, excluded.s4)
    )
    SELECT count(*) INTO count FROM gone;
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
