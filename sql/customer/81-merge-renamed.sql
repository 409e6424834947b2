-- The log of merges knows rows by the names of their columns, as a dump does, and references by theirs: both follow a renamed column, or an
-- unmerge would take its values for those of a column that is gone.

CREATE FUNCTION @extschema@.with_renamed("row" jsonb, old text, new text) RETURNS jsonb
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
    RETURN CASE WHEN "row" ? old THEN ("row" - old) || jsonb_build_object(new, "row" -> old) ELSE "row" END;
COMMENT ON FUNCTION @extschema@.with_renamed(jsonb, text, text) IS 'A row of text forms in which a column has another name.';

CREATE FUNCTION @extschema@.rename_merged(relation pg_catalog.regclass, old text, new text) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    UPDATE merge_change c
    SET before = with_renamed(c.before, old, new), after = with_renamed(c.after, old, new), expected = with_renamed(c.expected, old, new),
        restore = with_renamed(c.restore, old, new)
    FROM row_merge m
    WHERE m.unmerged_at IS NULL AND m.forgotten_at IS NULL AND c.merge_id = m.merge_id AND c.relation = rename_merged.relation;
    UPDATE merge_redirected r SET meant = with_renamed(r.meant, old, new), given = with_renamed(r.given, old, new)
    FROM row_merge m
    WHERE m.unmerged_at IS NULL AND m.forgotten_at IS NULL AND r.merge_id = m.merge_id AND r.relation = rename_merged.relation;
    UPDATE soft_reference s SET columns = array_replace(s.columns, old::name, new::name)
    WHERE s.relation = rename_merged.relation AND old = ANY (s.columns);
    UPDATE soft_reference s SET target_columns = array_replace(s.target_columns, old::name, new::name)
    WHERE s.target = rename_merged.relation AND old = ANY (s.target_columns);
$$;
COMMENT ON FUNCTION @extschema@.rename_merged(pg_catalog.regclass, text, text) IS
'A column of a table has another name: so it has in the merges that can be taken back, and in registered references.';
SELECT @extschema@.set_audience('rename_merged(regclass, text, text)', 'internal');

CREATE FUNCTION @extschema@.follow_merged_columns() RETURNS event_trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    renamed record;
BEGIN
    FOR renamed IN
        WITH RECURSIVE line (relation, old, new) AS ( -- of tables that inherit the column nothing is told
            SELECT c.objid, renamed_column(c.command), a.attname::text
            FROM pg_event_trigger_ddl_commands() c JOIN pg_attribute a ON a.attrelid = c.objid AND a.attnum = c.objsubid
            WHERE c.classid = 'pg_class'::regclass AND c.object_type = 'table column' AND renamed_column(c.command) IS NOT NULL
            UNION
            SELECT i.inhrelid, l.old, l.new FROM line l JOIN pg_inherits i ON i.inhparent = l.relation)
        SELECT l.relation::regclass AS relation, l.old, l.new FROM line l LOOP
        PERFORM rename_merged(renamed.relation, renamed.old, renamed.new);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.follow_merged_columns() IS
'Event trigger: a column that was renamed has its new name in the log of merges and in registered references.';
CREATE EVENT TRIGGER crm_follow_merged_columns ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION @extschema@.follow_merged_columns();
COMMENT ON EVENT TRIGGER crm_follow_merged_columns IS 'The log of merges names renamed columns by their new names.';
