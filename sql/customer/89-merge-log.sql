-- What was merged: for those who may know, and for whoever holds an old key.

CREATE FUNCTION @extschema@.may_see_merge(relation pg_catalog.regclass, merged_by text) RETURNS boolean
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT coalesce(may_administer(relation), false)
        OR merged_by = coalesce(current_principal(), caller()::text) AND has_table_privilege(caller()::oid, relation, 'SELECT')
        OR EXISTS (SELECT FROM pg_class c WHERE c.oid = may_see_merge.relation AND NOT c.relrowsecurity
                                            AND has_table_privilege(caller()::oid, c.oid, 'SELECT'))
$$;
COMMENT ON FUNCTION @extschema@.may_see_merge(pg_catalog.regclass, text) IS
'Whether the caller may know of a merge: the owner of the table and administrators, who did it, and on a table without policies who may read it.';
SELECT @extschema@.set_audience('may_see_merge(regclass, text)', 'internal');

CREATE FUNCTION @extschema@.merge_log_rows()
    RETURNS TABLE (merge_id bigint, relation regclass, keep text, lose text[], reason text, merged_by text,
                   merged_at timestamptz, unmerged_at timestamptz, unmerged_by text, state text, changed bigint)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT m.merge_id, m.relation, m.keep, m.lose, m.reason, m.merged_by, m.merged_at, m.unmerged_at, m.unmerged_by,
           CASE WHEN m.erased_at IS NOT NULL THEN 'erased' WHEN m.unmerged_at IS NOT NULL THEN 'taken back'
                WHEN m.forgotten_at IS NOT NULL THEN 'forgotten' ELSE 'merged' END, m.changed
    FROM row_merge m WHERE may_see_merge(m.relation, m.merged_by)
$$;
COMMENT ON FUNCTION @extschema@.merge_log_rows() IS 'The rows of merge_log.';
CREATE VIEW @extschema@.merge_log AS SELECT r.* FROM @extschema@.merge_log_rows() r;
COMMENT ON VIEW @extschema@.merge_log IS
'Merges of rows and their taking back, as far as the caller may know: those of tables that he owns or may administer, his own, and those of '
'tables without policies that he may read. state: merged, taken back, forgotten (it stays as it is), erased (of a person who was erased); '
'changed: how many rows it changed or removed.';
GRANT SELECT ON @extschema@.merge_log TO PUBLIC;

-- What is needed to take merges back, whole rows, goes; which row stands for a key stays, for resolve_key and redirects.
CREATE FUNCTION @extschema@.empty_merges(merges bigint[]) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    DELETE FROM merge_change c WHERE c.merge_id = ANY (merges) AND (c.action <> 'delete' OR EXISTS (
        SELECT FROM row_merge m WHERE m.merge_id = c.merge_id AND m.unmerged_at IS NOT NULL));
    UPDATE merge_change c SET before = '{}', after = '{}', expected = NULL, restore = NULL, via = NULL WHERE c.merge_id = ANY (merges);
    DELETE FROM merge_held h WHERE h.merge_id = ANY (merges);
    DELETE FROM merge_finding f WHERE f.merge_id = ANY (merges);
    DELETE FROM merge_redirected r WHERE r.merge_id = ANY (merges);
$$;
COMMENT ON FUNCTION @extschema@.empty_merges(bigint[]) IS 'Takes from merges what only their taking back needs.';
SELECT @extschema@.set_audience('empty_merges(bigint[])', 'internal');

CREATE FUNCTION @extschema@.forget_merges(before timestamptz) RETURNS bigint
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    merges bigint[];
BEGIN
    IF forget_merges.before IS NULL THEN
        RAISE EXCEPTION 'forget_merges needs a time' USING ERRCODE = 'RM005', HINT = 'SELECT @extschema@.forget_merges(now() - interval ''1 year'');';
    END IF;
    -- never a merge with an older one left: that could not be followed through it
    merges := ARRAY(SELECT m.merge_id FROM row_merge m
                    WHERE m.forgotten_at IS NULL AND m.merged_at < forget_merges.before
                      AND m.merge_id < coalesce((SELECT min(o.merge_id) FROM row_merge o WHERE o.merged_at >= forget_merges.before), m.merge_id + 1)
                    ORDER BY 1 FOR UPDATE);
    PERFORM empty_merges(merges);
    UPDATE row_merge m SET forgotten_at = now() WHERE m.merge_id = ANY (merges);
    RETURN cardinality(merges);
END
$$;
COMMENT ON FUNCTION @extschema@.forget_merges(timestamptz) IS
'Forgets what merges before a time changed, which cannot be taken back then (RM204): the log grows by a whole row for each row that a merge changed. '
'That they were, and where their keys lead, stays known. Returns how many. For administrators. '
'Example: SELECT forget_merges(now() - interval ''1 year'');';
SELECT @extschema@.set_audience('forget_merges(timestamptz)', 'admin');

-- A merge of rows of a table that was dropped leads nowhere and cannot be taken back; one of another table can, without the rows of it.
CREATE FUNCTION @extschema@.forget_merged_table(relation oid) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    merges bigint[];
BEGIN
    IF NOT EXISTS (SELECT FROM row_merge) THEN
        RETURN;
    END IF;
    WITH gone AS (DELETE FROM row_merge m WHERE m.relation = $1 RETURNING m.merge_id) -- with what refers to them
    SELECT array_agg(g.merge_id) INTO merges FROM gone g;
    DELETE FROM merge_change c WHERE c.merge_id = ANY (merges);
    DELETE FROM merge_change c USING row_merge m WHERE c.merge_id = m.merge_id AND c.relation = $1;
    DELETE FROM merge_held h USING row_merge m WHERE h.merge_id = m.merge_id AND h.relation = $1;
    DELETE FROM merge_redirected r USING row_merge m WHERE r.merge_id = m.merge_id AND r.relation = $1;
    DELETE FROM merge_finding f WHERE f.relation = $1;
END
$$;
COMMENT ON FUNCTION @extschema@.forget_merged_table(oid) IS 'A table is gone: what merges keep of its rows goes, too.';
SELECT @extschema@.set_audience('forget_merged_table(oid)', 'internal');

CREATE FUNCTION @extschema@.status_merges() RETURNS SETOF @extschema@.status_row
    LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT 'customer', 'merges', 'ok', coalesce(sum(m.changed), 0)::bigint, min(m.merged_at),
           format('rows that %s merges changed, kept so that they can be taken back: %s', count(*),
                  pg_size_pretty(pg_total_relation_size('@extschema@.merge_change'))),
           'SELECT @extschema@.forget_merges(now() - interval ''1 year'');'
    FROM row_merge m WHERE m.forgotten_at IS NULL HAVING count(*) > 0
$$;
COMMENT ON FUNCTION @extschema@.status_merges() IS 'Row of status: what is kept of merges.';
SELECT @extschema@.set_audience('status_merges()', 'admin');
INSERT INTO @extschema@.status_source (function_name, room) VALUES ('status_merges', 'customer');

-- Whole rows of other tables stand in a merge, so each table asks for itself.
CREATE FUNCTION @extschema@.merge_rows_of(merge_id bigint)
    RETURNS TABLE (in_relation pg_catalog.regclass, row_key text, action text, kept_key text, before jsonb, after jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT c.relation, c.row_key, c.action, c.keep_key, c.before, CASE c.action WHEN 'update' THEN c.after END
    FROM merge_change c JOIN pg_class k ON k.oid = c.relation
    WHERE c.merge_id = merge_rows_of.merge_id AND c.action <> 'stay'
      AND (coalesce(may_administer(c.relation), false) OR NOT k.relrowsecurity AND has_table_privilege(caller()::oid, c.relation, 'SELECT'))
$$;
COMMENT ON FUNCTION @extschema@.merge_rows_of(bigint) IS
'The rows that a merge changed or removed, whole as they were, and what became of the changed columns; only of tables that the caller owns or '
'administers, or, where a table has no policies, may read. Example: SELECT * FROM merge_rows_of(42);';

CREATE FUNCTION @extschema@.unmerge_report(merge_id bigint)
    RETURNS TABLE (in_relation pg_catalog.regclass, row_key text, finding text, wanted jsonb, found jsonb)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT f.relation, f.row_key, f.finding, f.wanted, f.found
    FROM merge_finding f JOIN pg_class k ON k.oid = f.relation
    WHERE f.merge_id = unmerge_report.merge_id
      AND (coalesce(may_administer(f.relation), false) OR NOT k.relrowsecurity AND has_table_privilege(caller()::oid, f.relation, 'SELECT'))
    ORDER BY 1, 2, 3
$$;
COMMENT ON FUNCTION @extschema@.unmerge_report(bigint) IS
'Rows that unmerge did not make what they were: edited since (what it would have given back, and what stands), gone since, removed by a later '
'merge that still stands, changed by a trigger; and rows that came since and followed a key that '
'went back. Nothing where all is as it was. Rights as merge_rows_of(). '
'Example: SELECT * FROM unmerge_report(42);';
