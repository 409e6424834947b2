-- First entries to stages, from the history of the room funnel, and clocks: tables of crm's own, captured like a team's. Their columns
-- stand for attributes, of transition_log to_stage for stage.

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
DECLARE
    each record;
BEGIN
    FOR each IN
        SELECT o.entity, to_regclass(format('@extschema@.%I', o.name)) AS own
        FROM (VALUES ('stage_entry', 'transition_log'), ('clock', 'record_clock')) AS o (entity, name)
    LOOP
        CONTINUE WHEN EXISTS (SELECT FROM kpi_instance i WHERE i.relation = each.own);
        PERFORM lock_members(each.own, 'SHARE ROW EXCLUSIVE', '2 seconds');
        INSERT INTO kpi_instance (relation, component, version, zone, undated, day, filter, sums, sum_names)
        SELECT each.own, c.component, c.version, default_zone(), c.undated, c.day, c.filter,
               ARRAY(SELECT s.value FROM jsonb_each_text(c.sums) s ORDER BY s.key), ARRAY(SELECT s.key FROM jsonb_each_text(c.sums) s ORDER BY s.key)
        FROM component c WHERE c.entity = each.entity
        ON CONFLICT ON CONSTRAINT kpi_instance_relation_component_key DO NOTHING;
        PERFORM capture_changed(each.own);
        PERFORM capture_rows(each.own, ARRAY(SELECT i.instance FROM kpi_instance i WHERE i.relation = each.own));
        UPDATE kpi_instance i SET state = 'ready' WHERE i.relation = each.own;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.capture_entries() IS
'Begins the capture of transition_log and record_clock: with the first adoption, when the zone that cuts their days is set, and with the '
'first fold after a restore.';
SELECT @extschema@.set_audience('capture_entries()', 'admin');
