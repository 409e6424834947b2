-- What happens to adopted tables by DDL: new partitions get their triggers, dropped tables are forgotten.

CREATE FUNCTION @extschema@.moves_partitions(command pg_ddl_command) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_moves_partitions' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.moves_partitions(pg_ddl_command) IS
'Of a row of pg_event_trigger_ddl_commands(): whether it created a table, or attached or detached a partition.';
SELECT @extschema@.set_audience('moves_partitions(pg_ddl_command)', 'admin');

CREATE FUNCTION @extschema@.renames_label(command pg_ddl_command) RETURNS boolean
    AS 'MODULE_PATHNAME', 'crm_renames_label' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.renames_label(pg_ddl_command) IS
'Of a row of pg_event_trigger_ddl_commands(): whether it gave a value of an enum another name.';
SELECT @extschema@.set_audience('renames_label(pg_ddl_command)', 'admin');

CREATE FUNCTION @extschema@.renamed_column(command pg_ddl_command) RETURNS text
    AS 'MODULE_PATHNAME', 'crm_renamed_column' LANGUAGE C STABLE STRICT PARALLEL RESTRICTED;
COMMENT ON FUNCTION @extschema@.renamed_column(pg_ddl_command) IS
'Of a row of pg_event_trigger_ddl_commands(): the name that a column had which the command gave another; NULL where it did something else.';
SELECT @extschema@.set_audience('renamed_column(pg_ddl_command)', 'admin');

CREATE FUNCTION @extschema@.altered_adoptions() RETURNS SETOF pg_catalog.regclass
    LANGUAGE sql VOLATILE PARALLEL UNSAFE ROWS 1 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT DISTINCT a.relation
    FROM pg_event_trigger_ddl_commands() c
    CROSS JOIN LATERAL (SELECT c.objid UNION SELECT i.inhparent FROM pg_inherits i WHERE i.inhrelid = c.objid
                        UNION SELECT i.inhrelid FROM pg_inherits i WHERE i.inhparent = c.objid) t (touched)
    JOIN adoption a ON a.relation = adopted_root(t.touched)
    WHERE c.classid = 'pg_class'::regclass AND c.object_type IN ('table', 'foreign table')
$$;
COMMENT ON FUNCTION @extschema@.altered_adoptions() IS
'In an event trigger of ddl_command_end: the adopted tables that the command altered, a partition of them, or what is above or below them.';
SELECT @extschema@.set_audience('altered_adoptions()', 'internal');

CREATE FUNCTION @extschema@.follow_partitions() RETURNS event_trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    wanted record;
    altered regclass;
BEGIN
    IF NOT EXISTS (SELECT FROM attached_trigger) THEN
        RETURN;
    END IF;
    SELECT adopted_root(c.objid) INTO altered
    FROM pg_event_trigger_ddl_commands() c
    WHERE c.classid = 'pg_class'::regclass AND c.object_type = 'table' AND moves_partitions(c.command) LIMIT 1;
    IF altered IS NULL OR NOT EXISTS (SELECT FROM pg_partitioned_table p WHERE p.partrelid = altered) THEN
        RETURN;
    END IF;
    -- Attached partitions get the triggers, once the table itself has them: a dump being restored makes its own.
    FOR wanted IN SELECT m AS member, a AS triggers
                  FROM attached_trigger a, members(a.relation) m
                  WHERE a.relation = altered
                    AND EXISTS (SELECT FROM pg_trigger t
                                WHERE t.tgrelid = a.relation AND t.tgname = trigger_name(a.room, a.events[1]))
                    AND NOT EXISTS (SELECT FROM pg_trigger t
                                    WHERE t.tgrelid = m AND t.tgname = trigger_name(a.room, a.events[1]))
    LOOP
        PERFORM attach_member(wanted.member, wanted.triggers);
        PERFORM refill(altered) FROM pg_class c WHERE c.oid = wanted.member AND c.relkind = 'r' AND pg_relation_size(c.oid) > 0;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.follow_partitions() IS
'Event trigger: a new partition of an adopted table gets the triggers of the rooms.';

CREATE FUNCTION @extschema@.refill(relation pg_catalog.regclass) RETURNS void
    LANGUAGE sql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    UPDATE filling f SET state = 'filling' WHERE f.relation = refill.relation AND f.state = 'ready'
$$;
COMMENT ON FUNCTION @extschema@.refill(pg_catalog.regclass) IS
'Rows came or went that no trigger saw: what was derived from the table is unknown until backfill has read it again.';
SELECT @extschema@.set_audience('refill(regclass)', 'admin');

CREATE FUNCTION @extschema@.forget_dropped() RETURNS event_trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    dropped record;
BEGIN
    FOR dropped IN SELECT a.relation, ARRAY[a.name, format('%I.%I', d.schema_name, d.object_name)] AS names
                   FROM pg_event_trigger_dropped_objects() d JOIN adoption a ON a.relation = d.objid
                   WHERE d.classid = 'pg_class'::regclass AND d.objsubid = 0
    LOOP
        PERFORM leave_adoption(dropped.relation, dropped.names);
        PERFORM forget(dropped.relation);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.forget_dropped() IS
'Event trigger: an adopted table that was dropped is forgotten by all rooms; how it was adopted is kept for whichever takes its name.';

CREATE FUNCTION @extschema@.tie_mappings() RETURNS event_trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    PERFORM depend_on_table(mapped.routine, mapped.relation)
    FROM (SELECT DISTINCT p.oid AS routine, a.relation
          FROM adoption a JOIN pg_class c ON c.oid = a.relation
          JOIN pg_depend d ON d.refclassid = 'pg_type'::regclass AND d.refobjid = c.reltype AND d.deptype = 'n'
          JOIN pg_proc p ON d.classid = 'pg_proc'::regclass AND p.oid = d.objid
          WHERE p.pronamespace = '@extschema@'::regnamespace AND p.proname LIKE 'map\_%') mapped;
END
$$;
COMMENT ON FUNCTION @extschema@.tie_mappings() IS
'Event trigger: a restored database has the dependencies of map_ functions as CREATE FUNCTION makes them; here they are made '
'fitting, before DDL could meet them.';

CREATE EVENT TRIGGER crm_follow_partitions ON ddl_command_end WHEN TAG IN ('CREATE TABLE', 'ALTER TABLE')
    EXECUTE FUNCTION @extschema@.follow_partitions();
COMMENT ON EVENT TRIGGER crm_follow_partitions IS 'New partitions of adopted tables get the triggers of crm.';
CREATE EVENT TRIGGER crm_tie_mappings ON ddl_command_start WHEN TAG IN ('ALTER TABLE', 'DROP TABLE', 'DROP SCHEMA')
    EXECUTE FUNCTION @extschema@.tie_mappings();
COMMENT ON EVENT TRIGGER crm_tie_mappings IS 'Mappings of adopted tables do not stand in the way of DDL.';
CREATE EVENT TRIGGER crm_forget_dropped ON sql_drop
    EXECUTE FUNCTION @extschema@.forget_dropped();
COMMENT ON EVENT TRIGGER crm_forget_dropped IS 'Adopted tables that were dropped are forgotten.';

CREATE FUNCTION @extschema@.guard_drop() RETURNS event_trigger
    AS 'MODULE_PATHNAME', 'crm_guard_drop' LANGUAGE C VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp;
COMMENT ON FUNCTION @extschema@.guard_drop() IS
'Event trigger: refuses to drop the extension while tables are adopted, unless the setting crm.allow_drop is on.';
CREATE EVENT TRIGGER crm_guard_drop ON ddl_command_start WHEN TAG IN ('DROP EXTENSION', 'DROP SCHEMA', 'DROP OWNED')
    EXECUTE FUNCTION @extschema@.guard_drop();
COMMENT ON EVENT TRIGGER crm_guard_drop IS 'The extension is not dropped while it holds data.';

-- The names in functions are those of the schema as it was installed. Fires before other event triggers, by its name.
CREATE FUNCTION @extschema@.keep_schema() RETURNS event_trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF pg_catalog.to_regnamespace('@extschema@') IS NULL THEN
        RAISE EXCEPTION 'the schema of extension crm cannot be renamed' USING ERRCODE = 'feature_not_supported',
            HINT = 'For another schema keep what export_config writes, type SELECT @extschema@.disown_all(); DROP EXTENSION crm; and CREATE EXTENSION crm SCHEMA another, and apply the document there.';
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.keep_schema() IS 'Event trigger: refuses to rename the schema of the extension.';
REVOKE ALL ON FUNCTION @extschema@.keep_schema() FROM PUBLIC;
CREATE EVENT TRIGGER crm_a_schema ON ddl_command_end WHEN TAG IN ('ALTER SCHEMA') EXECUTE FUNCTION @extschema@.keep_schema();
COMMENT ON EVENT TRIGGER crm_a_schema IS 'The schema of the extension keeps its name.';

CREATE FUNCTION @extschema@.follow_owners() RETURNS event_trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    UPDATE adoption a SET owner = pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = a.relation AND a.owner <> pg_get_userbyid(c.relowner);
END
$$;
COMMENT ON FUNCTION @extschema@.follow_owners() IS 'Event trigger: who owns adopted tables, before one goes or is altered: REASSIGN OWNED tells nobody.';
REVOKE ALL ON FUNCTION @extschema@.follow_owners() FROM PUBLIC;
CREATE EVENT TRIGGER crm_follow_owners ON ddl_command_start WHEN TAG IN ('ALTER TABLE', 'DROP TABLE', 'DROP SCHEMA') EXECUTE FUNCTION @extschema@.follow_owners();
COMMENT ON EVENT TRIGGER crm_follow_owners IS 'Whose an adopted table is, is known when another takes its place.';
