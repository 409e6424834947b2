-- Statement triggers on an adopted table and all its partitions.

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

CREATE FUNCTION @extschema@.attach_member(member pg_catalog.regclass, room text, function_name text, events text[])
    RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    event text;
    seen text;
BEGIN
    FOREACH event IN ARRAY events LOOP
        seen := CASE event WHEN 'insert' THEN 'REFERENCING NEW TABLE AS crm_new'
                           WHEN 'update' THEN 'REFERENCING OLD TABLE AS crm_old NEW TABLE AS crm_new'
                           WHEN 'delete' THEN 'REFERENCING OLD TABLE AS crm_old' ELSE '' END;
        EXECUTE format('CREATE TRIGGER %I %s %s ON %s %s FOR EACH STATEMENT EXECUTE FUNCTION @extschema@.%I()',
                       trigger_name(room, event), CASE event WHEN 'truncate' THEN 'BEFORE' ELSE 'AFTER' END,
                       upper(event), member, seen, function_name);
    END LOOP;
END
$$;
COMMENT ON FUNCTION @extschema@.attach_member(pg_catalog.regclass, text, text, text[]) IS
'Creates the triggers of a room on one table or partition.';
SELECT @extschema@.set_audience('attach_member(regclass, text, text, text[])', 'admin');

CREATE FUNCTION @extschema@.attach_triggers(relation pg_catalog.regclass, room text, function_name text,
                                            events text[] DEFAULT '{insert,update,delete,truncate}') RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
BEGIN
    INSERT INTO attached_trigger VALUES (relation, room, function_name, events);
    PERFORM attach_member(m, room, function_name, events) FROM members(relation) m;
END
$$;
COMMENT ON FUNCTION @extschema@.attach_triggers(pg_catalog.regclass, text, text, text[]) IS
'Creates the statement triggers crm_ROOM_insert, _update, _delete (AFTER, with the transition tables crm_old and crm_new) '
'and _truncate (BEFORE) on a table and its partitions, present and future. function_name is a trigger function of crm. '
'TG_RELID may be a partition: adopted_root(TG_RELID) is the adopted table.';
SELECT @extschema@.set_audience('attach_triggers(regclass, text, text, text[])', 'admin');

CREATE FUNCTION @extschema@.detach_triggers(relation pg_catalog.regclass, room text) RETURNS void
    LANGUAGE plpgsql VOLATILE PARALLEL UNSAFE SET search_path = pg_catalog, @extschema@, pg_temp AS $$
DECLARE
    each record;
BEGIN
    FOR each IN
        SELECT t.tgname, t.tgrelid::regclass AS member
        FROM attached_trigger a, members(a.relation) m, unnest(a.events) e, pg_trigger t
        WHERE a.relation = detach_triggers.relation AND a.room = detach_triggers.room
          AND t.tgrelid = m AND t.tgname = trigger_name(a.room, e)
    LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', each.tgname, each.member);
    END LOOP;
    DELETE FROM attached_trigger a WHERE a.relation = detach_triggers.relation AND a.room = detach_triggers.room;
END
$$;
COMMENT ON FUNCTION @extschema@.detach_triggers(pg_catalog.regclass, text) IS
'Drops what attach_triggers created.';
SELECT @extschema@.set_audience('detach_triggers(regclass, text)', 'admin');
