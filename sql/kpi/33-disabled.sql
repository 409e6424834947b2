-- Triggers that a team disables see nothing meanwhile, and ENABLE TRIGGER makes ordinary ones of those that always fire.

CREATE FUNCTION @extschema@.follow_disabled() RETURNS event_trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    altered CONSTANT regclass[] := ARRAY(SELECT altered_adoptions());
    each record;
BEGIN
    FOR each IN
        SELECT a.relation, m AS member, t.tgname, t.tgenabled, t.tgparentid
        FROM attached_trigger a CROSS JOIN LATERAL members(a.relation) m CROSS JOIN LATERAL unnest(a.events) e
        JOIN pg_trigger t ON t.tgrelid = m AND t.tgname = trigger_name(a.room, e)
        WHERE a.relation = ANY (altered) AND (t.tgenabled = 'D' OR t.tgenabled <> 'A' AND a.always)
    LOOP
        PERFORM refill(each.relation), recount(each.relation);
        IF each.tgenabled <> 'D' AND each.tgparentid = 0 THEN
            EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER %I', each.member, each.tgname);
        END IF;
    END LOOP;
    -- what backfill did not read because of them is read now
    UPDATE filling f SET state = 'filling', error = NULL
    WHERE f.state = 'failed' AND f.error LIKE '%is disabled: what changes there is not seen%'
      AND f.relation = ANY (altered);
END
$$;
COMMENT ON FUNCTION @extschema@.follow_disabled() IS
'Event trigger: where triggers of crm are disabled on a table, what was derived from it is unknown until they are enabled and backfill has '
'read it again; those that always fire do so again when they are enabled.';
CREATE EVENT TRIGGER crm_follow_disabled ON ddl_command_end WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION @extschema@.follow_disabled();
COMMENT ON EVENT TRIGGER crm_follow_disabled IS 'A table whose triggers are disabled is read again.';

-- Data alone, restored into tables whose triggers stand already: what the triggers saw is in the dump as well. Where definitions come with the
-- data, triggers are made after them.
CREATE FUNCTION @extschema@.doubt_restored() RETURNS trigger
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE
    SECURITY DEFINER SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    IF current_query() ~* '^\s*(copy|insert)\M' AND EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = NEW.relation AND t.tgname LIKE 'crm\_%') THEN
        NEW.state := 'filling';
    END IF;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION @extschema@.doubt_restored() IS
'Trigger: what a restore of data alone says was read is read again where the tables had their triggers meanwhile.';
SELECT @extschema@.set_audience('doubt_restored()', 'internal');
CREATE TRIGGER doubt_restored BEFORE INSERT ON @extschema@.filling FOR EACH ROW WHEN (NEW.state OPERATOR(pg_catalog.=) 'ready')
    EXECUTE FUNCTION @extschema@.doubt_restored();
CREATE TRIGGER doubt_restored BEFORE INSERT ON @extschema@.kpi_instance FOR EACH ROW WHEN (NEW.state OPERATOR(pg_catalog.=) 'ready')
    EXECUTE FUNCTION @extschema@.doubt_restored();
CREATE TRIGGER doubt_restored BEFORE INSERT ON @extschema@.kpi_successor FOR EACH ROW WHEN (NEW.state OPERATOR(pg_catalog.=) 'ready')
    EXECUTE FUNCTION @extschema@.doubt_restored();
