-- First entries to stages, from the history of the room funnel: an append-only table of crm's own, captured like a
-- team's. Its columns stand for attributes, to_stage for stage.

CREATE TRIGGER capture_insert AFTER INSERT ON @extschema@.transition_log REFERENCING NEW TABLE AS crm_new
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.capture_change();
CREATE TRIGGER capture_update AFTER UPDATE ON @extschema@.transition_log REFERENCING OLD TABLE AS crm_old NEW TABLE AS crm_new
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.capture_change();
CREATE TRIGGER capture_delete AFTER DELETE ON @extschema@.transition_log REFERENCING OLD TABLE AS crm_old
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.capture_change();
CREATE TRIGGER capture_truncate BEFORE TRUNCATE ON @extschema@.transition_log
    FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.capture_change();

CREATE FUNCTION @extschema@.capture_entries() RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM kpi_instance i WHERE i.relation = 'transition_log'::regclass) THEN
        RETURN;
    END IF;
    PERFORM lock_members('transition_log', 'SHARE ROW EXCLUSIVE', '2 seconds');
    INSERT INTO kpi_instance (relation, component, version, zone, undated, day, filter)
    SELECT 'transition_log'::regclass, c.component, c.version, default_zone(), c.undated, c.day, c.filter
    FROM component c WHERE c.entity = 'stage_entry'
    ON CONFLICT ON CONSTRAINT kpi_instance_relation_component_key DO NOTHING;
    PERFORM capture_changed('transition_log'::regclass);
    PERFORM capture_rows('transition_log'::regclass,
                         ARRAY(SELECT i.instance FROM kpi_instance i WHERE i.relation = 'transition_log'::regclass));
    UPDATE kpi_instance i SET state = 'ready' WHERE i.relation = 'transition_log'::regclass;
END
$$;
COMMENT ON FUNCTION @extschema@.capture_entries() IS
'Begins the capture of transition_log: with the first adoption, when the zone that cuts its days is set, and with the first '
'fold after a restore.';
SELECT @extschema@.set_audience('capture_entries()', 'admin');
