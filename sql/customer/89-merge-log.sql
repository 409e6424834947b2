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
                   merged_at timestamptz, unmerged_at timestamptz, unmerged_by text)
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 100
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT m.merge_id, m.relation, m.keep, m.lose, m.reason, m.merged_by, m.merged_at, m.unmerged_at, m.unmerged_by
    FROM row_merge m WHERE may_see_merge(m.relation, m.merged_by)
$$;
COMMENT ON FUNCTION @extschema@.merge_log_rows() IS 'The rows of merge_log.';
CREATE VIEW @extschema@.merge_log AS SELECT r.* FROM @extschema@.merge_log_rows() r;
COMMENT ON VIEW @extschema@.merge_log IS
'Merges of rows and their taking back, as far as the caller may know: those of tables that he owns or may administer, his own, and those of '
'tables without policies that he may read.';
GRANT SELECT ON @extschema@.merge_log TO PUBLIC;

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
