-- Triggers on an adopted table and all its partitions.

CREATE FUNCTION @extschema@.members(relation pg_catalog.regclass) RETURNS SETOF pg_catalog.regclass
    LANGUAGE sql STABLE PARALLEL SAFE ROWS 10 SET search_path = pg_catalog, @extschema@, pg_temp AS $$
    SELECT relation WHERE NOT EXISTS (SELECT FROM pg_partition_tree(relation))
    UNION ALL
    SELECT t.relid FROM pg_partition_tree(relation) t
$$;
COMMENT ON FUNCTION @extschema@.members(pg_catalog.regclass) IS 'A table and its partitions at every level.';

CREATE FUNCTION @extschema@.trigger_name(room text, event text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, @extschema@, pg_temp
    RETURN 'crm_' || room || '_' || event;
COMMENT ON FUNCTION @extschema@.trigger_name(text, text) IS 'The name of the trigger of a room for an event.';

CREATE FUNCTION @extschema@.attach_member(member pg_catalog.regclass, wanted @extschema@.attached_trigger) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    event text;
    name text;
    whole boolean; -- for each statement
    seen text;
    enable text;
BEGIN
    FOREACH event IN ARRAY wanted.events LOOP
        name := trigger_name(wanted.room, event);
        whole := event = 'truncate' OR NOT wanted.per_row;
        CONTINUE WHEN NOT whole AND member <> wanted.relation; -- partitions have it from their table
        seen := CASE WHEN NOT whole THEN ''
                     WHEN event = 'insert' THEN 'REFERENCING NEW TABLE AS crm_new'
                     WHEN event = 'update' THEN 'REFERENCING OLD TABLE AS crm_old NEW TABLE AS crm_new'
                     WHEN event = 'delete' THEN 'REFERENCING OLD TABLE AS crm_old' ELSE '' END;
        EXECUTE format('CREATE TRIGGER %I %s %s ON %s %s FOR EACH %s EXECUTE FUNCTION @extschema@.%I()',
                       name, CASE event WHEN 'truncate' THEN 'BEFORE' ELSE 'AFTER' END, upper(event), member, seen,
                       CASE WHEN whole THEN 'STATEMENT' ELSE 'ROW' END, wanted.function_name);
    END LOOP;
    enable := (SELECT string_agg(format('ENABLE ALWAYS TRIGGER %I', t.tgname), ', ') FROM pg_trigger t
               WHERE wanted.always AND t.tgrelid = member AND t.tgparentid = 0
                 AND t.tgname = ANY (ARRAY(SELECT trigger_name(wanted.room, e) FROM unnest(wanted.events) e)));
    IF enable IS NOT NULL THEN -- all at once: between one and the other those left would look as if somebody had disabled them
        EXECUTE format('ALTER TABLE %s %s', member, enable);
    END IF;
END
$$;
COMMENT ON FUNCTION @extschema@.attach_member(pg_catalog.regclass, @extschema@.attached_trigger) IS
'Creates the triggers of a room on one table or partition.';
SELECT @extschema@.set_audience('attach_member(regclass, attached_trigger)', 'admin');

CREATE FUNCTION @extschema@.attach_triggers(relation pg_catalog.regclass, room text, function_name text,
                                            events text[] DEFAULT '{insert,update,delete,truncate}', always boolean DEFAULT false)
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    wanted attached_trigger;
BEGIN
    SELECT a.relation, attach_triggers.room, function_name, events, attach_triggers.always OR a.row_triggers, a.row_triggers
    INTO STRICT wanted FROM adoption a WHERE a.relation = attach_triggers.relation;
    PERFORM attach_member(m, wanted) FROM members(relation) m;
    INSERT INTO attached_trigger SELECT wanted.*;
END
$$;
COMMENT ON FUNCTION @extschema@.attach_triggers(pg_catalog.regclass, text, text, text[], boolean) IS
'Creates the statement triggers crm_ROOM_insert, _update, _delete (AFTER, with the transition tables crm_old and crm_new) '
'and _truncate (BEFORE) on an adopted table and its partitions, present and future. function_name is a trigger function of crm. '
'TG_RELID may be a partition: adopted_root(TG_RELID) is the adopted table. always: they fire in replica mode too. Where the table was '
'adopted with row_triggers they do so, and fire for each row, but for TRUNCATE.';
SELECT @extschema@.set_audience('attach_triggers(regclass, text, text, text[], boolean)', 'admin');

CREATE FUNCTION @extschema@.detach_triggers(relation pg_catalog.regclass, room text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    drops text[] := ARRAY(
        SELECT format('DROP TRIGGER %I ON %s', t.tgname, t.tgrelid::regclass)
        FROM attached_trigger a, members(a.relation) m, unnest(a.events) e, pg_trigger t
        WHERE a.relation = detach_triggers.relation AND a.room = detach_triggers.room
          AND t.tgrelid = m AND t.tgname = trigger_name(a.room, e) AND t.tgparentid = 0);
    each text;
BEGIN
    -- first: a trigger that stands here is not dropped
    DELETE FROM attached_trigger a WHERE a.relation = detach_triggers.relation AND a.room = detach_triggers.room;
    FOREACH each IN ARRAY drops LOOP
        EXECUTE each;
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.detach_triggers(pg_catalog.regclass, text) IS
'Drops what attach_triggers created.';
SELECT @extschema@.set_audience('detach_triggers(regclass, text)', 'admin');
